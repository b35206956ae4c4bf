"""Escalation on a real server with a real relay: levels, links in mails, a channel that is down, kills at any time."""

import email
import email.policy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.server import Server, event, eventually, free_port

MANIFESTS = """
apiVersion: oncue/v1
kind: Channel
metadata: {name: desk}
spec: {type: email, with: {to: [desk@example.com]}}
---
apiVersion: oncue/v1
kind: Channel
metadata: {name: mail}
spec: {type: email, with: {to: [basis-1@example.com]}}
---
apiVersion: oncue/v1
kind: Channel
metadata: {name: hook}
spec: {type: webhook, with: {url: "http://127.0.0.1:DEAD/hook"}, failover: [mail]}
---
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: dead}
spec: {host: 127.0.0.1, port: DEAD}
---
apiVersion: oncue/v1
kind: Person
metadata: {name: basis-1}
spec: {default: [{channel: mail}]}
---
apiVersion: oncue/v1
kind: EscalationPolicy
metadata: {name: rota}
spec:
  levels:
    - {tell: ["channel:desk"], wait: 1s}
    - {tell: ["user:basis-1"], wait: 1s}
  repeat: 50
---
apiVersion: oncue/v1
kind: EscalationPolicy
metadata: {name: patient}
spec: {levels: [{tell: ["user:basis-1"], wait: 1h}]}
---
apiVersion: oncue/v1
kind: EscalationPolicy
metadata: {name: broken}
spec: {levels: [{tell: ["channel:hook"], wait: 1h}]}
---
apiVersion: oncue/v1
kind: Service
metadata: {name: shop}
spec: {escalation: rota}
---
apiVersion: oncue/v1
kind: Service
metadata: {name: bank}
spec: {escalation: patient}
---
apiVersion: oncue/v1
kind: Service
metadata: {name: post}
spec: {escalation: broken}
"""


class Inbox:
    """A relay that takes everything."""

    def __init__(self) -> None:
        self.mail: list[EmailMessage] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)  # type: ignore[arg-type]
        assert isinstance(parsed, EmailMessage)
        self.mail.append(parsed)
        return "250 OK"

    def about(self, text: str) -> list[EmailMessage] | None:
        """Mails whose subject has this in it; None if there is none."""
        return [one for one in self.mail if text in str(one["Subject"])] or None


@pytest.fixture(scope="module")
def inbox() -> Iterator[Inbox]:
    handler = Inbox()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    handler.port = controller.port  # type: ignore[attr-defined]
    yield handler
    controller.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, inbox: Inbox) -> Iterator[Server]:
    with escalating(tmp_path_factory.mktemp("escalation"), inbox) as running:
        yield running


@contextmanager
def escalating(home: Path, inbox: Inbox) -> Iterator[Server]:
    """A server that is told whom to tell, and by which relay; verified when it has stopped."""
    port = inbox.port  # type: ignore[attr-defined]
    variables = {"ONCUE_SMTP_URL": f"smtp://127.0.0.1:{port}", "ONCUE_SMTP_SENDER": "oncue@example.com"}
    with Server(home / "data", variables=variables) as running:
        path = home / "manifests.yaml"
        path.write_text(MANIFESTS.replace("DEAD", str(free_port())))
        done = running.cli("apply", "-f", str(path))
        assert done.returncode == 0, done.stdout + done.stderr
        yield running
    running.verify()


def opened(server: Server, service: str, title: str) -> str:
    server.emit(event(service=service, resource=f"{service}-1", title=title, severity="critical"))
    found = eventually(lambda: [one for one in server.items("incidents") if one["service"] == service], what="incident")
    return str(found[0]["id"])


def told(server: Server, incident: str) -> list[tuple[int, int]]:
    """(round, level) of each level that was told, as the journal has it, in order."""
    facts = server.items(f"incidents/{incident}/timeline", limit=500)
    levels = [one["event"]["data"] for one in facts if one["type"] == "oncue.escalation.level_told"]
    return [(one["cycle"], one["level"]) for one in levels][::-1]


