"""Change records: where they come from, what they make quiet, what they explain, and when they are looked at no more."""

from typing import Any

import msgspec
import pytest

from oncue.core.change_record import ChangeRecord
from tests.unit.story import Story, owned

COMMAND = "oncue.command.change_record."


@pytest.fixture
def story() -> Story:
    """A service `shop` on db-1, and app-1 which needs db-1."""
    story = Story()
    owned(story)
    story.apply("Resource", "app-1", {"depends_on": ["db-1"]})
    story.apply("Resource", "db-1", {"aliases": ["db-one"]})
    story.apply("Resource", "other-1", {})
    return story


def started(story: Story, *resources: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = story.send(
        COMMAND + "start",
        {"title": "New disks", "resources": list(resources or ["db-1"]), **more},
        actor="user:basis-1",
    )
    return made


def record(story: Story, id: str = "CR-1") -> ChangeRecord:
    return story.state.change_records[id]


def expecting(name: str, value: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value}]


# life


def test_a_change_begins_and_ends() -> None:
    story = Story()
    made = started(story, "db-1", kind="deployment", key="build-7", links=[{"url": "https://ci.example/7"}])
    assert (made["id"], made["state"], made["by"], made["source"]) == (
        "CR-1",
        "running",
        "user:basis-1",
        "user:basis-1",
    )
    story.wait("5m")
    over = story.send(COMMAND + "finish", {"change_record": "build-7", "outcome": "failed"})
    assert (over["state"], story.types()[-2:]) == ("failed", ["change_record.started", "change_record.finished"])
    assert story.refused(COMMAND + "finish", {"change_record": "CR-1"}) == "change_record.over"
    assert story.refused(COMMAND + "finish", {"change_record": "build-8"}) == "change_record.not_found"


def test_one_that_nobody_ends_lapses_and_may_still_be_ended() -> None:
    story = Story()
    started(story, lasts_s=600)
    story.wait("10m")
    assert (record(story).state, story.types()[-1]) == ("lapsed", "change_record.lapsed")
    story.wait("1m")
    assert story.send(COMMAND + "finish", {"change_record": "CR-1"})["state"] == "succeeded"


def test_the_same_key_brings_a_running_one_up_to_date_and_begins_another_after_its_end() -> None:
    story = Story()
    started(story, key="k")
    assert started(story, "db-2", key="k")["resources"] == ("db-2",)
    assert list(story.state.change_records) == ["CR-1"]
    story.send(COMMAND + "finish", {"change_record": "k"})
    assert started(story, key="k")["id"] == "CR-2"


def test_one_that_is_over_leaves_state_after_a_day() -> None:
    story = Story()
    started(story)
    story.send(COMMAND + "finish", {"change_record": "CR-1"})
    story.wait("23h")
    assert record(story)
    story.wait("1h")
    assert not story.state.change_records and not story.state.changed
    assert not story.state.timers.by_key


def test_a_namespace_keeps_no_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oncue.core.change_records.MOST", 3)
    story = Story()
    for number in range(5):
        started(story, key=str(number))
    story.send(COMMAND + "finish", {"change_record": "4"})
    started(story)
    assert list(story.state.change_records) == ["CR-3", "CR-4", "CR-6"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"resources": []}, "request.invalid"),
        ({"expects": [{"name": "resource", "value": ".*", "is_regex": True}]}, "silence.invalid"),
        ({"grace_s": 1e9}, "request.invalid"),
        ({"lasts_s": 0}, "request.invalid"),
        ({"title": ""}, "request.invalid"),
    ],
)
def test_what_makes_no_sense_is_refused(asked: dict[str, Any], code: str) -> None:
    story = Story()
    assert story.refused(COMMAND + "start", {"title": "t", "resources": ["db-1"], **asked}) == code
    assert not story.state.change_records


# where they come from

