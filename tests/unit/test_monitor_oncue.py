"""The monitor `oncue`: what its figures mean, over time; and that a healthy server gives no alarm."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncue import config, manifests
from oncue.core.manifest import Manifest, MonitorSpec
from oncue.plugins.monitors.oncue import OnCue
from oncue.runtime.sensing import Watch
from oncue.runtime.surroundings import Surroundings
from oncue.sdk import ActionError, Itself
from oncue.sdk.testing import QuietLog, context
from oncue.store.queries import Queries
from tests.monitors import probe, value, values
from tests.server import ROOT
from tests.unit.test_monitor_sensing import Outgoing

START = datetime(2026, 1, 1, tzinfo=UTC)
GIB = 1024**3


def itself(**figures: Any) -> Itself:
    """A server that is well, but for these figures."""
    well: dict[str, Any] = {
        "disk_free": 50 * GIB, "disk_size": 100 * GIB, "journal_size": GIB, "commits": 1000, "commit_seconds": 5.0,
        "commit_failures": 0, "queue_used": 0.0, "shed": 0, "dead_letters_new": 0, "dead_letters_waiting": 0,
        "effects_overdue_s": 0.0, "effects_unknown": 0, "effects_failed": 0, "policies_failed": 0, "starts": 1,
        "snapshot_age_s": 3600.0,
    }  # fmt: skip
    return Itself(**{**well, **figures})


class Server:
    """A server as its monitor sees it, with clocks that are moved by hand."""

    def __init__(self, tmp_path: Path) -> None:
        self.now = 0.0
        self.wall = 1.8e9
        self.figures = itself()
        self.monitor = OnCue(lambda: self.wall, lambda: self.now)
        self._tmp_path = tmp_path
        self.asked: list[float] = []

    async def itself(self, recent_s: float) -> Itself:
        self.asked.append(recent_s)
        return self.figures

    async def probe(self, after_s: float = 60.0, **figures: Any) -> Any:
        self.now += after_s
        self.wall += after_s
        self.figures = msgspec.structs.replace(self.figures, **figures)
        return await probe(self.monitor, {}, self._tmp_path, itself=self.itself)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


async def test_only_the_namespace_default_is_told(tmp_path: Path) -> None:
    with pytest.raises(ActionError) as refused:
        await probe("oncue", {}, tmp_path)
    assert refused.value.code == "oncue.elsewhere"


async def test_failures_count_for_ten_minutes_and_not_from_before_the_first_look(server: Server) -> None:
    assert value(await server.probe(commit_failures=7), "self.commit.failures") == 0
    assert value(await server.probe(commit_failures=9), "self.commit.failures") == 2
    assert value(await server.probe(590), "self.commit.failures") == 2
    assert value(await server.probe(20), "self.commit.failures") == 0


async def test_a_count_that_begins_again_has_grown_by_what_it_is(server: Server) -> None:
    await server.probe(shed=100)
    assert value(await server.probe(shed=3), "self.shed") == 3


async def test_the_time_of_a_commit_is_that_of_the_latest(server: Server) -> None:
    assert values(await server.probe(commits=10, commit_seconds=10.0), "self.commit.time") == {}
    assert value(await server.probe(commits=20, commit_seconds=10.1), "self.commit.time") == 10.0
    assert values(await server.probe(), "self.commit.time") == {}


async def test_a_step_of_the_clock_shows_and_is_forgotten(server: Server) -> None:
    await server.probe()
    server.wall += 120
    assert value(await server.probe(), "self.clock.step") == 120
    assert value(await server.probe(300), "self.clock.step") == 120
    assert value(await server.probe(400), "self.clock.step") == 0


async def test_a_disk_that_fills_has_a_time_to_full_only_once_it_is_a_trend(server: Server) -> None:
    found = [await server.probe(disk_free=int((50 - 0.01 * minute) * GIB)) for minute in range(60)]
    assert not any(values(one, "self.disk.time_to_full") for one in found[:29])
    assert value(found[-1], "self.disk.time_to_full") == pytest.approx(49.41 / 0.6, rel=0.01)


async def test_what_is_wrong_is_named(server: Server) -> None:
    found = await server.probe(
        monitors_failing=["a/x"], monitors_failing_count=9, secrets_missing=["a/s"], certificates={"a/tls": 3.5}
    )
    by = {one.metric: one for one in found.readings}
    assert (by["self.monitors.failing"].value, by["self.monitors.failing"].detail) == (9, "a/x")
    assert (by["self.secrets.missing"].value, by["self.secrets.missing"].detail) == (1, "a/s")
    assert values(found, "self.certificate.days") == {"a/tls": 3.5}


async def test_a_ping_that_nobody_asked_for_is_not_missed(server: Server) -> None:
    assert values(await server.probe(), "self.dead_man.silent") == {}
    assert value(await server.probe(dead_man_silent_s=70.0), "self.dead_man.silent") == 70


def starter() -> dict[str, Any]:
    """The spec of the starter's monitor."""
    documents, _ = manifests.load(manifests.read([ROOT / "examples" / "starter"]))
    (spec,) = (one.spec for one in documents if one.kind == "Monitor" and one.name == "oncue")
    return dict(spec)


