"""GitHub's webhooks: what fails in a repository, and what is found in it.

| delivery | problem | recovery | resource | check |
|---|---|---|---|---|
| `workflow_run` completed | failure, timed out, startup failure (`major`) | success | repository | workflow and branch |
| `workflow_job` completed | the same | success | repository | workflow, job and branch |
| `check_run`, `check_suite` completed | the same | success | repository | check and branch |
| `status` | failure, error (`major`) | success | repository | context and branch |
| `deployment_status` | failure, error (`major`) | success | repository | deployment to its environment |
| `dependabot_alert` | by the advisory's severity | fixed, dismissed | repository | the alert's number |
| `code_scanning_alert` | by the rule's severity | fixed, dismissed | repository | the alert's number |
| `secret_scanning_alert` | `critical` | resolved | repository | the alert's number |
| anything else | | | repository | the event's name |

`type` is `github.EVENT` or `github.EVENT.ACTION`; `id` is `X-GitHub-Delivery`, so a redelivery counts once. Firing and
recovery share the fingerprint: repository, kind and check. Everything that neither fails nor recovers is neutral. The
payload is `data`, verbatim; a found secret is masked. With `secret`, `X-Hub-Signature-256` must be right.
"""

import hmac
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any, Final

import msgspec

from oncue.plugins.sources.envelope import (
    WORDS,
    Wrapping,
    decoded,
    first,
    fitted,
    header,
    instant,
    line,
    links,
    listing,
    mapping,
    unknown,
    word,
)
from oncue.sdk import SecretRef
from oncue.sdk.source import Host, Message, Parsed, Refusal

FAILED: Final = ("failure", "timed_out", "startup_failure", "error")
RECOVERED: Final = ("success",)
ENDED: Final = ("fixed", "dismissed", "auto_dismissed", "resolved", "closed_by_user", "auto_closed")
SIGNATURE: Final = b"x-hub-signature-256"


class GithubSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How deliveries are checked."""

    secret: SecretRef | None = None
    """The webhook's secret, as `secret://NAME`: deliveries without its signature are refused."""
    branches: list[str] = []
    """Runs, checks and statuses of other branches are neutral. Names, or globs with `*`; empty means all."""


class Finding(msgspec.Struct):
    """What a delivery says about one check."""

    check: str
    severity: str | None
    title: str | None = None
    link: Any = None
    time: Any = None
    labels: dict[str, Any] = {}


class GithubSource:
    """A webhook of a repository, an organisation or an app. GitHub sets no header of yours, so the token is in the
    address; with `secret`, deliveries are signed as well."""

    name = "github"
    settings = GithubSettings

    async def admit(self, message: Message, host: Host) -> None:
        """Raises `Refusal`: auth.invalid for a wrong signature or none, secret.not_found."""
        reference = fitted(message, GithubSettings).secret
        if reference is None:
            return
        given = header(message.headers, SIGNATURE) or ""
        expected = "sha256=" + hmac.new(host.secret(reference).encode(), message.body, sha256).hexdigest()
        if not hmac.compare_digest(given.encode(), expected.encode()):
            said = "is not the body's" if given else "is missing: set the webhook's secret on GitHub"
            raise Refusal("auth.invalid", f"the signature X-Hub-Signature-256 {said}")

    def parse(self, message: Message) -> Parsed:
        """The delivery as an event. Raises `Refusal`: request.malformed, request.unsupported_media_type."""
        if message.body.startswith(b"payload="):
            raise Refusal("request.unsupported_media_type", "set the webhook's content type to application/json")
        body = decoded(message.body)
        if not isinstance(body, dict):
            return unknown(message, body, "github")
        event = line(header(message.headers, b"x-github-event"), 64) or _event_of(body)
        if event is None:
            return unknown(message, body, "github")
        repository = first(
            mapping(body.get("repository")).get("full_name"), mapping(body.get("organization")).get("login")
        )
        found = _READERS.get(event, _other)(event, body)
        branch, branches = found.labels.get("branch"), fitted(message, GithubSettings).branches
        if branch is not None and branches and not any(fnmatchcase(branch, wanted) for wanted in branches):
            found.severity = None
        action = line(body.get("action"), 64)
        wrapping = Wrapping(message)
        wrapping.add(
            message.body if event != "secret_scanning_alert" else _without_secret(message.body, body),
            type=f"github.{event}.{action}" if action and action.replace("_", "").isalnum() else f"github.{event}",
            id=header(message.headers, b"x-github-delivery"),
            severity=found.severity,
            resource=repository or message.name,
            check=found.check,
            fingerprint=None if found.severity is None else f"github:{repository}:{event}:{found.check}",
            title=found.title or f"{event.replace('_', ' ')} {action or ''} in {repository or message.name}",
            labels={**found.labels, "event": event, "sender": mapping(body.get("sender")).get("login")},
            time=instant(found.time),
            more=links(("link", found.link), ("link", mapping(body.get("repository")).get("html_url"))),
        )
        return wrapping.parsed()


