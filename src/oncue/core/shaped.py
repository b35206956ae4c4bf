"""What policies of the stage `shape` set of an event, and links that policies give: as configuration has it, and as an alert does."""

from typing import Annotated, Literal

import msgspec

from oncue.core.spec import Spec

SCHEMES = ("http://", "https://")
"""What a link may begin with."""
LINKS_LIMIT = 10
"""Links that an alert has of policies at the most."""


class LinkShape(Spec, kw_only=True, frozen=True):
    """A place where more can be read. Both may hold `${CEL}`."""

    title: str
    """What people see."""
    url: str
    """`https://...` or `http://...`; where it becomes something else, it is left out, and the policy says so."""


Links = Annotated[list[LinkShape], msgspec.Meta(max_length=LINKS_LIMIT)]


class ShapeSet(Spec, kw_only=True, frozen=True):
    """What an event has otherwise for all that looks at it later. Strings may hold `${CEL}`."""

    severity: Literal["info", "warning", "minor", "major", "critical"] | None = None
    """Of a problem, or of an event without a severity; a recovery stays one."""
    title: str | None = None
    service: str | None = None
    resource: str | None = None
    """The fingerprint stays that of the producer's, so that the recovery meets the alert."""
    labels: dict[str, str] = {}
    """Beside those that it has, and in their place."""
    annotations: dict[str, str] = {}
    """For people; beside those that it has, and in their place."""
    links: Links = []
    quiet: bool = False
    """Suppress: the alert is there, and calls nobody."""


class ShapedValue(msgspec.Struct, frozen=True, gc=False):
    """One thing that was set."""

    value: str
    was: str | None
    """What it was before; None if nothing."""
    by: str
    """The policy, `namespace/name@generation`."""


class PolicyLink(msgspec.Struct, frozen=True, gc=False):
    """A link that a policy gave."""

    title: str
    url: str
    by: str
    """The policy, `namespace/name@generation`."""


class Shaped(msgspec.Struct, frozen=True, gc=False):
    """What policies set of the event before anything else looked at it."""

    values: dict[str, ShapedValue] = {}
    """`severity`, `title`, `service`, `resource`, `labels.NAME`, `annotations.NAME` to what was set last."""
    quiet_by: str | None = None
    """The policy, `namespace/name`, that makes it quiet."""
    fingerprint: str | None = None
    """The event's, where a policy gave the alert another one: the recovery ends the alert by it, however it is shaped."""


def otherwise(one: Shaped | None, other: Shaped | None) -> bool:
    """Whether a repeat is no mere one, because other policies shape it, or set other severities, labels or places. Texts
    may have the value of each report in them, and are as they were when the alert last changed.
    """
    return _marks(one) != _marks(other)


def _marks(shaped: Shaped | None) -> list[object]:
    if shaped is None:
        return []
    texts = ("title", "annotations.")
    kept = [(name, "" if name.startswith(texts) else one.value) for name, one in sorted(shaped.values.items())]
    return [shaped.quiet_by, *kept] if kept or shaped.quiet_by else []
