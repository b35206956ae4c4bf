"""The priority of incidents: ITIL's impact by urgency, and a namespace that ranks otherwise."""

import re
from pathlib import Path

import pytest

from oncue.core.engine import Engine
from oncue.core.prioritise import MATRIX
from oncue.core.state import State
from tests.unit.story import Story, owned


@pytest.fixture
def story() -> Story:
    """The service `shop` is of high criticality."""
    story = Story()
    owned(story)
    return story


def ranks(story: Story) -> list[tuple[str, str]]:
    return [(one.priority, one.priority_reason) for one in story.state.incidents.values()]


def test_without_a_matrix_of_its_own_a_namespace_ranks_as_usual(story: Story) -> None:
    story.problem("major")
    assert ranks(story) == [("P2", "impact high (shop is high) x urgency major (severity major)")]


def test_a_matrix_says_what_it_says_and_the_rest_is_as_usual(story: Story) -> None:
    story.apply("PriorityMatrix", "default", {"high": {"major": "P4"}})
    story.problem("major")
    reason = "impact high (shop is high) x urgency major (severity major), by the namespace's matrix"
    assert ranks(story) == [("P4", reason)]
    story.problem("critical")
    assert ranks(story) == [("P1", "impact high (shop is high) x urgency critical (severity critical)")]


def test_what_is_open_is_ranked_anew_when_it_changes_next(story: Story) -> None:
    story.problem("minor")
    story.apply("PriorityMatrix", "default", {"high": {"minor": "P5", "major": "P5"}})
    assert ranks(story)[0][0] == "P3"
    story.problem("major")
    assert ranks(story)[0][0] == "P5"


def test_a_matrix_is_there_after_a_restart_gone_when_deleted_and_undone_with_its_input(story: Story) -> None:
    story.apply("PriorityMatrix", "default", {"high": {"major": "P4"}})
    state = State(story.state.identity)
    state.restore(story.state.dump())
    assert state.matrices == story.state.matrices
    story.state, story.engine = state, Engine(state)
    story.batch.undo.clear()
    position, now = story.state.position, story.state.now
    gone = {"op": "delete", "kind": "PriorityMatrix", "namespace": "default", "name": "default"}
    story.send("oncue.config.applied", {"changes": [gone]})
    assert story.state.matrices == {}
    story.batch.rollback(story.state)
    story.state.position, story.state.now = position, now
    assert story.state.matrices["default"]["high"]["major"] == "P4"


@pytest.mark.parametrize(
    ("name", "spec"), [("other", {}), ("default", {"high": {"major": "P6"}}), ("default", {"high": {"info": "P1"}})]
)
def test_nonsense_is_refused(story: Story, name: str, spec: object) -> None:
    change = {"op": "apply", "kind": "PriorityMatrix", "namespace": "default", "name": name, "spec": spec}
    assert story.refused("oncue.config.applied", {"changes": [change]}) == "manifest.invalid"


def test_the_table_in_the_handbook_is_what_counts() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/incidents.md").read_text("utf-8")
    urgencies = ("critical", "major", "minor", "warning")
    rows = re.findall(r"^\| (critical|high|medium|low) \| (P\d) \| (P\d) \| (P\d) \| (P\d) \|$", page, re.MULTILINE)
    assert {level: dict(zip(urgencies, ranks, strict=True)) for level, *ranks in rows} == MATRIX