def _outcome(conclusion: Any) -> str | None:
    said = word(conclusion)
    return "major" if said in FAILED else "clear" if said in RECOVERED else None


def _run(event: str, body: dict[str, Any]) -> Finding:
    run = mapping(body.get(event))
    branch = first(run.get("head_branch"), mapping(run.get("check_suite")).get("head_branch")) or "no branch"
    app = mapping(run.get("app"))
    name = first(run.get("name"), mapping(body.get("workflow")).get("name"), app.get("name")) or event
    if event == "workflow_job" and run.get("workflow_name"):
        name = f"{run.get('workflow_name')} / {name}"
    done = run.get("status") == "completed"
    conclusion = line(run.get("conclusion"))
    return Finding(
        check=f"{name} on {branch}",
        severity=_outcome(conclusion) if done else None,
        title=f"{name} on {branch}: {conclusion or line(run.get('status')) or body.get('action')}",
        link=run.get("html_url"),
        time=first(run.get("completed_at"), run.get("updated_at"), run.get("started_at")),
        labels={"branch": branch, "commit": run.get("head_sha"), "conclusion": conclusion},
    )


def _status(event: str, body: dict[str, Any]) -> Finding:
    branch = next(
        (name for one in listing(body.get("branches")) if (name := line(mapping(one).get("name")))), "no branch"
    )
    context = line(body.get("context")) or "status"
    return Finding(
        check=f"{context} on {branch}",
        severity=_outcome(body.get("state")),
        title=f"{context} on {branch}: {line(body.get('description')) or line(body.get('state'))}",
        link=body.get("target_url"),
        time=body.get("updated_at"),
        labels={"branch": branch, "commit": body.get("sha")},
    )


def _deployment(event: str, body: dict[str, Any]) -> Finding:
    status, deployment = mapping(body.get("deployment_status")), mapping(body.get("deployment"))
    environment = first(deployment.get("environment"), status.get("environment")) or "an environment"
    state = line(status.get("state"))
    return Finding(
        check=f"deployment to {environment}",
        severity=_outcome(state),
        title=f"Deployment of {line(deployment.get('ref')) or 'a commit'} to {environment}: {state}",
        link=first(status.get("log_url"), status.get("environment_url"), status.get("target_url")),
        time=status.get("updated_at"),
        labels={"environment": environment, "commit": deployment.get("sha"), "ref": deployment.get("ref")},
    )


def _alert(event: str, body: dict[str, Any]) -> Finding:
    alert = mapping(body.get("alert"))
    advisory, rule = mapping(alert.get("security_advisory")), mapping(alert.get("rule"))
    package = mapping(mapping(alert.get("dependency")).get("package"))
    what = first(
        advisory.get("summary"),
        rule.get("description"),
        alert.get("secret_type_display_name"),
        alert.get("secret_type"),
    )
    ended = word(alert.get("state")) in ENDED or word(body.get("action")) in ENDED
    bad = "critical" if event == "secret_scanning_alert" else None
    said = first(advisory.get("severity"), rule.get("security_severity_level"), rule.get("severity"))
    return Finding(
        check=f"{event.replace('_', ' ')} {line(alert.get('number')) or ''}",
        severity="clear" if ended else bad or _rated(said),
        title=f"{what or event.replace('_', ' ')}{f' ({name})' if (name := line(package.get('name'))) else ''}",
        link=alert.get("html_url"),
        time=first(alert.get("updated_at"), alert.get("created_at")),
        labels={"package": package.get("name"), "cve": advisory.get("cve_id"), "rule": rule.get("id")},
    )


def _rated(said: str | None) -> str:
    found = WORDS.get(word(said) or "", "warning")
    return "warning" if found in ("clear", "info") else found


def _other(event: str, body: dict[str, Any]) -> Finding:
    return Finding(check=event, severity=None)


_READERS: Final = {
    "workflow_run": _run,
    "workflow_job": _run,
    "check_run": _run,
    "check_suite": _run,
    "status": _status,
    "deployment_status": _deployment,
    "dependabot_alert": _alert,
    "code_scanning_alert": _alert,
    "secret_scanning_alert": _alert,
}


def _event_of(body: dict[str, Any]) -> str | None:
    """What delivery it is, when a proxy has cut GitHub's header."""
    if "repository" not in body and "organization" not in body:
        return None
    for name in ("workflow_job", "deployment_status", "workflow_run", "check_run", "check_suite"):
        if isinstance(body.get(name), dict):
            return name
    alert = mapping(body.get("alert"))
    if "security_advisory" in alert:
        return "dependabot_alert"
    if "secret_type" in alert:
        return "secret_scanning_alert"
    return "code_scanning_alert" if "rule" in alert else "event"


def _without_secret(raw: bytes, body: dict[str, Any]) -> bytes:
    """The delivery without the secret that was found, wherever it stands as it was found."""
    secret = mapping(body.get("alert")).get("secret")
    if not isinstance(secret, str) or len(secret) < 4:
        return raw
    return raw.replace(msgspec.json.encode(secret)[1:-1], b"********")
