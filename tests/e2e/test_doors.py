"""The doors that events come in by, on a running server, tried by those who should not get in, or not like that."""

import asyncio
import base64
import gzip
import hmac
import json
import socket
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx
import psutil
import pytest
import zstandard

from tests.server import ADMIN_TOKEN, Server, event, eventually

CLOUDEVENT = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}
PASSWORD = "a-password-of-the-doors"
MANIFESTS = """
apiVersion: oncue/v1
kind: Source
metadata: {name: door}
spec: {type: cloudevents}
---
apiVersion: oncue/v1
kind: Source
metadata: {name: other-door, namespace: other}
spec: {type: cloudevents}
---
apiVersion: oncue/v1
kind: Source
metadata: {name: code}
spec: {type: github, with: {secret: secret://hook}}
---
apiVersion: oncue/v1
kind: Source
metadata: {name: topic}
spec: {type: aws_sns, with: {confirm: true}}
---
apiVersion: oncue/v1
kind: Monitor
metadata: {name: beat}
spec: {uses: heartbeat, every: 1h, resource: beat}
---
apiVersion: oncue/v1
kind: Source
metadata: {name: pages}
spec: {type: pagerduty, routing_key: secret://hook}
"""


@pytest.fixture(scope="module")
def server(oncue_server: Server) -> Server:
    """With sources and a heartbeat."""
    assert oncue_server.cli("secret", "set", "hook", stdin="0123456789abcdef0123456789abcdef").returncode == 0
    applied = oncue_server.client.post("/api/v1/manifests", content=MANIFESTS)
    assert applied.status_code == 200, applied.text
    eventually(lambda: send(oncue_server, "/in/door", ADMIN_TOKEN).status_code == 200, what="the sources")
    return oncue_server


def issued(server: Server, name: str, **more: Any) -> tuple[str, str]:
    """A new token that may send: its id and its text."""
    body = {"name": name, "scope": "source", "namespaces": ["default"], **more}
    answer = server.client.post("/api/v1/tokens", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], answer.json()["token"]


def send(server: Server, path: str, token: str | None, /, **attributes: Any) -> httpx.Response:
    """One event, with a bearer token."""
    headers = {**CLOUDEVENT, **({"Authorization": f"Bearer {token}"} if token is not None else {})}
    return httpx.post(f"{server.url}{path}", json=event(**attributes), headers=headers, trust_env=False, timeout=20)


def journaled(server: Server, **query: Any) -> list[dict[str, Any]]:
    """Events from outside."""
    return server.items("events", state="received", **query)


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


SENDING = ("/api/v1/events", "/in/door")

# Credentials


@pytest.mark.parametrize("path", SENDING)
def test_a_token_that_was_revoked_ends_on_a_connection_that_it_opened(server: Server, path: str) -> None:
    id, token = issued(server, f"revoked{path.replace('/', '-')}")
    with httpx.Client(
        base_url=server.url, headers={**CLOUDEVENT, "Authorization": f"Bearer {token}"}, trust_env=False
    ) as sender:
        assert sender.post(path, json=event()).status_code == 200
        assert server.client.delete(f"/api/v1/tokens/{id}").status_code == 204
        refused(sender.post(path, json=event(resource="after-the-end")), 401, "auth.invalid")
    assert not journaled(server, resource="after-the-end")


def test_a_token_that_expired_sends_nothing(server: Server) -> None:
    id, token = issued(server, "short-lived", expires_in_days=1)
    assert send(server, "/api/v1/events", token).status_code == 200
    # Two days later, as far as this token goes; the next change of tokens has all of them read again.
    with sqlite3.connect(server.data / "oncue.db", timeout=10) as database:
        (body,) = database.execute("SELECT body FROM access WHERE kind = 'token' AND id = ?", (id,)).fetchone()
        row = json.loads(body)
        row["expires_at"] = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        database.execute("UPDATE access SET body = ? WHERE kind = 'token' AND id = ?", (json.dumps(row).encode(), id))
    issued(server, "another")
    eventually(lambda: send(server, "/api/v1/events", token).status_code == 401, what="the end of the token")
    for path in ("/api/v1/events", "/in/door"):
        refused(send(server, path, token, resource="too-late"), 401, "auth.invalid")
        refused(send(server, f"{path}?token={token}", None, resource="too-late"), 401, "auth.invalid")
    assert not journaled(server, resource="too-late")


