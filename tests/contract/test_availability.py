"""Availability of a service, from what the engine decided and the store keeps; with a clock that the test moves."""

import random
import sqlite3
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.event import listens_for

from oncue.api.availability import ServiceAvailability, availability
from oncue.core.errors import Refusal
from oncue.store import standing
from oncue.store.availability import course_of
from oncue.store.queries import Queries, instant
from oncue.store.revision import FILE_NAME
from tests.contract.writing import START_US, Writing

MINUTE = 60
HOUR = 3600
DAY = 86400
SECOND_US = 1_000_000
OBJECTIVE = {"availability": 99.0, "window": "10h"}


class Desk(Writing):
    """A life with a service `shop`, declared at the start, and one that only names it."""

    def look(self, since_s: float = 0, until_s: float | None = None, counts: Any = None) -> ServiceAvailability:
        """From so many seconds after the start until so many, or until now; both before and after the facts are drawn."""
        since = instant(START_US + int(since_s * SECOND_US))
        until = instant(self.at_us if until_s is None else START_US + int(until_s * SECOND_US))
        asked = partial(availability, namespace="default", name="shop", since=since, until=until, counts=counts)
        queries = Queries(self.data / FILE_NAME, 1)
        try:
            before = queries.run_here(asked)
            keeper = self.maintenance()
            while keeper.draw():
                pass
            after = queries.run_here(asked)
        finally:
            queries.close()
        assert before == after
        return after

    def problem(self, check: str = "http", severity: str = "major", service: str = "shop", **more: Any) -> None:
        self.submit(self.event(severity=severity, resource="web", check=check, service=service, **more))

    def over(self, check: str = "http", service: str = "shop") -> None:
        self.problem(check, "clear", service)

    def command(self, type: str, **data: Any) -> Any:
        answer = self.submit(self.event(f"oncue.command.{type}", data=data), urgent=True)
        assert answer.replies is not None
        assert answer.replies[0]["code"] is None, answer.replies
        return answer.replies[0]["data"]

    def alert(self, check: str = "http") -> str:
        return next(alert.id for alert in self.state.alerts.values() if alert.check == check)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.apply("Service", "shop", {"objective": OBJECTIVE})
    yield made
    made.close()


def wait(desk: Desk, seconds: float) -> None:
    desk.pass_time(seconds)


def tick(desk: Desk, minutes: int) -> None:
    """Let time pass with inputs in it, so that what is due happens."""
    for _ in range(minutes):
        wait(desk, MINUTE)
        desk.submit(desk.event("nothing.of.note", resource="web"))


def test_a_service_of_which_nothing_was_heard_was_available(desk: Desk) -> None:
    wait(desk, HOUR)
    found = desk.look()
    assert (found.availability, found.known_s, found.down_s, found.outages) == (100.0, HOUR, 0.0, 0)
    assert (found.mttr_s, found.mtta_s, found.down, found.latest) == (None, None, False, [])


def test_it_is_down_while_an_alert_that_counts_fires_and_overlaps_count_once(desk: Desk) -> None:
    wait(desk, 10 * MINUTE)
    desk.problem()
    wait(desk, 2 * MINUTE)
    desk.problem("tls", "critical")
    wait(desk, 2 * MINUTE)
    desk.over()
    wait(desk, 1 * MINUTE)
    desk.over("tls")
    began_with = desk.alert()
    wait(desk, 45 * MINUTE)
    found = desk.look()
    assert (found.down_s, found.outages, found.mttr_s, found.down) == (5 * MINUTE, 1, 5 * MINUTE, False)
    assert found.availability == pytest.approx(100 * 55 / 60)
    assert found.latest[0].began_with == f"alert/{began_with}"
    assert [one.down_s for one in found.days] == [5 * MINUTE]


def test_what_is_less_severe_does_not_count_unless_it_is_asked_for(desk: Desk) -> None:
    desk.problem(severity="minor")
    wait(desk, HOUR)
    assert (desk.look().down_s, desk.look(counts="minor").down_s) == (0.0, HOUR)
    desk.problem(severity="critical")
    wait(desk, HOUR)
    assert (desk.look().down_s, desk.look(counts="minor").down_s) == (HOUR, 2 * HOUR)
    assert desk.look().budget is not None


def test_an_outage_goes_on_until_now(desk: Desk) -> None:
    wait(desk, HOUR)
    desk.problem()
    wait(desk, HOUR)
    found = desk.look()
    assert (found.down, found.down_s, found.latest[0].ended_at, found.mttr_s) == (True, HOUR, None, None)
    assert desk.look(until_s=HOUR).outages == 0
    half = desk.look(HOUR, HOUR + HOUR / 2)
    assert (half.down, half.down_s, half.availability) == (True, HOUR / 2, 0.0)


