"""Which alerts become one incident, why, and what people make of it."""

from typing import Any

import pytest

from oncue.core.correlate import MOVED
from oncue.core.incident import Incident
from oncue.core.topology import Topology
from tests.unit.story import Story, owned


@pytest.fixture
def story() -> Story:
    """Pods of a shop on a host, a database that orders and invoices need; orders and invoices have owners."""
    story = Story()
    story.apply("Channel", "mail", {"type": "email", "with": {"to": ["basis-1@example.com"]}})
    story.apply("Team", "basis", {"channels": ["mail"]})
    story.apply("Service", "orders", {"owner": "team:basis", "depends_on": ["db"]})
    story.apply("Service", "invoices", {"owner": "team:basis", "depends_on": ["db"], "criticality": "critical"})
    story.apply("Resource", "db", {"type": "database", "runs_on": ["host-1"]})
    story.apply("Resource", "host-1", {"type": "host"})
    story.apply("Resource", "orders-1", {"service": "orders"})
    story.apply("Resource", "invoices-1", {"service": "invoices"})
    return story


def fails(story: Story, resource: str, severity: str = "major", **attributes: Any) -> str:
    """A problem there. Gives the incident that it came to."""
    story.problem(severity, resource, **attributes)
    return incident_of(story, resource)


def incident_of(story: Story, resource: str) -> str:
    (found,) = {alert.incident for alert in story.state.alerts.values() if alert.resource == resource}
    assert found is not None
    return found


def why(story: Story) -> tuple[str, str, str]:
    """Rule, role and reason of the newest membership."""
    newest = story.of("incident.alert_added")[-1]
    return newest["rule"], newest["role"], newest["reason"]


def open_incidents(story: Story) -> list[str]:
    return sorted(id for id, one in story.state.incidents.items() if one.state != "resolved")


def the(story: Story, id: str) -> Incident:
    return story.state.incidents[id]


def told(story: Story) -> list[str]:
    """Reasons of the notifications so far."""
    return [effect["payload"]["reason"] for effect in story.of("effect.requested") if effect["kind"] == "notify"]


def test_a_symptom_joins_the_incident_of_what_it_needs(story: Story) -> None:
    first = fails(story, "host-1")
    assert fails(story, "orders-1") == first
    assert why(story)[:2] == ("upstream", "symptom")


def test_who_hears_of_an_incident_for_the_first_time_is_told_once_also_if_it_became_worse(story: Story) -> None:
    first = fails(story, "host-1", "warning")
    assert (the(story, first).owner, told(story)) == (None, [])
    assert fails(story, "orders-1", "critical") == first
    assert told(story) == ["first"]


def test_the_reason_names_the_way(story: Story) -> None:
    fails(story, "host-1")
    story.problem("major", "orders-9", service="orders")
    assert why(story) == ("upstream", "symptom", "host-1 fails: orders depends on db, db runs on host-1")


def test_the_nearest_cause_takes_the_symptom(story: Story) -> None:
    host = fails(story, "host-1")
    assert fails(story, "db") == host
    assert why(story)[2] == "host-1 fails: db runs on host-1"
    story.problem("major", "anything", service="invoices")
    assert why(story)[2] == "db fails, and 1 more near it: invoices depends on db"


def test_a_cause_that_comes_last_is_known_for_one_and_makes_the_incident_matter_more(story: Story) -> None:
    first = fails(story, "front", service="orders")
    story.wait("1m")
    assert fails(story, "db") == first
    assert why(story) == ("downstream", "cause", "it explains orders: db is needed by orders")
    (db,) = (alert.id for alert in story.state.alerts.values() if alert.resource == "db")
    assert the(story, first).cause == db
    assert (the(story, first).alerts_firing, open_incidents(story)) == (2, [first])
    assert told(story) == ["first", "escalated"]


def two_apart(story: Story) -> tuple[str, str]:
    """Two incidents of services that need one database; they began too long after each other to be one."""
    first = fails(story, "orders-1")
    story.wait("1m")
    return first, fails(story, "invoices-1", type="job.failed")


@pytest.mark.parametrize(("apart", "together"), [("15s", True), ("31s", False)])
def test_what_shares_a_need_fails_together_if_it_began_at_about_the_same_time(
    story: Story, apart: str, together: bool
) -> None:
    first = fails(story, "orders-1")
    story.wait(apart)
    assert (fails(story, "back", service="invoices") == first) is together
    reason = "orders fails, and 1 more near it: invoices depends on db, db is needed by orders"
    assert (why(story) == ("nearby", "related", reason)) is together


