"""Correlation rules of the configuration: what belongs together beyond the topology, and how far that reaches."""

from typing import Any

import pytest

from oncue.core.engine import Engine
from oncue.core.state import Identity, State
from tests.unit.story import Story

PROD = [{"name": "env", "value": "prod"}]
RULE = {"matchers": PROD, "by": ["region"], "within": "10m"}


def fails(story: Story, resource: str, **labels: str) -> str:
    """The id of the incident of an alert that begins."""
    text = "{" + ",".join(f'"{name}":"{value}"' for name, value in labels.items()) + "}"
    story.problem("major", resource, labels=text)
    (found,) = {alert.incident for alert in story.state.alerts.values() if alert.resource == resource}
    assert found is not None
    return found


def ruled(**more: Any) -> Story:
    story = Story()
    story.apply("CorrelationRule", "regions", {**RULE, **more})
    return story


def test_alerts_whose_values_agree_are_one_incident_and_it_says_why() -> None:
    story = ruled()
    first = fails(story, "a", env="prod", region="eu")
    assert fails(story, "b", env="prod", region="eu") == first
    member = story.of("incident.alert_added")[-1]
    assert (member["rule"], member["reason"]) == ("fields", "by the rule regions: the same region eu")


@pytest.mark.parametrize(
    "labels", [{"env": "prod", "region": "us"}, {"env": "test", "region": "eu"}, {"env": "prod"}], ids=str
)
def test_another_value_none_or_an_alert_that_it_is_not_for_stays_apart(labels: dict[str, str]) -> None:
    story = ruled()
    first = fails(story, "a", env="prod", region="eu")
    assert fails(story, "b", **labels) != first


def test_fields_are_values_as_well_as_labels() -> None:
    story = ruled(by=["region", "type"])
    first = fails(story, "a", env="prod", region="eu")
    assert fails(story, "b", env="prod", region="eu") == first


@pytest.mark.parametrize(("wait", "together"), [("10m", True), ("10m1s", False)])
def test_an_alert_joins_for_so_long_after_the_newest_one(wait: str, together: bool) -> None:
    story = ruled()
    first = fails(story, "a", env="prod", region="eu")
    story.wait("9m")
    fails(story, "b", env="prod", region="eu")
    story.wait(wait)
    assert (fails(story, "c", env="prod", region="eu") == first) is together


def test_what_joined_by_another_rule_brings_its_values_along() -> None:
    story = ruled()
    first = fails(story, "a", env="test")
    story.problem("major", "a", type="cpu.load", labels='{"env":"prod","region":"eu"}')
    assert fails(story, "b", env="prod", region="eu") == first


def test_an_ended_incident_takes_nothing_more() -> None:
    story = ruled()
    first = fails(story, "a", env="prod", region="eu")
    story.clear("a")
    assert fails(story, "b", env="prod", region="eu") != first


def test_a_deleted_rule_puts_nothing_together() -> None:
    story = ruled()
    first = fails(story, "a", env="prod", region="eu")
    change = {"op": "delete", "kind": "CorrelationRule", "namespace": "default", "name": "regions"}
    story.send("oncue.config.applied", {"changes": [change]})
    assert fails(story, "b", env="prod", region="eu") != first


def test_it_holds_over_a_restart() -> None:
    story = ruled()
    first = fails(story, "a", env="prod", region="eu")
    state = State(Identity("story"))
    state.restore(story.state.dump())
    story.state, story.engine = state, Engine(state)
    assert fails(story, "b", env="prod", region="eu") == first


@pytest.mark.parametrize(("reach", "together"), [(0, False), (1, True), (5, True)])
def test_the_topology_reaches_as_far_as_a_rule_says(reach: int, together: bool) -> None:
    story = Story()
    story.apply("Resource", "db", {})
    story.apply("Resource", "web", {"depends_on": ["db"]})
    story.apply("CorrelationRule", "alone", {"matchers": PROD, "reach": reach})
    first = fails(story, "db", env="prod")
    assert (fails(story, "web", env="prod") == first) is together


def test_an_incident_stands_for_a_bounded_number_of_values() -> None:
    story = ruled(by=["region", "resource"], matchers=[{"name": "env", "value": "prod"}])
    story.apply("CorrelationRule", "all", {"matchers": PROD, "by": ["env"]})
    for number in range(150):
        fails(story, f"r-{number}", env="prod", region=f"{number}")
    (incident,) = story.state.incidents.values()
    assert len(incident.subjects) == 100
