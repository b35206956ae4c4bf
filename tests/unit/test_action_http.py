"""`http.request` against a server that misbehaves."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncue.plugins.actions.http_request import BODY_LIMIT, HttpRequest, Inputs, Outputs
from oncue.sdk import ActionError, Allow, registry
from oncue.sdk.testing import context
from tests.unit.misbehaving import Misbehaving, misbehaving

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


async def test_expected_statuses_are_success(server: Misbehaving, tmp_path: Path) -> None:
    assert (await run(tmp_path, {"url": f"{server.url}/status/404", "expect": [404]})).status == 404
    assert (await failure(tmp_path, {"url": server.url, "expect": [404]})).code == "http.status"


async def test_a_server_that_never_answers_is_a_timeout(server: Misbehaving, tmp_path: Path) -> None:
    began = time.monotonic()
    error = await failure(tmp_path, {"method": "POST", "url": f"{server.url}/slow"}, timeout_s=0.2)
    assert (error.code, error.transient, error.unknown) == ("timeout", True, True)
    assert time.monotonic() - began < 2


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


async def test_loopback_is_refused_without_an_exception(server: Misbehaving, tmp_path: Path) -> None:
    error = await failure(tmp_path, {"url": server.url}, allows=())
    assert (error.code, error.transient) == ("outbound.refused", False)
    assert server.received == []


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