@pytest.fixture
def watched(server: Server, tmp_path: Path) -> tuple[Server, Watch, Outgoing]:
    surroundings = Surroundings(config.load({"data": tmp_path}, {}), Queries(tmp_path / "oncue.db", 1), QuietLog())
    surroundings.inspect(server.itself)
    made = Manifest(
        id="Monitor/default/oncue", kind="Monitor", namespace="default", name="oncue", generation=1, hash="h", labels={},
        owner=None, review_by=None, description=None, spec=starter(), applied_by="t", updated_at=START,
    )  # fmt: skip
    outgoing = Outgoing()
    spec = msgspec.convert(made.spec, MonitorSpec)
    return server, Watch(made, spec, server.monitor, surroundings, outgoing.send, QuietLog()), outgoing


async def test_a_healthy_server_gives_no_alarm_in_a_whole_day(watched: tuple[Server, Watch, Outgoing]) -> None:
    server, watch, outgoing = watched
    chance = random.Random(1)
    commits, seconds, free = 0, 0.0, 50.0 * GIB
    for minute in range(24 * 60):
        busy = 1_000 if minute % 60 < 5 else 30  # bursts every hour
        commits += busy
        seconds += busy * chance.uniform(0.001, 0.02)
        free += chance.gauss(-1.2e6, 3e7)  # 1.7 GB a day, and others who come and go
        server.now += 60.0
        server.wall += 60.0 + chance.gauss(0, 0.01)  # slewed by NTP
        server.figures = itself(
            commits=commits, commit_seconds=seconds, disk_free=int(free), queue_used=chance.uniform(0, 0.3),
            snapshot_age_s=minute % 1440 * 60.0 + 600, effects_overdue_s=chance.uniform(0, 0.5),
            starts=1 if minute < 60 else 0, dead_man_silent_s=chance.uniform(0, 75), certificates={"default/tls": 60.0},
        )  # fmt: skip
        await watch.probe(START + timedelta(minutes=minute))
    problems = [one["title"] for _, one in outgoing.sent if one.get("severity") not in (None, "clear")]
    assert problems == []
    assert len(outgoing.states()) <= 2 * len(starter()["thresholds"]), "and it says each once, not over and over"
    assert outgoing.health() == [("ok", None)]


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("self.disk.free", {"disk_free": 10 * 1024**2}, "critical"),
    ("self.commit.failures", {"commit_failures": 1}, "major"),
    ("self.commit.time", {"commits": None, "commit_seconds": None}, "warning"),
    ("self.queue.used", {"queue_used": 0.95}, "major"),
    ("self.shed", {"shed": 1}, "warning"),
    ("self.dead_letters.new", {"dead_letters_new": 1}, "warning"),
    ("self.effects.overdue", {"effects_overdue_s": 90.0}, "warning"),
    ("self.effects.unknown", {"effects_unknown": 1}, "major"),
    ("self.effects.failed", {"effects_failed": 1}, "warning"),
    ("self.policies.failed", {"policies_failed": 1}, "major"),
    ("self.monitors.failing", {"monitors_failing_count": 1}, "warning"),
    ("self.subscriptions.failing", {"subscriptions_failing": ["default/erp"]}, "major"),
    ("self.sources.failing", {"sources_failing": ["default/syslog"]}, "major"),
    ("self.secrets.missing", {"secrets_missing": ["default/s"]}, "warning"),
    ("self.certificate.days/tls", {"certificates": {"tls": 5.0}}, "major"),
    ("self.clock.step", {}, "major"),
    ("self.snapshot.age", {"snapshot_age_s": 40 * 3600.0}, "warning"),
    ("self.retention.overdue", {"retention_overdue_s": 100 * 3600.0}, "warning"),
    ("self.starts", {"starts": 5}, "warning"),
    ("self.dead_man.silent", {"dead_man_silent_s": 400.0}, "warning"),
    ("self.disk.time_to_full", {"disk_free": None}, "major"),
]


