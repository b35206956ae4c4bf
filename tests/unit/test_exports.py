"""Events that a namespace shares: what policies of another make of them there, and what they leave alone at home."""

from typing import Any

import msgspec
import pytest

from oncue.core.engine import Engine
from oncue.core.event import decode
from oncue.core.manifest import KINDS
from oncue.core.normalise import Outlines, outline
from oncue.core.state import State
from oncue.core.tx import Batch
from oncue.manifests.meaning import findings
from tests.unit.story import Story
from tests.unit.test_trial import manifest, tried

DISK = {"match": {"types": ["disk.full"]}}


class Two(Story):
    """The namespaces `default`, which shares, and `b`."""

    def put(self, kind: str, name: str, spec: dict[str, Any], namespace: str = "b") -> None:
        change = {"op": "apply", "kind": kind, "namespace": namespace, "name": name, "spec": spec}
        self.send("oncue.config.applied", {"changes": [change]})

    def remove(self, kind: str, name: str, namespace: str = "default") -> None:
        change = {"op": "delete", "kind": kind, "namespace": namespace, "name": name}
        self.send("oncue.config.applied", {"changes": [change]})

    def firing(self) -> list[tuple[str, str]]:
        found = [(one.namespace, one.title) for one in self.state.alerts.values() if one.state == "firing"]
        return sorted(found)


def sharing(policy: dict[str, Any], to: list[str] | None = None, **match: Any) -> Two:
    story = Two()
    story.apply("Export", "disks", {"to": to or ["b"], "match": match or DISK["match"]})
    story.put("Policy", "look", policy)
    return story


def restarted(story: Two) -> Two:
    state = State(story.state.identity)
    state.restore(story.state.dump())
    story.state, story.engine = state, Engine(state)
    return story


ALERT = {**DISK, "alert": {"title": "seen by b: ${event.resource} of ${event.namespace}"}}
HERE, THERE = ("default", "disk.full on db-1"), ("b", "seen by b: db-1 of default")


def test_a_shared_problem_has_an_alert_where_a_policy_asks_for_one_and_ends_there_with_its_recovery() -> None:
    story = sharing(ALERT)
    story.problem()
    assert story.firing() == [THERE, HERE]
    first, second = sorted(story.state.alerts.values(), key=lambda one: one.namespace)
    assert (first.source, first.fingerprint != second.fingerprint) == ("export:default", True)
    assert [(one["namespace"], one["home"]) for one in story.of("policy.fired")] == [("b", "default")]
    assert {one.namespace for one in story.state.incidents.values()} == {"b", "default"}
    restarted(story).clear()
    assert story.firing() == []


def test_a_policy_that_asks_for_no_alert_makes_none() -> None:
    story = sharing({**DISK, "respond": [{"ticket": {}}]})
    for _ in range(3):
        story.problem()
    assert story.firing() == [HERE]
    assert [ticket.namespace for ticket in story.state.tickets.values()] == ["b"]


def test_a_repeat_is_no_news_to_a_policy_that_asks_for_no_alert_though_another_one_does() -> None:
    story = sharing({**DISK, "respond": [{"ticket": {}}]})
    never = {"match": {**DISK["match"], "where": "event.resource == 'other'"}, "alert": {}}
    story.put("Policy", "never", never)
    for _ in range(3):
        story.problem()
    assert story.firing() == [HERE] and len(story.state.tickets) == 1


def test_what_is_done_in_one_namespace_leaves_the_other_alone() -> None:
    story = sharing(ALERT)
    story.problem()
    mine = next(one for one in story.state.alerts.values() if one.namespace == "b")
    story.send("oncue.command.alert.resolve", {"alert": mine.id}, actor="user:b", namespace="b")
    assert story.firing() == [HERE]
    story.problem()
    assert story.firing() == [THERE, HERE]


@pytest.mark.parametrize(
    ("to", "match", "shared"),
    [
        (["b"], {"types": ["disk.*"]}, True),
        (["*"], {"types": ["disk.full"]}, True),
        (["c"], {"types": ["disk.full"]}, False),
        (["b"], {"types": ["disk.slow"]}, False),
        (["b"], {"severities": ["critical"]}, False),
        (["b"], {"severities": ["major"]}, True),
        (["b"], {"resources": ["app-*"]}, False),
        (["b"], {"where": "event.data.value > 90"}, False),
        (["b"], {"where": "event.resource == 'db-1'"}, True),
    ],
)
def test_what_is_shared_is_what_the_export_says(to: list[str], match: dict[str, Any], shared: bool) -> None:
    story = sharing(ALERT, to, **match)
    story.problem()
    assert (THERE in story.firing()) is shared
    story.clear()  # whatever the severities are
    assert story.firing() == []


def test_a_recovery_ends_what_was_shared_although_the_export_has_become_narrower() -> None:
    story = sharing(ALERT)
    story.problem()
    story.apply("Export", "disks", {"to": ["b"], "match": {"types": ["other"]}})
    assert THERE in story.firing()
    story.clear()
    assert story.firing() == []


def test_a_recovery_ends_an_alert_there_that_a_policy_gave_another_fingerprint() -> None:
    given = {**ALERT, "alert": {**ALERT["alert"], "fingerprint": "one"}}
    story = sharing(given, **DISK["match"], where="event.data.value > 90")
    story.problem(data={"value": 95})
    assert THERE in story.firing()
    restarted(story).clear()
    assert story.firing() == []


