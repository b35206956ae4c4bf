"""The connection to the engine: events of one turn go out together, and each sender hears of its own alone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from oncue.core.errors import Refusal
from oncue.core.normalise import outline_of
from oncue.runtime import frames
from oncue.runtime.client import (
    ANSWER_S,
    EXPIRE_EVERY_S,
    GATHERED_BYTES,
    GATHERED_EVENTS,
    EngineClient,
    read_frames,
)
from oncue.runtime.keys import journal_key

Said = frames.Answer | Refusal


class Engine:
    """The other end of the socket: keeps the units, and answers each with what it is told to."""

    def __init__(self) -> None:
        self.units: list[frames.Submit] = []
        self.known: list[int] = []
        self.rejected: list[tuple[int, str, str]] = []
        self.error: tuple[str, str] | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for received in read_frames(reader):
            for frame in received:
                assert isinstance(frame, frames.Submit)
                self.units.append(frame)
                count = len(frame)
                accepted = count - len(self.known) - len(self.rejected)
                answer = frames.Answer(
                    frame.seq, accepted, len(self.known), self.rejected, 7, error=self.error, known=self.known
                )
                await self.may_answer.wait()
                body = frames.encode(answer)
                writer.write(len(body).to_bytes(4, "big") + body)
        writer.close()


class Bench:
    """A client that is connected to it."""

    def __init__(self, engine: Engine, client: EngineClient) -> None:
        self.engine = engine
        self.client = client
        self.told: dict[str, list[Said]] = {}

    def submit(self, name: str, count: int = 1, namespace: str = "default") -> None:
        bodies = [
            msgspec.json.encode({"specversion": "1.0", "id": f"{name}-{n}", "source": "/t", "type": "t"})
            for n in range(count)
        ]
        self.told[name] = []
        outlines = [outline_of(body) for body in bodies]
        self.client.submit_then(bodies, outlines, self.told[name].append, namespace=namespace, origin="events")

    async def answers(self) -> dict[str, Said]:
        async with asyncio.timeout(10):
            while not all(self.told.values()):
                await asyncio.sleep(0)
        assert all(len(said) == 1 for said in self.told.values())
        return {name: said[0] for name, said in self.told.items()}


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    journal_key(tmp_path)
    engine = Engine()
    path = tmp_path / "engine.sock"
    listener = await asyncio.start_unix_server(engine.serve, path)
    client = EngineClient(path)
    connection = asyncio.create_task(client.run())
    async with asyncio.timeout(10):
        while not client.connected:
            await asyncio.sleep(0)
    yield Bench(engine, client)
    connection.cancel()
    listener.close()


def outcome(said: Said) -> tuple[int, int, list[tuple[int, str, str]]]:
    assert isinstance(said, frames.Answer)
    return said.accepted, said.duplicates, said.rejected


async def test_events_that_come_in_one_turn_make_one_unit(bench: Bench) -> None:
    bench.submit("a")
    bench.submit("b", 2)
    answers = await bench.answers()
    assert len(bench.engine.units) == 1
    assert outcome(answers["a"]) == (1, 0, [])
    assert outcome(answers["b"]) == (2, 0, [])


async def test_each_sender_is_told_of_its_own_duplicates_and_refusals(bench: Bench) -> None:
    bench.engine.known, bench.engine.rejected = [0, 2], [(3, "event.poison", "why")]
    for name, count in (("a", 1), ("b", 1), ("c", 3)):
        bench.submit(name, count)
    answers = await bench.answers()
    assert outcome(answers["a"]) == (0, 1, [])
    assert outcome(answers["b"]) == (1, 0, [])
    assert outcome(answers["c"]) == (1, 1, [(1, "event.poison", "why")])


async def test_a_unit_that_is_refused_is_refused_to_all_of_its_senders(bench: Bench) -> None:
    bench.engine.error = ("store.unavailable", "disk full")
    bench.submit("a")
    bench.submit("b")
    for said in (await bench.answers()).values():
        assert isinstance(said, Refusal)
        assert said.code == "store.unavailable"


async def test_what_has_another_origin_or_would_be_too_much_goes_alone(bench: Bench) -> None:
    bench.submit("a")
    bench.submit("b", namespace="team-a")
    bench.submit("c", GATHERED_EVENTS)
    await bench.answers()
    assert sorted((unit.namespace, len(unit)) for unit in bench.engine.units) == [
        ("default", 1), ("default", GATHERED_EVENTS), ("team-a", 1),
    ]  # fmt: skip


def document(id: str, size: int = 0) -> bytes:
    return msgspec.json.encode({"specversion": "1.0", "id": id, "source": "/t", "type": "t", "data": "x" * size})


async def test_urgent_events_of_one_turn_go_together_and_apart_from_others(bench: Bench) -> None:
    bench.engine.rejected = [(1, "event.poison", "why")]

    async def told(id: str) -> frames.Answer:
        return await bench.client.submit_together(document(id), namespace="default", origin="events", actor=None)

    answers = await asyncio.gather(told("a"), told("b"), told("c"))
    assert [len(unit) for unit in bench.engine.units] == [3]
    assert bench.engine.units[0].urgent
    assert [outcome(answer) for answer in answers] == [(1, 0, []), (0, 0, [(0, "event.poison", "why")]), (1, 0, [])]
    bench.engine.rejected = []
    bench.submit("d")
    await asyncio.gather(told("e"), bench.answers())
    assert sorted((unit.urgent, len(unit)) for unit in bench.engine.units[1:]) == [(False, 1), (True, 1)]


async def test_large_events_are_not_gathered_into_one_that_is_too_large(bench: Bench) -> None:
    size = GATHERED_BYTES // 2
    bodies = [document(id, size) for id in "abc"]
    told = [
        bench.client.submit_together(body, namespace="default", origin="events", actor=None) for body in bodies
    ]  # fmt: skip
    await asyncio.gather(*told)
    assert all(len(unit.text) <= GATHERED_BYTES + 1_000 for unit in bench.engine.units)
    assert sum(map(len, bench.engine.units)) == 3


async def test_who_waits_for_an_urgent_event_is_told_that_it_was_refused(bench: Bench) -> None:
    bench.engine.error = ("store.unavailable", "disk full")
    with pytest.raises(Refusal) as refused:
        await bench.client.submit_together(document("a"), namespace="default", origin="events", actor=None)
    assert refused.value.code == "store.unavailable"


class Clock:
    """The event loop's, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        true = loop.time
        self._ahead_s = 0.0
        monkeypatch.setattr(loop, "time", lambda: true() + self._ahead_s)

    async def jump(self, seconds: float) -> None:
        """So many seconds pass at once; what is due happens."""
        self._ahead_s += seconds
        for _ in range(5):
            await asyncio.sleep(0)


async def test_whoever_waits_for_an_engine_that_is_stuck_is_told_so_in_the_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    bench.engine.may_answer.clear()
    bench.submit("a")
    for _ in range(int((ANSWER_S - 1) / EXPIRE_EVERY_S)):
        await clock.jump(EXPIRE_EVERY_S)
    assert bench.told["a"] == []
    for _ in range(int(2 / EXPIRE_EVERY_S)):
        await clock.jump(EXPIRE_EVERY_S)
    said = (await bench.answers())["a"]
    assert isinstance(said, Refusal) and said.code == "engine.unavailable"


async def test_the_time_that_a_machine_slept_is_not_held_against_its_engine(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    bench.engine.may_answer.clear()
    bench.submit("a")
    await clock.jump(0)
    await clock.jump(3600)
    assert bench.told["a"] == []
    bench.engine.may_answer.set()
    assert outcome((await bench.answers())["a"]) == (1, 0, [])
