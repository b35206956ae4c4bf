"""Acting on leases: every attempt has one report, whatever the plugin does; nothing begins before it may.

The peer at the other end of the socket speaks the engine's frames; the plugins come by the entry points of a package.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncue import config
from oncue.core.effect import Effect, EffectResult
from oncue.core.validation import MEANWHILE
from oncue.runtime import acting as oncue_acting
from oncue.runtime import frames
from oncue.runtime.acting import STORED_LIMIT, Acting
from oncue.runtime.client import EngineClient, read_frames
from oncue.runtime.surroundings import Surroundings
from oncue.sdk import registry
from oncue.sdk.testing import QuietLog
from oncue.store.queries import Queries

PLUGIN = '''
import asyncio, contextlib, sys
import msgspec
from oncue.sdk import ActionError, nothing_done_yet

class Inputs(msgspec.Struct):
    """What to do."""
    do: str = "succeed"
    again: bool = False

class Outputs(msgspec.Struct):
    """What was done."""
    text: str | dict

class Probe:
    """Does what a test tells it."""
    name = "probe.act"
    inputs = Inputs
    outputs = Outputs
    errors = ()
    began = 0
    ended = 0
    freed = True
    def effect_class(self, inputs):
        return "idempotent" if inputs.again else "at-most-once"
    def plan(self, inputs):
        return inputs.do
    async def run(self, inputs, context):
        Probe.began += 1
        if inputs.do == "crash":
            raise ZeroDivisionError("a defect")
        if inputs.do == "exit":
            sys.exit(3)
        if inputs.do == "timeout":
            raise TimeoutError
        if inputs.do == "fail":
            raise ActionError("probe.failed", "x" * 9000, transient=True)
        if inputs.do == "not reach":
            with nothing_done_yet():
                raise ActionError("probe.failed", "nobody takes the call")
        if inputs.do == "tell":
            context.say("one\\ntwo", "out")
            context.progress(0.2)
            context.progress(0.5, "half")
        if inputs.do == "tell, then hang":
            context.say("begun")
            await asyncio.sleep(600)
        if inputs.do == "beat":
            loop = asyncio.get_running_loop()
            until = loop.time() + 2.5
            while loop.time() < until:
                context.progress(0.5)
                await asyncio.sleep(0.02)
        if inputs.do == "tell without end":
            while True:
                context.say("x" * 100)
                await asyncio.sleep(0)
        if inputs.do == "redelivered":
            return Outputs(str(context.redelivered))
        if inputs.do == "hang":
            await asyncio.sleep(600)
        if inputs.do == "be deaf":
            while not Probe.freed:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.01)
            Probe.ended += 1
        if inputs.do == "end slowly":
            try:
                await asyncio.sleep(600)
            finally:
                for _ in range(50):
                    await asyncio.sleep(0)
                Probe.ended = Probe.began
        if inputs.do == "deep":
            data = {}
            for _ in range(100):
                data = {"a": data}
            return Outputs(data)
        return Outputs("y" * (200_000 if inputs.do == "much" else 1))
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    package = tmp_path / "site"
    info = package / "probe_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (package / "probe_plugin.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: probe-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[oncue.actions]\nprobe.act = probe_plugin:Probe\nprobe.broken = probe_plugin:Missing\n"
    )
    monkeypatch.syspath_prepend(str(package))
    registry.forget()
    yield registry.action("probe.act")
    registry.forget()


class Engine:
    """The other end of the socket: keeps what is submitted, answers as it is told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.submitted: list[dict[str, Any]] = []
        self.offers: list[int] = []
        self.sayings: list[frames.Saying] = []
        self.order: list[str] = []
        self.refuse_started = False
        self.refusals = 0
        self._writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        async for received in read_frames(reader):
            for frame in received:
                if isinstance(frame, frames.Lease):
                    self.offers.append(frame.slots)
                elif isinstance(frame, frames.Sayings):
                    self.sayings += frame.items
                    self.order.append("sayings")
                elif isinstance(frame, frames.Submit):
                    self.order.append("submit")
                    self._answer(frame)
        writer.close()

    def _answer(self, frame: frames.Submit) -> None:
        if self.refusals:
            self.refusals -= 1
            self.send(frames.Answer(frame.seq, error=("store.unavailable", "disk full")))
            return
        document = msgspec.json.decode(frame.laid()[0])
        self.submitted.append(document)
        refused = self.refuse_started and document["type"] == "oncue.effect.started"
        reply = {"code": "request.conflict" if refused else None, "detail": "", "data": None}
        self.send(frames.Answer(frame.seq, accepted=1, replies=[reply]))

    def send(self, frame: frames.Frame) -> None:
        assert self._writer is not None
        body = frames.encode(frame)
        self._writer.write(len(body).to_bytes(4, "big") + body)

    def lease(self, effect: Effect, token: str = "t1", redelivered: bool = False) -> None:
        self.send(frames.Leased([(token, msgspec.json.encode(effect), redelivered)]))

    def types(self) -> list[str]:
        return [document["type"].rpartition(".")[2] for document in self.submitted]

    async def result(self) -> EffectResult:
        await until(lambda: "result" in self.types())
        found = [one for one in self.submitted if one["type"] == "oncue.effect.result"]
        assert len(found) == 1
        return msgspec.convert(found[0]["data"], EffectResult)