@pytest.mark.parametrize("path", SENDING)
def test_an_event_of_a_foreign_namespace_is_kept_out_alone_and_in_a_batch(server: Server, path: str) -> None:
    _, token = issued(server, f"homely{path.replace('/', '-')}")
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{server.url}{path}"
    both = [event(resource="at-home"), event(resource="intruder", namespace="other")]
    answer = httpx.post(url, json=both, headers={**BATCH, **headers}, trust_env=False).json()
    assert (answer["accepted"], [(one["index"], one["code"]) for one in answer["rejected"]]) == (
        1, [(1, "event.namespace_forbidden")],
    )  # fmt: skip
    if path == "/api/v1/events":
        refused(send(server, path, token, resource="intruder", namespace="other"), 403, "event.namespace_forbidden")
    assert not journaled(server, resource="intruder")


def test_a_source_of_a_foreign_namespace_is_not_there(server: Server) -> None:
    _, token = issued(server, "foreigner")
    refused(send(server, "/in/other-door", token), 404, "source.not_found")


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        (f"?token={ADMIN_TOKEN}", {}, 200),
        ("", basic(ADMIN_TOKEN), 200),
        ("", {}, 401),
        ("?token=", {}, 401),
        ("?token=wrong", {}, 401),
        (f"?x=token={ADMIN_TOKEN}", {}, 401),
        (f"?TOKEN={ADMIN_TOKEN}", {}, 401),
        ("", basic("wrong"), 401),
        ("", {"Authorization": "Basic !!!"}, 401),
        ("", {"Authorization": f"Token {ADMIN_TOKEN}"}, 401),
        ("", {"Authorization": f"Bearer {ADMIN_TOKEN} and more"}, 401),
        (f"?token={ADMIN_TOKEN}", {"Authorization": "Bearer wrong"}, 401),
        ("?token=wrong", {"Authorization": f"Bearer {ADMIN_TOKEN}"}, 200),
    ],
)
@pytest.mark.parametrize("path", SENDING)
def test_a_credential_counts_where_it_may_stand(
    server: Server, path: str, query: str, headers: dict[str, str], status: int
) -> None:
    answer = httpx.post(f"{server.url}{path}{query}", json=event(), headers={**CLOUDEVENT, **headers}, trust_env=False)
    assert answer.status_code == status, answer.text
    if status == 401:
        assert answer.json()["code"] in ("auth.required", "auth.invalid")


def test_a_token_in_the_address_counts_only_where_senders_can_set_no_header(server: Server) -> None:
    for path in ("/api/v1/alerts", "/api/v1/users", "/metrics", "/api/v1/stream"):
        answer = httpx.get(f"{server.url}{path}?token={ADMIN_TOKEN}", trust_env=False)
        refused(answer, 401, "auth.required")


# Sessions


@pytest.fixture(scope="module")
def browser(server: Server) -> Iterator[httpx.Client]:
    """Someone signed in who may do everything."""
    body = {"name": "doors-1", "password": PASSWORD, "bindings": [{"role": "admin"}]}
    assert server.client.post("/api/v1/users", json=body).status_code == 201
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        signed_in = client.post("/api/v1/sign-in", json={"username": "doors-1", "password": PASSWORD})
        assert signed_in.status_code == 200
        yield client


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/events", event(resource="forged")),
        ("POST", "/in/door", event(resource="forged")),
        ("POST", "/heartbeat/default/beat", None),
        ("GET", "/heartbeat/default/beat", None),
        ("POST", "/alertmanager/api/v2/alerts", [{"labels": {"alertname": "forged"}}]),
        ("DELETE", "/alertmanager/api/v2/silence/5b2f1c9e-0000-4000-8000-000000000000", None),
    ],
)
def test_a_session_sends_nothing_without_its_csrf_token(
    server: Server, browser: httpx.Client, method: str, path: str, body: Any
) -> None:
    media = "application/json" if path.startswith("/alertmanager") else "application/cloudevents+json"
    for sent in ({}, {"X-CSRF-Token": "wrong"}):
        content = None if body is None else json.dumps(body)
        answer = browser.request(method, path, content=content, headers={"Content-Type": media, **sent})
        assert answer.status_code == 403 and "auth.csrf" in answer.text, answer.text
    assert not journaled(server, resource="forged")
    right = {"X-CSRF-Token": browser.cookies["oncue_csrf"], "Content-Type": media}
    if path == "/api/v1/events":
        assert browser.post(path, json=event(), headers=right).status_code == 200


# Signatures