@pytest.mark.parametrize(("check", "figures", "severity"), BAD, ids=lambda one: one if isinstance(one, str) else "")
async def test_each_trouble_raises_its_alert_with_its_runbook_and_clears(
    watched: tuple[Server, Watch, Outgoing], check: str, figures: dict[str, Any], severity: str
) -> None:
    server, watch, outgoing = watched
    at = START

    async def pass_minutes(minutes: int, trouble: bool) -> None:
        nonlocal at
        for _ in range(minutes):
            at += timedelta(minutes=1)
            server.now += 60.0
            server.wall += 60.0
            more = {name: one for name, one in figures.items() if one is not None} if trouble else {}
            pace = 0.5 if trouble and "commits" in figures else 0.005
            commits, seconds = server.figures.commits + 10, server.figures.commit_seconds + 10 * pace
            server.figures = itself(**{
                "commits": commits, "commit_seconds": seconds, "commit_failures": server.figures.commit_failures,
                "shed": server.figures.shed, "certificates": {"tls": 60.0},
                "disk_free": server.figures.disk_free - 250 * 1024**2 if check.endswith("full") and trouble else 50 * GIB,
                **more,
            })  # fmt: skip
            await watch.probe(at)

    await pass_minutes(20, trouble=False)
    server.wall += 90 if check == "self.clock.step" else 0
    await pass_minutes(120 if check.endswith("full") else 25 if check != "self.clock.step" else 3, trouble=True)
    states = [(one["check"], one["severity"]) for _, one in outgoing.sent if one.get("severity") not in (None, "clear")]
    assert {one for one, _ in states} == {f"oncue/{check}"}
    if check != "self.disk.time_to_full":
        assert states[0] == (f"oncue/{check}", severity)
    fired = next(one for _, one in outgoing.sent if one.get("severity") not in (None, "clear"))
    assert (fired["service"], fired["resource"]) == ("oncue", "oncue")
    page, _, anchor = fired["data"]["runbook"].partition("#")
    text = (ROOT / "docs" / page.partition("/help/")[2]).read_text("utf-8")
    assert anchor in {heading.lower().replace(" ", "-") for heading in
                      (line[3:] for line in text.splitlines() if line.startswith("## "))}  # fmt: skip
    await pass_minutes(30, trouble=False)
    assert [one["severity"] for _, one in outgoing.sent if one.get("check") == f"oncue/{check}"][-1] == "clear"


def test_every_metric_that_can_be_judged_has_a_limit_in_the_starter() -> None:
    judged = {one["metric"] for one in starter()["thresholds"]}
    shown_only = {"self.disk.used", "self.journal.size", "self.dead_letters.waiting"}
    assert {one.metric for one in OnCue.metrics} == judged | shown_only


async def test_the_kit_can_stand_in_for_a_server(tmp_path: Path) -> None:
    async def well(recent_s: float) -> Itself:
        return itself()

    assert (await context(tmp_path, itself=well).itself(60.0)).commits == 1000
