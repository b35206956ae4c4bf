"""The change record: something was changed in the landscape, where, when and by whom; and which alerts that may cause.

A record is live while it may matter: as long as the change runs, and for some time after.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from oncue.core.duration import Duration
from oncue.core.silence import Filed, Matcher
from oncue.core.spec import Spec

ChangeState = Literal["running", "succeeded", "failed", "cancelled", "lapsed"]
"""`lapsed`: nobody said how it ended, and its time was up."""

Outcome = Literal["succeeded", "failed", "cancelled"]

Place = tuple[str, str, str]
"""(namespace, `resource` or `service`, name)."""


class Pointer(msgspec.Struct, frozen=True):
    """Where more about it can be read."""

    url: str
    title: str = ""


_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class ChangeSpec(Spec, kw_only=True, frozen=True):
    """A change record to write. Strings may hold `${CEL}`."""

    state: Literal["started", "finished", "made"] = "made"
    """`started`: it runs from now on, or is brought up to date; `finished`: what runs under `key` is over; `made`: it was
    made at once."""
    title: _Text | None = None
    """By default the event's, or its type and resource."""
    key: _Text | None = None
    """What its beginning and its end have in common."""
    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "change"
    """`deployment`, `transport`, `configuration`, ..."""
    by: _Text | None = None
    """Who makes it; by default where the event comes from."""
    resources: Annotated[list[_Text], msgspec.Meta(max_length=20)] = []
    """What is changed; by default the event's resource, and its service."""
    services: Annotated[list[_Text], msgspec.Meta(max_length=20)] = []
    outcome: Outcome = "succeeded"
    """Of one that is over."""
    lasts: Duration | None = None
    """How long it runs if nobody says that it is over; an hour if not given."""
    link: _Text | None = None
    """Where more about it can be read."""


class ChangeRecord(msgspec.Struct, kw_only=True):
    """A change's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """`CR-` and a number, counted per journal."""
    namespace: str
    key: str
    """What whoever reports it calls it: its end is found by that."""
    title: str
    kind: str
    """`deployment`, `configuration`, `transport`, or what else the reporter calls it."""
    state: ChangeState
    by: str
    """Who changes it, as the reporter says; else who reported it."""
    source: str
    """What reported it: an actor, or the type of the event."""
    resources: tuple[str, ...]
    services: tuple[str, ...]
    links: tuple[Pointer, ...]
    expects: tuple[Matcher, ...]
    """Alerts for which all of these hold call nobody while it runs, and for `grace_s` seconds after."""
    grace_s: float
    started_at: datetime
    until: datetime
    """When it lapses unless its end is reported before."""
    ended_at: datetime | None
    updated_at: datetime
    expecting: bool
    """Whether what it expects is quiet now."""
    here: bool = False
    """Whether it expects alerts of its own places alone."""
    at_most_s: dict[str, float] = {}
    """How long an alert that it expects may last before it is heard, by its type; of others nothing is said."""
    incidents: tuple[str, ...] = ()
    """Incidents that began on or behind what it changed, soon after; the newest last, not more than 100."""
    position: str = ""

    @property
    def places(self) -> tuple[Place, ...]:
        """Where it changes something."""
        resources = tuple((self.namespace, "resource", name) for name in self.resources)
        return (*resources, *((self.namespace, "service", name) for name in self.services))


_NONE: Final[dict[str, None]] = {}


class Changed:
    """Where something changed a short time ago, and what is expected of it. A look-up over rows: it follows from them, in
    whatever order they are read."""

    __slots__ = ("_by_key", "_by_place", "_filed", "expecting")

    def __init__(self) -> None:
        self.expecting = Filed()
        """Records whose expectations make quiet now."""
        self._by_place: dict[Place, dict[str, None]] = {}
        self._by_key: dict[tuple[str, str], dict[str, None]] = {}
        self._filed: dict[str, tuple[tuple[Place, ...], tuple[str, str]]] = {}

    def __len__(self) -> int:
        return len(self._filed)

    def put(self, record: ChangeRecord) -> None:
        """File it as it is now."""
        self.drop(record.id)
        places, key = record.places, (record.namespace, record.key)
        self._filed[record.id] = (places, key)
        for place in places:
            self._by_place.setdefault(place, {})[record.id] = None
        self._by_key.setdefault(key, {})[record.id] = None
        if record.expecting:
            self.expecting.put(record.id, record.namespace, record.expects)

    def drop(self, id: str) -> None:
        """Forget it, if it is there."""
        self.expecting.drop(id)
        if id not in self._filed:
            return
        places, key = self._filed.pop(id)
        for place in places:
            ids = self._by_place.get(place, {})
            ids.pop(id, None)
            if not ids:
                self._by_place.pop(place, None)
        keyed = self._by_key[key]
        del keyed[id]
        if not keyed:
            del self._by_key[key]

    def at(self, place: Place) -> list[str]:
        """Records of changes at a place, in order."""
        return sorted(self._by_place.get(place, _NONE), key=number)

    def of(self, namespace: str, key: str) -> list[str]:
        """Records of this key, in order."""
        return sorted(self._by_key.get((namespace, key), _NONE), key=number)


def number(id: str) -> int:
    """The number in a record's id: records in the order in which they were made."""
    return int(id.partition("-")[2])