def test_one_place_that_merely_shares_a_need_is_too_little(story: Story) -> None:
    first = fails(story, "front", service="orders")
    assert fails(story, "back", service="invoices") != first


def test_a_cause_makes_one_incident_of_what_it_explains_and_tells_no_one_again(story: Story) -> None:
    orders, invoices = two_apart(story)
    assert orders != invoices
    fails(story, "db", "critical")
    assert open_incidents(story) == [orders]
    merged = story.of("incident.merged")[0]
    assert (merged["id"], merged["merged_into"], merged["state"]) == (invoices, orders, "closed")
    moved = [one for one in story.of("incident.alert_added") if one["rule"] == "merge"]
    assert {one["incident"] for one in moved} == {orders}
    assert moved[0]["reason"] == "db is part of both: it explains orders: db is needed by orders"
    assert (the(story, orders).merged, the(story, orders).alerts_firing) == ((invoices,), 3)
    assert told(story) == ["first", "first"]


@pytest.mark.parametrize(("later", "explains"), [("3m", True), ("3m1s", False)])
def test_a_cause_is_heard_of_soon_after_what_it_explains(story: Story, later: str, explains: bool) -> None:
    first = fails(story, "front", service="orders")
    story.wait(later)
    assert (fails(story, "db") == first) is explains


def test_what_has_not_grown_for_long_is_another_matter(story: Story) -> None:
    old = fails(story, "host-1")
    story.wait("16m")
    story.problem("major", "orders-9", service="orders")
    assert incident_of(story, "orders-9") != old


