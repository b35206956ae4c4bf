"""Which alerts are inhibited is what a comparison of all with all says, whatever came in which order. Of those that would
inhibit each other all round, one at least is heard.
"""

import random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from oncue.core.alert import Alert
from oncue.core.engine import Engine
from oncue.core.manifest import InhibitionSpec
from oncue.core.silence import all_match, value_of
from oncue.core.state import State
from tests.unit.story import Story

NAMES = {"type": ("a", "b"), "severity": ("major", "critical"), "resource": ("r1", "r2", "r3"), "zone": ("x", "y")}


def side(choice: random.Random) -> list[dict[str, Any]]:
    """One or two matchers of any kind."""
    found = []
    for name in choice.sample(sorted(NAMES), choice.randrange(1, 3)):
        value = choice.choice(NAMES[name])
        regex = choice.random() < 0.2
        found.append({"name": name, "value": f"{value}|none" if regex else value, "is_regex": regex})
    if choice.random() < 0.2:
        found.append({"name": "zone", "value": "x", "is_equal": False})
    return found


def step(story: Story, choice: random.Random) -> None:
    what = choice.randrange(12)
    if what == 0:
        equal = choice.sample(("zone", "resource", "nothing"), choice.randrange(3))
        spec = {"source": side(choice), "target": side(choice), "equal": equal}
        story.apply("Inhibition", choice.choice(("one", "two", "three")), spec)
    elif what == 1:
        rules = sorted(id for id in story.state.manifests if id.startswith("Inhibition/"))
        if rules:
            gone = {"op": "delete", "kind": "Inhibition", "namespace": "default", "name": choice.choice(rules)[19:]}
            story.send("oncue.config.applied", {"changes": [gone]})
    elif what == 2:
        state = State(story.state.identity)
        state.restore(story.state.dump())
        story.state, story.engine = state, Engine(state)
    elif what == 3:
        story.wait(choice.choice(("1m", "11m")))
    else:
        severity = choice.choice(("clear", "clear", "major", "critical"))
        zone = choice.choice(("", '{"zone":"x"}', '{"zone":"y"}'))
        labels = {"labels": zone} if zone else {}
        story.send(choice.choice("ab"), severity=severity, resource=choice.choice(NAMES["resource"]), **labels)


def inhibitors(story: Story) -> dict[str, set[str]]:
    """By the definition: every firing alert to those that may inhibit it, compared with every other, by every rule."""
    rules = [
        msgspec.convert(manifest.spec, InhibitionSpec)
        for manifest in story.state.manifests.values()
        if manifest.kind == "Inhibition"
    ]
    firing = [alert for alert in story.state.alerts.values() if alert.state == "firing"]

    def by(rule: InhibitionSpec, target: Alert, source: Alert) -> bool:
        same = all(value_of(source, name) == value_of(target, name) for name in rule.equal)
        both = all_match(rule.source, target) and all_match(rule.target, source)
        return same and all_match(rule.target, target) and all_match(rule.source, source) and not both

    return {
        target.id: {
            source.id for source in firing if source is not target and any(by(rule, target, source) for rule in rules)
        }
        for target in firing
    }


def reached(graph: dict[str, set[str]], start: str) -> set[str]:
    """What is come to from there, in one step or more."""
    found: set[str] = set()
    front = [start]
    while front:
        fresh = graph[front.pop()] - found
        found |= fresh
        front += fresh
    return found


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_an_alert_is_inhibited_if_and_only_if_the_definition_says_so(seed: int) -> None:
    story, choice = Story(), random.Random(seed)
    ringed: set[str] = set()
    for _ in range(60):
        step(story, choice)
        said = {
            alert.id: any(reason.reason == "inhibited" for reason in alert.quiet)
            for alert in story.state.alerts.values()
            if alert.state == "firing"
        }
        able = inhibitors(story)
        rests = {
            alert.id: {reason.by for reason in alert.quiet if reason.reason == "inhibited"}
            for alert in story.state.alerts.values()
            if alert.state == "firing"
        }
        # What was heard because it would have been quiet because of itself is heard until it is looked at again.
        ringed = {id for id in able if id in ringed or id in reached(able, id)}
        for id, quiet in said.items():
            assert not quiet or rests[id] <= able[id]
            assert id not in reached(rests, id), "it is quiet because of itself"
            if id not in ringed:
                assert quiet is bool(able[id])
        for alert in story.state.alerts.values():
            if alert.state == "firing":
                assert all(
                    story.state.alerts[reason.by].state == "firing"
                    for reason in alert.quiet
                    if reason.reason == "inhibited"
                )
