"""The faults of `tests/e2e/test_faults.py`, each for a minute or more."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.test_faults import (
    Hours,
    descriptors_run_out,
    disk_fails,
    disk_is_slow,
    ended,
    engine_stands_still,
    front_stands_still,
    sync_fails,
    worker_stands_still,
)
from tests.faults import Site, database, heard, process, records, refused, steps, stopped, system_calls, wait_until
from tests.server import Server, event, eventually

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]

MINUTE_S = 60
BELIEVED_S = 70
"""Longer than a step of the clock must stand to be believed."""


@pytest.fixture(scope="module")
def site(oncue_server: Server) -> Iterator[Site]:
    with Site(oncue_server) as site:
        yield site
        site.settled()


@pytest.mark.parametrize("stands_still", [engine_stands_still, worker_stands_still, front_stands_still])
def test_a_process_may_stand_still_for_a_minute(site: Site, stands_still: Callable[[Site, float], None]) -> None:
    stands_still(site, MINUTE_S)


def test_what_a_worker_did_before_it_stood_still_for_longer_than_its_lease_comes_late_and_is_not_repeated(
    site: Site,
) -> None:
    server, paths = site.server, site.ledger.paths
    site.ledger.answers.clear()
    server.emit(event(type="org.example.soak.once", subject="late", severity=None))
    eventually(lambda: paths["/once/late"] == 1, what="the call has begun")
    with stopped(process(server, "worker")):
        site.ledger.answers.set()
        run = eventually(lambda: ended(server, "once", "late"), within_s=90, what="its lease runs out")
    (step,) = steps(server, run)
    assert (step["state"], step["error_code"]) == ("unknown", "worker.lost")
    eventually(lambda: b"oncue.effect.late" in b"".join(r.body for r in records(server)), what="the result comes late")
    assert ended(server, "once", "late") == run, "and changes nothing"
    assert paths["/once/late"] == 1


@pytest.mark.parametrize("error", ["EROFS", "EIO", "ENOSPC"])
def test_writing_may_fail_for_a_minute(site: Site, error: str) -> None:
    disk_fails(site, MINUTE_S, f"error={error}")


def test_one_write_in_five_hundred_may_fail_for_a_minute(site: Site) -> None:
    engine = process(site.server, "engine")
    with site.load() as load, system_calls(engine, "pwrite64", "error=EIO:when=500+500", *database(site.server)):
        until = time.monotonic() + MINUTE_S
        while time.monotonic() < until:
            refused(load)
            heard(load)
    assert process(site.server, "engine").pid == engine.pid


def test_syncs_may_fail_again_and_again(site: Site) -> None:
    sync_fails(site, 5)


def test_a_disk_may_be_slow_for_a_minute(site: Site) -> None:
    disk_is_slow(site, MINUTE_S, 1.0)


@pytest.mark.parametrize("name", ["front", "engine", "worker"])
def test_file_descriptors_may_be_out_for_a_minute(site: Site, name: str) -> None:
    descriptors_run_out(site, MINUTE_S, name)


def test_time_goes_on_after_a_wrong_clock_was_believed(make_server: Callable[..., Server], tmp_path: Path) -> None:
    hours = Hours(make_server, tmp_path)
    hours.clock.step(-5 * 3600)
    wait_until(time.monotonic() + BELIEVED_S)
    hours.moves_nothing()
    hours.clock.step(1800)
    wait_until(time.monotonic() + BELIEVED_S)
    hours.moves_nothing()
    ahead_s = hours.times_us()[-1] / 1e6 - time.time()
    assert 1700 < ahead_s < 1900, "half an hour ahead was believed"
    hours.clock.step(0)
    wait_until(time.monotonic() + BELIEVED_S)
    hours.moves_nothing()
    hours.server.stop()
    hours.server.start()
    hours.moves_nothing()
    left_s = hours.times_us()[-1] / 1e6 - time.time()
    assert 1500 < left_s < ahead_s, (
        "time was neither put back nor stopped: it waits for the right clock at half the pace"
    )
