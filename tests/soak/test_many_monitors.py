"""Thousands of monitors on one machine: probes begin when they are due, and cost little."""

import asyncio
import resource
import statistics
from pathlib import Path

import msgspec
import pytest

from oncue import config
from oncue.core.manifest import Manifest
from oncue.runtime.sensing import Sensing
from oncue.runtime.surroundings import Surroundings
from oncue.sdk.testing import QuietLog
from oncue.store.queries import Queries
from tests.monitors import listening
from tests.unit.test_monitor_sensing import manifest

MONITORS = 5_000
EVERY_S = 30
ROUNDS = 3


def spent_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_five_thousand_monitors_at_thirty_seconds_begin_in_time(tmp_path: Path) -> None:
    """Real TCP connections, to a listener in this process: its share of the processor is in the figure."""
    samples: dict[str, int] = {}

    def send(body: bytes, origin: str | None) -> None:
        if origin is None:
            name = msgspec.json.decode(body)["data"]["monitor"]
            samples[name] = samples.get(name, 0) + 1

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    surroundings = Surroundings(config.load({"data": str(tmp_path)}, {}), Queries(tmp_path / "oncue.db"), QuietLog())
    surroundings.allow([manifest("allow", host="127.0.0.1")])
    sense = Sensing(surroundings, send, QuietLog())
    async with listening(accept, backlog=1024) as port:
        target = {"host": "127.0.0.1", "port": port}
        limit = [{"metric": "tcp.connect", "warning": 1e6}]
        monitors: list[Manifest] = [
            manifest(f"m-{index}", uses="tcp", every=f"{EVERY_S}s", thresholds=limit, **{"with": target})
            for index in range(MONITORS)
        ]
        loop = asyncio.get_running_loop()
        started, spent = loop.time(), spent_s()
        sense.configure(monitors)
        configured_s = loop.time() - started
        worst: list[float] = []
        late: list[float] = []
        for _ in range(ROUNDS):
            await asyncio.sleep(EVERY_S)  # the load itself takes this time
            late = sorted(sense.lateness())
            worst.append(late[int(len(late) * 0.99)])
        share = (spent_s() - spent) / (loop.time() - started)
        sense.stop()
    print(
        f"configured in {configured_s:.2f} s; lateness p99 {[f'{one * 1000:.1f} ms' for one in worst]}, "
        f"median {statistics.median(late) * 1000:.1f} ms; {share:.0%} of a processor; {sum(samples.values())} probes"
    )
    assert len(samples) == MONITORS
    assert min(samples.values()) >= ROUNDS - 1
    assert max(worst[1:]) < 1.0
    assert share < 0.5