def test_kills_at_any_time_neither_call_twice_nor_forget(tmp_path: Path, inbox: Inbox) -> None:
    with escalating(tmp_path, inbox) as server:
        incident = opened(server, "shop", "the shop is down")
        for _ in range(4):
            known = len(told(server, incident))
            eventually(partial(_more_than, server, incident, known), what="another level")
            server.kill()
            server.start()
        acknowledged = server.client.post(f"/api/v1/incidents/{incident}/acknowledge", json={})
        assert acknowledged.status_code == 200, acknowledged.text
        levels = told(server, incident)
        assert levels == [(number // 2, number % 2 + 1) for number in range(len(levels))]
        assert len(levels) > 4
        eventually(lambda: len(inbox.about("the shop is down") or ()) > 1, what="the mails")
        facts = server.items(f"incidents/{incident}/timeline", limit=500)
        asked = [one["event"]["data"]["id"] for one in facts if one["type"] == "oncue.effect.requested"]
        assert len(asked) == len(set(asked))


def _more_than(server: Server, incident: str, known: int) -> bool:
    return len(told(server, incident)) > known


def link(mail: EmailMessage, action: str) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    found = re.search(rf"(http://\S+/act/\S+\?do={action})", body.get_content())
    assert found is not None, body.get_content()
    return found[1]


def test_a_link_in_a_mail_acknowledges_once_and_only_when_its_reader_says_so(server: Server, inbox: Inbox) -> None:
    incident = opened(server, "bank", "the bank is down")
    (mail,) = eventually(lambda: inbox.about("the bank is down"), what="the mail")
    address = link(mail, "acknowledge")
    with httpx.Client(trust_env=False) as reader:
        for _ in range(3):  # as mail scanners do
            page = reader.get(address)
            assert page.status_code == 200, page.text
            assert "the bank is down" in page.text
        assert server.client.get(f"/api/v1/incidents/{incident}").json()["state"] == "open"
        assert reader.post(address, data={"do": "acknowledge"}).status_code == 200
        state = server.client.get(f"/api/v1/incidents/{incident}").json()
        assert (state["state"], state["acknowledged_by"]) == ("acknowledged", "user:basis-1")
        again = reader.post(address, data={"do": "acknowledge"})
        assert (again.status_code, "link.used" in again.text) == (409, True)
        damaged = reader.get(address.replace("/act/", "/act/x"))
        assert (damaged.status_code, "link.invalid" in damaged.text) == (410, True)
        assert "oncue user link" not in damaged.text  # such links are for signing in
        assert reader.get(address.replace("?do=", "!!?do=")).status_code == 410
        put = reader.put(address)
        assert (put.status_code, put.headers.get("allow")) == (405, "GET, HEAD, POST")
        server.client.post(f"/api/v1/incidents/{incident}/unacknowledge", json={})
        assert reader.post(link(mail, "snooze"), data={"do": "snooze"}).status_code == 200
    assert server.client.get(f"/api/v1/incidents/{incident}").json()["snoozed_until"] is not None
    server.client.post(f"/api/v1/incidents/{incident}/resolve", json={})
    over = eventually(lambda: inbox.about("[Resolved] the bank is down"), what="the mail of the end")
    body = over[0].get_body(("plain",))
    assert body is not None
    assert "/act/" not in body.get_content()


def test_a_link_in_a_mail_decides_about_an_approval_for_the_person_it_was_sent_to(
    server: Server, inbox: Inbox, tmp_path: Path
) -> None:
    path = tmp_path / "approval.yaml"
    path.write_text(
        """
apiVersion: oncue/v1
kind: Person
metadata: {name: basis-9}
spec: {default: [{channel: desk-9}]}
---
apiVersion: oncue/v1
kind: Channel
metadata: {name: desk-9}
spec: {type: email, with: {to: [basis-9@example.com]}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: grow}
spec: {steps: [{id: ask, ask: "Extend the volume?", approvals: [{by: ["user:basis-9"]}]}]}
"""
    )
    assert server.cli("apply", "-f", str(path)).returncode == 0
    ids = [server.client.post("/api/v1/runs", json={"workflow": "grow"}).json()["id"] for _ in range(2)]
    eventually(lambda: len(inbox.about("Extend the volume?") or ()) == 2, what="the mails")
    mails = inbox.about("Extend the volume?") or []
    address = link(mails[0], "approve")
    with httpx.Client(trust_env=False) as reader:
        page = reader.get(address)
        assert (page.status_code, "Extend the volume?" in page.text, "As user:basis-9" in page.text) == (
            200,
            True,
            True,
        )
        refused = reader.post(address, data={"do": "approve"})
        assert (refused.status_code, "access.denied" in refused.text) == (403, True), "no account, no right"
        bound = [{"role": "approver", "namespace": "default"}]
        assert server.client.post("/api/v1/users", json={"name": "basis-9", "bindings": bound}).status_code == 201
        done = reader.post(address, data={"do": "approve"})
        assert (done.status_code, "You approved it" in done.text) == (200, True)
        again = reader.post(address, data={"do": "approve"})
        assert (again.status_code, "approval.decided" in again.text, "is over: approved" in again.text) == (
            409,
            True,
            True,
        )
        assert "It is approved" in reader.get(address).text
        other = link(mails[1], "reject")
        assert "say why" in reader.post(other, data={"do": "reject"}).text
        assert reader.post(other, data={"do": "reject", "reason": "too dear"}).status_code == 200
    states = [
        eventually(lambda id=id: (one := server.client.get(f"/api/v1/runs/{id}").json())["ended_at"] and one["state"], what="end")
        for id in ids
    ]  # fmt: skip
    assert sorted(states) == ["failed", "succeeded"]
    decided = [one["decisions"][0] for one in server.items("approvals")]
    assert {(one["by"], one["decision"], one.get("reason")) for one in decided} == {
        ("user:basis-9", "approve", None), ("user:basis-9", "reject", "too dear"),
    }  # fmt: skip


def test_a_channel_that_is_down_is_replaced_and_there_is_an_alert_about_it(server: Server, inbox: Inbox) -> None:
    opened(server, "post", "the post is down")
    (mail,) = eventually(lambda: inbox.about("the post is down"), within_s=40, what="the mail instead")
    body = mail.get_body(("plain",))
    assert body is not None
    assert "Instead of: " in re.sub(r" +", " ", body.get_content())
    alerts = server.items("alerts")
    assert [one["title"] for one in alerts if one["resource"] == "channel/default/hook"] == [
        "The channel default/hook cannot be reached"
    ]


def test_who_would_be_called_and_when_is_shown_before_it_happens(server: Server) -> None:
    shown = server.cli("escalation", "plan", "rota", "--priority", "P3", "--at", "2027-05-01T03:00:00Z")
    assert shown.returncode == 0, shown.stderr
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert any("channel:desk" in line for line in lines)
    assert any("user:basis-1" in line for line in lines)
    assert "2027-05-01" in shown.stdout


def test_whoever_silenced_is_reminded_before_it_ends(server: Server, inbox: Inbox) -> None:
    server.emit(event(resource="kept-quiet"))
    server.client.post(
        "/api/v1/users", json={"name": "basis-1", "bindings": [{"role": "responder", "namespace": "default"}]}
    )
    made = server.client.post(
        "/api/v1/tokens", json={"name": "own", "role": "responder", "namespaces": ["default"], "user": "basis-1"}
    )
    begins = datetime.now(UTC)
    silence = {
        "matchers": [{"name": "resource", "value": "kept-quiet"}], "starts_at": begins.isoformat(),
        "ends_at": (begins + timedelta(minutes=5)).isoformat(), "comment": "A disk is swapped", "remind_before": "297s",
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    answer = httpx.post(f"{server.url}/api/v1/silences", json=silence, headers=headers, trust_env=False)
    assert answer.status_code == 201, answer.text
    subject = "The silence for resource=kept-quiet ends at"
    (mail,) = eventually(lambda: inbox.about(subject), 30, "the reminder")
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "A disk is swapped" in text
    assert "/quiet/silences" in text


def test_someone_says_how_they_want_to_be_told_and_tries_it(server: Server, inbox: Inbox) -> None:
    server.client.post(
        "/api/v1/users", json={"name": "basis-2", "bindings": [{"role": "responder", "namespace": "default"}]}
    )
    made = server.client.post(
        "/api/v1/tokens", json={"name": "mine", "role": "responder", "namespaces": ["default"], "user": "basis-2"}
    )
    with httpx.Client(
        base_url=f"{server.url}/api/v1", headers={"Authorization": f"Bearer {made.json()['token']}"}, trust_env=False
    ) as person:
        wanted = {"default": [{"channel": "mail"}], "quiet_hours": "daily 22:00-07:00 Europe/Berlin"}
        assert person.put("/me/contact", json=wanted).status_code == 200
        assert person.get("/me/contact").json()["spec"] == wanted
        manifest = "apiVersion: oncue/v1\nkind: Person\n" + (
            "metadata: {name: basis-2, labels: {shift: early}, owner: 'user:basis-2', description: On call at night}\n"
            "spec: {default: [{channel: desk}]}\n"
        )
        applied = server.client.post(
            "/api/v1/manifests", content=manifest, headers={"Content-Type": "application/yaml"}
        )
        assert applied.status_code == 200, applied.text
        assert person.put("/me/contact", json=wanted).status_code == 200
        found = person.get("/me/contact").json()
        assert (found["labels"], found["owner"], found["description"], found["spec"]) == (
            {"shift": "early"}, "user:basis-2", "On call at night", wanted,
        )  # fmt: skip
        never = person.put("/me/contact", json={**wanted, "quiet_hours": "daily 00:00-24:00"})
        assert (never.status_code, never.json()["code"]) == (400, "manifest.invalid")
        unknown = person.put("/me/contact", json={"default": [{"channel": "pigeon"}]})
        assert (unknown.status_code, unknown.json()["code"]) == (400, "manifest.reference_unknown")
    tried = server.cli("channel", "test", "mail")
    assert (tried.returncode, "took the message" in tried.stdout) == (0, True), tried.stderr
    assert inbox.about("A test of the channel default/mail")
    dead = server.cli("channel", "test", "hook")
    assert (dead.returncode, "did not take the message" in dead.stderr) == (1, True)