class Bench:
    """An engine and a worker that acts."""

    def __init__(self, engine: Engine, acting: Acting) -> None:
        self.engine = engine
        self.acting = acting


@pytest.fixture
async def bench(tmp_path: Path, plugin: Any) -> AsyncIterator[Bench]:
    settings = config.load({"data": str(tmp_path)}, {})
    engine = Engine(tmp_path / "engine.sock")
    listener = await asyncio.start_unix_server(engine.serve, engine.path)
    surroundings = Surroundings(settings, Queries(tmp_path / "oncue.db"), QuietLog())

    def on_frame(frame: frames.Frame) -> None:
        if isinstance(frame, frames.Leased):
            acting.lease(frame)
        elif isinstance(frame, frames.Cancel):
            acting.cancel(frame)

    client = EngineClient(engine.path, on_frame)
    acting = Acting(client, surroundings, "w1", 4, {}, QuietLog())
    client.greet(acting.offer)
    connection = asyncio.create_task(client.run())
    await until(lambda: engine.offers == [4])
    yield Bench(engine, acting)
    await acting.drain(0)
    connection.cancel()
    listener.close()


def effect(do: str = "succeed", **more: Any) -> Effect:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Effect(
        **{
            "id": "ef-1", "namespace": "default", "kind": "action", "uses": "probe.act", "payload": {"do": do},
            "effect_class": "idempotent", "state": "pending", "attempt": 1, "not_before_at": now, "timeout_s": 20.0,
            "max_attempts": 1, "backoff_initial_s": 1, "backoff_factor": 1, "backoff_max_s": 1, "created_at": now,
            "updated_at": now, **more,
        }
    )  # fmt: skip


async def test_a_success_is_reported_with_its_result(bench: Bench) -> None:
    bench.engine.lease(effect())
    result = await bench.engine.result()
    assert (result.effect, result.attempt, result.outcome, result.result) == ("ef-1", 1, "succeeded", {"text": "y"})
    assert result.worker == "w1"
    await until(lambda: bench.engine.offers[-1] == 4)


@pytest.mark.parametrize(
    ("do", "code", "transient"),
    [("crash", "action.crashed", False), ("exit", "action.crashed", False), ("timeout", "timeout", True),
     ("fail", "probe.failed", True)],
)  # fmt: skip
async def test_a_failure_is_a_result_and_the_worker_goes_on(bench: Bench, do: str, code: str, transient: bool) -> None:
    bench.engine.lease(effect(do))
    result = await bench.engine.result()
    assert (result.outcome, result.error_code, result.transient) == ("failed", code, transient)
    assert len(result.detail or "") <= 2000
    bench.engine.submitted.clear()
    bench.engine.lease(effect(id="ef-2"), "t2")
    assert (await bench.engine.result()).outcome == "succeeded"


