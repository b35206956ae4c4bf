"""`http.request` against a server that misbehaves."""

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncue.plugins.actions.http_request import BODY_LIMIT, RESULT_LIMIT, HttpRequest, Inputs, Outputs
from oncue.sdk import ActionError, Allow, Fetched, registry
from oncue.sdk.testing import context
from tests.server import free_port
from tests.unit.misbehaving import Misbehaving, misbehaving, unanswering

LOOPBACK = (Allow("127.0.0.1"),)


@pytest.fixture
async def server() -> AsyncIterator[Misbehaving]:
    async with misbehaving() as running:
        yield running


async def run(tmp_path: Path, inputs: dict[str, Any], **surroundings: Any) -> Outputs:
    given = registry.fit(inputs, Inputs)
    return await HttpRequest().run(given, context(tmp_path, **{"allows": LOOPBACK, **surroundings}))


async def failure(tmp_path: Path, inputs: dict[str, Any], **surroundings: Any) -> ActionError:
    with pytest.raises(ActionError) as raised:
        await run(tmp_path, inputs, **surroundings)
    return raised.value


async def test_the_answer_comes_back_with_its_json(server: Misbehaving, tmp_path: Path) -> None:
    answer = await run(tmp_path, {"url": f"{server.url}/json"})
    assert (answer.status, answer.json, answer.truncated) == (200, {"a": [1, 2]}, False)


async def test_json_headers_secret_and_key_are_sent(server: Misbehaving, tmp_path: Path) -> None:
    inputs = {
        "method": "POST", "url": f"{server.url}/x", "json": {"ü": 1}, "headers": {"X-A": "b"}, "secret": "secret://api",
    }  # fmt: skip
    await run(tmp_path, inputs, secrets={"api": "s3cret-value"})
    got = server.received[0]
    assert msgspec.json.decode(got.body) == {"ü": 1}
    assert got.headers["x-a"] == "b"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["authorization"] == "Bearer s3cret-value"
    assert got.headers["idempotency-key"] == "ef-1"


async def test_a_secret_in_another_header_without_scheme(server: Misbehaving, tmp_path: Path) -> None:
    inputs = {"url": server.url, "secret": "secret://api", "secret_header": "X-Api-Key", "secret_scheme": ""}
    await run(tmp_path, inputs, secrets={"api": "s3cret-value"})
    assert server.received[0].headers["x-api-key"] == "s3cret-value"


async def test_a_reference_in_text_is_never_resolved(server: Misbehaving, tmp_path: Path) -> None:
    inputs = {"method": "POST", "url": server.url, "json": {"note": "secret://api"}, "headers": {"X": "secret://api"}}
    await run(tmp_path, inputs, secrets={"api": "s3cret-value"})
    got = server.received[0]
    assert b"s3cret" not in got.body
    assert got.headers["x"] == "secret://api"


@pytest.mark.parametrize(("status", "transient"), [(400, False), (404, False), (408, True), (429, True), (503, True)])
async def test_a_bad_status_is_an_error_that_says_whether_to_retry(
    server: Misbehaving, tmp_path: Path, status: int, transient: bool
) -> None:
    error = await failure(tmp_path, {"url": f"{server.url}/status/{status}"})
    assert (error.code, error.transient) == ("http.status", transient)
    assert "because" in error.detail


async def test_a_server_that_does_not_speak_tls_is_no_passing_trouble(tmp_path: Path) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as plain:
        port = plain.sockets[0].getsockname()[1]
        error = await failure(tmp_path, {"url": f"https://127.0.0.1:{port}/"})
    assert (error.code, error.transient, error.nothing_done) == ("http.tls", False, True)
    assert error.detail.endswith("what answers does not speak TLS; with http:// it may be reached")


@pytest.mark.parametrize("place", [{}, {"effect_class": "check-first", "method": "PUT", "check": {"url": "http://a"}}])
async def test_user_and_password_in_a_url_are_refused_and_not_told(tmp_path: Path, place: dict[str, Any]) -> None:
    private = {"url": "http://user:hunter2@127.0.0.1/"}
    inputs = {**place, "url": "http://127.0.0.1/", "check": private} if place else private
    error = await failure(tmp_path, inputs)
    assert (error.code, error.nothing_done, "hunter2" in error.detail) == ("inputs.invalid", True, False)


async def test_expected_statuses_are_success(server: Misbehaving, tmp_path: Path) -> None:
    assert (await run(tmp_path, {"url": f"{server.url}/status/404", "expect": [404]})).status == 404
    assert (await failure(tmp_path, {"url": server.url, "expect": [404]})).code == "http.status"


