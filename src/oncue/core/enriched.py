"""What was found out about an alert after it began, with who or which run found it. What brings it there is `enrichment`.

A label or annotation that was added lies over the alert's own of that name: `Alert.labels` has what holds. The one beneath
is kept, brought up to date by whatever the producer says meanwhile, and holds again when the one above is taken back.
"""

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from oncue.core.alert import Alert


class Given(msgspec.Struct, frozen=True, gc=False):
    """A label or an annotation that was added."""

    value: str
    by: str
    """Who added it, or `run:` and the id of the run that did."""
    at: datetime
    beneath: str | None = None
    """What the alert says itself under this name; None if nothing."""


class AddedLink(msgspec.Struct, frozen=True, gc=False):
    """A place where more about the alert can be read."""

    url: str
    title: str
    by: str
    at: datetime


class Note(msgspec.Struct, frozen=True, gc=False):
    """Something that was found out, in words."""

    text: str
    by: str
    at: datetime


class Enriched(msgspec.Struct, frozen=True, gc=False):
    """All that was added to an alert and not taken back."""

    labels: dict[str, Given] = {}
    annotations: dict[str, Given] = {}
    links: tuple[AddedLink, ...] = ()
    notes: tuple[Note, ...] = ()


def lay_over(alert: "Alert", *, labels: bool = True) -> None:
    """The alert, which was touched, says anew what it says itself: annotations and, unless told otherwise, labels. What
    was added lies over them.
    """
    known = alert.enriched
    if known is None:
        return
    over = known.labels
    if labels:
        over, alert.labels = _over(known.labels, alert.labels)
    annotations, alert.annotations = _over(known.annotations, alert.annotations)
    alert.enriched = Enriched(over, annotations, known.links, known.notes)


def _over(given: dict[str, Given], own: dict[str, str]) -> tuple[dict[str, Given], dict[str, str]]:
    lying = {name: msgspec.structs.replace(one, beneath=own.get(name)) for name, one in given.items()}
    return lying, {**own, **{name: one.value for name, one in given.items()}}