@pytest.mark.parametrize(
    ("more", "code"),
    [({"uses": "no.such"}, "action.unknown"), ({"uses": "probe.broken"}, "plugin.broken"), ({"payload": {"do": 5}}, "inputs.invalid"),
     ({"kind": "notify", "uses": "no.such", "payload": {"channel": "a/b", "type": "x", "message": {"title": "t"}}}, "action.unknown"),
     ({"kind": "notify", "uses": "email", "payload": {}}, "inputs.invalid")],
)  # fmt: skip
async def test_what_cannot_be_begun_is_a_result(bench: Bench, more: dict[str, Any], code: str) -> None:
    bench.engine.lease(effect(**more))
    result = await bench.engine.result()
    assert result.error_code == code
    assert result.nothing_done is (more.get("kind") != "notify")


@pytest.mark.parametrize(
    ("do", "redelivered", "nothing_done"),
    [("not reach", False, True), ("not reach", True, False), ("fail", False, False), ("timeout", False, False)],
)
async def test_that_nothing_was_done_is_said_only_where_nobody_can_have_done_anything(
    bench: Bench, do: str, redelivered: bool, nothing_done: bool
) -> None:
    bench.engine.lease(effect(do), redelivered=redelivered)
    assert (await bench.engine.result()).nothing_done is nothing_done


@pytest.mark.parametrize(
    ("do", "effects", "repeatable"),
    [("not reach", "at-most-once", True), ("fail", "at-most-once", False), ("fail", "idempotent", True)],
)
async def test_what_must_be_done_once_is_tried_again_by_a_person_alone_unless_nothing_was_done(
    bench: Bench, do: str, effects: str, repeatable: bool
) -> None:
    bench.engine.lease(effect(do, effect_class=effects))
    assert (await bench.engine.result()).repeatable is repeatable


async def test_the_deadline_ends_the_work(bench: Bench) -> None:
    bench.engine.lease(effect("hang", timeout_s=0.1))
    result = await bench.engine.result()
    assert (result.outcome, result.error_code, result.transient) == ("failed", "timeout", True)


async def test_work_that_tells_nothing_for_too_long_is_stopped(bench: Bench) -> None:
    bench.engine.lease(effect("tell, then hang", heartbeat_s=0.2))
    result = await bench.engine.result()
    assert (result.outcome, result.error_code, result.transient) == ("failed", "timeout.heartbeat", True)
    assert "told nothing for 0.2 s" in (result.detail or "")


async def test_work_that_tells_something_may_go_on(bench: Bench) -> None:
    bench.engine.lease(effect("beat", heartbeat_s=1.0, run="run-1", step="act"))
    result = await bench.engine.result()
    assert (result.outcome, result.detail) == ("succeeded", None)


async def test_too_much_output_is_cut(bench: Bench) -> None:
    bench.engine.lease(effect("much"))
    result = await bench.engine.result()
    assert result.result["truncated"] is True
    assert len(result.result["text"]) == STORED_LIMIT


async def test_output_that_lies_too_deep_in_itself_becomes_text(bench: Bench) -> None:
    bench.engine.lease(effect("deep"))
    result = await bench.engine.result()
    assert (result.outcome, result.result["truncated"]) == ("succeeded", True)
    assert result.result["text"].startswith('{"text":{"a":{"a":')


async def test_a_result_is_submitted_until_the_engine_has_it_under_one_id(bench: Bench) -> None:
    bench.engine.refusals = 3
    bench.engine.lease(effect())
    assert (await bench.engine.result()).outcome == "succeeded"


async def test_at_most_once_work_is_announced_before_it_begins(bench: Bench, plugin: Any) -> None:
    bench.engine.lease(effect(effect_class="at-most-once"))
    await bench.engine.result()
    assert bench.engine.types() == ["started", "result"]
    assert bench.engine.submitted[0]["data"] == {"effect": "ef-1", "attempt": 1, "token": "t1"}


