"""A promise in the documents names tests that are there."""

import re

import pytest

from tests.server import ROOT

PAGE = (ROOT / "docs" / "explanation" / "guarantees.md").read_text("utf-8")
CITED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
PROMISES = [part for part in PAGE.split("\n## ")[2:] if not part.startswith("How it is tested")]


@pytest.mark.parametrize(("file", "test"), CITED, ids=[test for _, test in CITED])
def test_the_test_that_a_promise_names_is_there(file: str, test: str) -> None:
    assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("promise", PROMISES, ids=[promise.splitlines()[0] for promise in PROMISES])
def test_a_promise_names_its_tests_and_how_to_see_it(promise: str) -> None:
    assert "\n- Tests: `tests/" in promise
    assert "\n- See it: " in promise
