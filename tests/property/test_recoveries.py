"""However policies shape events, rename alerts and share them: when all that was reported has recovered, nothing fires."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.story import Story

RESOURCES = ("db-1", "db-2", "app-1")

SEVERITIES = (["major"], ["critical", "minor"], ["clear"])
members: dict[str, Any] = {
    "types": st.sampled_from((["disk.full"], ["disk.*"], ["*"])),
    "resources": st.sampled_from((["db-1"], ["db-*"], ["placed"])),
    "labels": st.just({"a": "1"}),
    "where": st.sampled_from(("event.data.value > 50", "event.resource != 'db-2'", "has(event.severity)")),
}
matches = st.fixed_dictionaries({}, optional={**members, "severities": st.sampled_from(SEVERITIES)})
problems = st.fixed_dictionaries({"severities": st.sampled_from(SEVERITIES[:2])}, optional=members)
"""Who makes alerts of recoveries, gets them."""
sets = st.fixed_dictionaries(
    {"title": st.just("t")},
    optional={
        "severity": st.sampled_from(("info", "warning", "critical")),
        "resource": st.sampled_from(("placed", "on ${event.resource}", "${event.data.value}")),
        "service": st.just("shop"),
        "labels": st.sampled_from(({"a": "1"}, {"b": "${event.resource}"})),
        "quiet": st.just(True),
    },
)
shapes = st.fixed_dictionaries(
    {"stage": st.just("shape"), "match": matches, "set": sets, "priority": st.integers(-1, 2)},
    optional={"only_during": st.just("daily 03:00-03:02")},
)
alerts = st.fixed_dictionaries(
    {},
    optional={
        "fingerprint": st.sampled_from(("one", "${event.resource}", "${event.labels.a}", "${event.severity}")),
        "severity": st.just("minor"),
    },
)
responds = st.fixed_dictionaries(
    {"match": problems, "alert": alerts},
    optional={"condition": st.just({"for": "1m"}), "only_during": st.just("daily 03:01-04:00")},
)
reports = st.lists(
    st.tuples(st.sampled_from(RESOURCES), st.sampled_from(("minor", "major", "critical", "clear")), st.sampled_from((10, 90, None)), st.booleans()),
    max_size=12,
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    policies=st.lists(shapes, min_size=1, max_size=3),
    others=st.lists(responds, max_size=2),
    abroad=responds,
    shared=matches,
    happened=reports,
)
def test_nothing_fires_when_all_has_recovered(
    policies: list[dict[str, Any]],
    others: list[dict[str, Any]],
    abroad: dict[str, Any],
    shared: dict[str, Any],
    happened: list[Any],
) -> None:
    story = Story()
    for number, spec in enumerate((*policies, *others)):
        story.apply("Policy", f"p{number}", spec)
    story.apply("Export", "some", {"to": ["b"], "match": shared})
    changes = [
        {"op": "apply", "kind": "Policy", "namespace": "b", "name": f"p{number}", "spec": spec}
        for number, spec in enumerate((*policies[:1], abroad))
    ]
    story.send("oncue.config.applied", {"changes": changes})
    for resource, severity, value, late in happened:
        data = None if value is None else {"value": value}
        story.send("disk.full", data, severity=severity, resource=resource)
        if late:
            story.wait("50s")
    for resource in RESOURCES:
        story.send("disk.full", severity="clear", resource=resource)
    assert not story.of("timer.failed")
    firing = [alert for alert in story.state.alerts.values() if alert.state == "firing"]
    assert not firing, [(alert.namespace, alert.fingerprint, alert.shaped) for alert in firing]
    story.wait("1h")
    assert not story.state.alerts and not story.state.ended_by and not story.state.windows
