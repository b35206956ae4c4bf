"""Notifiers against a real SMTP server, a real HTTP server and a real apprise."""

import base64
import email
import email.policy
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from oncue.plugins.actions.email_send import EmailSend
from oncue.plugins.notifiers import apprise, webhook
from oncue.plugins.notifiers import email as mail
from oncue.sdk import ActionError, Allow, Delivery, Message, Notification, Notifier, registry, signing
from oncue.sdk.testing import context
from tests.unit.misbehaving import Misbehaving, misbehaving

HOSTILE = '<script>alert("x")</script>\r\nBcc: evil@example.com'

NOTIFICATION = {
    "channel": "default/ops",
    "type": "email",
    "reason": "first",
    "message": {
        "title": "CPU 97 % on db-1, limit 90 %",
        "summary": "Above it since 10:00",
        "severity": "major",
        "priority": "P2",
        "state": "open",
        "incident": "INC-7",
        "service": "shop",
        "resource": "db-1",
        "since": "2026-01-01T10:00:00Z",
        "crossing": {"value": 97.0, "limit": 90.0, "unit": "%", "metric": "host.cpu.used"},
        "details": [["Resource", "db-1"], ["team", "platform"], ["Ünïcode", "päge"]],
        "url_path": "/incidents/INC-7",
        "runbook": "https://wiki.example/cpu",
    },
}


def notification(**message: Any) -> Notification:
    return registry.fit({**NOTIFICATION, "message": {**NOTIFICATION["message"], **message}}, Notification)  # type: ignore[dict-item]


def free_port() -> int:
    """A port that nobody listens on now; aiosmtpd takes no 0."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Inbox:
    """Keeps mail; refuses what its addressees' names say."""

    def __init__(self) -> None:
        self.mail: list[tuple[list[str], EmailMessage]] = []
        self.busy = False

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("unknown"):
            return "550 no such user"
        if address.startswith("later"):
            return "451 try later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.busy:
            return "452 disk full"
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)  # type: ignore[arg-type]
        assert isinstance(parsed, EmailMessage)
        self.mail.append((list(envelope.rcpt_tos), parsed))
        return "250 OK"


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, str]]:
    handler = Inbox()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield handler, f"smtp://127.0.0.1:{controller.port}"
    controller.stop()


@pytest.fixture
async def server() -> AsyncIterator[Misbehaving]:
    async with misbehaving() as running:
        yield running


async def send(
    notifier: Notifier, settings: dict[str, Any], tmp_path: Path, told: Notification | None = None, **more: Any
) -> Delivery:
    fitting = registry.fit(settings, notifier.settings)
    return await notifier.send(fitting, told or notification(), context(tmp_path, **more))


async def failure(notifier: Notifier, settings: dict[str, Any], tmp_path: Path, **more: Any) -> ActionError:
    with pytest.raises(ActionError) as raised:
        await send(notifier, settings, tmp_path, **more)
    return raised.value


# E-mail


async def test_a_mail_says_what_crossed_and_leads_to_the_incident(inbox: tuple[Inbox, str], tmp_path: Path) -> None:
    handler, url = inbox
    delivery = await send(mail.Email(), {"to": ["Ops <ops@example.com>"]}, tmp_path, smtp_url=url)
    recipients, got = handler.mail[0]
    assert recipients == ["ops@example.com"]
    assert got["Subject"] == "[P2 major] CPU 97 % on db-1, limit 90 % (INC-7)"
    assert got["Message-ID"] == delivery.id
    assert got["Auto-Submitted"] == "auto-generated"
    plain, html = got.get_body(("plain",)), got.get_body(("html",))
    assert plain is not None
    assert html is not None
    for text in (plain.get_content(), html.get_content()):
        assert "97 % (limit 90 %, by +7 %)" in text
        assert "2026-01-01 10:00:00 UTC" in text
        assert "https://oncue.example/incidents/INC-7" in text
        assert "https://wiki.example/cpu" in text
        assert "Ünïcode" in text
        assert text.count("db-1") == 2 + ("<title>" in text)
    assert 'name="viewport"' in html.get_content()
    assert "src=" not in html.get_content()


