"""The stage `shape`: what policies set before anything else looks at an event, and what they can never do."""

from typing import Any

import msgspec
import pytest

from oncue.core.alert import Alert
from oncue.core.engine import Engine
from oncue.core.manifest import PolicySpec
from oncue.core.state import State
from oncue.manifests.meaning import findings
from tests.unit.story import Story, owned
from tests.unit.test_exports import repeated
from tests.unit.test_trial import manifest, tried

DISK = {"types": ["disk.full"]}


@pytest.fixture
def story() -> Story:
    return Story()


def shape(story: Story, name: str = "shape", match: dict[str, Any] | None = None, **set: Any) -> None:
    more = {key: set.pop(key) for key in ("priority", "only_during", "skip_when", "mode", "description") if key in set}
    story.apply("Policy", name, {"stage": "shape", "match": match or DISK, "set": set, **more})


def alert(story: Story) -> Alert:
    (found,) = story.state.alerts.values()
    return found


def quiet(story: Story) -> list[tuple[str, str]]:
    return [(reason.reason, reason.by) for reason in alert(story).quiet]


def restarted(story: Story) -> Story:
    state = State(story.state.identity)
    state.restore(story.state.dump())
    story.state, story.engine = state, Engine(state)
    return story


def test_what_is_set_is_on_the_alert_with_what_it_was_and_by_whom(story: Story) -> None:
    shape(story, severity="critical", title="${event.resource} is full", labels={"env": "prod", "site": "a"}, annotations={"runbook": "https://wiki.example/disk"})  # fmt: skip
    story.problem("major", labels='{"site":"b"}', title="full")
    found = restarted(story).state.alerts[alert(story).id]
    assert (found.severity, found.title, found.labels) == ("critical", "db-1 is full", {"env": "prod", "site": "a"})
    assert found.annotations["runbook"] == "https://wiki.example/disk"
    assert found.shaped is not None
    values = {name: (one.value, one.was, one.by) for name, one in found.shaped.values.items()}
    assert values["severity"] == ("critical", "major", "default/shape@1")
    assert values["labels.site"] == ("a", "b", "default/shape@1") and values["labels.env"][1] is None
    assert not story.of("policy.fired")
    assert story.state.cells["policy_stats"]["default/shape"].fired == 1


def test_policies_and_the_catalogue_see_what_was_set(story: Story) -> None:
    owned(story)
    shape(story, resource="db-9", labels={"role": "x"})
    match = {"labels": {"role": "x"}, "where": "event.resource == 'db-9' && event.labels.role == 'x'"}
    story.apply("Policy", "ticket", {"match": match, "respond": [{"ticket": {"title": "${event.resource}"}}]})
    story.problem(resource="unknown")
    assert (alert(story).service, alert(story).resource) == ("shop", "db-9")
    assert [ticket.title for ticket in story.state.tickets.values()] == ["db-9"]
    story.clear(resource="unknown")
    assert alert(story).state == "resolved"


def test_they_apply_in_the_order_of_their_priorities_and_each_sees_what_was_set_before(story: Story) -> None:
    shape(story, "a", severity="minor", priority=5)
    shape(story, "b", {"labels": {"tier": "gold"}}, severity="critical", priority=3)
    shape(story, "c", labels={"tier": "gold"}, priority=-1)
    story.problem("major")
    assert alert(story).severity == "minor"
    assert alert(story).shaped.values["severity"].was == "critical"  # type: ignore[union-attr]
    shape(story, "d", {"labels": {"tier": "gold"}}, severity="warning", priority=5)
    story.problem("critical", resource="db-2")
    assert sorted(one.severity for one in story.state.alerts.values()) == ["minor", "warning"]


def test_an_event_without_a_severity_can_become_a_problem(story: Story) -> None:
    shape(story, severity="major")
    story.send("disk.full", resource="db-1")
    assert (alert(story).severity, alert(story).state) == ("major", "firing")
    story.clear()
    assert alert(story).state == "resolved"


def test_a_problem_stays_one_whatever_its_severity_becomes(story: Story) -> None:
    shape(story, severity="info")
    story.problem("critical")
    assert (alert(story).severity, alert(story).state) == ("info", "firing")


@pytest.mark.parametrize(
    "set", [{"severity": "critical"}, {"quiet": True}, {"resource": "other"}, {"labels": {"a": "b"}}]
)
def test_no_recovery_can_be_hidden(story: Story, set: dict[str, Any]) -> None:
    shape(story, **set)
    story.problem()
    story.clear()
    assert alert(story).state == "resolved"
    shape(story, "more", {}, quiet=True, severity="major", resource="elsewhere", service="none")
    story.problem()
    story.clear()
    assert {one.state for one in story.state.alerts.values()} == {"resolved"}


