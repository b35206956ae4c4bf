"""GitLab's webhooks: pipelines and jobs that fail, and deployments, which are changes, too.

| delivery | problem | recovery | resource | check |
|---|---|---|---|---|
| `pipeline` | failed (`major`) | success | project | pipeline on the branch |
| `build` (a job) | failed (`major`), unless it may fail | success | project | stage, job and branch |
| `deployment` | failed (`major`) | success | project | deployment to its environment |
| anything else | | | project | the event's name |

`type` is `gitlab.KIND`, the project's name is its path with namespace. A deployment is a change of kind `deployment` from
`running` to its end; so is a pipeline of a ref that `deploys` names. What neither fails nor recovers is neutral. The payload
is `data`, verbatim. With `token`, `X-Gitlab-Token` must be it. A delivery that GitLab repeats counts once.
Source: docs.gitlab.com, webhooks and webhook events, of GitLab 17 and 18.
"""

import hmac
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from oncue.plugins.sources.envelope import (
    Stage,
    Wrapping,
    change,
    decoded,
    first,
    fitted,
    header,
    instant,
    line,
    links,
    mapping,
    unknown,
    word,
)
from oncue.sdk import SecretRef
from oncue.sdk.source import Host, Message, Parsed, Refusal

TOKEN: Final = b"x-gitlab-token"
REPEATED: Final = b"idempotency-key"
SEVERITY: Final = {"failed": "major", "success": "clear"}
STAGES: Final[dict[str, Stage]] = {
    "running": "running", "success": "succeeded", "failed": "failed", "canceled": "cancelled",
}  # fmt: skip


class GitlabSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How deliveries are checked, and what they mean."""

    token: SecretRef | None = None
    """The webhook's secret token, as `secret://NAME`: deliveries without it are refused."""
    branches: list[str] = []
    """Pipelines and jobs of other branches are neutral. Names, or globs with `*`; empty means all."""
    deploys: list[str] = []
    """Refs whose pipelines deploy without saying so: each of them is a change. Names, or globs with `*`."""


class Finding(msgspec.Struct):
    """What a delivery says about one check."""

    check: str
    severity: str | None = None
    title: str | None = None
    link: Any = None
    time: Any = None
    id: str | None = None
    labels: dict[str, Any] = {}
    change: dict[str, Any] | None = None


class GitlabSource:
    """A webhook of a project, a group or an instance."""

    name = "gitlab"
    settings = GitlabSettings

    async def admit(self, message: Message, host: Host) -> None:
        """Raises `Refusal`: auth.invalid for a wrong token or none, secret.not_found."""
        reference = fitted(message, GitlabSettings).token
        if reference is None:
            return
        given = header(message.headers, TOKEN) or ""
        if not hmac.compare_digest(given.encode(), host.secret(reference).encode()):
            said = "is not the webhook's" if given else "is missing: set the webhook's secret token in GitLab"
            raise Refusal("auth.invalid", f"the token X-Gitlab-Token {said}")

    def parse(self, message: Message) -> Parsed:
        """The delivery as an event. Raises `Refusal`: request.malformed."""
        body = decoded(message.body)
        kind = word(mapping(body).get("object_kind"))
        if not isinstance(body, dict) or kind is None or not kind.replace("_", "").isalnum():
            return unknown(message, body, "gitlab")
        settings, own = fitted(message, GitlabSettings), mapping(body.get("project"))
        project = first(own.get("path_with_namespace"), body.get("project_name")) or message.name
        found = _READERS.get(kind, _other)(kind, project, body, settings)
        branch = found.labels.get("branch")
        if branch is not None and settings.branches and not _named(branch, settings.branches):
            found.severity = None
        wrapping = Wrapping(message)
        wrapping.add(
            message.body,
            type=f"gitlab.{kind}",
            id=header(message.headers, REPEATED) or found.id,
            severity=found.severity,
            resource=project,
            check=found.check,
            fingerprint=None if found.severity is None else f"gitlab:{project}:{kind}:{found.check}",
            title=found.title or f"{kind.replace('_', ' ')} in {project}",
            labels={**found.labels, "event": kind, "user": _user(body)},
            time=instant(found.time),
            more={**links(("link", found.link), ("link", own.get("web_url"))), "oncue_change": found.change},
        )
        return wrapping.parsed()


