"""What leaves when monitors probe: samples, changes of state, repeats, health; and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncue import config
from oncue.core.manifest import Manifest, MonitorSpec
from oncue.runtime import sensing
from oncue.runtime.sensing import Sensing, Watch, shown
from oncue.runtime.surroundings import Surroundings
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, Happening, MetricDoc, Probe, Reading
from oncue.sdk.testing import QuietLog
from oncue.store.queries import Queries
from tests.unit.misbehaving import Misbehaving, misbehaving

START = datetime(2026, 1, 1, tzinfo=UTC)


class Settings(msgspec.Struct):
    """None."""


class Scripted:
    """A monitor that finds what it is told."""

    name = "test.scripted"
    settings = Settings
    metrics = (MetricDoc("test.level", "%", "Level", "A level."), MetricDoc("test.other", "B", "Other", "Another."))
    errors: tuple[ErrorDoc, ...] = ()
    primary = "test.level"
    remote = False
    passive = False

    def __init__(self, found: list[Any]) -> None:
        self._found = found

    def subject(self, settings: Settings) -> str:
        return "host-1"

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        found = self._found.pop(0)
        if isinstance(found, Exception):
            raise found
        if isinstance(found, Probe):
            return found
        if isinstance(found, dict):
            return Probe(readings=[level(value, instance) for instance, value in found.items()])
        return Probe(readings=[level(found)])


def level(value: float, instance: str = "") -> Reading:
    return Reading(metric="test.level", value=value, unit="%", instance=instance)


class Outgoing:
    """Keeps what is sent, as (origin, event)."""

    def __init__(self) -> None:
        self.sent: list[tuple[str | None, dict[str, Any]]] = []

    def send(self, body: bytes, origin: str | None) -> None:
        self.sent.append((origin, msgspec.json.decode(body)))

    def states(self) -> list[tuple[str, str]]:
        return [(one["check"], one["severity"]) for _, one in self.sent if "severity" in one]

    def health(self) -> list[tuple[str, str | None]]:
        return [
            (one["data"]["state"], one["data"].get("error_code"))
            for _, one in self.sent
            if one["type"] == "oncue.monitor.health"
        ]

    def samples(self) -> list[dict[str, Any]]:
        return [one["data"] for origin, one in self.sent if origin is None]


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    settings = config.load({"data": str(tmp_path)}, {})
    return Surroundings(settings, Queries(tmp_path / "oncue.db"), QuietLog())


def manifest(name: str = "m", generation: int = 1, **spec: Any) -> Manifest:
    return Manifest(
        id=f"Monitor/default/{name}", kind="Monitor", namespace="default", name=name, generation=generation,
        hash=str(generation), labels={}, owner=None, review_by=None, description=None, spec=spec, applied_by="test",
        updated_at=START,
    )  # fmt: skip


def watch(surroundings: Surroundings, outgoing: Outgoing, found: list[Any], **spec: Any) -> Watch:
    spec = {"uses": "test.scripted", "thresholds": [{"metric": "test.level", "major": 90}], **spec}
    made = manifest(**spec)
    return Watch(
        made, msgspec.convert(made.spec, MonitorSpec), Scripted(found), surroundings, outgoing.send, QuietLog()
    )


async def probes(watched: Watch, count: int) -> None:
    for index in range(count):
        await watched.probe(START + timedelta(seconds=10 * index))


async def test_the_first_reading_is_reported_and_then_only_changes(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    await probes(watch(surroundings, outgoing, [10, 20, 95, 96, 30, 31], service="shop", labels={"a": "b"}), 6)
    assert outgoing.states() == [("m", "clear"), ("m", "major"), ("m", "clear")]
    problem = next(one for _, one in outgoing.sent if one.get("severity") == "major")
    assert problem["title"] == "Level 95 % on host-1, limit 90 %"
    assert (problem["type"], problem["resource"], problem["service"]) == ("test.level", "host-1", "shop")
    assert problem["namespace"] == "default"
    assert msgspec.json.decode(problem["labels"]) == {"a": "b"}
    assert problem["data"] == {
        "value": 95, "limit": 90, "unit": "%", "metric": "test.level", "since": "2026-01-01T00:00:20.000000Z",
        "monitor": "default/m", "summary": "Above the limit since 2026-01-01T00:00:20Z",
    }  # fmt: skip


async def test_every_probe_is_one_sample(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    await probes(watch(surroundings, outgoing, [{"/": 10, "/var": 20}, {"/": 11, "/var": 21}]), 2)
    assert [[one["value"] for one in sample["readings"]] for sample in outgoing.samples()] == [[10, 20], [11, 21]]
    assert outgoing.samples()[1]["at"] == "2026-01-01T00:00:10.000000Z"


async def test_each_instance_has_a_check_of_its_own(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    await probes(watch(surroundings, outgoing, [{"/": 95, "/var": 10}]), 1)
    assert outgoing.states() == [("m//", "major"), ("m/var", "clear")]


async def test_every_finding_names_its_monitor_by_its_origin(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    await probes(watch(surroundings, outgoing, [{"/": 95, "/var": 10}]), 1)
    origins = [origin for origin, one in outgoing.sent if "severity" in one]
    assert origins == ["monitor:default/m", "monitor:default/m"]


async def test_an_instance_that_is_gone_ends_its_alert(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    await probes(watch(surroundings, outgoing, [{"a": 95, "b": 10}, *[{"b": 10}] * 4]), 5)
    assert outgoing.states() == [("m/a", "major"), ("m/b", "clear"), ("m/a", "clear")]


async def test_a_problem_that_goes_on_is_said_again_after_five_minutes(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(sensing.time, "monotonic", lambda: now)
    outgoing = Outgoing()
    watched = watch(surroundings, outgoing, [95, 96, 97, 98])
    await probes(watched, 2)
    now += sensing.REPEAT_S
    await probes(watched, 2)
    assert outgoing.states() == [("m", "major"), ("m", "major")]


async def test_a_fault_is_a_problem_after_its_retries(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    fault = Probe(fault=Fault(code="http.status", title="Down", detail="status 500"))
    watched = watch(surroundings, outgoing, [fault, fault, fault, 10], retries=1, severity="critical", thresholds=[])
    await probes(watched, 4)
    assert outgoing.states() == [("m", "critical"), ("m", "clear")]
    assert outgoing.health() == [("ok", None)]


async def test_a_monitor_that_cannot_work_says_so_once_and_says_when_it_can(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    broken = ActionError("outbound.refused", "no")
    await probes(watch(surroundings, outgoing, [10, broken, broken, ZeroDivisionError("x"), 10, 10]), 6)
    assert outgoing.health() == [
        ("ok", None),
        ("failing", "outbound.refused"),
        ("failing", "action.crashed"),
        ("ok", None),
    ]
    assert outgoing.states() == [("m", "clear")]


async def test_settings_that_do_not_fit_are_the_monitors_ill_health(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    made = manifest(uses="host.process", **{"with": {"nonsense": 1}})
    sense = Sensing(surroundings, outgoing.send, QuietLog())
    sense.configure([made])
    await until(lambda: outgoing.health() == [("failing", "inputs.invalid")])
    sense.stop()


async def test_deleting_a_monitor_ends_its_alerts_and_changing_it_keeps_them(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    sense = Sensing(surroundings, outgoing.send, QuietLog())
    thresholds = [{"metric": "host.memory.used", "major": 0}]
    sense.configure([manifest(uses="host.memory", every="1s", thresholds=thresholds)])
    await until(lambda: outgoing.states() == [("m", "major")])
    sense.configure([manifest(generation=2, uses="host.memory", every="1s", thresholds=[])])
    await until(lambda: outgoing.states()[-1] == ("m", "clear"))
    sense.configure([manifest(generation=3, uses="host.memory", every="1s", thresholds=thresholds)])
    await until(lambda: outgoing.states()[-1] == ("m", "major"))
    sense.configure([])
    assert outgoing.states()[-1] == ("m", "clear")
    sense.stop()


async def test_an_unchanged_monitor_is_not_disturbed_and_heartbeats_are_left_alone(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    sense = Sensing(surroundings, outgoing.send, QuietLog())
    manifests = [manifest(uses="host.load", every="1h"), manifest("h", uses="heartbeat")]
    sense.configure(manifests)
    await until(lambda: len(outgoing.samples()) == 1)
    sense.configure(manifests)
    assert len(asyncio.all_tasks()) == 2
    sense.stop()


@pytest.fixture
async def server() -> AsyncIterator[Misbehaving]:
    async with misbehaving() as running:
        yield running


@pytest.mark.parametrize(
    ("path", "settings", "severity"),
    [
        ("/", {}, "clear"),
        ("/", {"body": "^ok$"}, "clear"),
        ("/", {"body": "fine"}, "major"),
        ("/", {"body_absent": "o."}, "major"),
        ("/status/500", {}, "major"),
        ("/status/500", {"expect": [500]}, "clear"),
        ("/slow", {}, "major"),
        ("/drip", {}, "major"),
        ("/reset", {}, "major"),
        ("/garbage", {}, "major"),
    ],
)
async def test_http_finds_what_is_wrong_with_a_target(
    surroundings: Surroundings, server: Misbehaving, path: str, settings: dict[str, Any], severity: str
) -> None:
    outgoing = Outgoing()
    allow = manifest("allow", host="127.0.0.1")
    surroundings.allow([allow])
    sense = Sensing(surroundings, outgoing.send, QuietLog())
    sense.configure([manifest(uses="http", timeout="300ms", **{"with": {"url": server.url + path, **settings}})])
    await until(lambda: outgoing.states() == [("m", severity)])
    sense.stop()
    assert outgoing.health() == [("ok", None)]


async def test_http_on_a_refused_address_is_the_monitors_ill_health_and_no_alert(
    surroundings: Surroundings, server: Misbehaving
) -> None:
    outgoing = Outgoing()
    sense = Sensing(surroundings, outgoing.send, QuietLog())
    sense.configure([manifest(uses="http", **{"with": {"url": server.url}})])
    await until(lambda: outgoing.health() == [("failing", "outbound.refused")])
    sense.stop()
    assert outgoing.states() == []


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(97, "%", "97 %"), (12.345, "%", "12.3 %"), (1.5 * 1024**3, "B", "1.5 GiB"), (250, "ms", "250 ms"), (3, "", "3"),
     (1e15, "B", "909 TiB"), (12345.6, "ms", "12346 ms")],
)  # fmt: skip
def test_values_are_shown_as_people_read_them(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


async def until(check: Any, within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.01)


async def test_a_faults_labels_go_with_the_manifests(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    fault = Probe(fault=Fault(code="x", title="Bad", detail="", labels={"sid": "PRD", "tier": "its own"}))
    await probes(watch(surroundings, outgoing, [fault], thresholds=[], labels={"tier": "test", "team": "basis"}), 1)
    (event,) = [one for _, one in outgoing.sent if one.get("severity") == "major"]
    assert msgspec.json.decode(event["labels"]) == {"sid": "PRD", "team": "basis", "tier": "its own"}


async def test_a_fault_is_as_bad_as_its_probe_says(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    found = [
        Probe(fault=Fault(code="x", title="Bad", detail="", severity=one)) for one in ("warning", "critical", None)
    ]
    await probes(watch(surroundings, outgoing, [*found, 10], severity="minor", thresholds=[]), 4)
    assert outgoing.states() == [("m", "warning"), ("m", "critical"), ("m", "minor"), ("m", "clear")]


async def test_what_happened_since_the_last_probe_is_an_event_without_severity(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    happened = Happening(type="unit.changed", title="It was restarted", data={"to": "active"})
    await probes(watch(surroundings, outgoing, [Probe(happenings=[happened])], thresholds=[], labels={"a": "b"}), 1)
    (event,) = [one for _, one in outgoing.sent if one["type"] == "unit.changed"]
    assert (event["resource"], event["title"], event["namespace"]) == ("host-1", "It was restarted", "default")
    assert event["data"] == {"to": "active", "monitor": "default/m"}
    assert "severity" not in event


async def test_each_instance_is_judged_by_the_most_precise_threshold(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    thresholds = [
        {"metric": "test.level", "major": 90},
        {"metric": "test.level", "major": 50, "match": {"instance": "/data"}},
    ]
    await probes(watch(surroundings, outgoing, [{"/": 60, "/data": 60}], thresholds=thresholds), 1)
    assert outgoing.states() == [("m//", "clear"), ("m/data", "major")]


async def test_a_threshold_holds_only_in_its_hours_and_its_alert_ends_with_them(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    limit = {"metric": "test.level", "major": 90, "hours": "Thu 00:59-01:02 Europe/Berlin"}
    watched = watch(surroundings, outgoing, [95, 95, 95, 95], thresholds=[limit])
    for minute in (-2, 0, 1, 2):
        await watched.probe(START + timedelta(minutes=minute))
    assert outgoing.states() == [("m", "major"), ("m", "clear")]
    assert outgoing.sent[-1][1]["title"].endswith("no limit holds at this hour")
    assert outgoing.sent[-1][1]["time"] is not None


async def test_other_limits_at_other_hours_are_taken_up_at_the_next_reading(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    thresholds = [
        {"metric": "test.level", "warning": 50},
        {"metric": "test.level", "critical": 90, "hours": "Thu 00:01-00:02"},
    ]
    watched = watch(surroundings, outgoing, [60, 60, 60, 95], thresholds=thresholds)
    for minute in (0, 1, 2, 3):
        await watched.probe(START + timedelta(minutes=minute))
    assert outgoing.states() == [("m", "warning"), ("m", "clear"), ("m", "warning")]


async def test_a_fault_that_gives_way_to_another_is_told_at_once(surroundings: Surroundings) -> None:
    outgoing = Outgoing()
    found = [("a", "1 of 4 is down"), ("a", "1 of 4 is down"), ("a", "4 of 4 are down"), ("b", "4 of 4 are down")]
    faults = [Probe(fault=Fault(code=code, title=title, detail="")) for code, title in found]
    await probes(watch(surroundings, outgoing, [*faults, faults[-1]], thresholds=[]), 5)
    told = [(one["data"]["code"], one["title"]) for _, one in outgoing.sent if one.get("severity") == "major"]
    assert told == [("a", "1 of 4 is down"), ("a", "4 of 4 are down"), ("b", "4 of 4 are down")]
