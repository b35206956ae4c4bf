"""GitLab: tokens, deployments as changes, pipelines and jobs that fail and recover."""

from typing import Any

import pytest

from oncue.plugins.sources.gitlab import GitlabSource
from oncue.sdk.source import Refusal
from tests.sources import Vault, event, faults, message, told

PROJECT = {"path_with_namespace": "acme/shop", "web_url": "https://gitlab.example.com/acme/shop"}
USER = {"username": "basis-1", "name": "A name"}


def deployment(status: str, number: int = 15, at: str = "2026-03-01 11:02:00 +0000") -> dict[str, Any]:
    return {
        "object_kind": "deployment", "status": status, "status_changed_at": at, "deployment_id": number,
        "deployable_url": "https://gitlab.example.com/acme/shop/-/jobs/796", "environment": "production",
        "environment_tier": "production", "short_sha": "279484c0", "project": PROJECT, "user": USER,
    }  # fmt: skip


def pipeline(status: str, ref: str = "main", number: int = 31) -> dict[str, Any]:
    attributes = {"id": number, "ref": ref, "status": status, "created_at": "2026-03-01 11:00:00 UTC",
                  "finished_at": None if status == "running" else "2026-03-01 11:03:00 UTC"}  # fmt: skip
    return {"object_kind": "pipeline", "object_attributes": attributes, "project": PROJECT, "user": USER}


def job(status: str, **more: Any) -> dict[str, Any]:
    return {"object_kind": "build", "ref": "main", "build_id": 1977, "build_name": "unit", "build_stage": "test",
            "build_status": status, "project": PROJECT, "user": USER, **more}  # fmt: skip


def test_a_failed_deployment() -> None:
    found = event("gitlab", deployment("failed"))
    assert {name: found[name] for name in ("type", "severity", "resource", "check", "title", "time")} == {
        "type": "gitlab.deployment", "severity": "major", "resource": "acme/shop", "check": "deployment to production",
        "title": "Deployment of 279484c0 to production: failed", "time": "2026-03-01T11:02:00Z",
    }  # fmt: skip
    assert found["data"]["link"] == "https://gitlab.example.com/acme/shop/-/jobs/796"


def test_a_deployment_is_a_change_from_its_beginning_to_its_end() -> None:
    story = told("gitlab", deployment("running"), deployment("success", at="2026-03-01 11:05:00 +0000"))
    (record,) = story.state.change_records.values()
    assert (record.state, record.kind, record.by, record.resources) == (
        "succeeded", "deployment", "basis-1", ("acme/shop",),
    )  # fmt: skip
    assert (record.title, record.links[0].url) == (
        "279484c0 of acme/shop to production", "https://gitlab.example.com/acme/shop/-/jobs/796",
    )  # fmt: skip


@pytest.mark.parametrize(("status", "state"), [("failed", "failed"), ("canceled", "cancelled")])
def test_a_deployment_whose_beginning_was_missed_is_on_record(status: str, state: str) -> None:
    (record,) = told("gitlab", deployment(status)).state.change_records.values()
    assert record.state == state


def test_what_has_not_begun_is_no_change() -> None:
    assert told("gitlab", deployment("created"), deployment("blocked")).state.change_records == {}


def test_pipelines_of_refs_that_deploy_are_changes() -> None:
    bodies = [pipeline("running", "release/2"), pipeline("success", "release/2"), pipeline("success", "main", 32)]
    story = told("gitlab", *bodies, settings={"deploys": ["release/*"]})
    (record,) = story.state.change_records.values()
    assert (record.state, record.title) == ("succeeded", "pipeline 31 of acme/shop on release/2")
    assert told("gitlab", *bodies).state.change_records == {}


def test_a_pipeline_fails_and_a_later_one_recovers_it() -> None:
    story = told(
        "gitlab",
        pipeline("running"),
        pipeline("failed"),
        pipeline("canceled", number=32),
        pipeline("success", number=33),
    )
    assert [name for name in story.types() if name.startswith("alert.")] == ["alert.fired", "alert.resolved"]


def test_branches_that_nobody_watches_are_neutral() -> None:
    assert "severity" not in event("gitlab", pipeline("failed"), settings={"branches": ["release/*"]})


def test_jobs() -> None:
    failed = event("gitlab", job("failed", build_failure_reason="script_failure"))
    assert (failed["severity"], failed["check"], failed["title"]) == (
        "major", "test / unit on main", "test / unit on main: script_failure",
    )  # fmt: skip
    assert "severity" not in event("gitlab", job("failed", build_allow_failure=True))
    assert event("gitlab", job("success"))["fingerprint"] == failed["fingerprint"]


def test_everything_else_is_neutral() -> None:
    found = event(
        "gitlab", {"object_kind": "push", "ref": "refs/heads/main", "project": PROJECT, "user_username": "basis-1"}
    )
    assert (found["type"], found["resource"], "severity" in found) == ("gitlab.push", "acme/shop", False)
    assert event("gitlab", {"hello": 1})["type"] == "gitlab.unknown"


def test_a_delivery_that_is_repeated_has_its_id() -> None:
    assert event("gitlab", pipeline("failed"), {"Idempotency-Key": "k-1"})["id"] == "k-1"
    assert event("gitlab", deployment("failed"))["id"] == event("gitlab", deployment("failed"))["id"]


async def test_the_token_is_checked() -> None:
    vault, settings = Vault({"secret://t": "right"}), {"token": "secret://t"}
    body = pipeline("failed")
    await GitlabSource().admit(message(body, {"X-Gitlab-Token": "right"}, settings=settings), vault)
    await GitlabSource().admit(message(body), vault)
    for headers, said in (({"X-Gitlab-Token": "wrong"}, "is not the webhook's"), ({}, "is missing")):
        with pytest.raises(Refusal) as refused:
            await GitlabSource().admit(message(body, headers, settings=settings), vault)
        assert refused.value.code == "auth.invalid"
        assert said in refused.value.detail


def test_settings_are_checked() -> None:
    assert faults("gitlab", {"token": "secret://t", "deploys": ["main"]}) == []
    assert faults("gitlab", {"secret": "secret://t"}) != []


def test_credentials_in_links_are_masked() -> None:
    body = {**deployment("failed"), "deployable_url": "https://ci.example.com/x?token=abcdef123456"}
    assert "abcdef123456" not in str(event("gitlab", body))
