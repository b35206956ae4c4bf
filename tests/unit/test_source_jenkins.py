"""Jenkins: builds that fail and recover, and those that deploy, which are changes."""

from typing import Any

import pytest

from tests.sources import event, told

DEPLOYS = {"deploys": ["shop/*"]}


def build(phase: str, status: str | None = None, number: int = 18, **more: Any) -> dict[str, Any]:
    inner = {
        "full_url": f"https://jenkins.example.org/job/shop/job/deploy%20it/{number}/", "number": number, "phase": phase,
        "timestamp": 1772362800000, "url": f"job/shop/job/deploy%20it/{number}/",
        "scm": {"branch": "origin/main", "commit": "c6d86dc", "culprits": ["basis-1"]}, **more,
    }  # fmt: skip
    if status is not None:
        inner["status"] = status
    return {"name": "deploy it", "url": "job/shop/job/deploy%20it/", "build": inner}


def test_a_failed_build() -> None:
    found = event("jenkins", build("COMPLETED", "FAILURE"))
    assert {name: found[name] for name in ("type", "severity", "resource", "check", "title")} == {
        "type": "jenkins.build", "severity": "major", "resource": "shop/deploy it", "check": "build",
        "title": "shop/deploy it #18: failure",
    }  # fmt: skip
    assert (found["labels"]["branch"], found["data"]["link"]) == ("origin/main", build("x")["build"]["full_url"])


@pytest.mark.parametrize(
    ("status", "severity"),
    [("FAILURE", "major"), ("UNSTABLE", "warning"), ("SUCCESS", "clear"), ("ABORTED", None), ("NOT_BUILT", None)],
)
def test_outcomes(status: str, severity: str | None) -> None:
    assert event("jenkins", build("FINALIZED", status)).get("severity") == severity


def test_a_build_has_no_outcome_before_its_end() -> None:
    assert "severity" not in event("jenkins", build("STARTED", "FAILURE"))


def test_a_completed_build_counts_once() -> None:
    completed, finalized = (event("jenkins", build(phase, "FAILURE")) for phase in ("COMPLETED", "FINALIZED"))
    assert completed["id"] == finalized["id"] != event("jenkins", build("STARTED"))["id"]


def test_builds_of_jobs_that_deploy_are_changes() -> None:
    bodies = [build("QUEUED"), build("STARTED"), build("COMPLETED", "SUCCESS")]
    (record,) = told("jenkins", *bodies, settings=DEPLOYS).state.change_records.values()
    assert (record.state, record.kind, record.by, record.title, record.resources) == (
        "succeeded", "deployment", "basis-1", "shop/deploy it #18", ("shop/deploy it",),
    )  # fmt: skip
    assert told("jenkins", *bodies).state.change_records == {}
    assert told("jenkins", *bodies, settings={"deploys": ["other/*"]}).state.change_records == {}


def test_a_failed_deployment_is_a_failed_change() -> None:
    (record,) = told(
        "jenkins", build("STARTED"), build("COMPLETED", "ABORTED"), settings=DEPLOYS
    ).state.change_records.values()
    assert record.state == "cancelled"


def test_other_json_can_be_looked_at() -> None:
    assert event("jenkins", {"build": {"phase": "STARTED"}})["type"] == "jenkins.unknown"
    assert event("jenkins", {"name": "x"})["type"] == "jenkins.unknown"
