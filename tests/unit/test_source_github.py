"""GitHub: signatures, failures and their recoveries, findings, everything else quiet."""

import hmac
from hashlib import sha256
from typing import Any

import pytest

from oncue.plugins.sources.github import GithubSource
from oncue.sdk.source import Refusal
from tests.sources import Vault, event, faults, message, parse, told

REPOSITORY = {"full_name": "acme/shop", "html_url": "https://github.example/acme/shop"}


def head(event: str, delivery: str = "d-1") -> dict[str, str]:
    return {"X-GitHub-Event": event, "X-GitHub-Delivery": delivery}


def run(conclusion: str | None = "failure", status: str = "completed", **more: Any) -> dict[str, Any]:
    inner = {"name": "CI", "head_branch": "main", "head_sha": "abc", "status": status, "conclusion": conclusion,
             "html_url": "https://github.example/run/1", "updated_at": "2026-03-01T10:00:00Z", **more}  # fmt: skip
    return {"action": status, "workflow_run": inner, "repository": REPOSITORY, "sender": {"login": "octo"}}


def test_a_failed_run() -> None:
    found = event("github", run(), head("workflow_run"))
    assert {
        name: found[name] for name in ("type", "id", "severity", "resource", "check", "fingerprint", "title", "time")
    } == {
        "type": "github.workflow_run.completed",
        "id": "d-1",
        "severity": "major",
        "resource": "acme/shop",
        "check": "CI on main",
        "fingerprint": "github:acme/shop:workflow_run:CI on main",
        "title": "CI on main: failure",
        "time": "2026-03-01T10:00:00Z",
    }
    assert found["data"]["link"] == "https://github.example/run/1"
    assert found["labels"]["branch"] == "main"


def test_a_run_fails_and_a_later_one_recovers_it() -> None:
    story = told(
        "github",
        run(),
        run(status="queued", conclusion=None),
        run("success"),
        headers={"X-GitHub-Event": "workflow_run"},
    )
    assert [name for name in story.types() if name.startswith("alert.")] == ["alert.fired", "alert.resolved"]


@pytest.mark.parametrize(
    ("conclusion", "severity"),
    [("failure", "major"), ("timed_out", "major"), ("startup_failure", "major"), ("success", "clear"), ("cancelled", None),
     ("skipped", None), ("neutral", None), ("action_required", None)],
)  # fmt: skip
def test_conclusions(conclusion: str, severity: str | None) -> None:
    assert event("github", run(conclusion), head("workflow_run")).get("severity") == severity


def test_branches_that_nobody_watches_are_neutral() -> None:
    settings = {"branches": ["release/*"]}
    assert "severity" not in event("github", run(), head("workflow_run"), settings=settings)
    watched = event("github", run(head_branch="release/2"), head("workflow_run"), settings=settings)
    assert watched["severity"] == "major"


def deployment(state: str) -> dict[str, Any]:
    return {"action": "created", "deployment_status": {"state": state, "log_url": "https://github.example/log"},
            "deployment": {"environment": "production", "ref": "v1.2"}, "repository": REPOSITORY}  # fmt: skip


def test_deployments() -> None:
    failed = event("github", deployment("failure"), head("deployment_status"))
    assert (failed["severity"], failed["check"], failed["title"]) == (
        "major", "deployment to production", "Deployment of v1.2 to production: failure",
    )  # fmt: skip
    assert "severity" not in event("github", deployment("in_progress"), head("deployment_status"))
    ended = event("github", deployment("success"), head("deployment_status"))
    assert (ended["severity"], ended["fingerprint"]) == ("clear", failed["fingerprint"])


def dependabot(state: str, severity: str = "high") -> dict[str, Any]:
    alert = {"number": 4, "state": state, "html_url": "https://github.example/a/4", "dependency": {"package": {"name": "left-pad"}},
             "security_advisory": {"severity": severity, "summary": "It pads too far", "cve_id": "CVE-2026-1"}}  # fmt: skip
    return {"action": "created", "alert": alert, "repository": REPOSITORY}


@pytest.mark.parametrize(
    ("said", "severity"), [("critical", "critical"), ("high", "major"), ("medium", "minor"), ("low", "warning")]
)
def test_dependabot(said: str, severity: str) -> None:
    found = event("github", dependabot("open", said), head("dependabot_alert"))
    assert (found["severity"], found["title"]) == (severity, "It pads too far (left-pad)")
    ended = event("github", dependabot("fixed", said), head("dependabot_alert"))
    assert (ended["severity"], ended["fingerprint"]) == ("clear", found["fingerprint"])


def test_a_found_secret_is_not_kept() -> None:
    alert = {
        "number": 1,
        "state": "open",
        "secret_type": "api_key",
        "secret": "AKIA-very-secret",
        "note": "AKIA-very-secret again",
    }
    body = {"action": "created", "alert": alert, "repository": REPOSITORY}
    (document,) = parse("github", body, head("secret_scanning_alert")).events
    assert b"very-secret" not in document and b"critical" in document


def test_other_deliveries_are_neutral() -> None:
    found = event("github", {"action": "opened", "issue": {}, "repository": REPOSITORY}, head("issues"))
    assert (found["type"], found.get("severity"), found["resource"]) == ("github.issues.opened", None, "acme/shop")
    assert event("github", {"zen": "Keep it simple"})["type"] == "github.unknown"


def test_a_form_is_refused_with_what_to_set() -> None:
    with pytest.raises(Refusal, match="application/json"):
        parse("github", b"payload=%7B%7D", head("push"))


async def test_a_signature_is_checked() -> None:
    host = Vault({"secret://hook": "s3cret"})
    settings = {"secret": "secret://hook"}
    body = b'{"zen":"x"}'
    right = "sha256=" + hmac.new(b"s3cret", body, sha256).hexdigest()
    source = GithubSource()
    await source.admit(message(body, {"X-Hub-Signature-256": right}, settings=settings), host)
    await source.admit(message(body), host)
    for headers in ({"X-Hub-Signature-256": right[:-1] + "x"}, {"X-Hub-Signature-256": "sha256=ü"}, {}):
        with pytest.raises(Refusal) as refused:
            await source.admit(message(body, headers, settings=settings), host)
        assert refused.value.code == "auth.invalid"
    with pytest.raises(Refusal, match="secret://other"):
        await source.admit(message(body, settings={"secret": "secret://other"}), host)


def test_the_secret_is_a_reference() -> None:
    assert faults("github", {"secret": "secret://hook"}) == []
    assert faults("github", {"secret": "in clear text"}) != []