def test_what_is_shared_no_more_ends_where_nobody_would_hear_that_it_is_over() -> None:
    story = sharing(ALERT)
    story.put("Policy", "lasting", {**ALERT, "match": {"types": ["disk.slow"]}, "condition": {"for": "5m"}})
    story.apply("Export", "slow", {"to": ["b"], "match": {"types": ["disk.slow"]}})
    story.problem()
    story.problem(type="disk.slow", resource="db-2")
    story.remove("Export", "slow")
    assert THERE in story.firing()
    story.remove("Export", "disks")
    assert story.firing() == [HERE, ("default", "disk.slow on db-2")]
    assert [one["resolved_by"] for one in story.of("alert.resolved")] == ["withdrawn"]
    story.wait("10m")
    assert len(story.firing()) == 2 and not story.state.windows


def test_what_rests_on_a_policy_that_is_gone_ends_where_there_is_no_other() -> None:
    story = sharing(ALERT, ["*"])
    story.problem()
    story.remove("Policy", "look", "b")
    assert story.firing() == [HERE]


def test_conditions_over_time_are_kept_where_the_policy_is() -> None:
    story = sharing({**ALERT, "condition": {"for": "5m"}})
    story.problem()
    assert [one["reason"] for one in story.of("policy.blocked")] == ["window_not_met"]
    restarted(story).wait("5m")
    assert story.firing() == [THERE, HERE]
    story.clear()
    assert story.firing() == [] and not story.state.windows


def test_what_merely_repeats_counts_in_windows_there() -> None:
    story = sharing(
        {**DISK, "condition": {"count": 3, "within": "1m", "by": ["event.resource"]}, "alert": {"title": "often"}}
    )
    for _ in range(3):
        story.problem()
    assert story.firing() == [("b", "often"), HERE]


def test_what_is_shared_is_not_shared_on() -> None:
    story = sharing(ALERT)
    story.put("Export", "back", {"to": ["*"]})
    story.put("Policy", "other", DISK | {"alert": {"title": "seen by c"}}, namespace="c")
    story.put("Policy", "home", DISK | {"alert": {"title": "at home"}}, namespace="default")
    story.problem()
    assert story.firing() == [THERE, ("default", "at home")]


def test_a_reading_of_a_monitor_can_be_shared() -> None:
    cpu = {"match": {"types": ["cpu.used"]}, "condition": {"value": "event.data.value", "fire_above": 90}, "alert": {"title": "busy in ${event.namespace}"}}  # fmt: skip
    story = sharing(cpu, types=["cpu.used"])
    story.sample("cpu.used", 95)
    assert story.firing() == [("b", "busy in default")]
    story.sample("cpu.used", 50)
    assert story.firing() == []


def repeated(story: Two) -> int:
    """How many of two repeats of `disk.full` the short path takes."""
    bodies = [next(body for body, _ in reversed(story.inputs) if b"disk.full" in body and b"major" in body)] * 2
    found = outline(decode(bodies[0]))
    kinds = [(found.namespace, found.type, found.severity, found.endsat)]
    outlines = Outlines(kinds, [0, 0], [found.fingerprint] * 2)
    return story.engine.repeats(outlines, bodies, 0, 2, "default", story.now, Batch())[0]


def test_the_short_path_takes_no_repeats_that_a_policy_elsewhere_wants() -> None:
    story = sharing(ALERT)
    story.problem()
    assert repeated(story) == 0
    story.remove("Policy", "look", "b")
    assert repeated(story) == 2


@pytest.mark.parametrize(
    ("spec", "path", "said"),
    [
        ({"to": ["b"], "match": {"types": ["oncue.alert.fired"]}}, ("match", "types", 0), "only events from outside"),
        ({"to": ["b"]}, ("match",), "every event"),
        ({"to": ["b"], "match": {"where": "1 +"}}, ("match", "where"), ""),
        ({"to": ["b"], "match": {"severities": ["hgih"]}}, ("match", "severities", 0), "none of"),
    ],
)
def test_an_export_that_makes_no_sense_is_named(spec: dict[str, Any], path: tuple[Any, ...], said: str) -> None:
    (found,) = findings(msgspec.convert(spec, KINDS["Export"]))
    assert found.path == path and said in found.detail


# trying an event


def test_a_trial_shows_what_policies_elsewhere_make_of_a_shared_event() -> None:
    export = manifest("disks", {"to": ["b"], "match": {"types": ["net.flap"]}}, kind="Export")
    spec = {"match": {"types": ["net.flap"]}, "alert": {"title": "flaps"}}
    theirs = msgspec.structs.replace(manifest("look", spec), id="Policy/b/look", namespace="b")
    found = tried(export, theirs)
    (policy,) = found.policies
    assert (policy.policy, policy.outcome) == ("b/look", "fires")
    assert next((one.name, one.has) for one in policy.clauses) == ("shared", "default shares it by its Export disks")
    assert sorted((one.namespace, one.title) for one in found.alerts) == [
        ("b", "flaps"),
        ("default", "net.flap on sw-1"),
    ]
    (policy,) = tried(export, theirs, type="net.flap", namespace="default", resource="sw-1", severity="clear").policies
    assert policy.outcome == "fires"
    (policy,) = tried(
        msgspec.structs.replace(export, spec={"to": ["b"], "match": {"resources": ["x"]}}), theirs
    ).policies
    assert (policy.outcome, policy.reason) == ("not_taken", "selector")
    assert [one.name for one in policy.clauses if one.decides] == ["shared"]