async def test_at_most_once_work_that_was_taken_over_never_begins(bench: Bench, plugin: Any) -> None:
    bench.engine.refuse_started = True
    began = type(plugin).began
    bench.engine.lease(effect(effect_class="at-most-once"))
    await until(lambda: bench.engine.types() == ["started"] and bench.engine.offers[-1] == 4)
    assert type(plugin).began == began


async def test_at_most_once_work_cut_off_in_the_middle_is_unknown(bench: Bench) -> None:
    bench.engine.lease(effect("hang", effect_class="at-most-once", timeout_s=0.3))
    result = await bench.engine.result()
    assert (result.outcome, result.transient) == ("unknown", False)


async def test_work_that_its_plugin_says_may_be_repeated_is_not_announced_though_the_engine_does_not_know(
    bench: Bench,
) -> None:
    bench.engine.lease(effect("timeout", effect_class="at-most-once", payload={"do": "timeout", "again": True}))
    result = await bench.engine.result()
    assert bench.engine.types() == ["result"]
    assert (result.outcome, result.transient) == ("failed", True)


STEP = {"run": "run-1", "step": "others[host-1]/check"}


async def test_what_work_tells_goes_ahead_of_its_result(bench: Bench) -> None:
    bench.engine.lease(effect("tell", **STEP))
    await bench.engine.result()
    told = bench.engine.sayings
    assert [(one.run, one.step, one.attempt, one.stream, one.text, one.done) for one in told] == [
        ("run-1", "others[host-1]/check", 1, "out", "one", None),
        ("run-1", "others[host-1]/check", 1, "out", "two", None),
        ("run-1", "others[host-1]/check", 1, "", "half", 0.5),
    ]
    assert bench.engine.order == ["sayings", "submit"]


async def test_what_work_tells_is_sent_while_it_is_under_way(bench: Bench) -> None:
    bench.engine.lease(effect("tell, then hang", **STEP))
    await until(lambda: [one.text for one in bench.engine.sayings] == ["begun"])
    assert bench.engine.types() == []


async def test_that_work_tells_something_is_journaled_now_and_then(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oncue_acting, "TOLD_EVERY_S", 0.05)
    bench.engine.refusals = 1
    for id, do in (("ef-1", "tell, then hang"), ("ef-2", "hang")):
        bench.engine.lease(effect(do, id=id, run="run-1", step=id, payload={"do": do, "again": True}), token=id)
    saying = asyncio.create_task(bench.acting.say_what_tells())
    await until(lambda: "told" in bench.engine.types())
    saying.cancel()
    (word,) = bench.engine.submitted
    assert word["data"] == {"effects": [["ef-1", 1]]}


async def test_what_is_no_step_of_a_run_tells_nobody(bench: Bench) -> None:
    bench.engine.lease(effect("tell"))
    await bench.engine.result()
    assert bench.engine.sayings == []


async def test_endless_lines_are_bounded_and_do_not_keep_work_from_its_deadline(bench: Bench) -> None:
    bench.engine.lease(effect("tell without end", timeout_s=0.5, **STEP))
    assert (await bench.engine.result()).error_code == "timeout"
    lines = [one.text for one in bench.engine.sayings if not one.text.startswith("xxx")]
    assert lines[0].endswith("left out")
    assert lines[-1].endswith("lines left out")
    assert sum(len(one.text) for one in bench.engine.sayings) < 300_000


async def test_the_work_is_told_that_it_may_have_been_begun_before(bench: Bench) -> None:
    bench.engine.lease(effect("redelivered"), redelivered=True)
    assert (await bench.engine.result()).result == {"text": "True"}


async def test_a_cancelled_effect_stops(bench: Bench, plugin: Any) -> None:
    began = type(plugin).began
    bench.engine.lease(effect("hang"))
    await until(lambda: type(plugin).began > began)
    bench.engine.send(frames.Cancel(["other", "t1"]))
    assert (await bench.engine.result()).error_code == "cancelled"


