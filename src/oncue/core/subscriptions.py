"""What happens to subscriptions: they begin, someone steers them, and the deliverer reports how far it is.

The deliverer, outside the engine, reads the journal and reports in `oncue.subscription.progressed`, at most about once a
second for all subscriptions together. A report names the epoch that it was made under; one of an earlier epoch changes
nothing, so that a seek or a resume is never undone by what was on its way meanwhile.
"""

import re
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.core.normalise import Seen
from oncue.core.subscription import REDRIVEN_AT_ONCE, Gap, Progress, SubscriptionSpec, Told, Undelivered
from oncue.core.tx import Tx

PROGRESSED: Final = "oncue.subscription.progressed"
TESTED: Final = "oncue.subscription.tested"
"""A fact that goes to the subscription that it is about, whatever it asks for, and to no other."""
STEERING: Final = frozenset(f"oncue.command.subscription.{what}" for what in ("pause", "resume", "seek", "redrive"))
"""Commands after which the deliverer must look again."""
KIND: Final = "Subscription"
CELL: Final = "subscription"

_CURSOR: Final = re.compile(r"0-([0-9]{1,18})").fullmatch


class OnSubscription(msgspec.Struct):
    """A subscription is meant."""

    subscription: str
    """Its name, in the namespace of the command."""
    reason: str | None = None


class Seek(msgspec.Struct):
    """It is to go on after a position."""

    subscription: str
    position: str
    """A cursor: what lies after it is delivered."""
    reason: str | None = None


class Acknowledge(msgspec.Struct):
    """The consumer of a stream has everything up to a position."""

    subscription: str
    position: str


class Redrive(msgspec.Struct):
    """Dead letters are to be delivered again."""

    subscription: str
    letters: list[Undelivered]
    """As they are stored."""


class Settled(msgspec.Struct, kw_only=True):
    """What became of an event that the consumer did not take, or of one that was redriven."""

    event_position: int
    event_id: str
    type: str
    state: Literal["waiting", "delivered", "gone"]
    code: str = ""
    detail: str = ""
    attempts: int = 1
    created_at: datetime | None = None
    """Of a redriven one: when it became a dead letter."""


class Report(msgspec.Struct, kw_only=True):
    """How far one subscription is."""

    id: str
    epoch: int
    settled: int
    delivered: int = 0
    """Events taken since the report before."""
    last_delivered_at: datetime | None = None
    state: Literal["active", "failing", "stopped"] = "active"
    error_code: str | None = None
    detail: str | None = None
    consented: int | None = None
    per_minute: float | None = None
    letters: list[Settled] = []
    gaps: list[tuple[int, int]] = []


class Reports(msgspec.Struct):
    """The data of `oncue.subscription.progressed`."""

    reports: list[Report]


def position_in(cursor: str) -> int:
    """The position of a cursor. Raises `Refusal` request.cursor_invalid."""
    found = _CURSOR(cursor)
    if found is None:
        raise Refusal("request.cursor_invalid", "a position looks like 0-1234")
    return int(found[1])


def check(spec: SubscriptionSpec) -> None:
    """Raises `Refusal` request.cursor_invalid for a beginning that is none, manifest.invalid for a stream that is paused."""
    if spec.paused and spec.webhook is None:
        raise Refusal("manifest.invalid", "paused is for what is sent to a webhook; a stream is read by its consumer")
    if spec.from_ not in ("now", "earliest"):
        position_in(spec.from_)


def expect(tx: Tx, manifest: Manifest) -> None:
    """A subscription was applied. One that is known goes on where it is, whatever `from` says now."""
    spec = msgspec.convert(manifest.spec, SubscriptionSpec)
    id = f"{manifest.namespace}/{manifest.name}"
    known: Progress | None = tx.state.cells[CELL].get(id)
    if known is None:
        begins = {"now": tx.state.position, "earliest": 0}
        settled = begins[spec.from_] if spec.from_ in begins else min(position_in(spec.from_), tx.state.position)
        progress = Progress(settled=settled, since=tx.now, paused=spec.paused, generation=manifest.generation)
        tx.cell(CELL, id, progress)
        return
    _steer(tx, id, known, "", generation=manifest.generation, paused=spec.paused, **_AFRESH)