def test_around_a_place_that_fails_in_a_large_incident_already_nobody_looks_again(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(MOVED + 1):
        story.problem("major", "host-1", check=f"check-{number}")
    large = incident_of(story, "host-1")
    looked: list[str] = []
    around = Topology.around
    monkeypatch.setattr(Topology, "around", lambda self, node: looked.append(node.name) or around(self, node))
    story.problem("major", "host-1", check="one more")
    assert (why(story)[0], open_incidents(story)) == ("resource", [large])
    assert "host-1" not in looked
    assert fails(story, "orders-1") == large
    assert "orders-1" in looked


def test_an_incident_that_is_not_young_is_not_merged_by_a_rule(story: Story) -> None:
    orders, invoices = two_apart(story)
    for _ in range(3):
        story.wait("6m")
        story.problem("major", "orders-1", check=f"again at {story.now}")
        story.problem("major", "invoices-1", check=f"again at {story.now}")
    fails(story, "db", "critical")
    assert {orders, invoices} <= set(open_incidents(story))


def test_incidents_of_two_people_are_not_merged_by_a_rule(story: Story) -> None:
    for incident, who in zip(two_apart(story), ("user:basis-1", "user:basis-2"), strict=True):
        story.send("oncue.command.incident.acknowledge", {"incident": incident}, actor=who)
    fails(story, "db", "critical")
    assert len(open_incidents(story)) == 2


def test_unrelated_faults_stay_apart(story: Story) -> None:
    story.apply("Resource", "switch-7", {})
    assert fails(story, "db") != fails(story, "switch-7")
    assert fails(story, "unheard-of") not in (incident_of(story, "db"), incident_of(story, "switch-7"))


def test_what_depends_on_it_makes_a_fault_matter(story: Story) -> None:
    incident = the(story, fails(story, "host-1"))
    assert incident.priority == "P1"
    assert incident.priority_reason == (
        "impact critical (invoices is critical: host-1 carries db, db is needed by invoices) x urgency major (severity major)"
    )


def test_an_owner_is_told_once_the_fault_concerns_one(story: Story) -> None:
    fails(story, "host-1")
    assert told(story) == []
    assert story.of("notification.skipped")[0]["reason"] == "no_addressee"
    fails(story, "orders-1")
    assert told(story) == ["first"]


def test_the_incident_ends_with_its_last_alert_wherever_that_came_from(story: Story) -> None:
    orders, _ = two_apart(story)
    fails(story, "db", "critical")
    story.clear("db")
    story.clear("orders-1")
    assert the(story, orders).state == "open"
    story.clear("invoices-1", type="job.failed")
    assert the(story, orders).state == "resolved"
    story.wait("1m")
    assert fails(story, "invoices-1", type="job.failed") == orders
    assert the(story, orders).state == "open"


def test_an_alert_that_returns_quietly_counts_where_it_was(story: Story) -> None:
    incident = fails(story, "db")
    story.problem("major", "db", check="other")
    story.clear("db", check="other")
    ends = {"starts_at": "2026-03-01T03:00:00Z", "ends_at": "2026-03-01T09:00:00Z", "comment": "x"}
    story.send("oncue.command.silence.set", {**ends, "matchers": [{"name": "check", "value": "other"}]})
    story.problem("major", "db", check="other")
    assert the(story, incident).alerts_firing == 2
    story.clear("db", check="other")
    assert (the(story, incident).alerts_firing, the(story, incident).state) == (1, "open")


def test_an_alert_that_returns_quietly_after_its_incident_is_heard_when_quiet_ends(story: Story) -> None:
    owned(story)
    incident = fails(story, "db-1")
    story.clear("db-1")
    ends = {"starts_at": "2026-03-01T03:00:00Z", "ends_at": "2026-03-01T03:05:00Z", "comment": "x"}
    story.send("oncue.command.silence.set", {**ends, "matchers": [{"name": "resource", "value": "db-1"}]})
    story.problem(resource="db-1")
    assert the(story, incident).state == "resolved"
    story.wait("6m")
    assert (incident_of(story, "db-1"), the(story, incident).state) == (incident, "open")
    assert told(story) == ["first", "resolved", "repeat"]


def test_incidents_are_merged_by_hand_and_no_rule_touches_them_then(story: Story) -> None:
    orders, invoices = two_apart(story)
    alone = fails(story, "unheard-of")
    reply = story.send("oncue.command.incident.merge", {"incident": alone, "incidents": [orders], "reason": "same job"})
    assert (reply["alerts_firing"], reply["merged"]) == (2, (orders,))
    assert why(story) == ("merge", "related", "same job")
    assert fails(story, "orders-1", check="other") == alone
    fails(story, "db", "critical")
    assert invoices in open_incidents(story) and alone in open_incidents(story)


def test_tickets_and_runs_follow_their_incident_into_the_one_that_it_is_part_of(story: Story) -> None:
    steps = [
        {"id": "look", "uses": "http.request", "with": {"url": "https://a.example"}},
        {"id": "say", "uses": "incident.comment", "with": {"text": "looked"}},
    ]
    story.apply("Workflow", "look", {"steps": steps})
    orders, invoices = two_apart(story)
    run = story.send("oncue.command.run.start", {"workflow": "look", "incident": invoices})
    ticket = story.send("oncue.command.ticket.create", {"title": "invoices", "incident": invoices})
    story.send("oncue.command.incident.merge", {"incident": orders, "incidents": [invoices]})
    assert story.state.tickets[ticket["id"]].incident == orders
    (look,) = (one.id for one in story.state.effects.values() if one.run == run["id"])
    story.result(effect=look)
    assert "run.succeeded" in story.new()
    assert story.of("incident.commented")[-1]["on_id"] == orders


def test_alerts_move_split_off_and_stand_alone_by_hand(story: Story) -> None:
    incident = fails(story, "db")
    for check in ("a", "b", "c"):
        story.problem("minor", "db", check=check)
    a, b, c = (next(id for id, one in story.state.alerts.items() if one.check == check) for check in ("a", "b", "c"))
    fresh = story.send("oncue.command.incident.split", {"incident": incident, "alerts": [a, b]}, actor="user:basis-1")
    assert (fresh["alerts_firing"], the(story, incident).alerts_firing) == (2, 2)
    assert story.of("incident.alert_added")[-1]["by"] == "user:basis-1"
    story.send("oncue.command.incident.move", {"incident": fresh["id"], "alerts": [a], "to": incident})
    story.send("oncue.command.incident.move", {"incident": incident, "alerts": [c], "reason": "noise"})
    assert story.state.alerts[c].incident is None
    gone = story.of("incident.alert_removed")[-1]
    assert (gone["reason"], gone["left_for"], gone["alert"]) == ("noise", None, c)
    story.send("oncue.command.incident.move", {"incident": fresh["id"], "alerts": [b], "to": incident})
    assert the(story, fresh["id"]).state == "resolved"
    story.problem("minor", "db", check="d")
    assert [one.incident for one in story.state.alerts.values() if one.check == "d"] == [incident]


@pytest.mark.parametrize(
    ("verb", "data", "code"),
    [
        ("merge", {"incident": "INC-1", "incidents": ["INC-1"]}, "request.invalid"),
        ("merge", {"incident": "INC-1", "incidents": []}, "request.invalid"),
        ("merge", {"incident": "INC-1", "incidents": ["INC-9"]}, "incident.not_found"),
        ("move", {"incident": "INC-1", "alerts": []}, "request.invalid"),
        ("move", {"incident": "INC-1", "alerts": ["al-x"]}, "incident.not_member"),
        ("move", {"incident": "INC-1", "alerts": ["db"], "to": "INC-1"}, "request.invalid"),
        ("split", {"incident": "INC-1", "alerts": ["db"]}, "request.invalid"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    story: Story, verb: str, data: dict[str, Any], code: str
) -> None:
    fails(story, "db")
    (alert,) = story.state.alerts
    given = {**data, **({"alerts": [alert if id == "db" else id for id in data["alerts"]]} if "alerts" in data else {})}
    before = story.state.dump()
    assert story.refused(f"oncue.command.incident.{verb}", given) == code
    story.state.position -= 1
    assert story.state.dump() == before


def test_the_topology_of_one_namespace_is_not_that_of_another(story: Story) -> None:
    first = fails(story, "host-1")
    story.problem("major", "db", namespace="other")
    (alert,) = [one for one in story.state.alerts.values() if one.namespace == "other"]
    assert alert.incident != first


def test_of_a_mere_warning_people_hear_each_new_alert_until_someone_works_on_it(story: Story) -> None:
    incident = fails(story, "orders-1", "warning")
    story.wait("10m")
    story.problem("minor", "orders-1", check="other")
    assert told(story) == ["first", "escalated"]
    story.problem("warning", "orders-1", check="a third")
    assert told(story) == ["first", "escalated", "new_alerts"]
    story.send("oncue.command.incident.acknowledge", {"incident": incident}, actor="user:basis-1")
    story.problem("warning", "orders-1", check="a fourth")
    assert told(story)[2:] == ["new_alerts"]


def test_of_an_exception_and_of_what_is_explained_people_know_enough(story: Story) -> None:
    fails(story, "orders-1", "major")
    story.problem("warning", "orders-1", check="other")
    assert told(story) == ["first"]
    story.clear("orders-1")
    story.wait("1h")
    other = fails(story, "invoices-1", "warning", type="job.late")
    story.problem("warning", "db", type="queries.slow")
    assert incident_of(story, "db") == other
    assert told(story) == ["first", "first"]


@pytest.mark.parametrize(("silence", "heard"), [("89m59s", []), ("90m", ["again"])])
def test_a_repeat_after_a_long_silence_is_news(story: Story, silence: str, heard: list[str]) -> None:
    fails(story, "orders-1")
    story.skip(silence)
    story.problem("major", "orders-1")
    assert told(story) == ["first", *heard]
    story.skip("1m")
    story.problem("major", "orders-1")
    assert told(story) == ["first", *heard]


def test_a_repeat_after_a_long_silence_is_no_news_to_who_works_on_it_or_wants_quiet(story: Story) -> None:
    incident = fails(story, "orders-1")
    story.send("oncue.command.incident.acknowledge", {"incident": incident}, actor="user:basis-1")
    story.skip("2h")
    story.problem("major", "orders-1")
    fails(story, "invoices-1", type="job.late")
    ends = {"starts_at": "2026-03-01T03:00:00Z", "ends_at": "2026-03-02T03:00:00Z", "comment": "x"}
    story.send("oncue.command.silence.set", {**ends, "matchers": [{"name": "resource", "value": "invoices-1"}]})
    story.skip("2h")
    story.problem("major", "invoices-1", type="job.late")
    assert told(story) == ["first", "first"]


def test_what_a_rule_put_together_was_put_there_by_no_one(story: Story) -> None:
    story.problem("major", "db")
    story.send("disk.full", severity="major", resource="orders-1", actor="token:prometheus")
    assert [one["by"] for one in story.of("incident.alert_added")] == ["system", "system"]
    story.send(
        "oncue.command.incident.merge", {"incident": fails(story, "alone"), "incidents": ["INC-1"]}, actor="user:a"
    )
    assert {one["by"] for one in story.of("incident.alert_added")[3:]} == {"user:a"}


@pytest.mark.parametrize(("every", "most"), [("1s", 3), ("10s", 50)])
def test_a_flood_of_warnings_is_not_told_one_by_one(story: Story, every: str, most: int) -> None:
    for number in range(200):
        story.problem("warning", "orders-1", check=f"c{number}")
        story.skip(every)
    assert len(told(story)) <= most