async def test_a_server_that_never_answers_is_a_timeout(server: Misbehaving, tmp_path: Path) -> None:
    began = time.monotonic()
    error = await failure(tmp_path, {"method": "POST", "url": f"{server.url}/slow"}, timeout_s=0.2)
    assert (error.code, error.transient, error.unknown) == ("timeout", True, True)
    assert time.monotonic() - began < 2


async def test_a_connection_that_is_reset_is_said_to_have_broken(server: Misbehaving, tmp_path: Path) -> None:
    error = await failure(tmp_path, {"url": f"{server.url}/linger"})
    assert error.detail == f"{server.url}/linger: the connection broke"


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain", "Grüße".encode(), "Grüße"),
        ("text/plain; charset=ISO-8859-1", "Grüße".encode("latin-1"), "Grüße"),
        ('text/html; charset="windows-1252"; x=y', "5 €".encode("cp1252"), "5 €"),
        ("text/plain; charset=utf-16", b"\xff\xfeG\x00\x00", "G\ufffd"),
        ("text/plain; charset=klingon", "Grüße".encode(), "Grüße"),
        ("text/plain; charset=hex", b"6162", "6162"),
        ("text/plain; charset=undefined", b"ab", "ab"),
        ("text/plain; charset=", b"a\xff", "a\ufffd"),
    ],
)
def test_a_body_is_read_in_the_encoding_that_the_server_names(kind: str, body: bytes, text: str) -> None:
    headers = {"content-type": kind}
    assert Fetched(status=200, headers=headers, body=body, truncated=False, url="u", duration_ms=1).text == text


@pytest.mark.parametrize("path", ["/reset", "/garbage"])
async def test_a_server_that_breaks_off_is_transient_and_may_have_done_it(
    server: Misbehaving, tmp_path: Path, path: str
) -> None:
    error = await failure(tmp_path, {"method": "POST", "url": server.url + path})
    assert (error.code, error.transient, error.unknown) == ("http.protocol", True, True)


async def test_nobody_listening_is_transient_and_nothing_was_done(tmp_path: Path) -> None:
    error = await failure(tmp_path, {"method": "POST", "url": "http://127.0.0.1:9/"})
    assert (error.code, error.transient, error.unknown) == ("http.connect", True, False)


async def test_a_huge_body_is_cut(server: Misbehaving, tmp_path: Path) -> None:
    answer = await run(tmp_path, {"url": f"{server.url}/huge"})
    assert (len(answer.body), answer.truncated) == (BODY_LIMIT, True)


@pytest.mark.parametrize("path", ["/drip", "/drip-head", "/continue"])
async def test_what_comes_for_ever_little_by_little_is_a_timeout(
    server: Misbehaving, tmp_path: Path, path: str
) -> None:
    began = time.monotonic()
    error = await failure(tmp_path, {"method": "POST", "url": server.url + path}, timeout_s=0.4)
    assert (error.code, error.transient, error.unknown) == ("timeout", True, True)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "path",
    ["/broken-off", "/cut-short", "/no-number", "/two-lengths", "/bad-chunk", "/chunk-cut", "/headers", "/header"],
)
async def test_an_answer_that_breaks_the_protocol_may_have_followed_the_deed(
    server: Misbehaving, tmp_path: Path, path: str
) -> None:
    error = await failure(tmp_path, {"method": "POST", "url": server.url + path})
    assert (error.code, error.transient, error.unknown) == ("http.protocol", True, True)


@pytest.mark.parametrize("path", ["/endless", "/chunks"])
async def test_an_endless_body_is_cut_and_no_longer_listened_to(server: Misbehaving, tmp_path: Path, path: str) -> None:
    answer = await run(tmp_path, {"url": server.url + path})
    assert (len(answer.body), answer.truncated) == (BODY_LIMIT, True)


async def test_a_length_that_is_too_short_cuts_the_body_and_nothing_else_is_read(
    server: Misbehaving, tmp_path: Path
) -> None:
    answer = await run(tmp_path, {"url": f"{server.url}/too-long"})
    assert (answer.status, answer.body) == (200, "ok")


async def test_an_answer_without_length_ends_with_the_connection(server: Misbehaving, tmp_path: Path) -> None:
    assert (await run(tmp_path, {"url": f"{server.url}/old"})).body == "as long as it lasts"
    assert (await run(tmp_path, {"url": f"{server.url}/no-content"})).body == ""


async def test_what_is_not_utf_8_is_shown_as_such_and_is_no_json(server: Misbehaving, tmp_path: Path) -> None:
    answer = await run(tmp_path, {"url": f"{server.url}/latin"})
    assert (answer.body, answer.json) == ('{"a\ufffd"}\n', None)
    assert answer.headers["x-who"] == "Jürgen"