def forget(tx: Tx, id: str) -> None:
    """Its manifest is gone."""
    tx.cell(CELL, id, None)


def pause(tx: Tx, seen: Seen, asked: OnSubscription) -> Any:
    """Nothing is delivered until it is resumed; its place is kept."""
    id, known = _sent(tx, seen, asked.subscription)
    return _steer(tx, id, known, asked.reason or f"paused by {tx.actor}", paused=True)


def resume(tx: Tx, seen: Seen, asked: OnSubscription) -> Any:
    """It goes on where it was, also one that was stopped or waits for its consumer; its address is asked again."""
    id, known = _sent(tx, seen, asked.subscription)
    return _steer(tx, id, known, asked.reason or f"resumed by {tx.actor}", paused=False, consented=0, **_AFRESH)


def seek(tx: Tx, seen: Seen, asked: Seek) -> Any:
    """It goes on after the position: what lies before is skipped, what lies after is delivered, be it again."""
    id, known = _known(tx, seen, asked.subscription)
    settled = min(position_in(asked.position), tx.state.position)
    reason = asked.reason or f"sent to {_cursor(tx, settled)} by {tx.actor}"
    return _steer(tx, id, known, reason, settled=settled)


def acknowledge(tx: Tx, seen: Seen, asked: Acknowledge) -> Any:
    """The consumer of a stream has everything up to the position. An earlier one than it said before changes nothing."""
    id, known = _known(tx, seen, asked.subscription)
    if _spec(tx, id).webhook is not None:
        raise Refusal("subscription.not_stream", f"{id} is delivered by webhook")
    position = position_in(asked.position)
    if position > tx.state.position:
        raise Refusal("request.invalid", f"{asked.position} lies beyond the journal's end")
    if position > known.settled:
        known = msgspec.structs.replace(known, settled=position, last_delivered_at=tx.now)
        tx.cell(CELL, id, known)
    return {"id": id, "settled": _cursor(tx, known.settled)}


def redrive(tx: Tx, seen: Seen, asked: Redrive) -> Any:
    """These dead letters are delivered again, once each; what is not taken then is a dead letter as before."""
    id, known = _sent(tx, seen, asked.subscription)
    letters = [one for one in asked.letters if one.subscription == id and one.state == "waiting"]
    wanted = {position_in(one.event_position): one for one in letters}
    queue = (*known.redrive, *(position for position in sorted(wanted) if position not in known.redrive))
    if len(queue) > REDRIVEN_AT_ONCE:
        raise Refusal("subscription.busy", f"{len(known.redrive)} are on their way; at most {REDRIVEN_AT_ONCE} may be")
    for position in sorted(wanted):
        letter = wanted[position]
        letter.state, letter.updated_at = "redriving", tx.now
        _keep(tx, letter, "oncue.subscription.redriven")
    tx.cell(CELL, id, msgspec.structs.replace(known, redrive=queue))
    return {"id": id, "redriven": len(wanted)}


def test(tx: Tx, seen: Seen, asked: OnSubscription) -> Any:
    """An event for this subscription alone, on the way that all its events take."""
    id, known = _known(tx, seen, asked.subscription)
    fact = tx.fact(TESTED, CELL, _told(tx, id, known, asked.reason or f"tried by {tx.actor}"), namespace=seen.namespace)
    return {"id": id, "position": _cursor(tx, fact.position), "event_id": fact.event_id}


def progressed(tx: Tx, seen: Seen, asked: Reports) -> Any:
    """The deliverer says how far subscriptions are. What it says of an earlier epoch is left out."""
    taken = 0
    for report in asked.reports:
        known: Progress | None = tx.state.cells[CELL].get(report.id)
        if known is not None and known.epoch == report.epoch:
            _take(tx, known, report)
            taken += 1
    return {"taken": taken}