def test_a_recovery_meets_an_alert_with_a_fingerprint_of_what_was_set_though_it_is_not_shaped_itself(
    story: Story,
) -> None:
    shape(story, match={**DISK, "where": "event.data.value > 90"}, resource="array", labels={"env": "prod"})
    given = {"fingerprint": "${event.resource}", "title": "x"}
    story.apply("Policy", "one", {"match": {**DISK, "labels": {"env": "prod"}}, "alert": given})
    story.problem(data={"value": 95})
    assert (alert(story).fingerprint, alert(story).resource) == ("array", "array")
    restarted(story).clear()
    assert alert(story).state == "resolved"
    story.wait("1h")
    assert not story.state.ended_by and not story.state.alerts


def test_what_is_suppressed_is_there_and_calls_nobody_until_the_policy_goes(story: Story) -> None:
    owned(story)
    shape(story, quiet=True, description="known, see the wiki")
    story.problem()
    story.wait("1h")
    assert quiet(story) == [("suppressed", "default/shape")]
    assert alert(story).quiet[0].detail == "known, see the wiki"
    assert not story.state.incidents and not story.of("effect.requested")
    restarted(story)
    change = {"op": "delete", "kind": "Policy", "namespace": "default", "name": "shape"}
    story.send("oncue.config.applied", {"changes": [change]})
    assert quiet(story) == [] and len(story.state.incidents) == 1


@pytest.mark.parametrize(
    ("after", "still"),
    [
        ({"quiet": True, "labels": {"x": "y"}}, True),
        ({"quiet": True, "mode": "observe"}, False),
        ({"labels": {"x": "y"}}, False),
        ({"quiet": True, "match": {"types": ["other"]}}, True),
    ],
)
def test_a_change_of_the_policy_ends_it_at_once_or_with_the_next_report(
    story: Story, after: dict[str, Any], still: bool
) -> None:
    shape(story, quiet=True)
    story.problem()
    shape(story, **after)
    assert bool(quiet(story)) is still
    story.problem()
    matches = "match" not in after
    assert bool(quiet(story)) is (still and matches)
    assert ("x" in alert(story).labels) is ("labels" in after)


def test_a_repeat_that_is_shaped_otherwise_brings_the_alert_up_to_date_and_responds_to_nothing(story: Story) -> None:
    story.apply(
        "Policy", "ticket", {"match": DISK, "alert": {"title": "full: ${event.resource}"}, "respond": [{"ticket": {}}]}
    )
    shape(story, match={**DISK, "where": "event.data.value > 90"}, severity="critical", labels={"hot": "yes"})
    story.problem(data={"value": 80})
    assert (alert(story).severity, alert(story).labels) == ("major", {})
    story.problem(data={"value": 95})
    assert (alert(story).severity, alert(story).labels, alert(story).title) == (
        "critical",
        {"hot": "yes"},
        "full: db-1",
    )
    story.problem(data={"value": 80})
    assert (alert(story).severity, alert(story).shaped, alert(story).count) == ("major", None, 3)


def test_what_held_the_alert_back_has_its_say_when_it_is_shaped_otherwise(story: Story) -> None:
    lasting = {"match": DISK, "condition": {"for": "1m"}, "alert": {"severity": "critical"}}
    story.apply("Policy", "lasting", lasting)
    story.problem()
    story.wait("1m")
    shape(story, labels={"env": "prod"})
    story.problem()
    assert (alert(story).severity, alert(story).labels) == ("critical", {"env": "prod"})


def test_a_text_that_changes_with_each_report_makes_no_news(story: Story) -> None:
    shape(story, title="at ${event.data.value}")
    for value in range(1, 6):
        story.problem(data={"value": value})
    assert alert(story).title == "at 1"
    assert story.types().count("alert.updated") == 2  # the second and the fourth report, as ever


def test_what_keeps_a_policy_from_shaping_is_a_near_miss(story: Story) -> None:
    shape(story, "hours", severity="minor", only_during="daily 08:00-09:00")
    shape(story, "guarded", severity="minor", skip_when=["event.resource == 'db-1'"])
    shape(story, "looks-on", severity="minor", mode="observe")
    shape(story, "fails", title="${event.data.value}", labels={"ok": "yes"})
    shape(story, "where", match={**DISK, "where": "event.resource == 'x'"}, severity="minor")
    story.problem()
    stats = story.state.cells["policy_stats"]
    reasons = {id.partition("/")[2]: [miss.reason for miss in one.near_misses] for id, one in stats.items()}
    assert reasons == {
        "hours": ["outside_hours"], "guarded": ["guard_blocked"], "looks-on": ["observe_only"], "fails": ["shape_failed"],
        "where": ["where_false"],
    }  # fmt: skip
    assert (stats["default/fails"].failed, alert(story).labels, alert(story).severity) == (1, {"ok": "yes"}, "major")


