"""The pages of promises keep theirs: what they cite is there, every promise says how it is checked, and limits are the code's."""

import re

import pytest

from oncue.core import bounds, event_waits, run_life, running, steps, workflow, workflow_spec
from oncue.runtime import acting, dispatch, worker
from tests.server import ROOT

PAGES = [ROOT / "docs" / "explanation" / name for name in ("guarantees.md", "workflow-guarantees.md")]
TEXTS = [page.read_text("utf-8") for page in PAGES]
CITED = sorted({found for text in TEXTS for found in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)})
PROMISES = [
    part
    for text in TEXTS
    for part in text.split("\n## ")[2:]
    if not part.startswith(("How it is tested", "How others"))
]
LIMITS = {
    "a step's result that the run keeps": steps.STORED_LIMIT // 1024,
    "a result that a worker reports": acting.STORED_LIMIT // 1024,
    "what a step takes, what it gives to later ones, and all variables of a run, each": bounds.VALUE_LIMIT // 1024,
    "values within values": bounds.NESTED_LIMIT,
    "items of a `for_each`": workflow_spec.ITEMS_LIMIT,
    "items of it at the same time": workflow_spec.PARALLEL_LIMIT,
    "steps within steps": workflow_spec.DEPTH_LIMIT,
    "runs within runs": workflow.DEPTH_LIMIT,
    "runs that one event leads to, while any is under way": run_life.STORY_LIMIT,
    "events that wait for a run in the mailbox of a wait": event_waits.MAIL_LIMIT,
    "runs that one event wakes which name no resource": event_waits.TOGETHER,
    "actions under way on one worker": worker.SLOTS // dispatch.SHARES["action"],
    "workers that may be lost by one attempt": dispatch.LOSSES,
    "steps that a run begins before it makes way for others": running.AT_ONCE,
}


@pytest.mark.parametrize(("file", "test"), CITED, ids=[test for _, test in CITED])
def test_the_test_that_a_promise_names_is_there(file: str, test: str) -> None:
    assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("promise", PROMISES, ids=[promise.splitlines()[0] for promise in PROMISES])
def test_a_promise_names_its_tests_and_how_to_see_it(promise: str) -> None:
    assert "\n- Tests: `tests/" in promise
    assert "\n- See it: " in promise


def test_the_limits_are_those_of_the_code() -> None:
    section = TEXTS[1].partition("\n## Limits\n")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| (.+?) \| ([\d,]+)", section, re.MULTILINE))
    assert {what: int(number.replace(",", "")) for what, number in told.items()} == LIMITS