def test_a_signature_of_another_body_another_key_or_another_kind_is_refused(server: Server) -> None:
    body = json.dumps({"action": "completed", "repository": {"full_name": "acme/forged"}}).encode()
    other = hmac.new(b"0123456789abcdef0123456789abcdef", b"{}", sha256).hexdigest()
    key = hmac.new(b"", body, sha256).hexdigest()
    old = hmac.new(b"0123456789abcdef0123456789abcdef", body, "sha1").hexdigest()
    headers = {"Content-Type": "application/json", "X-GitHub-Event": "check_run", "X-GitHub-Delivery": "forged"}
    for sent in (
        {},
        {"X-Hub-Signature-256": f"sha256={other}"},
        {"X-Hub-Signature-256": f"sha256={key}"},
        {"X-Hub-Signature-256": other},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=\u00e9".encode()},
        {"X-Hub-Signature": f"sha1={old}"},
    ):
        url = f"{server.url}/in/code?token={ADMIN_TOKEN}"
        answer = httpx.post(url, content=body, headers={**headers, **sent}, trust_env=False)  # type: ignore[dict-item]
        refused(answer, 401, "auth.invalid")
    assert not journaled(server, resource="acme/forged")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "sns.eu-west-1.amazonaws.com@127.0.0.1:{port}", "localhost:{port}"]
)
def test_a_certificate_of_the_senders_own_is_not_even_fetched(server: Server, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.3)
        address = host.format(port=listening.getsockname()[1])
        for type in ("Notification", "SubscriptionConfirmation"):
            envelope = {
                "Type": type, "MessageId": "m-1", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:forged", "Message": "{}",
                "Timestamp": "2026-03-01T12:00:00.000Z", "SignatureVersion": "2", "Signature": "Zm9yZ2Vk", "Token": "t",
                "SigningCertURL": f"https://{address}/c.pem", "SubscribeURL": f"https://{address}/confirm",
            }  # fmt: skip
            answer = httpx.post(f"{server.url}/in/topic?token={ADMIN_TOKEN}", json=envelope, trust_env=False)
            refused(answer, 401, "auth.invalid")
        with pytest.raises(TimeoutError):
            listening.accept()


def test_a_wrong_routing_key_pages_nobody(server: Server) -> None:
    page = {"routing_key": "f" * 32, "event_action": "trigger", "payload": {
        "summary": "forged", "source": "forged", "severity": "critical"}}  # fmt: skip
    answer = httpx.post(f"{server.url}/pagerduty/v2/enqueue", json=page, trust_env=False)
    assert answer.status_code == 400 and not journaled(server, resource="forged")


# Bodies


@pytest.mark.parametrize("path", SENDING)
@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress), ("GZIP", gzip.compress)],
)
def test_events_may_come_compressed(server: Server, path: str, coding: str, pack: Callable[[bytes], bytes]) -> None:
    body = json.dumps([event(resource="packed"), event(resource="packed")]).encode()
    answer = httpx.post(
        f"{server.url}{path}?token={ADMIN_TOKEN}", content=pack(body), headers={**BATCH, "Content-Encoding": coding},
        trust_env=False,
    )  # fmt: skip
    assert answer.json() == {"accepted": 2, "duplicates": 0, "rejected": []}