def _named(name: Any, wanted: list[str]) -> bool:
    return any(fnmatchcase(str(name), one) for one in wanted)


def _user(body: dict[str, Any]) -> str | None:
    user = mapping(body.get("user"))
    return first(user.get("username"), user.get("name"), body.get("user_username"))


def _pipeline(kind: str, project: str, body: dict[str, Any], settings: GitlabSettings) -> Finding:
    pipeline = mapping(body.get("object_attributes"))
    ref, status = first(pipeline.get("ref")) or "no ref", word(pipeline.get("status")) or "unknown"
    own = mapping(body.get("project")).get("web_url")
    number = line(pipeline.get("id"))
    link = first(pipeline.get("url"), f"{own}/-/pipelines/{number}" if own and number else None)
    name = first(pipeline.get("name")) or "pipeline"
    deploys = number is not None and _named(ref, settings.deploys)
    return Finding(
        check=f"pipeline on {ref}",
        severity=SEVERITY.get(status),
        title=f"{name} on {ref}: {status}",
        link=link,
        time=first(pipeline.get("finished_at"), pipeline.get("created_at")),
        labels={"branch": ref, "commit": pipeline.get("sha"), "status": status},
        change=change(
            STAGES.get(status), key=f"gitlab:{project}:pipeline:{number}", title=f"{name} {number} of {project} on {ref}",
            by=_user(body), link=link, started_at=instant(pipeline.get("created_at")),
            ended_at=instant(pipeline.get("finished_at")),
        )
        if deploys
        else None,
    )  # fmt: skip


def _job(kind: str, project: str, body: dict[str, Any], settings: GitlabSettings) -> Finding:
    ref, status = first(body.get("ref")) or "no ref", word(body.get("build_status")) or "unknown"
    name = " / ".join(part for part in (line(body.get("build_stage")), line(body.get("build_name"))) if part) or "job"
    own, number = mapping(body.get("project")).get("web_url"), line(body.get("build_id"))
    may_fail = body.get("build_allow_failure") is True
    return Finding(
        check=f"{name} on {ref}",
        severity=None if may_fail and status == "failed" else SEVERITY.get(status),
        title=f"{name} on {ref}: {first(body.get('build_failure_reason')) or status if status == 'failed' else status}",
        link=f"{own}/-/jobs/{number}" if own and number else None,
        time=first(body.get("build_finished_at"), body.get("build_started_at"), body.get("build_created_at")),
        labels={"branch": ref, "commit": body.get("sha"), "status": status},
    )


def _deployment(kind: str, project: str, body: dict[str, Any], settings: GitlabSettings) -> Finding:
    environment, status = first(body.get("environment")) or "an environment", word(body.get("status")) or "unknown"
    number, changed_at = line(body.get("deployment_id")), body.get("status_changed_at")
    what = first(body.get("ref"), body.get("short_sha")) or "a commit"
    link = first(body.get("deployable_url"), body.get("environment_external_url"))
    ended = status in ("success", "failed", "canceled")
    return Finding(
        check=f"deployment to {environment}",
        severity=SEVERITY.get(status),
        title=f"Deployment of {what} to {environment}: {status}",
        link=link,
        time=changed_at,
        id=f"{project}:deployment:{number}:{status}:{line(changed_at)}" if number else None,
        labels={"environment": environment, "tier": body.get("environment_tier"), "commit": body.get("short_sha")},
        change=change(
            STAGES.get(status), key=f"gitlab:{project}:deployment:{number}", title=f"{what} of {project} to {environment}",
            by=_user(body), link=link, started_at=None if ended else instant(changed_at),
            ended_at=instant(changed_at) if ended else None,
        )
        if number
        else None,
    )  # fmt: skip


def _other(kind: str, project: str, body: dict[str, Any], settings: GitlabSettings) -> Finding:
    return Finding(check=kind)


_READERS: Final = {"pipeline": _pipeline, "build": _job, "deployment": _deployment}