AT = "2026-03-01T02:50:00Z"
GITHUB = {
    "deployment": {"id": 7, "environment": "prod", "ref": "v2", "creator": {"login": "octo"}, "created_at": AT},
    "deployment_status": {"state": "in_progress", "updated_at": "2026-03-01T02:55:00Z"},
}
EVENTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "io.oncue.change.started",
        {"title": "Transport P01K9", "key": "P01K9", "kind": "transport", "services": ["erp"], "by": "basis-1"},
        {"state": "running", "title": "Transport P01K9", "services": ("erp",), "resources": (), "by": "basis-1"},
    ),
    ("io.oncue.change.made", {}, {"state": "succeeded", "title": "io.oncue.change.made", "resources": ("db-1",)}),
    ("io.oncue.change.finished", {"key": "unknown", "outcome": "failed"}, {"state": "failed", "key": "unknown"}),
    (
        "pagerduty.change",
        {"payload": {"summary": "Deployed 2.4", "timestamp": AT}, "links": [{"href": "https://x.example", "text": "t"}]},
        {"state": "succeeded", "title": "Deployed 2.4", "resources": ("db-1",)},
    ),
    (
        "github.deployment_status.created", GITHUB,
        {"state": "running", "title": "v2 of db-1 to prod", "by": "octo", "kind": "deployment", "key": "github:db-1:7"},
    ),
    (
        "dev.cdevents.service.deployed.0.1.1",
        {"subject": {"id": "shop", "content": {"environment": {"id": "prod"}, "artifactId": "pkg:oci/shop@2"}}},
        {"state": "succeeded", "services": ("shop",), "title": "shop deployed to prod: pkg:oci/shop@2"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("type", "data", "expected"), EVENTS, ids=[row[0] for row in EVENTS])
def test_an_event_tells_of_a_change(type: str, data: dict[str, Any], expected: dict[str, Any]) -> None:
    story = Story()
    story.send(type, data, resource="db-1")
    found = msgspec.structs.asdict(record(story))
    assert {name: found[name] for name in expected} == expected
    assert found["source"] == type


def test_the_end_of_a_deployment_ends_its_record() -> None:
    story = Story()
    story.send("github.deployment_status", GITHUB, resource="acme/shop")
    ended = {**GITHUB, "deployment_status": {"state": "failure", "updated_at": "2026-03-01T02:59:00Z"}}
    story.send("github.deployment_status", ended, resource="acme/shop", severity="major")
    assert record(story).state == "failed" and list(story.state.change_records) == ["CR-1"]
    assert story.of("alert.fired")[0]["resource"] == "acme/shop"


@pytest.mark.parametrize("data", [None, [], "x", {"title": 1, "resources": [{}], "links": 7, "key": [], "lasts_s": -1}])
@pytest.mark.parametrize("type", [row[0] for row in EVENTS])
def test_no_event_breaks_it(type: str, data: Any) -> None:
    story = Story()
    story.send(type, data, resource="db-1", time="not a time")
    assert all(one.resources == ("db-1",) for one in story.state.change_records.values())


def test_an_event_makes_nothing_quiet(story: Story) -> None:
    told = {"title": "t", "expects": expecting("resource", "db-1")}
    story.send("io.oncue.change.started", told, resource="db-1")
    story.problem()
    assert story.of("alert.fired")[0]["quiet"] == []


# quiet


def test_what_a_running_change_expects_is_quiet_until_its_grace_is_over(story: Story) -> None:
    started(story, expects=expecting("resource", "db-1"), grace_s=120)
    story.problem()
    story.problem(resource="other-1")
    alert = story.of("alert.quieted")[0]
    assert [(one["reason"], one["by"], one["detail"]) for one in alert["quiet"]] == [
        ("expected_by_change", "CR-1", "New disks")
    ]
    assert [one["resource"] for one in story.of("incident.opened")] == ["other-1"]
    story.send(COMMAND + "finish", {"change_record": "CR-1"})
    story.wait("119s")
    assert len(story.of("incident.opened")) == 1
    story.wait("1s")
    assert story.new()[:3] == ["change_record.settled", "alert.audible", "incident.opened"]
    assert story.of("incident.opened")[1]["changes"] == ["CR-1"]


def test_a_change_that_begins_quiets_what_fires_already(story: Story) -> None:
    story.problem()
    started(story, expects=expecting("resource", "db-1"))
    assert "alert.quieted" in story.new()
    started(story, key="CR-1", expects=expecting("resource", "db-2"))
    assert "alert.audible" in story.new()


def test_without_grace_it_is_heard_at_the_end(story: Story) -> None:
    started(story, expects=expecting("resource", "db-1"), grace_s=0)
    story.problem()
    story.send(COMMAND + "finish", {"change_record": "CR-1"})
    assert "alert.audible" in story.new()


def test_what_resolves_during_the_change_calls_nobody(story: Story) -> None:
    started(story, expects=expecting("resource", "db-1"), lasts_s=600)
    story.problem()
    story.clear()
    story.wait("20m")
    assert not story.of("incident.opened") and not story.of("effect.requested")


# what it explains


@pytest.mark.parametrize(
    ("resource", "named"),
    [("db-1", True), ("db-one", True), ("app-1", True), ("other-1", False)],
    ids=["there", "by an alias", "upstream", "elsewhere"],
)
def test_an_incident_names_the_change_that_it_began_soon_after(story: Story, resource: str, named: bool) -> None:
    started(story)
    story.wait("4m")
    story.problem(resource=resource, service="shop")
    (opened,) = story.of("incident.opened")
    assert opened["changes"] == (["CR-1"] if named else [])
    (message,) = (one["payload"]["message"] for one in story.of("effect.requested"))
    line = ["Changed recently", "CR-1: New disks (change by user:basis-1, running, began 4 min before)"]
    assert (line in message["details"]) is named
    assert record(story).incidents == (("INC-1",) if named else ())


def test_a_change_that_was_made_long_ago_explains_nothing(story: Story) -> None:
    started(story)
    story.send(COMMAND + "finish", {"change_record": "CR-1"})
    story.wait("16m")
    story.problem()
    assert story.of("incident.opened")[0]["changes"] == []


def test_what_begins_soon_after_one_change_belongs_together() -> None:
    story = Story()
    for name in ("left-1", "right-1"):
        story.apply("Resource", name, {"depends_on": ["core-1"]})
    story.apply("Resource", "core-1", {})
    started(story, "core-1")
    story.problem(resource="left-1")
    story.wait("5m")
    story.problem(resource="right-1")
    rules = [(one["rule"], one["reason"]) for one in story.of("incident.alert_added")]
    way = "on core-1: right-1 depends on core-1"
    assert rules[1] == ("change", f"both began soon after CR-1, New disks, {way}")
    story.wait("16m")
    story.problem(resource="left-1", type="other.kind")
    story.send(COMMAND + "finish", {"change_record": "CR-1"})
    assert len(story.state.incidents) == 1


def test_a_change_ties_nothing_to_an_old_incident() -> None:
    story = Story()
    for name in ("left-1", "right-1"):
        story.apply("Resource", name, {"depends_on": ["core-1"]})
    started(story, "core-1", lasts_s=86400)
    story.problem(resource="left-1")
    story.wait("16m")
    story.problem(resource="right-1")
    assert len(story.state.incidents) == 2


# expressions


def test_a_policy_does_nothing_while_a_change_runs(story: Story) -> None:
    spec = {
        "match": {"types": ["disk.*"]},
        "skip_when": ["change_running_on(event.resource)"],
        "respond": [{"ticket": {}}],
    }
    story.apply("Policy", "write", spec)
    started(story, "db-one")
    story.problem()
    (blocked,) = story.of("policy.blocked")
    assert (blocked["reason"], blocked["detail"]) == ("guard_blocked", "skip_when: change_running_on(event.resource)")
    story.send(COMMAND + "finish", {"change_record": "CR-1"})
    story.problem(resource="db-1", check="other")
    assert len(story.of("ticket.created")) == 1
