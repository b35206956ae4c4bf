"""The records of a bundle, taken apart and filed: facts by what they are about, inputs by their type."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from oncue.core.event import Event, decode
from oncue.store.journal import DERIVED, Record, open_envelope

_KINDS: Final = {
    "oncue.change.": "change", "oncue.change_record.": "change_record", "oncue.approval.": "approval", "oncue.run.": "run",
    "oncue.step.": "step", "oncue.effect.": "effect", "oncue.ticket.": "ticket", "oncue.alert.": "alert",
    "oncue.incident.": "incident",
}  # fmt: skip
_OTHERS: Final = {
    "oncue.ticket.commented": "comment", "oncue.incident.alert_added": "membership",
    "oncue.incident.alert_removed": "membership", "oncue.effect.late": "effect_result",
}  # fmt: skip


class Fact(NamedTuple):
    """A record with its event."""

    position: int
    at: str
    """When it was recorded."""
    type: str
    id: str
    """Of the event."""
    cause: str | None
    """Event id of what it was derived from."""
    derived: bool
    actor: str | None
    """Who sent it: the person behind a token, or the token."""
    data: dict[str, Any]


class Facts:
    """Records in the journal's order. Raises `ValueError` for one that is no CloudEvent."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._by_event: dict[str, Fact] = {}
        self._of: dict[str, list[Fact]] = {}
        self._by_id: dict[str, dict[str, list[Fact]]] = {}
        self._inputs: dict[str, list[Fact]] = {}
        for record in records:
            self._file(_fact(record))

    def _file(self, fact: Fact) -> None:
        self._by_event[fact.id] = fact
        if not fact.derived:
            self._inputs.setdefault(fact.type, []).append(fact)
            return
        kind = _OTHERS.get(fact.type) or _KINDS.get(fact.type[: fact.type.rfind(".") + 1])
        if kind is not None:
            self._of.setdefault(kind, []).append(fact)
            self._by_id.setdefault(kind, {}).setdefault(str(fact.data.get("id")), []).append(fact)

    def of(self, kind: str) -> list[Fact]:
        """The facts about entities of a kind."""
        return self._of.get(kind, [])

    def by_id(self, kind: str) -> dict[str, list[Fact]]:
        """The same by the entity, in the order in which each was first told of."""
        return self._by_id.get(kind, {})

    def last(self, kind: str) -> Fact | None:
        """The newest fact about an entity of this kind, of which there is one."""
        found = self.of(kind)
        return found[-1] if found else None

    def inputs(self, type: str) -> list[Fact]:
        """The inputs of a type."""
        return self._inputs.get(type, [])

    def cause(self, fact: Fact) -> Fact | None:
        """The input that a fact was derived from, if it is here."""
        found = self._by_event.get(fact.cause or "")
        return found if found is not None and not found.derived else None


def _fact(record: Record) -> Fact:
    try:
        event: Event = decode(record.body)
        data = msgspec.json.decode(event.data) if event.data else {}
        envelope = open_envelope(record.envelope)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"the record at {record.position} is no event: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"the record at {record.position} carries no entity")  # noqa: TRY004 - as the one above
    return Fact(
        record.position, instant(record.recorded_at), event.type, event.id, event.causationid, bool(record.flags & DERIVED),
        envelope.person or envelope.actor, data,
    )  # fmt: skip


def instant(at: int) -> str:
    """An instant in RFC 3339, from microseconds since 1970 UTC."""
    return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat().replace("+00:00", "Z")
