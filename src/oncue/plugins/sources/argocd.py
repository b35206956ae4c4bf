"""Argo CD's applications, as its notifications post them: syncs, which are changes, and health.

| event | problem | recovery | resource | check |
|---|---|---|---|---|
| `argocd.sync` | `Failed`, `Error` (`major`) | `Succeeded` | application | `sync` |
| `argocd.health` | `Degraded` (`major`) | `Healthy` | application | `health` |

What Argo CD posts is what its template says; here it is `{"app": {{toJson .app}}, "context": {{toJson .context}}}`, or the
application alone. One message makes both events: the application has both. A sync is a change of kind `sync` from its start
to its end; one that ended more than an hour ago is not told again. Everything else (`Progressing`, `Suspended`, `Missing`,
`OutOfSync`) is neutral. The application is `data`, verbatim.
Source: argo-cd.readthedocs.io, notifications, and the resource Application of argoproj.io/v1alpha1.
"""

from datetime import timedelta
from typing import Any, Final

from oncue.plugins.sources.envelope import (
    Stage,
    Wrapping,
    change,
    decoded,
    first,
    instant,
    line,
    links,
    listing,
    mapping,
    members,
    unknown,
)
from oncue.sdk.source import Message, NoSettings, Parsed

NEWS: Final = timedelta(hours=1)
"""How long after its end a sync is told of."""
SYNC: Final = {"Failed": "major", "Error": "major", "Succeeded": "clear"}
HEALTH: Final = {"Degraded": "major", "Healthy": "clear"}
STAGES: Final[dict[str, Stage]] = {
    "Running": "running", "Terminating": "running", "Succeeded": "succeeded", "Failed": "failed", "Error": "failed",
}  # fmt: skip


class ArgocdSource:
    """A webhook service of Argo CD's notifications; it sends the token as a header."""

    name = "argocd"
    settings = NoSettings

    def parse(self, message: Message) -> Parsed:
        """The application's events. Raises `Refusal`: request.malformed."""
        body = decoded(message.body)
        whole = mapping(body)
        app, payload = whole, message.body
        if isinstance(whole.get("app"), dict):
            app, payload = whole["app"], members(message.body)["app"]
        name, status = first(mapping(app.get("metadata")).get("name")), mapping(app.get("status"))
        if name is None or not status:
            return unknown(message, body, "argocd")
        namespace = first(mapping(app["metadata"]).get("namespace")) or "argocd"
        spec, destination = mapping(app.get("spec")), mapping(mapping(app.get("spec")).get("destination"))
        base = first(mapping(whole.get("context")).get("argocdUrl"))
        link = f"{base.rstrip('/')}/applications/{namespace}/{name}" if base else None
        labels = {
            "project": spec.get("project"), "destination": first(destination.get("name"), destination.get("server")),
            "destination_namespace": destination.get("namespace"),
        }  # fmt: skip
        wrapping = Wrapping(message)
        operation = mapping(status.get("operationState"))
        ended_at, started_at = instant(operation.get("finishedAt")), instant(operation.get("startedAt"))
        phase = first(operation.get("phase"))
        if phase is not None and (ended_at is None or ended_at > wrapping.now - NEWS):
            result = mapping(operation.get("syncResult"))
            revision = _revision(result) or _revision(mapping(status.get("sync")))
            began = line(operation.get("startedAt")) or ""
            initiated = mapping(mapping(operation.get("operation")).get("initiatedBy"))
            where = labels["destination_namespace"] or labels["destination"]
            wrapping.add(
                payload,
                type="argocd.sync",
                id=f"{namespace}/{name}:{began}:{phase}" if began else None,
                severity=SYNC.get(phase),
                resource=name,
                check="sync",
                title=f"Sync of {name}{f' to {revision}' if revision else ''}: {phase}",
                labels={**labels, "revision": revision},
                time=ended_at or started_at,
                more={
                    **links(("link", link)),
                    "description": line(operation.get("message"), 1000),
                    "oncue_change": change(
                        STAGES.get(phase), key=f"argocd:{namespace}/{name}:{began}", kind="sync",
                        title=f"{revision or 'sync'} of {name}{f' to {where}' if where else ''}",
                        by=first(initiated.get("username")) or "Argo CD", link=link, started_at=started_at,
                        ended_at=ended_at,
                    ),
                },
            )  # fmt: skip
        health = mapping(status.get("health"))
        said = first(health.get("status"))
        if said is not None:
            wrapping.add(
                payload,
                type="argocd.health",
                severity=HEALTH.get(said),
                resource=name,
                check="health",
                title=f"{name} is {said}",
                labels=labels,
                more={**links(("link", link)), "description": line(health.get("message"), 1000)},
            )
        return wrapping.parsed()


def _revision(found: dict[str, Any]) -> str | None:
    """Short, if it is a commit."""
    whole = first(found.get("revision"), *listing(found.get("revisions")))
    commit = whole is not None and len(whole) == 40 and all(one in "0123456789abcdef" for one in whole)
    return whole[:8] if whole is not None and commit else whole
