"""Whatever happens: who fires audibly is in an open incident, who is quiet calls nobody, and incidents count right."""

import random

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncue.core.suppress import OPEN
from tests.property.test_determinism import told
from tests.unit.story import Story

CALLS = ("first", "repeat", "again", "new_alerts", "escalated", "steady", "snooze_over")


def calls_only_what_is_audible(story: Story) -> None:
    """By the facts in their order: at each call about an alert, the newest fact of it says that nothing keeps it quiet.

    What is handed on to another channel was called for before.
    """
    quiet: dict[str, list[str]] = {}
    for fact in story.facts:
        data = msgspec.json.decode(fact.body).get("data", {})
        if fact.kind == "alert":
            quiet[fact.id] = [reason["reason"] for reason in data["quiet"]]
        elif fact.type == "oncue.effect.requested" and data["kind"] == "notify" and data["payload"]["reason"] in CALLS:
            handed_on = "path" in data["payload"]
            alert = data["payload"]["message"].get("alert") if not handed_on else None
            assert alert is None or not quiet[alert], (fact.position, data["payload"]["reason"], quiet[alert])


def holds(story: Story, _: random.Random) -> None:
    """What must be so between any two inputs."""
    state = story.state
    for incident in state.incidents.values():
        members = [state.alerts[id] for id in state.members[incident.id]]
        assert incident.alerts_firing == sum(alert.counts for alert in members), incident.id
    alone = {
        data["alert"]
        for data in story.of("incident.alert_removed")
        if data["rule"] == "manual" and data["left_for"] is None
    }
    for alert in state.alerts.values():
        if alert.state == "firing" and not alert.quiet and alert.severity != "info" and alert.id not in alone:
            incident = state.incidents.get(alert.incident or "")
            assert incident is not None, alert
            assert incident.state in OPEN, (alert.id, incident.id, incident.state)
        if alert.state == "resolved" and not any(reason.reason == "flapping" for reason in alert.quiet):
            assert f"alert.forget/{alert.id}" in state.timers.by_key, alert
        due = [reason.until for reason in alert.quiet if reason.until is not None]
        assert all(until > state.now for until in due) or alert.state == "resolved", alert.quiet


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_what_fires_is_heard_or_has_a_reason_not_to_be(seed: int) -> None:
    story = told(seed, 80, holds)
    calls_only_what_is_audible(story)
