"""Faults of a real server under load: what was acknowledged stays, nothing is done twice, and it recovers by itself.

Each fault is a function of how long it lasts; `tests/soak` has them last longer. One server goes through them all, and at
the end its journal must be intact and replay to the same decisions.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults import (
    SYNCS,
    WRITES,
    Site,
    WallClock,
    database,
    heard,
    no_more_descriptors,
    process,
    records,
    refused,
    runs,
    steps,
    stopped,
    system_calls,
    wait_until,
)
from tests.server import Server, event, eventually

MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def site(oncue_server: Server) -> Iterator[Site]:
    with Site(oncue_server) as site:
        yield site
        site.settled()


def reads_go_on(server: Server) -> None:
    assert server.items("alerts")
    assert httpx.get(f"{server.url}/healthz", trust_env=False).status_code == 200


# A process that stands still


def engine_stands_still(site: Site, seconds: float) -> None:
    engine = process(site.server, "engine")
    with site.load():
        with stopped(engine):
            until = time.monotonic() + seconds
            reads_go_on(site.server)
            assert not site.server.ready()
            wait_until(until)
        heard_again = eventually(site.server.ready, what="it is ready again")
        assert heard_again
    assert process(site.server, "engine").pid == engine.pid


def worker_stands_still(site: Site, seconds: float) -> None:
    worker = process(site.server, "worker")
    with site.load() as load, stopped(worker):
        until = time.monotonic() + seconds
        heard(load)
        wait_until(until)
    assert process(site.server, "worker").pid == worker.pid


def front_stands_still(site: Site, seconds: float) -> None:
    front = process(site.server, "front")
    with site.load(), stopped(front):
        wait_until(time.monotonic() + seconds)
    assert process(site.server, "front").pid == front.pid


def test_an_engine_that_stands_still_keeps_nobody_from_reading_and_goes_on(site: Site) -> None:
    engine_stands_still(site, 3)


def test_events_are_taken_while_the_worker_stands_still_and_acted_on_after(site: Site) -> None:
    worker_stands_still(site, 2)


def test_requests_wait_for_a_front_that_stands_still(site: Site) -> None:
    front_stands_still(site, 2)


# A worker that dies in mid-effect


def test_of_a_worker_that_dies_in_mid_effect_only_the_repeatable_is_done_again(site: Site) -> None:
    site.ledger.answers.clear()
    site.server.emit(
        event(type="org.example.soak.act", subject="again", severity=None),
        event(type="org.example.soak.once", subject="never-again", severity=None),
    )
    paths = site.ledger.paths
    eventually(lambda: paths["/again"] == paths["/once/never-again"] == 1, what="both calls have begun")
    process(site.server, "worker").kill()
    eventually(lambda: paths["/again"] == 2, what="the idempotent call is made again")
    site.ledger.answers.set()
    eventually(lambda: runs(site.server, "act")["again"]["state"] == "succeeded", what="its run ends well")
    run = eventually(lambda: ended(site.server, "once", "never-again"), what="the other run ends")
    assert run["state"] == "failed"
    (step,) = steps(site.server, run)
    assert (step["state"], step["error_code"], step["attempt"]) == ("unknown", "worker.lost", 1)
    assert paths["/once/never-again"] == 1
    assert len(site.ledger.keys) == len(paths), "again under the same key"


def ended(server: Server, workflow: str, subject: str) -> dict[str, Any] | None:
    run = runs(server, workflow).get(subject)
    return run if run is not None and run["ended_at"] is not None else None


# A disk that fails


def disk_fails(site: Site, seconds: float, fate: str) -> None:
    engine = process(site.server, "engine")
    with site.load() as load:
        with system_calls(engine, WRITES, fate, *database(site.server)):
            until = time.monotonic() + seconds
            for _ in range(4):
                refused(load)
            acknowledged = len(load.acknowledged)
            reads_go_on(site.server)
            assert not site.server.ready()
            wait_until(until)
            assert len(load.acknowledged) == acknowledged, "nothing is acknowledged that cannot be written"
        eventually(site.server.ready, within_s=30, what="it is ready again by itself")
    assert process(site.server, "engine").pid == engine.pid, "the same process goes on"


def sync_fails(site: Site, times: int) -> None:
    with site.load() as load:
        for _ in range(times):
            engine = process(site.server, "engine")
            with system_calls(engine, SYNCS, "error=EIO", *database(site.server)):
                eventually(lambda engine=engine: not engine.is_running(), what="the engine ends")  # type: ignore[misc]
            heard(load)
            assert process(site.server, "engine").pid != engine.pid


def disk_is_slow(site: Site, seconds: float, delay_s: float) -> None:
    engine = process(site.server, "engine")
    with site.load() as load:
        fate = f"delay_exit={int(delay_s * 1e6)}"
        load.slowest_s = 0.0
        with system_calls(engine, SYNCS, fate, *database(site.server)):
            until = time.monotonic() + seconds
            heard(load)
            heard(load)
            reads_go_on(site.server)
            wait_until(until)
        assert load.slowest_s >= delay_s, "who is answered waited for the disk"
        assert engine.memory_info().rss < 500 * MEBIBYTE
    assert process(site.server, "engine").pid == engine.pid


@pytest.mark.parametrize("error", ["EROFS", "EIO", "ENOSPC"])
def test_while_nothing_can_be_written_events_are_refused_and_reads_go_on(site: Site, error: str) -> None:
    disk_fails(site, 0, f"error={error}")


def test_after_a_failed_sync_the_engine_starts_again_from_the_disk(site: Site) -> None:
    sync_fails(site, 1)


def test_what_cannot_be_read_is_refused_until_it_can(site: Site) -> None:
    front = process(site.server, "front")
    lists = ("alerts", "events", "incidents", "policies", "runs", "tickets")
    with system_calls(front, "pread64", "error=EIO", *database(site.server)):
        site.server.emit(event())  # so that what readers keep in memory is out of date
        found = {path: site.server.client.get(f"/api/v1/{path}").status_code for path in lists}
        assert 503 in found.values()
        assert set(found.values()) <= {200, 503}, found
    reads_go_on(site.server)
    assert process(site.server, "front").pid == front.pid


def test_a_slow_disk_makes_producers_wait_and_loses_nothing(site: Site) -> None:
    disk_is_slow(site, 2, 0.3)


# File descriptors that run out


def descriptors_run_out(site: Site, seconds: float, name: str) -> None:
    victim = process(site.server, name)
    with site.load() as load:
        with no_more_descriptors(victim):
            until = time.monotonic() + seconds
            for _ in range(20):
                knock(site.server)
            heard(load)
            wait_until(until)
        eventually(lambda: knock(site.server) == 200, what="connections are taken again")
    assert process(site.server, name).pid == victim.pid, "it did not end for that"


def knock(server: Server) -> int | None:
    """The status of a request over a connection of its own; None if that was refused."""
    try:
        return httpx.get(f"{server.url}/readyz", timeout=3.0, trust_env=False).status_code
    except httpx.TransportError:
        return None


def test_a_front_that_has_just_begun_and_can_open_nothing_answers_who_is_connected(site: Site) -> None:
    server = site.server
    process(server, "front").kill()
    server.wait_ready()
    assert server.client.get("/healthz").status_code == 200
    with no_more_descriptors(process(server, "front")):
        assert server.client.get("/api/v1/me").status_code == 200
        assert server.client.get("/metrics").status_code == 200


def test_what_needs_a_file_that_cannot_be_opened_is_refused_with_503_and_served_afterwards(site: Site) -> None:
    client = site.server.client
    document = client.get("/api/v1/openapi.json").json()["paths"]
    paths = [path for path, item in document.items() if "get" in item and "{" not in path and "stream" not in path]
    paths += ["/help/README.md", "/nowhere"]

    def statuses() -> dict[str, int]:
        found = {}
        for path in paths:
            answer = client.get(path)
            found[path] = answer.status_code
            assert answer.status_code != 503 or int(answer.headers["retry-after"]) > 0, path
        found["secret"] = client.put("/api/v1/secrets/default/planted", json={"value": "x"}).status_code
        return found

    with no_more_descriptors(process(site.server, "front")):
        short = statuses()
    assert {path: status for path, status in short.items() if status >= 500 and status != 503} == {}
    assert 503 in short.values()
    assert {path: status for path, status in statuses().items() if status >= 500} == {}


def test_front_and_worker_outlive_the_engine_also_when_they_can_open_nothing(site: Site) -> None:
    others = [process(site.server, name) for name in ("front", "worker")]
    with site.load():
        with contextlib.ExitStack() as stack:
            for other in others:
                stack.enter_context(no_more_descriptors(other))
            process(site.server, "engine").kill()
            eventually(lambda: process(site.server, "engine") and knock(site.server) is None, what="nobody is let in")
            process(site.server, "engine")
        eventually(site.server.ready, within_s=30, what="it is ready again")
    assert [process(site.server, name) for name in ("front", "worker")] == others


@pytest.mark.parametrize("name", ["front", "engine", "worker"])
def test_out_of_file_descriptors_a_process_lives_on_and_recovers(site: Site, name: str) -> None:
    descriptors_run_out(site, 1, name)


# A clock that is wrong

LASTING = """\
apiVersion: oncue/v1
kind: Policy
metadata: {name: lasting}
spec:
  match: {types: [org.example.lasting]}
  condition: {for: 1s}
  alert: {severity: critical}