async def test_the_same_key_gives_the_same_message_id(inbox: tuple[Inbox, str], tmp_path: Path) -> None:
    handler, url = inbox
    for key in ("a", "a", "b"):
        await send(mail.Email(), {"to": ["ops@example.com"]}, tmp_path, smtp_url=url, key=key)
    ids = [got["Message-ID"] for _, got in handler.mail]
    assert ids[0] == ids[1] != ids[2]


async def test_hostile_text_neither_adds_headers_nor_markup(inbox: tuple[Inbox, str], tmp_path: Path) -> None:
    handler, url = inbox
    told = notification(title=HOSTILE, summary=HOSTILE, details=[[HOSTILE, HOSTILE]], runbook="javascript:alert(1)")
    await send(mail.Email(), {"to": ["ops@example.com"]}, tmp_path, told, smtp_url=url)
    recipients, got = handler.mail[0]
    assert recipients == ["ops@example.com"]
    assert got["Bcc"] is None
    html = got.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert 'href="javascript' not in html.get_content()


async def test_the_end_is_told_as_the_end(inbox: tuple[Inbox, str], tmp_path: Path) -> None:
    handler, url = inbox
    told = msgspec.structs.replace(notification(state="resolved"), reason="resolved")
    await send(mail.Email(), {"to": ["ops@example.com"]}, tmp_path, told, smtp_url=url)
    assert handler.mail[0][1]["Subject"].startswith("[Resolved] ")


async def test_an_unknown_recipient_does_not_keep_it_from_the_others(inbox: tuple[Inbox, str], tmp_path: Path) -> None:
    handler, url = inbox
    delivery = await send(mail.Email(), {"to": ["unknown@example.com", "ops@example.com"]}, tmp_path, smtp_url=url)
    assert delivery.to == ["ops@example.com"]
    assert delivery.refused == {"unknown@example.com": "550 no such user"}
    assert handler.mail[0][0] == ["ops@example.com"]


@pytest.mark.parametrize(
    ("recipient", "code", "transient"),
    [("unknown@example.com", "smtp.refused", False), ("later@example.com", "smtp.unavailable", True),
     ("no address", "mail.address", False), ("a@b@c", "mail.address", False), ("x@y\r\nBcc: z@z", "mail.address", False)],
)  # fmt: skip
async def test_a_refused_recipient_is_an_error(
    inbox: tuple[Inbox, str], tmp_path: Path, recipient: str, code: str, transient: bool
) -> None:
    error = await failure(mail.Email(), {"to": [recipient]}, tmp_path, smtp_url=inbox[1])
    assert (error.code, error.transient) == (code, transient)
    assert inbox[0].mail == []


async def test_a_relay_that_is_busy_or_away_is_tried_again(inbox: tuple[Inbox, str], tmp_path: Path) -> None:
    inbox[0].busy = True
    for url in (inbox[1], "smtp://127.0.0.1:9"):
        error = await failure(mail.Email(), {"to": ["ops@example.com"]}, tmp_path, smtp_url=url)
        assert (error.code, error.transient, error.nothing_done) == ("smtp.unavailable", True, url != inbox[1])


async def test_starttls_that_is_demanded_and_not_offered_is_an_error(inbox: tuple[Inbox, str], tmp_path: Path) -> None:
    error = await failure(mail.Email(), {"to": ["ops@example.com"]}, tmp_path, smtp_url=inbox[1] + "?starttls")
    assert error.code == "smtp.tls"
    assert inbox[0].mail == []