def packed(body: bytes, encoding: str = "gzip") -> bytes:
    data = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_what_a_server_packs_unasked_is_unpacked(server: Misbehaving, tmp_path: Path, encoding: str) -> None:
    server.canned["/packed"] = packed(b'{"a": 1}', encoding)
    answer = await run(tmp_path, {"url": f"{server.url}/packed"})
    assert (answer.json, answer.truncated) == ({"a": 1}, False)
    assert server.received[0].headers["accept-encoding"] == "identity"


async def test_a_bomb_is_unpacked_no_further_than_what_is_kept(server: Misbehaving, tmp_path: Path) -> None:
    server.canned["/packed"] = packed(b"x" * 30_000_000)
    answer = await run(tmp_path, {"url": f"{server.url}/packed"})
    assert (answer.body, answer.truncated) == ("x" * BODY_LIMIT, True)


@pytest.mark.parametrize("body", [b"plain", b""])
async def test_what_only_claims_to_be_packed_is_left_as_it_is(server: Misbehaving, tmp_path: Path, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    server.canned["/packed"] = head.encode() + body
    answer = await run(tmp_path, {"url": f"{server.url}/packed"})
    assert (answer.body, answer.truncated) == (body.decode(), False)


async def test_what_was_packed_and_broke_off_is_said_to_be_cut(server: Misbehaving, tmp_path: Path) -> None:
    data = gzip.compress(b"hello, " * 1000)[:-20]
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(data)}\r\n\r\n"
    server.canned["/packed"] = head.encode() + data
    assert (await run(tmp_path, {"url": f"{server.url}/packed"})).truncated


@pytest.mark.parametrize(
    ("body", "cut", "has_json"),
    [
        (b"[" + b"1000000000," * 3_500 + b"1]", False, True),
        (b'"' + b"x" * 40_000 + b'"', False, True),
        (b"\x01" * 40_000, True, False),
        (b'["' + b"\xc3\xbc" * 20_000 + b'"]', False, True),
    ],
)
async def test_what_the_step_gives_is_never_more_than_a_run_takes(
    server: Misbehaving, tmp_path: Path, body: bytes, cut: bool, has_json: bool
) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 900) for n in range(20))
    server.canned["/large"] = head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    answer = await run(tmp_path, {"url": f"{server.url}/large"})
    assert len(msgspec.json.encode(answer)) <= RESULT_LIMIT
    assert (answer.truncated, answer.json is not None) == (cut, has_json)
    assert answer.body or answer.json


async def test_redirects_are_followed_only_if_the_step_says_so(server: Misbehaving, tmp_path: Path) -> None:
    url = f"{server.url}/to/302?/json"
    assert (await run(tmp_path, {"url": url, "expect": [302]})).status == 302
    answer = await run(tmp_path, {"url": url, "follow_redirects": True})
    assert (answer.json, answer.url) == ({"a": [1, 2]}, f"{server.url}/json")


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
async def test_a_redirect_changes_the_method_as_browsers_do(
    server: Misbehaving, tmp_path: Path, status: int, method: str
) -> None:
    inputs = {"method": "POST", "body": "x", "url": f"{server.url}/to/{status}?/there", "follow_redirects": True}
    await run(tmp_path, inputs)
    assert [(got.method, got.body) for got in server.received] == [
        ("POST", b"x"), (method, b"x" if method == "POST" else b"")
    ]  # fmt: skip


async def test_redirects_in_a_circle_end(server: Misbehaving, tmp_path: Path) -> None:
    circle = "/to/302?/circle"
    server.canned["/circle"] = f"HTTP/1.1 302 X\r\nLocation: {circle}\r\nContent-Length: 0\r\n\r\n".encode()
    error = await failure(tmp_path, {"url": f"{server.url}/circle", "follow_redirects": True})
    assert (error.code, error.transient) == ("http.redirects", False)
    assert len(server.received) == 6


async def test_credentials_are_not_sent_on_to_another_host(server: Misbehaving, tmp_path: Path) -> None:
    async with misbehaving() as other:
        inputs = {
            "url": f"{server.url}/to/302?{other.url}/to/302?{server.url}/back", "follow_redirects": True,
            "secret": "secret://api", "secret_header": "X-Api-Key", "secret_scheme": "",
            "headers": {"authorization": "Basic abc", "Cookie": "c", "X-Trace": "7"},
        }  # fmt: skip
        await run(tmp_path, inputs, secrets={"api": "s3cret-value"})
        (there,) = other.received
    assert there.headers["x-trace"] == "7"
    assert not {"authorization", "cookie", "x-api-key"} & set(there.headers)
    assert server.received[0].headers["x-api-key"] == "s3cret-value"