async def test_an_effect_in_hand_that_is_leased_again_is_done_once(bench: Bench, plugin: Any) -> None:
    began = type(plugin).began
    bench.engine.lease(effect("hang", timeout_s=0.4))
    await until(lambda: type(plugin).began == began + 1)
    bench.engine.lease(effect("hang", timeout_s=0.4), "t2")
    await bench.engine.result()
    assert type(plugin).began == began + 1


async def test_work_for_a_step_ends_before_other_work_for_it_begins(bench: Bench, plugin: Any) -> None:
    began = type(plugin).began
    bench.engine.lease(effect("hang", run="run-1", step="each[a]/stop", effect_class="at-most-once"))
    bench.engine.lease(effect("hang", run="run-1", step="each[b]/stop", id="ef-2"), "t2")
    await until(lambda: type(plugin).began == began + 2)
    bench.engine.lease(effect(run="run-1", step="each[a]/stop~rollback", id="ef-3"), "t3")
    await until(lambda: bench.engine.types().count("result") == 2)
    ended = [one["data"] for one in bench.engine.submitted if one["type"] == "oncue.effect.result"]
    assert [(one["effect"], one["outcome"]) for one in ended] == [("ef-1", "unknown"), ("ef-3", "succeeded")]


@pytest.mark.parametrize("looked_first", [False, True])
async def test_a_look_at_a_step_while_it_runs_ends_only_the_look_before_it(
    bench: Bench, plugin: Any, looked_first: bool
) -> None:
    began, look = type(plugin).began, f"upgrade{MEANWHILE}"
    both = [effect("hang", run="run-1", step="upgrade"), effect("hang", run="run-1", step=look, id="ef-2")]
    for number, one in enumerate(reversed(both) if looked_first else both):
        bench.engine.lease(one, f"t{number}")
    await until(lambda: type(plugin).began == began + 2)
    bench.engine.lease(effect(run="run-1", step=look, id="ef-3"), "t3")
    await until(lambda: bench.engine.types().count("result") == 2)
    ended = [one["data"]["effect"] for one in bench.engine.submitted if one["type"] == "oncue.effect.result"]
    assert ended == ["ef-2", "ef-3"]
    bench.engine.lease(effect(run="run-1", step="upgrade~rollback", id="ef-4"), "t4")
    await until(lambda: bench.engine.types().count("result") == 4)
    ended = [one["data"]["effect"] for one in bench.engine.submitted if one["type"] == "oncue.effect.result"]
    assert ended[2:] == ["ef-1", "ef-4"]


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch, bench: Bench, plugin: Any) -> Iterator[None]:
    """Little of it with what does not stop, which ends with the test."""
    monkeypatch.setattr(oncue_acting, "STOP_S", 0.1)
    type(plugin).freed = False
    yield
    type(plugin).freed = True


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize(("effects", "outcome"), [("idempotent", "failed"), ("at-most-once", "unknown")])
async def test_what_does_not_stop_at_its_timeout_is_given_up_and_said_to_go_on(
    bench: Bench, effects: str, outcome: str
) -> None:
    bench.engine.lease(effect("be deaf", timeout_s=0.1, effect_class=effects))
    result = await bench.engine.result()
    assert (result.outcome, result.error_code, result.transient) == (outcome, "timeout", False)
    assert "not done within 0.1 s, and probe.act did not stop" in (result.detail or "")
    bench.engine.lease(effect(id="ef-2"), "t2")
    await until(lambda: bench.engine.types().count("result") == 2)