async def test_wrong_credentials_are_named(tmp_path: Path) -> None:
    def authenticate(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        return AuthResult(success=data.password == b"right", handled=False)

    controller = Controller(
        Inbox(),
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    try:
        port = controller.port
        settings = {"to": ["ops@example.com"]}
        await send(mail.Email(), settings, tmp_path, smtp_url=f"smtp://me:right@127.0.0.1:{port}")
        error = await failure(mail.Email(), settings, tmp_path, smtp_url=f"smtp://me:wrong@127.0.0.1:{port}")
    finally:
        controller.stop()
    assert (error.code, error.transient, error.nothing_done) == ("smtp.auth", False, True)


async def test_a_channels_own_relay_passes_the_guard(inbox: tuple[Inbox, str], tmp_path: Path) -> None:
    handler, url = inbox
    settings = {"to": ["ops@example.com"], "relay": "secret://relay"}
    error = await failure(mail.Email(), settings, tmp_path, secrets={"relay": url})
    assert error.code == "outbound.refused"
    assert handler.mail == []
    await send(mail.Email(), settings, tmp_path, secrets={"relay": url}, allows=[Allow("127.0.0.1")])
    assert len(handler.mail) == 1


async def test_without_a_relay_mail_lies_in_the_mailbox_once_per_key(tmp_path: Path) -> None:
    for _ in range(2):
        await send(mail.Email(), {"to": ["operator@localhost"]}, tmp_path)
    await send(mail.Email(), {"to": ["operator@localhost"]}, tmp_path, key="ef-2")
    found = list((tmp_path / "mailbox" / "new").iterdir())
    assert len(found) == 2
    assert not list((tmp_path / "mailbox" / "tmp").iterdir())
    got = email.message_from_bytes(found[0].read_bytes(), policy=email.policy.default)
    assert "operator@localhost" in got["To"]


async def test_the_action_sends_the_same_way(inbox: tuple[Inbox, str], tmp_path: Path) -> None:
    action = EmailSend()
    inputs = registry.fit({"to": ["ops@example.com"], "subject": "Häh?\nX: y", "text": "hello"}, action.inputs)
    done = await action.run(inputs, context(tmp_path, smtp_url=inbox[1]))
    _, got = inbox[0].mail[0]
    assert (got["Subject"], got.get_content().strip()) == ("Häh? X: y", "hello")
    assert (got["Message-ID"], done.refused) == (done.message_id, {})


# Webhook


async def test_a_webhook_gets_a_signed_cloudevent(server: Misbehaving, tmp_path: Path) -> None:
    settings = {"url": f"{server.url}/hook", "secret": "secret://hook", "headers": {"X-A": "b"}}
    told = await send(
        webhook.Webhook(), settings, tmp_path, secrets={"hook": "k3y-of-hook"}, allows=[Allow("127.0.0.1")]
    )
    got = server.received[0]
    event = msgspec.json.decode(got.body)
    assert event["specversion"] == "1.0"
    assert (event["id"], event["type"], event["subject"]) == ("ef-1", "oncue.notification.first", "INC-7")
    assert event["data"]["message"]["title"] == "CPU 97 % on db-1, limit 90 %"
    assert event["data"]["url"] == "https://oncue.example/incidents/INC-7"
    assert got.headers["idempotency-key"] == got.headers["webhook-id"] == "ef-1"
    signed = f"ef-1.{got.headers['webhook-timestamp']}.".encode() + got.body
    digest = base64.b64encode(hmac.new(b"k3y-of-hook", signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{digest}"
    assert (told.to, told.status) == (["127.0.0.1"], 200)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    # The example of the specification's reference libraries.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = signing.signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(("path", "code", "transient"), [
    ("/status/500", "webhook.status", True), ("/status/429", "webhook.status", True),
    ("/status/410", "webhook.status", False), ("/status/302", "webhook.status", False), ("/reset", "http.protocol", True),
])  # fmt: skip
async def test_a_receiver_that_does_not_take_it(
    server: Misbehaving, tmp_path: Path, path: str, code: str, transient: bool
) -> None:
    error = await failure(webhook.Webhook(), {"url": server.url + path}, tmp_path, allows=[Allow("127.0.0.1")])
    assert (error.code, error.transient) == (code, transient)


async def test_a_webhook_into_the_network_is_refused(server: Misbehaving, tmp_path: Path) -> None:
    error = await failure(webhook.Webhook(), {"url": server.url}, tmp_path)
    assert error.code == "outbound.refused"
    assert server.received == []


# Apprise


async def test_apprise_reaches_what_is_permitted(server: Misbehaving, tmp_path: Path) -> None:
    settings = {"urls": ["secret://chat"]}
    secrets = {"chat": f"json://user:hidden-pass@127.0.0.1:{server.port}/in"}
    told = await send(
        apprise.AppriseNotifier(), settings, tmp_path, secrets=secrets, allows=[Allow("127.0.0.1")], timeout_s=60
    )
    assert "hidden" not in str(told)
    body = msgspec.json.decode(server.received[0].body)
    assert "CPU 97 %" in body["title"]
    assert "limit 90 %" in body["message"]


async def test_apprise_reaches_a_name_that_is_permitted(server: Misbehaving, tmp_path: Path) -> None:
    settings = {"urls": [f"json://localhost:{server.port}/"]}
    allows = [Allow("localhost", server.port)]
    await send(apprise.AppriseNotifier(), settings, tmp_path, allows=allows, timeout_s=60)
    assert len(server.received) == 1


async def test_apprise_is_guarded_like_all_else(server: Misbehaving, tmp_path: Path) -> None:
    settings = {"urls": [f"json://localhost:{server.port}/"]}
    error = await failure(apprise.AppriseNotifier(), settings, tmp_path, timeout_s=60)
    assert (error.code, error.transient) == ("outbound.refused", False)
    assert server.received == []


async def test_a_service_that_fails_is_tried_again(server: Misbehaving, tmp_path: Path) -> None:
    settings = {"urls": [f"json://127.0.0.1:{server.port}/status/500"]}
    error = await failure(apprise.AppriseNotifier(), settings, tmp_path, allows=[Allow("127.0.0.1")], timeout_s=60)
    assert (error.code, error.transient) == ("apprise.failed", True)


async def test_a_url_that_apprise_does_not_know_is_an_error_without_the_url(tmp_path: Path) -> None:
    error = await failure(apprise.AppriseNotifier(), {"urls": ["nonsense://hidden-pass@x"]}, tmp_path, timeout_s=60)
    assert error.code == "apprise.url"
    assert "hidden" not in error.detail


def test_a_message_needs_no_more_than_a_title() -> None:
    told = Notification(channel="default/x", type="email", message=Message(title="T"))
    text, html = mail.render(told, "http://x")
    assert text.startswith("T\n")
    assert "<h1" in html


def test_a_mail_says_why_it_came_and_where_that_was_decided() -> None:
    told = msgspec.structs.replace(
        notification(incident="INC-7", details=[("Policy", "evil<b>"), ("Policy", "basis/logs@3")]), reason="escalated"
    )
    text, html = mail.render(told, "https://oncue.example.org")
    why = f"Why you get this: its priority rose. By the policy basis/logs, generation 3. It reaches you through the channel {told.channel}."
    assert why in text
    assert "Who was told, and why: https://oncue.example.org/incidents/INC-7#told\n" in text
    assert "Policy basis/logs: https://oncue.example.org/policies/basis/logs\n" in text
    assert '<a href="https://oncue.example.org/incidents/INC-7#told"' in html
    assert '<a href="https://oncue.example.org/policies/basis/logs"' in html
    assert "<b>" not in html


@pytest.mark.parametrize("reason", ["first", "escalated", "repeat", "resolved", "message"])
def test_every_reason_that_the_engine_gives_is_put_in_words(reason: str) -> None:
    text, _ = mail.render(msgspec.structs.replace(notification(), reason=reason), "http://x")
    assert f"Why you get this: {reason}" not in text
