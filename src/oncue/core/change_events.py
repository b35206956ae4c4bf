"""Events that tell of changes: OnCue's own types, CDEvents, and what the sources make of PagerDuty's change events
and of deployments by GitHub, GitLab, Argo CD, Jenkins and Flux. From them change records are written down; the event goes its way as any other.

What an event lacks is left out: whatever it holds, reading it does not fail.
Source: CDEvents 0.4, https://cdevents.dev, continuous deployment events.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal

from oncue.core import change_records
from oncue.core import event as events
from oncue.core.change_record import Outcome, Pointer
from oncue.core.change_records import LASTS_S, LONGEST_S, PLACES, POINTERS, Wanted
from oncue.core.normalise import Seen
from oncue.core.tx import Tx

Told = tuple[Wanted, bool]
"""What is to be written down, and whether it is over."""

STARTED: Final = "io.oncue.change.started"
FINISHED: Final = "io.oncue.change.finished"
MADE: Final = "io.oncue.change.made"

_Stage = Literal["running"] | Outcome
_TITLE: Final = 300
_NAME: Final = 255


@lru_cache(maxsize=8192)
def tells(type: str) -> bool:
    """Whether events of this type may tell of changes."""
    return _reader(type) is not None


def take(tx: Tx, seen: Seen) -> None:
    """Write down what the event tells of a change, if it does."""
    if not tells(seen.type):
        return
    reader = _reader(seen.type)
    told = reader(seen, seen.data()) if reader is not None else None
    if told is not None:
        change_records.reported(tx, seen.namespace, *told)


def _own(seen: Seen, data: dict[str, Any]) -> Told | None:
    said = _text(data.get("outcome"), 20)
    stage: _Stage = "failed" if said == "failed" else "cancelled" if said == "cancelled" else "succeeded"
    lasts = data.get("lasts_s")
    fits = isinstance(lasts, int | float) and not isinstance(lasts, bool) and 0 < lasts <= LONGEST_S
    return _wanted(
        seen, "running" if seen.type == STARTED else stage,
        key=_text(data.get("key"), _NAME), title=_text(data.get("title"), _TITLE), kind=_text(data.get("kind"), 60),
        by=_text(data.get("by"), _NAME), links=_links(data.get("links"), "url", "title"),
        resources=_names(data.get("resources")), services=_names(data.get("services")),
        started_at=_instant(data.get("started_at")), ended_at=_instant(data.get("ended_at")),
        lasts_s=float(lasts) if isinstance(lasts, int | float) and fits else LASTS_S,
    )  # fmt: skip


def _pagerduty(seen: Seen, data: dict[str, Any]) -> Told | None:
    payload = _object(data.get("payload"))
    at = _instant(payload.get("timestamp"))
    return _wanted(
        seen, "succeeded", title=_text(payload.get("summary"), _TITLE), by=_text(data.get("client"), _NAME),
        links=_links(data.get("links"), "href", "text"), started_at=at, ended_at=at,
    )  # fmt: skip


_GITHUB: Final[dict[str, _Stage]] = {
    "success": "succeeded", "failure": "failed", "error": "failed", "in_progress": "running", "queued": "running",
    "pending": "running", "waiting": "running",
}  # fmt: skip


def _github(seen: Seen, data: dict[str, Any]) -> Told | None:
    deployment, status = _object(data.get("deployment")), _object(data.get("deployment_status"))
    stage = _GITHUB.get(_text(status.get("state"), 20) or "")
    number = deployment.get("id")
    if stage is None or not isinstance(number, int):
        return None
    environment = _text(deployment.get("environment"), 100) or "an environment"
    ref = _text(deployment.get("ref"), 100) or "a commit"
    url = _text(status.get("log_url"), 2000) or _text(status.get("target_url"), 2000)
    return _wanted(
        seen, stage, key=f"github:{seen.resource}:{number}"[:_NAME], kind="deployment",
        title=f"{ref} of {seen.resource} to {environment}"[:_TITLE],
        by=_text(_object(deployment.get("creator")).get("login"), _NAME),
        links=[Pointer(url, "Log")] if url is not None and url.startswith("http") else [],
        started_at=_instant(deployment.get("created_at")), ended_at=_instant(status.get("updated_at")),
    )  # fmt: skip


def _carried(seen: Seen, data: dict[str, Any]) -> Told | None:
    """What the source, which knows its sender's form, has put beside the payload."""
    said = _object(data.get("oncue_change"))
    stage = _STAGES.get(_text(said.get("stage"), 20) or "")
    if stage is None:
        return None
    url = _text(said.get("link"), 2000)
    return _wanted(
        seen, stage, key=_text(said.get("key"), _NAME), title=_text(said.get("title"), _TITLE),
        kind=_text(said.get("kind"), 60), by=_text(said.get("by"), _NAME),
        links=[Pointer(url, "Log")] if url is not None and url.startswith("http") else [],
        started_at=_instant(said.get("started_at")), ended_at=_instant(said.get("ended_at")),
    )  # fmt: skip