def _take(tx: Tx, known: Progress, report: Report) -> None:
    namespace = report.id.partition("/")[0]
    redriven = {one.event_position for one in report.letters if one.event_position in known.redrive}
    turned = report.state != known.state
    changed = msgspec.structs.replace(
        known,
        settled=max(known.settled, min(report.settled, tx.state.position)),
        state=report.state,
        since=tx.now if turned else known.since,
        error_code=report.error_code,
        detail=report.detail,
        consented=known.consented if report.consented is None else report.consented,
        per_minute=known.per_minute if report.consented is None else report.per_minute,
        delivered=known.delivered + report.delivered,
        dead=known.dead + len([one for one in report.letters if one.event_position not in redriven]),
        last_delivered_at=report.last_delivered_at or known.last_delivered_at,
        gaps=known.gaps + len(report.gaps),
        redrive=tuple(position for position in known.redrive if position not in redriven),
    )
    tx.cell(CELL, report.id, changed)
    for settled in report.letters:
        again = settled.event_position in redriven
        letter = Undelivered(
            id=f"{report.id}/{settled.event_position}", namespace=namespace, subscription=report.id,
            event_position=_cursor(tx, settled.event_position), event_id=settled.event_id, type=settled.type,
            state=settled.state, code=settled.code, detail=settled.detail, attempts=settled.attempts,
            created_at=settled.created_at or tx.now, updated_at=tx.now,
        )  # fmt: skip
        _keep(tx, letter, "oncue.subscription.redriven" if again else "oncue.subscription.dead_lettered")
    for first, last in report.gaps:
        gap = Gap(id=report.id, namespace=namespace, first=_cursor(tx, first), last=_cursor(tx, last))
        tx.fact("oncue.subscription.gap", CELL, gap)
    if turned:
        _tell(tx, report.id, changed, report.detail)


def _keep(tx: Tx, letter: Undelivered, type: str) -> None:
    tx.fact(type, "undelivered", letter, refs=((CELL, letter.subscription),))
    tx.save("undelivered", letter)


_AFRESH: Final[dict[str, Any]] = {"state": "active", "error_code": None, "detail": None}


def _steer(tx: Tx, id: str, known: Progress, reason: str, **changes: Any) -> Any:
    """Set it otherwise; what the deliverer has in hand no longer counts."""
    since = tx.now if changes.get("state", known.state) != known.state else known.since
    changed = msgspec.structs.replace(known, epoch=known.epoch + 1, since=since, **changes)
    tx.cell(CELL, id, changed)
    return _tell(tx, id, changed, reason or None)


def _tell(tx: Tx, id: str, progress: Progress, reason: str | None) -> Told:
    told = _told(tx, id, progress, reason)
    tx.fact("oncue.subscription.changed", CELL, told)
    return told


def _told(tx: Tx, id: str, progress: Progress, reason: str | None) -> Told:
    namespace, _, name = id.partition("/")
    return Told(
        id=id, namespace=namespace, name=name, state=progress.state, paused=progress.paused,
        error_code=progress.error_code, detail=progress.detail, settled=_cursor(tx, progress.settled),
        delivered=progress.delivered, dead=progress.dead, reason=reason,
    )  # fmt: skip


def _known(tx: Tx, seen: Seen, name: str) -> tuple[str, Progress]:
    id = f"{seen.namespace}/{name}"
    known: Progress | None = tx.state.cells[CELL].get(id)
    if known is None:
        raise Refusal("subscription.not_found", id)
    return id, known


def _sent(tx: Tx, seen: Seen, name: str) -> tuple[str, Progress]:
    """One that is delivered by webhook. Raises `Refusal` subscription.not_found, subscription.is_stream."""
    id, known = _known(tx, seen, name)
    if _spec(tx, id).webhook is None:
        raise Refusal("subscription.is_stream", f"{id} is read by its consumer")
    return id, known


def _spec(tx: Tx, id: str) -> SubscriptionSpec:
    return msgspec.convert(tx.state.manifests[f"{KIND}/{id}"].spec, SubscriptionSpec)


def _cursor(tx: Tx, position: int) -> str:
    return f"{tx.state.identity.partition}-{position}"
