"""Kubernetes' Event objects: `v1` and `events.k8s.io/v1`, bare, watched, in lists, as event exporters post them.

| event | from |
|---|---|
| `type` | `kubernetes.event` |
| `severity` | by `severities`; `major` or `minor` for some reasons (a node that is not ready, out of memory, unschedulable); else `warning` for type `Warning`, none for `Normal` |
| `resource` | the object concerned: `NAMESPACE/NAME`, or `NAME` of what has no namespace |
| `check` | `reason` |
| `fingerprint` | kind, namespace and name of the object, its field, the reason |
| `id` | the Event's uid and resource version: each count of a repeated Event is an event, a re-delivery is none |
| `title` | reason and message |
| `labels` | `cluster` of the manifest's labels, `kind`, `namespace`, `name`, `reason`, `component`, `node` |
| `endsat` | `expire_after` from now: Kubernetes does not say that a warning is over, only what ended a node's condition |
| `data` | the Event, verbatim |
"""

from datetime import timedelta
from typing import Any, Final, Literal

import msgspec

from oncue.plugins.sources.envelope import (
    Wrapping,
    decoded,
    elements,
    first,
    first_line,
    fitted,
    instant,
    line,
    mapping,
    members,
    unknown,
)
from oncue.sdk.source import Duration, Message, Parsed, seconds

Severity = Literal["clear", "info", "warning", "minor", "major", "critical"]

REASONS: Final = {
    "NodeNotReady": ("major", "NodeNotReady"),
    "NodeReady": ("clear", "NodeNotReady"),
    "NodeHasDiskPressure": ("major", "NodeHasDiskPressure"),
    "NodeHasNoDiskPressure": ("clear", "NodeHasDiskPressure"),
    "NodeHasInsufficientMemory": ("major", "NodeHasInsufficientMemory"),
    "NodeHasSufficientMemory": ("clear", "NodeHasInsufficientMemory"),
    "NodeHasInsufficientPID": ("major", "NodeHasInsufficientPID"),
    "NodeHasSufficientPID": ("clear", "NodeHasInsufficientPID"),
    "SystemOOM": ("major", "SystemOOM"),
    "OOMKilling": ("major", "OOMKilling"),
    "Evicted": ("minor", "Evicted"),
    "FailedScheduling": ("minor", "FailedScheduling"),
}
"""Reasons that are worse, or better, than their type says: severity, and the check that they begin or end."""


class KubernetesSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How Events are judged."""

    expire_after: Duration = "30m"
    """A warning that is not repeated for so long is over."""
    severities: dict[str, Severity] = {}
    """By reason, before all else, as in `{BackOff: major, Unhealthy: info}`."""


class KubernetesSource:
    """Event objects, as an event exporter or a Knative ApiServerSource posts them, with a token in a header."""

    name = "kubernetes"
    settings = KubernetesSettings

    def parse(self, message: Message) -> Parsed:
        """The Events; a neutral event for JSON of another form. Raises `Refusal`: request.malformed."""
        settings = fitted(message, KubernetesSettings)
        body = decoded(message.body)
        pairs = _objects(message.body, body)
        if pairs and not any(_is_event(one) for _, one in pairs):
            return unknown(message, body, "kubernetes")
        wrapping = Wrapping(message)
        for index, (raw, one) in enumerate(pairs):
            _add(wrapping, message, settings, index, raw, one)
        return wrapping.parsed()


def _objects(raw: bytes, body: Any) -> list[tuple[bytes, dict[str, Any]]]:
    """The objects of a list, a watch, or the object itself, each with its own bytes."""
    if isinstance(body, list):
        return [
            pair
            for inner, one in zip(elements(raw), body, strict=True)
            for pair in ([(inner, one)] if _is_event(one) else _watched(inner, mapping(one)))
        ]
    said = mapping(body)
    if isinstance(said.get("items"), list):
        inside = elements(members(raw)["items"])
        return [(inner, mapping(one)) for inner, one in zip(inside, said["items"], strict=True)]
    return _watched(raw, said)


def _watched(raw: bytes, said: dict[str, Any]) -> list[tuple[bytes, dict[str, Any]]]:
    if isinstance(said.get("object"), dict) and "type" in said:
        # That an Event object has lapsed says nothing about what it told.
        return [] if said["type"] == "DELETED" else [(members(raw)["object"], said["object"])]
    return [(raw, said)]


def _is_event(one: Any) -> bool:
    said = mapping(one)
    return bool(mapping(said.get("involvedObject")) or mapping(said.get("regarding"))) and bool(
        line(said.get("reason"))
    )


def _add(
    wrapping: Wrapping,
    message: Message,
    settings: KubernetesSettings,
    index: int,
    raw: bytes,
    said: dict[str, Any],
) -> None:
    if not _is_event(said):
        wrapping.add(raw, index=index, type="kubernetes.unknown", resource=message.name)
        return
    about = mapping(said.get("involvedObject")) or mapping(said.get("regarding"))
    metadata, source = mapping(said.get("metadata")), mapping(said.get("source"))
    series = mapping(said.get("series"))
    reason = line(said.get("reason")) or "event"
    kind, namespace, name = (line(about.get(part)) for part in ("kind", "namespace", "name"))
    name = name or kind or "object"
    known, check = REASONS.get(reason, (None, reason))
    severity: str | None = settings.severities.get(reason) or known
    if severity is None and said.get("type") == "Warning":
        severity = "warning"
    uid, version = line(metadata.get("uid")), line(metadata.get("resourceVersion"))
    at = next(
        (
            found
            for value in (
                series.get("lastObservedTime"), said.get("lastTimestamp"), said.get("deprecatedLastTimestamp"),
                said.get("eventTime"), metadata.get("creationTimestamp"),
            )
            if (found := instant(value)) is not None
        ),
        None,
    )  # fmt: skip
    began = instant(first(said.get("firstTimestamp"), said.get("deprecatedFirstTimestamp"), said.get("eventTime")))
    problem = severity not in (None, "clear", "info")
    field = line(about.get("fieldPath"))
    told = first_line(said.get("message")) or first_line(said.get("note"))
    wrapping.add(
        raw,
        index=index,
        type="kubernetes.event",
        id=f"{uid}/{version}" if uid and version else None,
        severity=severity,
        resource=f"{namespace}/{name}" if namespace and kind != "Node" else name,
        check=check,
        fingerprint=None if severity is None else f"k8s:{kind}:{namespace or ''}/{name}:{field or ''}:{check}",
        title=f"{reason}: {told}" if told else f"{reason} of {kind} {name}",
        labels={
            "kind": kind,
            "namespace": namespace,
            "name": name,
            "reason": reason,
            "component": first(
                source.get("component"), said.get("reportingComponent"), said.get("reportingController")
            ),
            "node": source.get("host"),
        },
        time=at,
        starts_at=began if problem else None,
        ends_at=message.now + timedelta(seconds=seconds(settings.expire_after)) if problem else None,
    )
