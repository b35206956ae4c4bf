"""What the dead-man ping says, and to whom."""

import asyncio
import resource
from pathlib import Path

import httpx
import pytest

from oncue import config
from oncue.core.errors import Refusal
from oncue.runtime import frames
from oncue.runtime.client import EngineClient
from oncue.runtime.pulse import Pulse, form_of, request_of
from oncue.runtime.surroundings import Surroundings
from oncue.sdk.outbound import tls_context
from oncue.sdk.testing import QuietLog
from oncue.store.queries import Queries
from tests.server import free_port


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("https://hc-ping.com/0f1e2d3c", "healthchecks"),
        ("https://hc.example.com/ping/0f1e2d3c", "healthchecks"),
        ("https://kuma.example.com/api/push/abc?status=up&msg=OK&ping=", "kuma"),
        ("https://nosnch.in/abc", "plain"),
        ("https://oncue.example.com/heartbeat/default/other", "plain"),
    ],
)
def test_the_address_tells_which_service_it_is(url: str, form: str) -> None:
    assert form_of(url) == form


@pytest.mark.parametrize(
    ("url", "form", "problem", "request_"),
    [
        ("https://hc-ping.com/a", "auto", None, ("GET", "https://hc-ping.com/a", None)),
        ("https://hc-ping.com/a?rid=1", "auto", "why", ("POST", "https://hc-ping.com/a/fail?rid=1", b"why")),
        ("https://k/api/push/t?status=up&msg=OK&ping=", "auto", None, ("GET", "https://k/api/push/t?status=up&msg=OK", None)),
        ("https://k/api/push/t", "auto", "no disk", ("GET", "https://k/api/push/t?status=down&msg=no+disk", None)),
        ("https://nosnch.in/a", "auto", None, ("GET", "https://nosnch.in/a", None)),
        ("https://nosnch.in/a", "auto", "why", None),
        ("https://uptime.betterstack.com/api/v1/heartbeat/a", "healthchecks", "why",
         ("POST", "https://uptime.betterstack.com/api/v1/heartbeat/a/fail", b"why")),
    ],
)  # fmt: skip
def test_each_service_is_told_in_its_own_way(url: str, form: str, problem: str | None, request_: object) -> None:
    assert request_of(url, form, problem) == request_


def test_the_address_is_checked_and_not_shown() -> None:
    with pytest.raises(Refusal, match=r"dead_man\.url"):
        config.load({}, {"ONCUE_DEAD_MAN_URL": "ftp://x"})
    with pytest.raises(Refusal, match="every_s"):
        config.load({}, {"ONCUE_DEAD_MAN_EVERY_S": "0"})
    loaded = config.load({}, {"ONCUE_DEAD_MAN_URL": "https://hc-ping.com/0f1e2d3c"})
    assert "0f1e2d3c" not in repr(loaded)
    assert config.environment(loaded)["ONCUE_DEAD_MAN_URL"] == "https://hc-ping.com/0f1e2d3c"
    assert config.shown(config.load({}, {"ONCUE_DEAD_MAN_URL": "secret://ping"}))["dead_man"]["url"] == "secret://ping"


async def test_a_worker_that_can_open_nothing_says_so_and_beats_on(tmp_path: Path) -> None:
    with pytest.raises(httpx.ConnectError):  # loads what a worker has loaded long since
        async with httpx.AsyncClient(trust_env=False, verify=tls_context()) as client:
            await client.get(f"http://127.0.0.1:{free_port()}/")
    settings = config.load({"data": str(tmp_path)}, {"ONCUE_DEAD_MAN_URL": "https://hc-ping.com/0f1e2d3c"})
    surroundings = Surroundings(settings, Queries(tmp_path / "oncue.db"), QuietLog())
    pulse = Pulse(settings, EngineClient(tmp_path / frames.SOCKET_NAME), surroundings, QuietLog())
    assert pulse.dead_man is not None
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    beating = asyncio.create_task(pulse.run())
    await asyncio.sleep(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        async with asyncio.timeout(30):
            while pulse.dead_man.problem is None:
                await asyncio.sleep(0.05)
        assert not beating.done()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        beating.cancel()
    assert pulse.dead_man.problem == "the worker cannot ask: Too many open files"


async def test_a_secret_that_holds_no_address_is_told_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config.load({"data": str(tmp_path)}, {"ONCUE_DEAD_MAN_URL": "secret://ping"})
    surroundings = Surroundings(settings, Queries(tmp_path / "oncue.db"), QuietLog())
    monkeypatch.setattr(surroundings, "_resolve", lambda *_: "https://[0f1e2d3c/x")
    pulse = Pulse(settings, EngineClient(tmp_path / frames.SOCKET_NAME), surroundings, QuietLog())
    state = pulse.dead_man
    assert state is not None
    await pulse._tell(state, None)
    assert state.last_error is not None
    assert state.last_error.startswith("http.url: ")
    assert "0f1e2d3c" not in state.last_error