@pytest.mark.parametrize("where", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://user@"])
async def test_a_redirect_to_what_is_no_address_is_refused(server: Misbehaving, tmp_path: Path, where: str) -> None:
    error = await failure(tmp_path, {"url": f"{server.url}/to/302?{where}", "follow_redirects": True})
    assert (error.code, error.transient) in (("http.url", False), ("http.protocol", True))


async def test_a_redirect_into_a_private_network_is_refused(server: Misbehaving, tmp_path: Path) -> None:
    inputs = {"url": f"{server.url}/to/302?http://169.254.169.254/latest/", "follow_redirects": True}
    assert (await failure(tmp_path, inputs)).code == "outbound.refused"


async def test_loopback_is_refused_without_an_exception(server: Misbehaving, tmp_path: Path) -> None:
    error = await failure(tmp_path, {"url": server.url}, allows=())
    assert (error.code, error.transient, error.nothing_done) == ("outbound.refused", False, True)
    assert server.received == []


async def test_of_what_was_not_sent_it_is_known_that_nothing_was_done(tmp_path: Path) -> None:
    post = {"method": "POST", "url": f"http://127.0.0.1:{free_port()}"}
    for inputs, code in (
        (post, "http.connect"),
        ({**post, "url": "http://no-such-host.invalid/"}, "dns.failed"),
        ({**post, "secret": "secret://none"}, "secret.not_found"),
        ({**post, "headers": {"Host": "x"}}, "inputs.invalid"),
    ):
        error = await failure(tmp_path, inputs)
        assert (error.code, error.nothing_done, error.unknown) == (code, True, False)


async def test_of_a_host_that_never_takes_the_call_it_is_known_that_nothing_was_done(tmp_path: Path) -> None:
    with unanswering() as port:
        error = await failure(tmp_path, {"method": "POST", "url": f"http://127.0.0.1:{port}"}, timeout_s=0.5)
    assert (error.code, error.nothing_done, error.unknown) == ("timeout", True, False)


@pytest.mark.parametrize(
    ("path", "code"),
    [("/reset", "http.protocol"), ("/slow", "timeout"), ("/status/503", "http.status"), ("/to/307?http://169.254.169.254/", "outbound.refused"),
     ("/to/307?http://127.0.0.1:CLOSED/", "http.connect")],
)  # fmt: skip
async def test_of_what_was_sent_it_is_not(server: Misbehaving, tmp_path: Path, path: str, code: str) -> None:
    path = path.replace("CLOSED", str(free_port()))
    inputs = {"method": "POST", "url": f"{server.url}{path}", "follow_redirects": True}
    error = await failure(tmp_path, inputs, timeout_s=1.0)
    assert (error.code, error.nothing_done) == (code, False)


async def test_what_the_check_finds_done_is_not_done_again(server: Misbehaving, tmp_path: Path) -> None:
    inputs = {"method": "POST", "url": f"{server.url}/make", "effect_class": "check-first"}
    done = await run(tmp_path, {**inputs, "check": {"url": f"{server.url}/made"}})
    assert done.already_done
    not_done = await run(tmp_path, {**inputs, "check": {"url": f"{server.url}/status/404"}})
    assert not not_done.already_done
    assert [(got.method, got.path) for got in server.received] == [
        ("GET", "/made"), ("GET", "/status/404"), ("POST", "/make"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "inputs",
    [
        {"url": "ftp://x"},
        {"url": "http://x", "method": "BREW"},
        {"url": "http://x", "headers": {"A": "b\r\nC: d"}},
        {"url": "http://x", "headers": {"Host": "y"}},
        {"url": "http://x", "json": 1, "body": "2"},
        {"url": "http://x", "secret": "plain text"},
        {"url": "http://x", "unknown": 1},
        {"url": "http://x", "check": {"url": "http://y"}},
        {"url": "http://x", "effect_class": "check-first"},
    ],
)
async def test_inputs_that_do_not_fit_are_refused_by_name(tmp_path: Path, inputs: dict[str, Any]) -> None:
    assert (await failure(tmp_path, inputs)).code == "inputs.invalid"


@pytest.mark.parametrize(
    ("method", "effect_class"),
    [("GET", "pure"), ("HEAD", "pure"), ("PUT", "idempotent"), ("DELETE", "idempotent"), ("POST", "at-most-once"),
     ("PATCH", "at-most-once")],
)  # fmt: skip
def test_the_method_says_what_a_crash_means(method: str, effect_class: str) -> None:
    assert registry.effect_class("http.request", {"method": method, "url": "http://x"}) == effect_class