@pytest.mark.usefixtures("patience")
async def test_what_undoes_a_step_does_not_wait_for_ever_for_one_that_does_not_stop(bench: Bench, plugin: Any) -> None:
    began, ended = type(plugin).began, type(plugin).ended
    bench.engine.lease(effect("be deaf", run="run-1", step="stop"))
    await until(lambda: type(plugin).began == began + 1)
    bench.engine.send(frames.Cancel(["t1"]))
    bench.engine.lease(effect(run="run-1", step="stop~rollback", id="ef-2"), "t2")
    await until(lambda: bench.engine.types().count("result") == 2)
    first, second = (one["data"] for one in bench.engine.submitted if one["type"] == "oncue.effect.result")
    assert (first["effect"], first["error_code"], second["outcome"]) == ("ef-1", "cancelled", "succeeded")
    assert "it was to stop, and probe.act did not stop" in first["detail"]
    type(plugin).freed = True
    await until(lambda: type(plugin).ended == ended + 1)
    bench.engine.lease(effect(id="ef-3"), "t3")
    await until(lambda: bench.engine.types().count("result") == 3)
    told = [one["data"]["effect"] for one in bench.engine.submitted if one["type"] == "oncue.effect.result"]
    assert told == ["ef-1", "ef-2", "ef-3"], "what it came to in the end is nobody's any more"


async def test_what_was_stopped_of_a_run_ends_before_other_work_of_the_run_begins(bench: Bench, plugin: Any) -> None:
    probe = type(plugin)
    began, ended = probe.began, probe.ended
    for number in (1, 2):
        asked = effect("end slowly", run=f"run-{number}", step="stop", id=f"ef-{number}")
        bench.engine.lease(asked, f"t{number}")
    await until(lambda: probe.began == began + 2)
    tidy = [
        (f"t{number}", msgspec.json.encode(effect(run="run-1", step="tidy", id=f"ef-{number}")), False)
        for number in (3, 4)
    ]
    bench.acting.lease(frames.Leased(tidy[:1]))
    await until(lambda: probe.began == began + 3)
    assert probe.ended == ended, "beside what is wanted it begins at once"
    bench.acting.cancel(frames.Cancel(["t1"]))
    bench.acting.lease(frames.Leased(tidy[1:]))
    await until(lambda: probe.began == began + 4)
    assert probe.ended == began + 3, "the fourth began when the first had ended"


async def test_what_is_cancelled_while_it_waits_for_its_turn_never_begins(bench: Bench, plugin: Any) -> None:
    began = type(plugin).began
    bench.engine.lease(effect("hang", run="run-1", step="stop"))
    await until(lambda: type(plugin).began == began + 1)
    undoing = msgspec.json.encode(effect(run="run-1", step="stop~rollback", id="ef-2"))
    bench.acting.lease(frames.Leased([("t2", undoing, False)]))
    await asyncio.sleep(0)
    bench.acting.cancel(frames.Cancel(["t2"]))
    await until(lambda: bench.acting.offer.slots == 4)
    assert type(plugin).began == began + 1
    assert (await bench.engine.result()).effect == "ef-1"


async def test_what_is_leased_and_cancelled_at_once_takes_no_slot(bench: Bench, plugin: Any) -> None:
    began = type(plugin).began
    bench.acting.lease(frames.Leased([("t1", msgspec.json.encode(effect("hang")), False)]))
    bench.acting.cancel(frames.Cancel(["t1"]))
    await until(lambda: bench.acting.offer.slots == 4)
    assert type(plugin).began == began


async def test_slots_say_how_many_more_are_taken(bench: Bench) -> None:
    for index in range(3):
        bench.engine.lease(effect("hang", id=f"ef-{index}"), f"t{index}")
    await until(lambda: bench.acting.offer.slots == 1)
    bench.engine.send(frames.Cancel(["t0"]))
    await until(lambda: bench.engine.offers[-1] == 2)


async def test_draining_stops_what_does_not_end_and_reports_it(bench: Bench, plugin: Any) -> None:
    began = type(plugin).began
    bench.engine.lease(effect("hang"))
    await until(lambda: type(plugin).began > began)
    await bench.acting.drain(0.05)
    assert (await bench.engine.result()).error_code == "cancelled"
    assert bench.engine.offers[-1] == 0


async def until(check: Any, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.005)