def test_links_of_policies_are_on_the_alert_and_in_messages(story: Story) -> None:
    owned(story)
    shape(story, links=[{"title": "Graph of ${event.resource}", "url": "https://graphs.example/${event.resource}"}, {"title": "bad", "url": "${'javascript:alert(1)'}"}])  # fmt: skip
    link = {"title": "Wiki", "url": "https://wiki.example/disk"}
    story.apply("Policy", "respond", {"match": DISK, "alert": {"links": [link]}})
    story.problem()
    assert [(one.title, one.url, one.by) for one in alert(story).links] == [
        ("Graph of db-1", "https://graphs.example/db-1", "default/shape@1"),
        ("Wiki", "https://wiki.example/disk", "default/respond@1"),
    ]
    assert [miss.reason for miss in story.state.cells["policy_stats"]["default/shape"].near_misses] == ["shape_failed"]
    (told,) = [effect for effect in story.state.effects.values() if effect.kind == "notify"]
    assert ["Graph of db-1", "https://graphs.example/db-1"] in told.payload["message"]["details"]


def test_what_a_timer_finds_is_shaped_too(story: Story) -> None:
    shape(story, severity="critical", labels={"env": "prod"})
    story.apply("Policy", "lasting", {"match": DISK, "condition": {"for": "5m"}, "alert": {}})
    story.problem("minor")
    restarted(story).wait("5m")
    assert (alert(story).severity, alert(story).labels) == ("critical", {"env": "prod"})


def test_readings_are_shaped(story: Story) -> None:
    shape(story, match={"types": ["cpu.used"]}, labels={"env": "prod"}, resource="host ${event.resource}")
    condition = {"value": "event.data.value", "fire_above": 90, "by": ["event.labels.env", "event.resource"]}
    match = {"types": ["cpu.used"], "labels": {"env": "prod"}}
    story.apply("Policy", "busy", {"match": match, "condition": condition, "alert": {"title": "${event.resource}"}})
    story.sample("cpu.used", 95)
    assert alert(story).title == "host db-1"
    story.sample("cpu.used", 10)
    assert alert(story).state == "resolved"


def test_the_short_path_takes_no_repeats_that_may_be_shaped(story: Story) -> None:
    story.problem()
    assert repeated(story) == 2  # type: ignore[arg-type]
    shape(story, severity="minor")
    assert repeated(story) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"stage": "shape"}, ()),
        ({"stage": "shape", "set": {}}, ()),
        ({"stage": "shape", "set": {"quiet": True}, "alert": {}}, ("alert",)),
        ({"stage": "shape", "set": {"quiet": True}, "respond": [{"ticket": {}}]}, ("respond",)),
        ({"stage": "shape", "set": {"quiet": True}, "condition": {"for": "1m"}}, ("condition",)),
        ({"stage": "shape", "set": {"links": [{"title": "x", "url": "javascript:1"}]}}, ("set", "links", 0, "url")),
        ({"stage": "shape", "set": {"title": "${event."}}, ("set", "title")),
        ({"stage": "shape", "set": {"quiet": True}, "match": {"types": ["oncue.alert.fired"]}}, ("match", "types", 0)),
        ({"stage": "shape", "set": {"quiet": True}, "match": {"severities": ["clear"]}}, ("set", "quiet")),
        ({"set": {"quiet": True}, "alert": {}}, ("set",)),
        ({"priority": 3, "alert": {}}, ("priority",)),
        ({"alert": {"links": [{"title": "x", "url": "/relative"}]}}, ("alert", "links", 0, "url")),
    ],
)
def test_a_stage_that_makes_no_sense_is_named(spec: dict[str, Any], path: tuple[Any, ...]) -> None:
    assert path in [one.path for one in findings(msgspec.convert({"match": DISK, **spec}, PolicySpec))]


def test_a_trial_shows_what_shapes_the_event_and_what_others_see_then() -> None:
    match = {"types": ["net.flap"]}
    first = manifest("first", {"stage": "shape", "match": match, "set": {"labels": {"tier": "gold"}}})
    second = manifest(
        "second",
        {"stage": "shape", "priority": 1, "match": {**match, "labels": {"tier": "gold"}}, "set": {"quiet": True}},
    )
    third = manifest("third", {"match": {**match, "labels": {"tier": "gold"}}, "alert": {"title": "x"}})
    missed = manifest("missed", {"stage": "shape", "match": {**match, "where": "false"}, "set": {"quiet": True}})
    found = {one.policy.partition("/")[2]: one for one in tried(first, second, third, missed).policies}
    assert {name: one.outcome for name, one in found.items()} == {
        "first": "fires", "second": "fires", "third": "held_back", "missed": "not_taken",
    }  # fmt: skip
    assert (found["first"].detail, found["third"].reason) == ("it sets labels (tier gold)", "suppressed")
    assert [one.verdict for one in found["third"].clauses] == ["holds", "holds"]


def test_a_policy_that_shapes_and_sets_nothing_is_refused_and_stops_no_event(story: Story) -> None:
    spec = {"stage": "shape", "match": {"types": ["disk.*"]}}
    change = {"op": "apply", "kind": "Policy", "namespace": "default", "name": "empty", "spec": spec}
    assert story.refused("oncue.config.applied", {"changes": [change]}) == "manifest.invalid"
    story.problem()
    assert "alert.fired" in story.new()