def test_an_alert_that_returns_is_another_outage_and_two_that_meet_are_one(desk: Desk) -> None:
    desk.problem()
    wait(desk, MINUTE)
    desk.over()
    wait(desk, MINUTE)
    desk.problem()
    wait(desk, 3 * MINUTE)
    desk.over()
    desk.problem("tls")  # at the very instant at which the other one ended
    wait(desk, 2 * MINUTE)
    desk.over("tls")
    wait(desk, MINUTE)
    found = desk.look()
    assert (found.outages, found.down_s, found.mttr_s) == (2, 6 * MINUTE, 3 * MINUTE)


def test_what_maintenance_expects_is_told_apart_and_what_outlasts_it_counts(desk: Desk) -> None:
    window = {
        "matchers": [{"name": "service", "value": "shop"}],
        "starts_at": "2027-01-15T08:10:00Z",
        "duration": "20m",
    }
    desk.apply("MaintenanceWindow", "release", window)
    tick(desk, 5)
    desk.problem()
    tick(desk, 35)
    desk.over()
    found = desk.look()
    assert (found.down_s, found.expected_s, found.outages) == (15 * MINUTE, 20 * MINUTE, 2)
    assert found.availability == pytest.approx(100 * 25 / 40)
    assert found.availability_with_maintenance == pytest.approx(100 * 5 / 40)


def test_a_silence_makes_no_service_available(desk: Desk) -> None:
    desk.problem()
    ends_at = instant(START_US + DAY * SECOND_US)
    matchers = [{"name": "service", "value": "shop", "is_regex": False, "is_equal": True}]
    desk.command(
        "silence.set",
        matchers=matchers,
        starts_at=instant(START_US),
        ends_at=ends_at,
        comment="noise",
        created_by="desk-1",
    )
    wait(desk, HOUR)
    assert desk.look().down_s == HOUR


def test_time_to_acknowledge_is_that_of_the_first_who_took_it_up(desk: Desk) -> None:
    desk.problem()
    wait(desk, 4 * MINUTE)
    desk.command("alert.acknowledge", alert=desk.alert())
    wait(desk, MINUTE)
    desk.command("incident.acknowledge", incident=next(iter(desk.state.incidents)))
    wait(desk, MINUTE)
    desk.over()
    wait(desk, HOUR)
    desk.problem("tls")
    wait(desk, 2 * MINUTE)
    desk.over("tls")
    found = desk.look()
    assert (found.outages, found.acknowledged, found.mtta_s) == (2, 1, 4 * MINUTE)


def test_an_incident_that_a_person_opens_is_downtime_and_one_of_alerts_is_not_more_than_they(desk: Desk) -> None:
    opened = desk.command("incident.open", title="Orders get lost", severity="major", service="shop")
    wait(desk, 20 * MINUTE)
    desk.command("incident.acknowledge", incident=opened["id"])
    wait(desk, 10 * MINUTE)
    desk.command("incident.resolve", incident=opened["id"])
    wait(desk, 10 * MINUTE)
    found = desk.look()
    assert (found.down_s, found.outages, found.mtta_s) == (30 * MINUTE, 1, 20 * MINUTE)
    assert found.latest[0].began_with == f"incident/{opened['id']}"


def test_an_alert_that_goes_over_to_another_service_is_its_downtime_from_then_on(desk: Desk) -> None:
    desk.problem()
    wait(desk, 10 * MINUTE)
    desk.problem(severity="critical", service="billing")
    wait(desk, 10 * MINUTE)
    desk.over(service="billing")
    wait(desk, 10 * MINUTE)
    assert desk.look().down_s == 10 * MINUTE
    with desk.reading.connect() as connection:
        billing = course_of(connection, "default", "billing", "major", desk.at_us)
    assert [(last - first) / SECOND_US for first, last in billing.down] == [10 * MINUTE]


