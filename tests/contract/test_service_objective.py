"""The monitor `service.objective` over a real journal, as its page sets it up; with a clock that the test moves."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from oncue import config
from oncue.core.manifest import Manifest, MonitorSpec
from oncue.plugins.monitors.service_objective import PAIRS, ServiceObjective
from oncue.runtime.objectives import Objectives
from oncue.runtime.sensing import Watch
from oncue.runtime.surroundings import Surroundings
from oncue.sdk import registry
from oncue.sdk.testing import QuietLog, check_monitor
from oncue.store.queries import Queries, instant
from oncue.store.revision import FILE_NAME
from tests.contract.writing import Writing
from tests.server import ROOT
from tests.unit.test_monitor_sensing import Outgoing

MINUTE = 60
HOUR = 3600


class Shift:
    """The service and its monitor, as in the page; what the monitor sends goes into the journal."""

    def __init__(self, data: Path) -> None:
        self.desk = Writing(data)
        self.queries = Queries(data / FILE_NAME, 1)
        self.outgoing = Outgoing()
        surroundings = Surroundings(config.load({"data": str(data)}, {}), self.queries, QuietLog())
        surroundings.reckon(Objectives(self.queries, lambda: self.desk.at_us).budget)
        page = (ROOT / "docs" / "how-to" / "availability.md").read_text("utf-8")
        (block,) = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
        documents = {one["kind"]: one for one in YAML(typ="safe").load_all(block)}
        for document in documents.values():
            self.desk.apply(document["kind"], document["metadata"]["name"], document["spec"])
        made = Manifest(
            id="Monitor/default/shop-budget", kind="Monitor", namespace="default", name="shop-budget", generation=1,
            hash="1", labels={}, owner=None, review_by=None, description=None, spec=documents["Monitor"]["spec"], applied_by="test",
            updated_at=instant(self.desk.at_us),
        )  # fmt: skip
        spec = msgspec.convert(made.spec, MonitorSpec)
        self.watch = Watch(
            made, spec, registry.monitor("service.objective"), surroundings, self.outgoing.send, QuietLog()
        )

    async def minutes(self, count: int) -> None:
        """Let time pass, with a probe in each minute."""
        for _ in range(count):
            self.desk.pass_time(MINUTE)
            self.desk.submit(self.desk.event("nothing.of.note", resource="web"))
            await self.probe()

    async def probe(self) -> None:
        told = len(self.outgoing.sent)
        await self.watch.probe(instant(self.desk.at_us))
        for _, event in self.outgoing.sent[told:]:
            self.desk.submit(msgspec.json.encode(event))

    def shop(self, severity: str) -> None:
        self.desk.submit(self.desk.event(severity=severity, resource="web", check="http", service="shop"))

    def reading(self, metric: str) -> float:
        readings = self.outgoing.samples()[-1]["readings"]
        return next(float(one["value"]) for one in readings if one["metric"] == f"service.objective.{metric}")

    def problems(self) -> list[tuple[str, str]]:
        return [one for one in self.outgoing.states() if one[1] != "clear"]

    def firing(self) -> set[str]:
        alerts = self.desk.state.alerts.values()
        return {str(one.check) for one in alerts if one.state == "firing" and one.type.startswith("service.objective.")}


@pytest.fixture
async def shift(tmp_path: Path) -> AsyncIterator[Shift]:
    made = Shift(tmp_path)
    yield made
    made.queries.close()
    made.desk.close()


def test_it_is_a_whole_monitor() -> None:
    check_monitor(registry.monitor("service.objective"), {"service": "shop"})
    assert {f"service.objective.burn.{name}" for name in PAIRS} < {one.metric for one in ServiceObjective.metrics}


async def test_a_service_that_is_up_calls_nobody(shift: Shift) -> None:
    await shift.minutes(10)
    assert (shift.reading("budget"), shift.reading("burn.fast"), shift.reading("down")) == (100.0, 0.0, 0.0)
    assert shift.problems() == []


async def test_a_budget_that_burns_is_an_alert_of_the_service_and_ends_soon_after_the_outage(shift: Shift) -> None:
    await shift.minutes(90)
    shift.shop("critical")
    await shift.minutes(1)
    assert shift.firing() == {"shop-budget/service.objective.burn.fast"}
    burns = next(one for one in shift.desk.state.alerts.values() if one.type == "service.objective.burn.fast")
    assert (burns.severity, burns.service, burns.resource) == ("critical", "shop", "service:shop")
    assert burns.crossing is not None
    assert burns.crossing.value == pytest.approx(1 / 0.06, abs=0.01)
    assert "97.7 % of the budget of 43.2 min is left" in burns.annotations["summary"]
    await shift.minutes(2)
    shift.shop("clear")
    assert "shop-budget/service.objective.burn.slow" in shift.firing()
    await shift.minutes(5)
    assert "shop-budget/service.objective.burn.fast" not in shift.firing(), "the last 5 minutes were well"
    assert shift.reading("down") == 3 * MINUTE, "that it burns is no downtime"
    await shift.minutes(30)
    assert shift.firing() == set()
    await shift.minutes(3)
    assert shift.reading("down") == 3 * MINUTE


async def test_a_budget_that_is_gone_is_told(shift: Shift) -> None:
    shift.shop("major")
    await shift.minutes(44)
    shift.shop("clear")
    assert shift.reading("budget") < 0
    assert ("shop-budget/service.objective.budget", "major") in shift.problems()


async def test_a_time_without_oncue_calls_nobody(shift: Shift) -> None:
    await shift.minutes(5)
    shift.shop("major")
    shift.desk.pass_time(20)
    shift.desk.submit(shift.desk.event("nothing.of.note", resource="web"))
    down_since = instant(shift.desk.at_us)
    shift.desk.pass_time(2 * HOUR)
    await shift.probe()  # the worker is there before the engine
    assert shift.outgoing.health()[-1] == ("failing", "objective.unknown")
    shift.desk.submit(
        shift.desk.event("oncue.engine.started", data={"engine": "1", "down_since": down_since}), urgent=True
    )
    shift.shop("clear")
    await shift.minutes(10)
    assert shift.outgoing.health()[-1] == ("ok", None)
    assert (shift.problems(), shift.reading("down")) == ([], 20.0)


@pytest.mark.parametrize("spec", [{"description": "without one"}, None])
async def test_without_an_objective_the_monitor_says_that_it_cannot_work(shift: Shift, spec: Any) -> None:
    if spec is not None:
        shift.desk.apply("Service", "shop", spec)
    else:
        change = {"op": "delete", "kind": "Service", "namespace": "default", "name": "shop"}
        shift.desk.submit(shift.desk.event("oncue.config.applied", data={"changes": [change]}), urgent=True)
    await shift.minutes(1)
    assert shift.outgoing.health() == [("failing", "objective.missing")]