def test_the_other_protocols_take_compressed_bodies_too(server: Server) -> None:
    url, packed = server.url, {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    alerts = json.dumps([{"labels": {"alertname": "Packed", "instance": "packed-1"}}]).encode()
    answer = server.client.post("/alertmanager/api/v2/alerts", content=gzip.compress(alerts), headers=packed)
    assert answer.status_code == 200, answer.text
    page = {"routing_key": "0123456789abcdef0123456789abcdef", "event_action": "trigger", "payload": {
        "summary": "packed", "source": "packed-2", "severity": "critical"}}  # fmt: skip
    paged = httpx.post(
        f"{url}/pagerduty/v2/enqueue", content=gzip.compress(json.dumps(page).encode()), headers=packed, trust_env=False
    )
    assert paged.status_code == 202, paged.text
    assert {alert["resource"] for alert in server.items("alerts")} >= {"packed-1", "packed-2"}
    ticket = gzip.compress(b'{"title": "Packed"}')
    assert server.client.post("/api/v1/tickets", content=ticket, headers=packed).json()["title"] == "Packed"


@pytest.mark.parametrize(
    "path", ["/api/v1/events", "/in/door", "/alertmanager/api/v2/alerts", "/pagerduty/v2/enqueue", "/api/v1/tickets"]
)
def test_a_bomb_is_refused_and_costs_no_memory(server: Server, path: str) -> None:
    bomb = gzip.compress(bytes(256 * 1024 * 1024), 9)
    front = next(one for one in server.processes() if "oncue.api.front" in " ".join(one.cmdline()))
    before = front.memory_info().rss
    headers = {**BATCH, "Content-Encoding": "gzip"}
    if path.startswith(("/alertmanager", "/pagerduty", "/api/v1/tickets")):
        headers["Content-Type"] = "application/json"
    answer = server.client.post(path, content=bomb, headers=headers)
    assert answer.status_code == 413 and "request.too_large" in answer.text
    assert front.memory_info().rss - before < 64 * 1024 * 1024


def test_what_is_not_of_its_encoding_is_refused_with_a_code(server: Server) -> None:
    for coding, status, code in (
        ("gzip", 400, "request.malformed"), ("zstd", 400, "request.malformed"),
        ("br", 415, "request.unsupported_encoding"), ("gzip, gzip", 415, "request.unsupported_encoding"),
    ):  # fmt: skip
        headers = {**CLOUDEVENT, "Content-Encoding": coding}
        answer = server.client.post("/api/v1/events", json=event(resource="not-packed"), headers=headers)
        refused(answer, status, code)
        if status == 415:
            assert answer.headers["accept-encoding"] == "gzip, deflate, zstd"
    assert not journaled(server, resource="not-packed")


def raw(server: Server, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """Everything that comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause_s)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def post(body: bytes, *headers: str) -> bytes:
    lines = ["POST /api/v1/events HTTP/1.1", "Host: x", f"Authorization: Bearer {ADMIN_TOKEN}", *headers]
    media = "Content-Type: application/cloudevents+json"
    return "\r\n".join((*lines, media, f"Content-Length: {len(body)}", "", "")).encode() + body


def test_an_event_before_garbage_is_journaled_and_its_sender_is_told_so(server: Server) -> None:
    answers = raw(server, post(json.dumps(event(resource="before-garbage")).encode()) + b"\x16\x03\x01 garbage\r\n\r\n")
    assert answers.startswith(b"HTTP/1.1 200 OK\r\n") and b'{"accepted":1,' in answers
    assert b"HTTP/1.1 400 Bad Request\r\n" in answers and b'"code":"request.malformed"' in answers
    assert len(journaled(server, resource="before-garbage")) == 1


@pytest.mark.parametrize(
    "smuggled",
    [
        pytest.param(["Transfer-Encoding: chunked"], id="length and chunks"),
        pytest.param(["Content-Length: 3"], id="two lengths"),
        pytest.param(["Transfer-Encoding: xchunked"], id="unknown transfer coding"),
        pytest.param(["X-Split: a\rb"], id="bare carriage return"),
    ],
)
def test_a_request_of_two_minds_about_its_body_is_not_taken(server: Server, smuggled: list[str]) -> None:
    answers = raw(server, post(json.dumps(event(resource="smuggled")).encode(), *smuggled))
    assert answers.startswith(b"HTTP/1.1 400")
    assert not journaled(server, resource="smuggled")


def test_a_body_of_no_one_is_not_read_far(server: Server) -> None:
    answer = httpx.post(f"{server.url}/api/v1/sign-in", content=b" " * 70_000, trust_env=False)
    refused(answer, 413, "request.too_large")
    answer = httpx.post(f"{server.url}/pagerduty/v2/enqueue", content=b" " * 1_100_000, trust_env=False)
    assert answer.status_code == 413


# Overload


async def test_what_the_engine_cannot_take_is_refused_in_time_and_the_rest_is_journaled_once(
    make_server: Callable[..., Server],
) -> None:
    server = make_server()
    await asyncio.to_thread(server.start)
    front, engine = (
        next(one for one in server.processes() if module in " ".join(one.cmdline()))
        for module in ("oncue.api.front", "oncue.runtime.engine_process")
    )
    # A megabyte each: four events near the limit of an event.
    bodies = [
        json.dumps([event(severity=None, resource="flood", data={"text": "x" * 250_000}) for _ in range(4)]).encode()
        for _ in range(150)
    ]
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", **BATCH}
    limits = httpx.Limits(max_connections=150)
    async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits, headers=headers) as sender:
        engine.suspend()
        try:
            tasks = [asyncio.create_task(sender.post(f"{server.url}/api/v1/events", content=one)) for one in bodies]
            shed: list[httpx.Response] = []
            pending = set(tasks)
            while not any(answer.status_code == 429 for answer in shed):
                done, pending = await asyncio.wait(pending, timeout=20, return_when=asyncio.FIRST_COMPLETED)
                shed += [one.result() for one in done]
                assert done, "nothing was refused"
            assert _mebibytes(front) < 560
        finally:
            engine.resume()
        answers = await asyncio.gather(*tasks)
    refusals = [answer for answer in answers if answer.status_code != 200]
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refusals)
    # A slow machine may keep one waiting until nobody can say whether it was taken.
    unknown = [answer for answer in refusals if answer.json()["code"] == "engine.unavailable"]
    assert {answer.json()["code"] for answer in refusals} - {"engine.unavailable"} == {"ingest.overloaded"}
    taken = sum(answer.json()["accepted"] for answer in answers if answer.status_code == 200)
    kept = len(server.items("events", state="received", resource="flood"))
    assert 0 < taken <= kept <= taken + 4 * len(unknown)


def _mebibytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 1024 / 1024)
