"""Hours of the week are looked at before they are in force, however they come."""

from typing import Any

import pytest

from oncue import manifests
from oncue.core import hours
from tests.unit.story import Story

LEVELS = [{"tell": ["channel:desk"]}]


def specs(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Every manifest that names hours, with these."""
    return [
        ("Person", {"default": [{"channel": "desk"}], "quiet_hours": text}),
        ("EscalationPolicy", {"levels": LEVELS, "branches": [{"during": text, "levels": LEVELS}]}),
        ("Policy", {"match": {"types": ["x"]}, "only_during": text}),
        (
            "Monitor",
            {"uses": "host.cpu", "every": "1m", "thresholds": [{"metric": "cpu.used", "hours": text, "major": 9}]},
        ),
        ("Policy", {"match": {"types": ["x"]}, "overrides": [{"during": text, "mode": "off"}]}),
    ]


@pytest.mark.parametrize(
    "text", ["always", "Mon-Fri 25:00-26:00", "daily 08:00-18:00 Europe/Nowhere", "daily 08:00-18:00 ../x"]
)
def test_what_cannot_be_read_is_refused_by_the_core_itself(text: str) -> None:
    story = Story()
    story.apply("Channel", "desk", {"type": "email", "with": {"to": ["basis-1@example.com"]}})
    for kind, spec in specs(text):
        change = {"op": "apply", "kind": kind, "namespace": "default", "name": "x", "spec": spec}
        assert story.refused("oncue.config.applied", {"changes": [change]}) == "manifest.invalid", kind
    assert "Person/default/x" not in story.state.manifests
    for kind, spec in specs("Mon-Fri 08:00-18:00 Europe/Berlin"):
        story.apply(kind, "x", spec)


@pytest.mark.parametrize(
    ("text", "always"),
    [
        ("daily 00:00-24:00", True),
        ("daily 00:00-12:00,12:00-24:00 Europe/Berlin", True),
        ("daily 22:00-21:59", False),
        ("daily 22:00-08:00; daily 08:00-22:00", True),
        ("Mon-Sat 00:00-24:00", False),
        ("Mon-Sat 00:00-24:00; Sun 00:00-23:59", False),
    ],
)
def test_quiet_hours_that_are_all_of_the_week_are_refused(text: str, always: bool) -> None:
    assert hours.parse(text).always is always
    document = {"apiVersion": "oncue/v1", "kind": "Person", "metadata": {"name": "x"}, "spec": specs(text)[0][1]}
    _, problems = manifests.check(manifests.Parsed(document, {}, {}))
    said = [one.detail for one in problems if one.level == "error"]
    assert said == (["they are all of the week: what can wait would never be told in time"] if always else [])
