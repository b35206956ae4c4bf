"""The alert: one condition on one resource, deduplicated by its fingerprint; firing or resolved."""

from datetime import datetime
from typing import Literal

import msgspec

from oncue.core import place
from oncue.core.enriched import Enriched
from oncue.core.shaped import PolicyLink, Shaped

QuietReason = Literal[
    "silenced",
    "maintenance",
    "inhibited",
    "flapping",
    "snoozed",
    "transient_wait",
    "downstream_of",
    "expected_by_change",
    "duplicate",
    "throttled",
    "late",
    "suppressed",
]


class Quiet(msgspec.Struct, frozen=True, gc=False):
    """One reason why an alert does not call anyone."""

    reason: str
    by: str
    """What makes it quiet: the id of a silence, a window (`namespace/name`), an alert, an event, a policy, who snoozed it."""
    since: datetime
    until: datetime | None = None
    """When it ends unless it is prolonged; None if that is not known."""
    detail: str = ""
    """Why, in words, where the reason alone does not say it."""


class Crossing(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What crossed, by how much, since when."""

    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    metric: str | None = None
    since: datetime | None = None


class Peak(msgspec.Struct, frozen=True, gc=False):
    """The worst that an alert has been."""

    severity: str
    title: str
    at: datetime
    """When it got there."""
    crossing: Crossing | None = None


class Alert(msgspec.Struct, kw_only=True, gc=False):
    """An alert's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    fingerprint: str
    namespace: str
    title: str
    severity: str
    category: str
    state: Literal["firing", "resolved"]
    resource: str
    service: str | None
    check: str | None
    labels: dict[str, str]
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    updated_at: datetime
    fired_at: datetime | None = None
    """When it last began, or came back."""
    heard_at: datetime | None = None
    """When it last began to call people: nothing made it quiet, or nothing did any more."""
    deadline_at: datetime | None = None
    """When it resolves by itself unless repeated."""
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    """`recovery`, `deadline` (its lease or time to live ran out), `condition`, `withdrawn` (its event is shared with the
    namespace no more), or the actor who did it by hand."""
    quiet: tuple[Quiet, ...] = ()
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    incident: str | None = None
    source: str = ""
    type: str = ""
    """The CloudEvent type that raised it."""
    annotations: dict[str, str] = {}
    """summary, description, runbook, generator_url, ...: for people; never matched on."""
    shaped: Shaped | None = None
    """What policies of the stage `shape` set of its event, and what it was before."""
    links: tuple[PolicyLink, ...] = ()
    """Places that policies name, where more can be read."""
    enriched: Enriched | None = None
    """What was added after it began, with who did; `labels` and `annotations` have it, too."""
    crossing: Crossing | None = None
    peak: Peak | None = None
    """The highest severity so far, with its title and value; None as long as the alert has had only one."""
    policies: tuple[str, ...] = ()
    """`namespace/name@generation` of the policies that shaped it."""
    event_id: str = ""
    """The event that raised or last changed it."""
    event_severity: str = ""
    """Severity the producer gave last; a repeat with the same one is not a transition."""
    reopened: int = 0
    turns: int = 0
    """Its last 20 states, newest in the lowest bit: 1 where it fired or resolved, 0 where it stayed as it was."""
    turned_at: datetime | None = None
    """When it last returned or resolved."""
    position: str = ""
    """Journal cursor of its newest fact."""

    @property
    def places(self) -> tuple[str, ...]:
        """What it is about: its resource, and its service if it has one."""
        resource = place.of_resource(self.namespace, self.resource)
        if self.service is None:
            return (resource,)
        return resource, place.of_service(self.namespace, self.service)

    @property
    def counts(self) -> bool:
        """Whether it counts as firing in its incident, if it has one: it fires, or flaps and may do so at any time."""
        return self.state == "firing" or any(reason.reason == "flapping" for reason in self.quiet)
