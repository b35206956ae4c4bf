"""Normalise: what an event is about, whatever its format left out.

The resource is the event's own, else its subject, else its source. The service is its own, else the catalogue's. The
fingerprint is the producer's key if it has one, else a hash of resource and `check`, or the type where no check is given,
so that `x.down` and `x.up` of one check pair.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import msgspec

from oncue.core import event as events
from oncue.core import expression
from oncue.core.asking import Asked
from oncue.core.event import Event
from oncue.core.severity import Signal, signal
from oncue.core.shaped import PolicyLink, Shaped
from oncue.core.state import State


class Outline(msgspec.Struct, gc=False):
    """What of an event shows whether it was there before, and whether it merely repeats a firing alert."""

    id: str
    source: str
    namespace: str | None
    """None if it names none."""
    type: str
    severity: str | None
    fingerprint: str
    endsat: str | None


class _Attributes(msgspec.Struct, gc=False):
    """The attributes that an outline is made of."""

    id: str
    source: str
    type: str
    subject: str | None = None
    severity: str | None = None
    resource: str | None = None
    namespace: str | None = None
    check: str | None = None
    fingerprint: str | None = None
    endsat: str | None = None


_attributes = msgspec.json.Decoder(_Attributes).decode

Kind = tuple[str | None, str, str | None, str | None]
"""What many events have in common that shows whether they merely repeat: namespace, type, severity, endsat."""

UNREADABLE: Final = -1


class Outlines(msgspec.Struct, array_like=True, gc=False):
    """What of events that came together shows whether they merely repeat firing alerts."""

    kinds: list[Kind]
    """Each once."""
    kind: list[int]
    """Per event its place in `kinds`; `UNREADABLE` for what is no event."""
    fingerprints: list[str]
    """Per event."""


_object = msgspec.json.Decoder().decode


@lru_cache(maxsize=131072)
def fingerprint(resource: str, check: str) -> str:
    """The default fingerprint of a condition: 16 hex digits."""
    return hashlib.blake2b(f"{resource}\0{check}".encode(), digest_size=8).hexdigest()


def outline(event: Any) -> Outline:
    """The outline of an event that has been read: anything with its attributes. `endsat` must be text, or None."""
    fingerprinted = event.fingerprint
    if fingerprinted is None:
        resource = event.resource or event.subject or event.source
        fingerprinted = fingerprint(resource, event.check or event.type)
    return Outline(
        event.id, event.source, event.namespace, event.type, event.severity, fingerprinted, event.endsat
    )  # fmt: skip


def outline_of(document: bytes) -> Outline:
    """The outline of an event in structured mode. Raises `msgspec.DecodeError` if it is none."""
    return outline(_attributes(document))


EXPORTED: Final = "export:"
"""The origin of an event in a namespace that it is shared with is this and its home."""


def _place(event: Event) -> str:
    return event.resource or event.subject or event.source


class Seen:
    """An event as the stages see it. What is not needed on the path of a repeat is worked out when it is."""

    __slots__ = (
        "_fingerprint",
        "_labels",
        "_scope",
        "_service",
        "_view",
        "body",
        "check",
        "event",
        "event_id",
        "links",
        "namespace",
        "origin",
        "over",
        "position",
        "resource",
        "severity",
        "shaped",
        "signal",
        "state",
        "type",
        "view_override",
    )  # fmt: skip

    def __init__(self, state: State, event: Event, body: bytes, namespace: str, origin: str, position: int) -> None:
        self.state = state
        self.event = event
        self.body = body
        self.event_id = event.id
        self.namespace = namespace
        self.origin = origin
        self.position = position
        self.type = event.type
        self.severity: str | None = event.severity
        self.signal: Signal = signal(event.severity)
        self.resource = _place(event)
        self.check = event.check
        self._fingerprint: str | None = None
        self._labels: dict[str, str] | None = None
        self._service: Any = False
        self._scope: Any = None
        self._view: dict[str, Any] | None = None
        self.view_override: Callable[[], dict[str, Any]] | None = None
        self.over: dict[str, Any] = {}
        """What policies set of it, as expressions see it."""
        self.shaped: Shaped | None = None
        self.links: tuple[PolicyLink, ...] = ()

    @property
    def fingerprint(self) -> str:
        """What it is about: 16 hex digits, or what its producer calls it."""
        if self._fingerprint is None:
            event = self.event
            known = event.fingerprint or fingerprint(_place(event), event.check or event.type)
            self._fingerprint = fingerprint(known, self.origin) if self.origin.startswith(EXPORTED) else known
        return self._fingerprint

    def stand_for(self, reading: "Reading", sample: "Sample") -> None:
        """Be one reading of a sample, as policies see it."""
        self._labels = {**sample.labels, **reading.labels}

        def view() -> dict[str, Any]:
            shown: dict[str, Any] = {
                "id": self.event_id,
                "source": self.event.source,
                "type": reading.metric,
                "resource": self.resource,
                "namespace": self.namespace,
                "labels": self.labels,
                "monitor": sample.monitor,
                "data": {"value": reading.value, "unit": reading.unit or "", "metric": reading.metric},
            }
            if self.service is not None:
                shown["service"] = self.service
            return shown

        self.view_override = view

    @property
    def labels(self) -> dict[str, str]:
        """The event's labels."""
        if self._labels is None:
            self._labels = events.labels_of(self.event)
        return self._labels

    @property
    def service(self) -> str | None:
        """The service that the event concerns, if any is known."""
        if self._service is False:
            named, state = self.event.service, self.state
            self._service = (
                named
                or state.topology.service_of(self.namespace, self.resource)
                or state.policies.service_for(self.namespace, self.resource, self.labels)
            )
        service: str | None = self._service
        return service

    def abroad(self, namespace: str) -> "Seen":
        """The event as a namespace sees it that it is shared with: with a fingerprint of its own there."""
        there = Seen(self.state, self.event, self.body, namespace, f"{EXPORTED}{self.namespace}", self.position)
        there.stand_abroad(self)
        return there

    def stand_abroad(self, at_home: "Seen") -> None:
        """Be this event, which another namespace shares."""
        self._labels, self.view_override = at_home.labels, at_home.view_override

    def reshaped(self, event: Event, over: dict[str, Any], shaped: Shaped, links: tuple[PolicyLink, ...]) -> "Seen":
        """The event as policies have set it; `over` is what they set, as expressions see it. A problem stays one."""
        there = Seen(self.state, event, self.body, self.namespace, self.origin, self.position)
        there.view_override, there.over = self.view_override, {**self.over, **over}
        there.shaped, there.links = shaped, links
        if self.signal in ("problem", "recovery"):
            there.signal = self.signal
        if there.view_override is not None:
            there.resource = over.get("resource", self.resource)
        if there.service is not None:
            there.over["service"] = there.service
        return there

    @property
    def home(self) -> str:
        """The namespace that the event came to; another than `namespace` where it is shared."""
        return self.origin.removeprefix(EXPORTED) if self.is_foreign else self.namespace

    @property
    def is_foreign(self) -> bool:
        """Whether another namespace shares the event with this one."""
        return self.origin.startswith(EXPORTED)

    @property
    def source(self) -> str:
        """CloudEvents' `source`."""
        return self.event.source

    def view(self) -> dict[str, Any]:
        """What expressions see as `event`. Not to be changed."""
        if self._view is None:
            view = self.view_override() if self.view_override is not None else self._make_view()
            self._view = {**view, **self.over} if self.over else view
        return self._view

    def _make_view(self) -> dict[str, Any]:
        view = _object(self.body)
        view["labels"] = self.labels
        view["resource"] = self.resource
        view["namespace"] = self.home
        if self.service is not None:
            view["service"] = self.service
        view = expression.tame(view, self.body)
        return {key: value for key, value in view.items() if value is not None}

    @property
    def scope(self) -> Any:
        """The activation that all expressions over this event share."""
        if self._scope is None:
            self._scope = expression.activation(
                {"event": self.view(), "now": self.state.now}, Asked(self.state, self.namespace)
            )
        return self._scope

    def scope_with(self, **variables: Any) -> Any:
        """An activation with more than the event in it."""
        known = {"event": self.view(), "now": self.state.now, **variables}
        return expression.activation(known, Asked(self.state, self.namespace))

    def data(self) -> dict[str, Any]:
        """The payload if it is a JSON object, else an empty one."""
        data = events.data_of(self.event)
        return expression.tame(data, bytes(self.event.data)) if isinstance(data, dict) else {}


class Reading(msgspec.Struct, omit_defaults=True):
    """One value of a sample."""

    metric: str
    value: float
    unit: str | None = None
    resource: str | None = None
    labels: dict[str, str] = {}


class Sample(msgspec.Struct, omit_defaults=True):
    """The data of an `oncue.sample` event: what a monitor read at one time."""

    monitor: str
    resource: str
    readings: list[Reading]
    at: str | None = None
    service: str | None = None
    labels: dict[str, str] = {}


def readings(state: State, seen: Seen) -> list[Seen]:
    """A sample as policies see it: an event per reading whose type is its metric's name."""
    sample = msgspec.json.decode(seen.event.data, type=Sample)
    found = []
    for reading in sample.readings:
        event = msgspec.structs.replace(
            seen.event, type=reading.metric, severity=None, resource=reading.resource or sample.resource,
            service=sample.service or seen.event.service, check=reading.metric, fingerprint=None,
        )  # fmt: skip
        one = Seen(state, event, seen.body, seen.namespace, seen.origin, seen.position)
        one.stand_for(reading, sample)
        found.append(one)
    return found
