"""Hostile input to every route: a clear refusal with a code, never a failure of ours, and the server lives on."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.server import ADMIN_TOKEN, Server, event

BODIES: dict[str, bytes] = {
    "empty": b"",
    "cut off": b'{"a": ',
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "deep array": b"[" * 20_000 + b"]" * 20_000,
    "deep object": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "a number": b"1e999",
    "a huge number": b"9" * 10_000,
    "null": b"null",
    "true": b"true",
    "a string": b'"' + b"x" * 10_000 + b'"',
    "an array": b"[null, 1, {}, []]",
    "wrong types": json.dumps(
        {name: {"x": [1]} for name in ("name", "title", "reason", "text", "workflow", "matchers", "username", "value")}
    ).encode(),
    "unknown members": json.dumps({f"member-{n}": n for n in range(5_000)}).encode(),
    "control characters": json.dumps({"reason": "\x00\x1b[2J\u202e", "title": "\x00", "name": "../../etc"}).encode(),
    "lone surrogate": b'{"reason": "\\ud800", "name": "\\udfff", "title": "\\ud800"}',
}
QUERIES = [
    "limit=-1",
    "limit=99999999999999999999",
    "cursor=%00",
    "cursor=0-99999999999999999999999",
    "cursor=%F0%9F%92%A9",
    "state=%00",
    "q=%25_%5C%27%22%3B--",
    "since=9999-99-99T99:99:99Z",
    "since=0000-01-01T00:00:00Z",
    "until=NaN",
    "namespace=..%2F..",
    "severity=" + "x" * 5_000,
    "type=*&type=**&type=%2A%2A%2A",
    "%FF=%FE",
    "&&&===",
]
FILTERS = ["filter=%7B", "filter=a%3D~%28", "filter=%00", "active=maybe"]
IDS = ["none", "%00", "..%2f..%2fetc%2fpasswd", "%F0%9F%92%A9", "x" * 2_000, "'%20OR%201=1--", "-1"]


def routes(server: Server) -> Iterator[tuple[str, str]]:
    """(method, path with placeholders) of every route that describes itself."""
    paths = server.client.get("/api/v1/openapi.json").json()["paths"]
    for path, methods in sorted(paths.items()):
        for method in sorted(methods):
            if method in {"get", "post", "put", "patch", "delete"} and "/stream" not in path:
                yield method.upper(), path
    yield from FOREIGN_ROUTES


def filled(path: str, value: str) -> str:
    return re.sub(r"\{[^}]*\}", value, path)


FOREIGN = ("/alertmanager", "/pagerduty")
"""Protocols of others, which answer in their own forms."""
FOREIGN_ROUTES = [
    ("POST", "/alertmanager/api/v2/alerts"),
    ("POST", "/alertmanager/api/v2/silences"),
    ("GET", "/alertmanager/api/v2/alerts"),
    ("GET", "/alertmanager/api/v2/alerts/groups"),
    ("GET", "/alertmanager/api/v2/silences"),
    ("GET", "/alertmanager/api/v2/silence/{id}"),
    ("DELETE", "/alertmanager/api/v2/silence/{id}"),
    ("POST", "/pagerduty/v2/enqueue"),
    ("POST", "/pagerduty/v2/change/enqueue"),
]


def complaint(response: httpx.Response, what: str) -> str | None:
    """What is wrong with an answer to hostile input; None if nothing is."""
    if response.status_code >= 500:
        return f"{what}: {response.status_code} {response.text[:200]}"
    if response.url.path.startswith(FOREIGN):
        return None
    if response.status_code >= 400 and response.status_code not in {401, 429}:
        if not response.headers.get("content-type", "").startswith("application/problem+json"):
            return f"{what}: {response.status_code} is no problem document: {response.text[:100]}"
        problem = response.json()
        missing = {"type", "title", "status", "code", "hint"} - problem.keys()
        if missing:
            return f"{what}: the problem lacks {missing}"
    return None


@pytest.mark.timeout(300)
def test_hostile_bodies_to_every_route_are_refused_with_a_code(oncue_server: Server) -> None:
    found: list[str] = []
    for method, path in routes(oncue_server):
        if method == "GET" or "sign-out" in path:
            continue
        for name, body in BODIES.items():
            response = oncue_server.client.request(
                method, filled(path, "none"), content=body, headers={"Content-Type": "application/json"}
            )
            wrong = complaint(response, f"{method} {path} with {name}")
            found += [wrong] if wrong else []
    assert not found, "\n".join(found[:40])


@pytest.mark.timeout(300)
def test_hostile_queries_and_ids_to_every_route_are_refused_with_a_code(oncue_server: Server) -> None:
    oncue_server.emit(event(resource="there-is-one"))
    found: list[str] = []
    for method, path in routes(oncue_server):
        if method != "GET":
            continue
        targets = [filled(path, id) for id in IDS] if "{" in path else []
        targets += [f"{filled(path, 'none')}?{query}" for query in QUERIES + FILTERS]
        for target in targets:
            wrong = complaint(oncue_server.client.get(target), f"GET {target[:150]}")
            found += [wrong] if wrong else []
    assert not found, "\n".join(found[:40])


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", id="unknown version"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n", id="huge header"),
        pytest.param(b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(
            b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n", id="broken chunk"
        ),
        pytest.param(b"\x00" * 1_000, id="zeros"),
    ],
)
def test_what_is_not_http_ends_the_connection_and_nothing_else(oncue_server: Server, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", oncue_server.port), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert oncue_server.ready()
    assert oncue_server.emit(event())["accepted"] == 1


def test_a_body_that_never_ends_does_not_hold_the_others_up(oncue_server: Server) -> None:
    head = (
        f"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n"
        "Content-Type: application/cloudevents-batch+json\r\nContent-Length: 1000000\r\n\r\n["
    )
    with socket.create_connection(("127.0.0.1", oncue_server.port), timeout=10) as connection:
        connection.sendall(head.encode())
        assert oncue_server.emit(event())["accepted"] == 1


def test_text_that_looks_like_markup_or_terminal_codes_stays_text(oncue_server: Server) -> None:
    title = "<script>alert(1)</script>\u202e ${7*7} {{7*7}}"
    oncue_server.emit(event(resource="markup-1", title=title, data={"summary": title}))
    alerts: list[dict[str, Any]] = oncue_server.items("alerts", resource="markup-1")
    assert alerts[0]["title"] == title
