"""Alerts that are quiet because of others: downstream of what is broken, duplicates, and more than people can hear."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from oncue.core.engine import Engine
from oncue.core.state import State
from tests.unit.story import Story, owned
from tests.unit.test_quiet import matcher, reasons, silence, the


@pytest.fixture
def story() -> Story:
    """web needs app, app runs on db; someone owns the service `shop`."""
    story = Story()
    owned(story)
    story.apply("Resource", "db", {})
    story.apply("Resource", "app", {"runs_on": ["db"]})
    story.apply("Resource", "web", {"depends_on": ["app"]})
    return story


def anything(**more: Any) -> dict[str, Any]:
    return {"source": [matcher("severity", "major|critical", is_regex=True)], "target": [matcher("severity", ".+", is_regex=True)], "downstream": 3, **more}  # fmt: skip


def restarted(story: Story) -> None:
    state = State(story.state.identity)
    state.restore(story.state.dump())
    assert state.dump() == story.state.dump()
    story.state, story.engine = state, Engine(state)


# downstream


def test_what_needs_what_is_broken_is_quiet_over_several_hops_until_that_ends(story: Story) -> None:
    story.apply("Inhibition", "along", anything())
    story.problem(resource="db")
    story.problem(resource="app")
    story.problem(resource="web")
    assert (reasons(story, "db"), reasons(story, "app"), reasons(story, "web")) == (
        [],
        ["downstream_of"],
        ["downstream_of"],
    )
    (quiet,) = the(story, "web").quiet
    assert quiet.by == the(story, "app").id
    assert quiet.detail == "web depends on app; rule default/along"
    story.clear(resource="db")
    assert (reasons(story, "app"), reasons(story, "web")) == ([], ["downstream_of"])
    story.clear(resource="app")
    assert reasons(story, "web") == []


def test_a_cause_that_comes_later_makes_quiet_what_needs_it_and_nothing_else(story: Story) -> None:
    story.apply("Inhibition", "along", anything())
    story.problem(resource="web")
    story.problem(resource="elsewhere")
    story.problem(resource="db")
    assert (reasons(story, "web"), reasons(story, "elsewhere"), reasons(story, "db")) == (["downstream_of"], [], [])


def test_hops_are_counted(story: Story) -> None:
    story.apply("Inhibition", "along", anything(downstream=1))
    story.problem(resource="db")
    story.problem(resource="web")
    assert reasons(story, "web") == []
    story.problem(resource="app")
    assert (reasons(story, "app"), reasons(story, "web")) == (["downstream_of"], ["downstream_of"])


def test_a_part_needs_its_whole_and_a_whole_not_its_part(story: Story) -> None:
    story.apply("Resource", "blade", {"part_of": ["rack"]})
    story.apply("Resource", "rack", {})
    story.apply("Inhibition", "along", anything())
    story.problem(resource="blade")
    story.problem(resource="rack")
    assert (reasons(story, "blade"), reasons(story, "rack")) == (["downstream_of"], [])


@pytest.mark.parametrize("size", [2, 3, 7])
def test_of_those_that_need_each_other_all_round_everyone_is_heard(story: Story, size: int) -> None:
    for number in range(size):
        story.apply("Resource", f"ring-{number}", {"depends_on": [f"ring-{(number + 1) % size}"]})
    story.apply("Resource", "leaf", {"depends_on": ["ring-0"]})
    story.apply("Inhibition", "along", anything(downstream=1))
    for number in range(size):
        story.problem(resource=f"ring-{number}")
    story.problem(resource="leaf")
    assert [reasons(story, f"ring-{number}") for number in range(size)] == [[]] * size
    assert reasons(story, "leaf") == ["downstream_of"]


def test_who_needs_what_may_change_while_they_fire(story: Story) -> None:
    story.apply("Inhibition", "along", anything())
    story.problem(resource="db")
    story.problem(resource="web")
    assert reasons(story, "web") == ["downstream_of"]
    story.apply("Resource", "web", {})
    assert reasons(story, "web") == []
    story.apply("Resource", "web", {"depends_on": ["db"]})
    assert reasons(story, "web") == ["downstream_of"]
    story.send("oncue.config.applied", {"changes": [{"op": "delete", "kind": "Inhibition", "namespace": "default", "name": "along"}]})  # fmt: skip
    assert reasons(story, "web") == []


def test_a_change_of_the_landscape_that_is_undone_leaves_no_trace(story: Story) -> None:
    story.apply("Inhibition", "along", anything())
    story.problem(resource="db")
    before, position, now = story.state.dump(), story.state.position, story.state.now
    story.batch.undo.clear()
    story.apply("Resource", "lonely", {"depends_on": ["db"]})
    story.apply("Resource", "web", {})
    story.problem(resource="lonely")
    story.batch.rollback(story.state)
    story.state.position, story.state.now = position, now
    assert story.state.dump() == before
    story.problem(resource="web", id="again")
    assert reasons(story, "web") == ["downstream_of"]


def test_equal_labels_count_beside_the_landscape(story: Story) -> None:
    story.apply("Inhibition", "along", anything(equal=["zone"]))
    story.problem(resource="db", labels='{"zone":"a"}')
    story.problem(resource="web", labels='{"zone":"b"}')
    story.problem(resource="app", labels='{"zone":"a"}')
    assert (reasons(story, "web"), reasons(story, "app")) == ([], ["downstream_of"])


# duplicates


def duplicate(story: Story, alert: str, of: str, type: str = "disk.full") -> dict[str, str]:
    return {"alert": the(story, alert).id, "of": the(story, of, type).id, "reason": "two monitors"}


def test_a_duplicate_is_quiet_as_long_as_the_other_fires(story: Story) -> None:
    story.problem(resource="db")
    story.problem(resource="mirror")
    story.send("oncue.command.alert.duplicate", duplicate(story, "mirror", "db"), actor="user:basis-1")
    (quiet,) = the(story, "mirror").quiet
    assert (quiet.reason, quiet.by) == ("duplicate", the(story, "db").id)
    assert quiet.detail == "user:basis-1 said so (two monitors)"
    restarted(story)
    story.problem(resource="mirror")
    story.clear(resource="db")
    assert reasons(story, "mirror") == []
    assert the(story, "mirror").state == "firing"


def test_a_duplicate_that_ends_is_none_when_it_returns(story: Story) -> None:
    story.problem(resource="db")
    story.problem(resource="mirror")
    story.send("oncue.command.alert.duplicate", duplicate(story, "mirror", "db"))
    story.clear(resource="mirror")
    story.wait("20s")
    story.problem(resource="mirror")
    assert reasons(story, "mirror") == []


def test_what_keeps_another_quiet_is_no_duplicate_of_it(story: Story) -> None:
    """Nobody would be told of either."""
    story.apply("Inhibition", "along", anything())
    story.problem(resource="db")
    story.problem(resource="web")
    assert reasons(story, "web") == ["downstream_of"]
    assert story.refused("oncue.command.alert.duplicate", duplicate(story, "db", "web")) == "alert.duplicate"
    assert reasons(story, "db") == []


def test_a_duplicate_that_nobody_was_told_of_is_told_when_the_other_ends(story: Story) -> None:
    """It was quiet from its beginning, so it is in no incident yet."""
    silence(story, "web", "10m")
    story.problem(resource="app")
    story.problem(resource="web")
    story.send("oncue.command.alert.duplicate", duplicate(story, "web", "app"))
    story.wait("11m")
    assert (reasons(story, "web"), the(story, "web").incident) == (["duplicate"], None)
    story.clear(resource="app")
    assert reasons(story, "web") == []
    assert the(story, "web").incident in story.state.incidents


def test_duplicates_never_go_round_and_can_be_taken_back(story: Story) -> None:
    for name in ("a", "b", "c"):
        story.problem(resource=name)
    story.send("oncue.command.alert.duplicate", duplicate(story, "a", "b"))
    story.send("oncue.command.alert.duplicate", duplicate(story, "b", "c"))
    assert story.refused("oncue.command.alert.duplicate", duplicate(story, "c", "a")) == "alert.duplicate"
    assert story.refused("oncue.command.alert.duplicate", duplicate(story, "c", "c")) == "alert.duplicate"
    story.send("oncue.command.alert.distinct", {"alert": the(story, "b").id})
    assert (reasons(story, "a"), reasons(story, "b")) == (["duplicate"], [])
    story.clear(resource="b")
    assert story.refused("oncue.command.alert.duplicate", duplicate(story, "c", "b")) == "alert.resolved"


def test_of_those_that_would_be_quiet_because_of_each_other_one_is_heard(story: Story) -> None:
    story.problem(resource="a", type="a.down")
    story.problem(resource="b", type="b.down")
    both = {"alert": the(story, "a", "a.down").id, "of": the(story, "b", "b.down").id}
    story.send("oncue.command.alert.duplicate", both)
    rule = {"source": [matcher("type", "a.down")], "target": [matcher("type", "b.down")]}
    story.apply("Inhibition", "ring", rule)
    assert (reasons_of(story, "a", "a.down"), reasons_of(story, "b", "b.down")) == (["duplicate"], [])
    story.problem(resource="a2", type="a.down")
    assert reasons_of(story, "b", "b.down") == ["inhibited"]
    assert the(story, "b", "b.down").quiet[0].by == the(story, "a2", "a.down").id


def test_two_rules_that_make_each_others_sources_quiet_leave_one_to_be_heard(story: Story) -> None:
    sides = {"source": [matcher("type", "a.down")], "target": [matcher("type", "b.down")]}
    story.apply("Inhibition", "one", sides)
    story.apply("Inhibition", "other", {"source": sides["target"], "target": sides["source"]})
    story.problem(resource="a", type="a.down")
    story.problem(resource="b", type="b.down")
    assert (reasons_of(story, "a", "a.down"), reasons_of(story, "b", "b.down")) == ([], ["inhibited"])
    restarted(story)
    story.clear(resource="a", type="a.down")
    assert reasons_of(story, "b", "b.down") == []


def reasons_of(story: Story, resource: str, type: str) -> list[str]:
    return [reason.reason for reason in the(story, resource, type).quiet]


# throttles


def throttle(story: Story, count: int = 2, within: str = "10m", **more: Any) -> None:
    story.apply("Policy", "few", {"match": {"types": ["disk.full"]}, "alert": {"throttle": {"count": count, "within": within, **more}}})  # fmt: skip


def quiet_ones(story: Story, *resources: str) -> list[str]:
    return [resource for resource in resources if reasons(story, resource) == ["throttled"]]


def test_more_than_people_are_to_hear_waits_its_turn(story: Story) -> None:
    throttle(story)
    for name in "abcde":
        story.problem(resource=name)
        story.skip("1s")
    assert quiet_ones(story, *"abcde") == ["c", "d", "e"]
    (quiet,) = the(story, "c").quiet
    assert (quiet.by, quiet.detail) == ("default/few", "2 called people within 10m")
    story.clear(resource="d")
    story.wait("9m")
    restarted(story)
    assert quiet_ones(story, *"abce") == ["c", "e"]
    story.wait("55s")
    assert quiet_ones(story, *"abce") == ["e"]
    story.wait("1s")
    assert quiet_ones(story, *"abce") == []


def test_what_is_quiet_otherwise_takes_up_no_room(story: Story) -> None:
    throttle(story, count=1, within="5m")
    silence(story, "a")
    story.problem(resource="a")
    story.problem(resource="b")
    assert (reasons(story, "a"), reasons(story, "b")) == (["silenced"], [])
    story.wait("10m")
    assert (reasons(story, "a"), reasons(story, "b")) == ([], [])


def test_it_counts_apart_by_what_is_said(story: Story) -> None:
    throttle(story, count=1, by=["zone"])
    for name, zone in (("a", "1"), ("b", "1"), ("c", "2")):
        story.problem(resource=name, labels=msgspec.json.encode({"zone": zone}).decode())
    assert quiet_ones(story, *"abc") == ["b"]
    assert the(story, "b").quiet[0].by == "default/few|1"


def test_another_throttle_or_none_begins_anew_with_who_waits(story: Story) -> None:
    throttle(story, count=1)
    for name in "abcd":
        story.problem(resource=name)
        story.skip("1s")
    throttle(story, count=2)
    assert quiet_ones(story, *"abcd") == ["d"]
    story.apply("Policy", "few", {"match": {"types": ["disk.full"]}, "alert": {}})
    assert quiet_ones(story, *"abcd") == []
    throttle(story, count=1)
    for name in "efg":
        story.problem(resource=name)
    assert quiet_ones(story, *"efg") == ["f", "g"]
    gone = {"op": "delete", "kind": "Policy", "namespace": "default", "name": "few"}
    story.send("oncue.config.applied", {"changes": [gone]})
    assert quiet_ones(story, *"efg") == []
    assert [cell for cell in story.state.windows if "throttle" in cell] == []


def test_nothing_is_kept_of_a_throttle_that_nobody_has_met_for_its_time(story: Story) -> None:
    throttle(story)
    story.problem(resource="a")
    assert [cell for cell in story.state.windows if "throttle" in cell]
    story.skip(str(int(timedelta(minutes=11).total_seconds())) + "s")
    story.problem(resource="z", type="other")
    assert [cell for cell in story.state.windows if "throttle" in cell] == []


@pytest.mark.parametrize("otherwise", ["silenced", "info"])
def test_who_waits_and_calls_nobody_even_so_takes_nobody_s_turn(story: Story, otherwise: str) -> None:
    throttle(story, count=1)
    for name in "abc":
        story.problem(resource=name)
        story.skip("1s")
    if otherwise == "silenced":
        silence(story, "b", "1h")
    else:
        story.problem("info", resource="b")
    story.wait("11m")
    restarted(story)
    assert reasons(story, "b") == ["silenced"] * (otherwise == "silenced")
    assert reasons(story, "c") == []
    assert the(story, "c").incident is not None


def test_what_its_policy_is_not_for_any_more_waits_no_more(story: Story) -> None:
    spec = {"match": {"types": ["disk.full"], "severities": ["warning"]}, "alert": {"throttle": {"count": 1, "within": "1h"}}}  # fmt: skip
    story.apply("Policy", "few", spec)
    for name in "abc":
        story.problem("warning", resource=name)
    assert quiet_ones(story, *"abc") == ["b", "c"]
    story.problem("critical", resource="c")
    assert quiet_ones(story, *"abc") == ["b"]
    assert the(story, "c").incident is not None