_STAGES: Final[dict[str, _Stage]] = {
    "running": "running", "succeeded": "succeeded", "failed": "failed", "cancelled": "cancelled",
}  # fmt: skip


def _cdevents(seen: Seen, data: dict[str, Any]) -> Told | None:
    subject = _object(data.get("subject"))
    content = _object(subject.get("content"))
    name = _text(subject.get("id"), _NAME)
    verb = seen.type.split(".")[3]
    environment = _text(_object(content.get("environment")).get("id"), 100)
    artifact = _text(content.get("artifactId"), 150)
    what = f"{name or seen.resource} {verb}{f' to {environment}' if environment else ''}"
    return _wanted(
        seen, "succeeded", kind="deployment", title=(f"{what}: {artifact}" if artifact else what)[:_TITLE],
        resources=[] if name is not None else None, services=[name] if name is not None else None,
    )  # fmt: skip


_READERS: Final[dict[str, Callable[[Seen, dict[str, Any]], Told | None]]] = {
    STARTED: _own,
    FINISHED: _own,
    MADE: _own,
    "pagerduty.change": _pagerduty,
    "github.deployment_status": _github,
    "github.deployment_status.created": _github,
    **dict.fromkeys(("gitlab.deployment", "gitlab.pipeline", "argocd.sync", "jenkins.build", "flux.event"), _carried),
}
_VERSIONED: Final = tuple(f"dev.cdevents.service.{verb}." for verb in ("deployed", "upgraded", "rolledback", "removed"))


def _reader(type: str) -> Callable[[Seen, dict[str, Any]], Told | None] | None:
    found = _READERS.get(type)
    return _cdevents if found is None and type.startswith(_VERSIONED) else found


def _wanted(
    seen: Seen, stage: _Stage, *, title: str | None, key: str | None = None, kind: str | None = None,
    by: str | None = None, links: list[Pointer] | None = None, resources: list[str] | None = None,
    services: list[str] | None = None, started_at: datetime | None = None, ended_at: datetime | None = None,
    lasts_s: float = LASTS_S,
) -> Told:  # fmt: skip
    """What is to be written down; an event that names no places is about its own resource and service."""
    if not resources and not services:
        resources, services = [seen.resource[:_NAME]], [seen.service] if seen.service is not None else []
    sent_at = _instant(seen.event.time)
    ended = stage != "running"
    wanted = Wanted(
        title=title or (seen.event.title or seen.type)[:_TITLE], key=key, kind=kind or "change",
        by=by or seen.event.source[:_NAME], resources=resources or [], services=services or [], links=links or [],
        lasts_s=lasts_s, started_at=started_at or sent_at,
        ended_at=(ended_at or sent_at or seen.state.now) if ended else None,
        outcome=stage if stage != "running" else "succeeded", source=seen.type,
    )  # fmt: skip
    return wanted, ended


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any, limit: int) -> str | None:
    return value.strip()[:limit] if isinstance(value, str) and value.strip() else None


def _names(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [name for one in found[:PLACES] if (name := _text(one, _NAME)) is not None]


def _links(value: Any, url: str, title: str) -> list[Pointer]:
    found = [_object(one) for one in value[:POINTERS]] if isinstance(value, list) else []
    links = [(_text(one.get(url), 2000), _text(one.get(title), 200)) for one in found]
    return [Pointer(to, said or "") for to, said in links if to is not None and to.startswith(("http://", "https://"))]


def _instant(value: Any) -> datetime | None:
    try:
        return events.instant(value) if isinstance(value, str) else None
    except ValueError:
        return None