def test_before_it_was_declared_and_while_it_was_not_nothing_is_known(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.problem()
    wait(desk, HOUR)
    with pytest.raises(Refusal, match=r"topology\.not_found"):
        desk.look()
    desk.apply("Service", "shop", {})
    wait(desk, HOUR)
    found = desk.look()
    assert (found.known_s, found.unknown_s, found.down_s, found.budget) == (HOUR, HOUR, HOUR, None)
    assert desk.look(until_s=HOUR).availability is None
    change = {"op": "delete", "kind": "Service", "namespace": "default", "name": "shop"}
    desk.submit(desk.event("oncue.config.applied", data={"changes": [change]}), urgent=True)
    wait(desk, HOUR)
    desk.apply("Service", "shop", {})
    wait(desk, HOUR)
    desk.apply("Service", "shop", {"criticality": "high"})
    assert (desk.look().known_s, desk.look().unknown_s, desk.look().outages) == (2 * HOUR, 2 * HOUR, 1)
    desk.close()


def test_while_oncue_was_not_there_nothing_is_known(desk: Desk) -> None:
    desk.problem()
    wait(desk, HOUR)
    down_since = instant(desk.at_us)
    wait(desk, HOUR)
    desk.submit(desk.event("oncue.engine.started", data={"engine": "1", "down_since": down_since}), urgent=True)
    wait(desk, HOUR)
    found = desk.look()
    assert (found.known_s, found.unknown_s, found.down_s) == (2 * HOUR, HOUR, 2 * HOUR)
    assert (found.outages, found.availability) == (1, 0.0)


def test_alerts_about_the_objective_are_no_downtime(desk: Desk) -> None:
    desk.submit(desk.event("service.objective.burn.fast", severity="critical", resource="service:shop", service="shop"))
    wait(desk, HOUR)
    assert desk.look().down_s == 0.0


def test_the_budget_is_used_up_by_downtime_within_its_window(desk: Desk) -> None:
    wait(desk, 20 * HOUR)
    desk.problem()
    wait(desk, 3 * MINUTE)
    desk.over()
    left = desk.look().budget
    assert left is not None
    assert left.used_s == 3 * MINUTE
    assert left.total_s == pytest.approx(6 * MINUTE)
    assert left.left_s == pytest.approx(3 * MINUTE)
    assert left.left_percent == pytest.approx(50.0)
    assert {one.over: one.rate for one in left.burn} == pytest.approx(
        {"5m": 60.0, "30m": 10.0, "1h": 5.0, "6h": 3 / 3.6, "3d": 3 / 43.2}
    )
    assert [left.pair("fast"), left.pair("slow")] == pytest.approx([5.0, 3 / 3.6])
    wait(desk, 10 * HOUR - 1 * MINUTE)
    assert desk.look().budget.used_s == MINUTE  # type: ignore[union-attr]


def test_it_is_told_the_same_when_facts_are_gone_and_not_what_was_before_them(desk: Desk) -> None:
    desk.problem()
    wait(desk, HOUR)
    desk.over()
    assert desk.look().down_s == HOUR
    wait(desk, 40 * DAY)
    desk.problem("tls")
    wait(desk, MINUTE)
    assert desk.look().down
    keeper = desk.maintenance(max_age_days=1, hour_days=400)
    keeper.snapshot()
    wait(desk, 3 * DAY)
    desk.over("tls")
    keeper.retain()
    with desk.reading.connect() as connection:
        assert standing.rows(connection, 0)[0].position > 2, "the first facts should be gone"
    assert desk.look().down_s == HOUR + 3 * DAY + MINUTE


def test_facts_that_went_before_they_were_drawn_are_unknown(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.apply("Service", "shop", {})
    desk.problem()
    desk.problem("tls", "warning")
    wait(desk, 5 * DAY)
    keeper = desk.maintenance(max_age_days=1)
    keeper.snapshot()
    desk.problem("dns", "warning")
    wait(desk, 5 * DAY)
    keeper.retain()
    desk.problem("smtp", "warning")
    found = desk.look()
    assert found.unknown_s >= 5 * DAY
    assert found.down_s == found.known_s > 0, "it fires all along"
    desk.over()
    assert desk.look().known_s == 0.0, "when it ended is known, and not how it had been since"
    desk.close()


def test_what_held_is_forgotten_with_its_age(desk: Desk) -> None:
    desk.problem()
    wait(desk, HOUR)
    desk.over()
    desk.look()
    wait(desk, 3 * DAY)
    desk.problem("tls")
    wait(desk, HOUR)
    desk.look()
    desk.maintenance().retain()  # keeps hours of readings for a day
    found = desk.look()
    assert (found.known_s, found.down_s) == (DAY, HOUR)


def test_what_was_drawn_can_be_thrown_away_and_is_drawn_again_from_the_facts(tmp_path: Path) -> None:
    old = Desk(tmp_path)
    old.apply("Service", "shop", {})
    old.problem()
    wait(old, HOUR)
    old.over()
    old.close()
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute("DELETE FROM standing")
        connection.execute("DELETE FROM progress")
    connection.close()
    new = Desk(tmp_path, old.at_us)
    wait(new, HOUR)
    found = new.look()
    assert (found.known_s, found.down_s, found.outages) == (2 * HOUR, HOUR, 1)
    new.close()


def test_a_round_draws_few_facts_and_the_next_one_goes_on(desk: Desk) -> None:
    desk.submit(*[desk.event(severity="major", resource=f"web-{n}", check="http", service="shop") for n in range(400)])
    wait(desk, MINUTE)
    desk.submit(*[desk.event(severity="clear", resource=f"web-{n}", check="http", service="shop") for n in range(400)])
    keeper = desk.maintenance()
    rounds = 1
    while keeper.draw():
        rounds += 1
    assert rounds > 1
    with desk.reading.connect() as connection:
        drawn = connection.execute(text("SELECT count(*) FROM standing WHERE kind = 'alert'")).scalar()
        assert standing.reach(connection).position == standing.drawn(connection, standing.reach(connection)).upto
    assert drawn == 800
    wait(desk, MINUTE)
    assert (desk.look().down_s, desk.look().outages) == (MINUTE, 1)


def test_no_question_looks_through_the_whole_journal_or_every_alert(desk: Desk) -> None:
    asked: list[tuple[str, Any]] = []

    @listens_for(desk.reading, "before_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        asked.append((statement, parameters))

    with desk.reading.connect() as connection:
        course_of(connection, "default", "shop", "major", desk.at_us)
        standing.drawn(connection, standing.Reach(0, 1, 0))
        for statement, parameters in list(asked):
            if not any(f"FROM {table}" in statement for table in ("fact", "entity", "standing")):
                continue
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            searches = [step for step in plan if "SEARCH" in step]
            assert searches, plan
            assert all("position" in step or "rowid" in step for step in searches), (statement, plan)


@pytest.mark.parametrize("seed", range(4))
def test_any_story_is_told_as_its_journal_read_slowly_tells_it(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    window = {"matchers": [{"name": "check", "value": "c1"}], "starts_at": "2027-01-15T08:07:00Z", "duration": "9m"}
    desk.apply("MaintenanceWindow", "release", window)
    for _ in range(60):
        wait(desk, chance.choice([0, 1, 20, 60]))
        check, service = chance.choice(["c1", "c2", "c3"]), chance.choice(["shop", "shop", "billing"])
        incidents = [id for id, one in sorted(desk.state.incidents.items()) if one.state == "open"]
        match chance.randrange(8):
            case 0:
                severity = chance.choice(["minor", "major"])
                desk.command("incident.open", title="Orders get lost", severity=severity, service=service)
            case 1 if incidents:
                desk.command("incident.resolve", incident=chance.choice(incidents))
            case 2 if incidents:
                desk.command("incident.acknowledge", incident=chance.choice(incidents))
            case 3 if desk.state.alerts:
                alert = chance.choice(sorted(desk.state.alerts))
                if desk.state.alerts[alert].state == "firing":
                    desk.command(chance.choice(["alert.acknowledge", "alert.resolve"]), alert=alert)
            case _:
                desk.problem(check, chance.choice(["clear", "warning", "major", "critical"]), service)
        if chance.random() < 0.1:
            desk.look()  # draws what there is so far
    wait(desk, 30)
    down, expected = slowly(desk)
    found = desk.look()
    assert (found.down_s, found.expected_s) == (down, expected)
    assert found.unknown_s == 0.0


def slowly(desk: Desk) -> tuple[float, float]:
    """Seconds in which the shop was down, and down as expected, by all that the journal's facts say at each instant."""
    facts = []
    for record in desk.records():
        told = msgspec.json.decode(record.body)
        if record.derived and told["type"].startswith(("oncue.alert.", "oncue.incident.")) and "state" in told["data"]:
            facts.append((record.recorded_at, told["subject"], told["data"]))
    instants = sorted({at for at, _, _ in facts} | {desk.at_us})
    down = expected = 0
    for first, last in pairwise(instants):
        things = {id: data for at, id, data in facts if at <= first}
        counted = [
            one for one in things.values() if one["service"] == "shop" and one["severity"] in ("major", "critical")
        ]
        holding = [
            one
            for one in counted
            if (
                one["state"] == "firing"
                if "fingerprint" in one
                else by_hand(one) and one["state"] in ("open", "acknowledged")
            )
        ]
        if holding and all(any(why["reason"] == "maintenance" for why in one.get("quiet", ())) for one in holding):
            expected += last - first
        elif holding:
            down += last - first
    return down / SECOND_US, expected / SECOND_US


def by_hand(incident: dict[str, Any]) -> bool:
    return bool(incident["opened_by"] != "system")