---
apiVersion: oncue/v1
kind: Monitor
metadata: {name: beat}
spec: {uses: heartbeat, every: 60s, grace: 10s}
"""


class Hours:
    """A server whose wall clock the test steps, and what must not be moved by that."""

    def __init__(self, make_server: Callable[..., Server], folder: Path) -> None:
        self.clock = WallClock(folder)
        self.server = make_server(variables=self.clock.variables)
        self.server.start()
        manifests = folder / "lasting.yaml"
        manifests.write_text(LASTING)
        applied = self.server.cli("apply", "-f", str(manifests))
        assert applied.returncode == 0, applied.stdout + applied.stderr
        begins = datetime.now(UTC)
        ends = begins + timedelta(hours=1)
        silence = {
            "matchers": [{"name": "resource", "value": "quiet", "is_regex": False, "is_equal": True}],
            "starts_at": begins.isoformat(), "ends_at": ends.isoformat(), "comment": "An hour of quiet",
        }  # fmt: skip
        made = self.server.client.post("/api/v1/silences", json=silence)
        assert made.is_success, made.text
        self.server.emit(event(resource="leased", endsat=ends.isoformat()), event(resource="quiet"))
        self._matured = 0

    def moves_nothing(self) -> None:
        """Silence, lease and heartbeat are as they were, and time goes on: what lasts for a second becomes due."""
        self._matured += 1
        resource = f"lasting-{self._matured}"
        self.server.emit(event(type="org.example.lasting", resource=resource))
        eventually(lambda: self._severity(resource) == "critical", within_s=15, what="what lasts becomes due")
        states = {alert["resource"]: alert for alert in self.server.items("alerts", state="firing")}
        assert "leased" in states, "an alert whose end is an hour away goes on"
        assert [silence["state"] for silence in self.server.items("silences")] == ["active"]
        assert not [monitor for monitor in self.server.items("monitors") if monitor["state"] == "failing"]

    def _severity(self, resource: str) -> str | None:
        return next((a["severity"] for a in self.server.items("alerts") if a["resource"] == resource), None)

    def times_us(self) -> list[int]:
        """When each record was taken; never before the one before it."""
        times = [record.recorded_at for record in records(self.server)]
        assert times == sorted(times)
        return times


def test_a_clock_that_jumps_by_hours_and_back_moves_nothing(make_server: Callable[..., Server], tmp_path: Path) -> None:
    hours = Hours(make_server, tmp_path)
    hours.moves_nothing()
    for step_h in (5, -3, 0):
        hours.clock.step(step_h * 3600)
        hours.moves_nothing()
    assert abs(hours.times_us()[-1] / 1e6 - time.time()) < 60
