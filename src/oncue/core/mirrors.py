"""Keeps tickets in step with other systems: what leaves. What comes from there is for `mirror_news`.

For each ticket and mirror there is a row, and at most one effect under way. It carries the ticket as it is when it leaves
and the remarks that wait, in order, so that a system that was away for a day gets the state of now and every remark. A
failure is tried again for as long as it takes, with growing pauses; meanwhile nothing else waits for it.
"""

from datetime import timedelta
from typing import Any, Final

import msgspec

from oncue.core import outbox
from oncue.core.asking import Asked
from oncue.core.effect import Effect, EffectResult
from oncue.core.errors import Refusal
from oncue.core.expression import Failed, holds, naming, stored
from oncue.core.incident import Comment
from oncue.core.manifest import Manifest
from oncue.core.mirror import (
    CELL,
    KIND,
    REMARK_LIMIT,
    REMARKS_AT_ONCE,
    REMARKS_KEPT,
    ROW,
    Mirrored,
    MirrorState,
    Push,
    Pushed,
    Remark,
    TicketMirrorSpec,
    view_of,
)
from oncue.core.normalise import Seen
from oncue.core.ticket import Ticket
from oncue.core.tx import Tx

FAILING_AFTER: Final = 3
"""Tries in a row after which a ticket's counterpart counts as failing, though it is still tried."""
FIRST_S: Final = 10.0
FACTOR: Final = 3.0
LONGEST_S: Final = 900.0
TOLD_LIMIT_S: Final = 3600.0
"""The longest pause that a system may ask for."""
TIMEOUT_S: Final = 60.0
NAMES: Final = ("ticket",)
"""What `when` sees besides what every expression does."""
FAILING: Final = "oncue.mirror.failing"
RECOVERED: Final = "oncue.mirror.recovered"


class Skipped(msgspec.Struct, kw_only=True):
    """That a ticket is not mirrored, because it cannot be said whether it should: the data of
    `oncue.ticket_mirror.skipped`."""

    id: str
    namespace: str
    mirror: str
    reason: str


class Retry(msgspec.Struct, kw_only=True):
    """What waits for another try is to be tried now: of one ticket, of one mirror, or both."""

    ticket: str | None = None
    mirror: str | None = None
    """Its name, in the namespace of the command."""


def spec_of(manifest: Manifest) -> TicketMirrorSpec:
    """What the manifest says."""
    return msgspec.convert(manifest.spec, TicketMirrorSpec)


def check(spec: TicketMirrorSpec) -> None:
    """Raises `Refusal` manifest.invalid for what cannot be meant."""
    if spec.inbound_states and not spec.inbound:
        raise Refusal("manifest.invalid", "inbound_states say nothing without `inbound: true`")


# what happens here


def ticket_changed(tx: Tx, ticket: Ticket) -> None:
    """The ticket is new or has changed: its counterparts follow."""
    for id in tx.state.mirrors.get(ticket.namespace, ()):
        manifest = tx.state.manifests[id]
        row = _row(tx, ticket.id, manifest)
        if row is None:
            if ticket.state != "closed" and _wants(tx, manifest, ticket):
                _follow(tx, _begin(tx, ticket, manifest))
            continue
        tx.touch(row)
        now = view_of(ticket)
        if now.state != row.wanted.state:
            row.wanted_at = tx.now
        row.version += now != row.wanted
        row.wanted = now
        _follow(tx, row)


def commented(tx: Tx, ticket: Ticket, comment: Comment, but: str | None) -> None:
    """The ticket has a remark; the counterpart `but` has it already, for it came from there."""
    for id in tx.state.mirrors.get(ticket.namespace, ()):
        row = _row(tx, ticket.id, tx.state.manifests[id])
        if row is None or row.id == but:
            continue
        tx.touch(row)
        if len(row.waiting) < REMARKS_KEPT:
            remark = Remark(comment.id, comment.by, comment.at, comment.text[:REMARK_LIMIT])
            row.waiting = (*row.waiting, remark)
        else:
            row.dropped += 1
        _follow(tx, row)


def _row(tx: Tx, ticket: str, manifest: Manifest) -> Mirrored | None:
    found: Mirrored | None = tx.state.ticket_mirrors.get(f"{ticket}/{manifest.namespace}/{manifest.name}")
    return found


def _wants(tx: Tx, manifest: Manifest, ticket: Ticket) -> bool:
    spec = spec_of(manifest)
    if spec.types and ticket.type not in spec.types:
        return False
    if spec.when is None:
        return True
    world = Asked(tx.state, ticket.namespace)
    scope = naming(NAMES).activation({"ticket": stored(ticket)}, world)
    try:
        return holds(spec.when, scope)
    except Failed as failure:
        name = f"{manifest.namespace}/{manifest.name}"
        skipped = Skipped(id=f"{ticket.id}/{name}", namespace=ticket.namespace, mirror=name, reason=f"when: {failure}")
        tx.fact("oncue.ticket_mirror.skipped", ROW, skipped, refs=(("ticket", ticket.id),))
        return False


def _begin(tx: Tx, ticket: Ticket, manifest: Manifest) -> Mirrored:
    who = tx.state.identity
    name = f"{manifest.namespace}/{manifest.name}"
    row = Mirrored(
        id=f"{ticket.id}/{name}", namespace=ticket.namespace, ticket=ticket.id, mirror=name,
        system=spec_of(manifest).system, state="pending", key=f"{who.journal_id}.{who.incarnation}.{ticket.id}",
        wanted=view_of(ticket), wanted_at=tx.now, created_at=tx.now, updated_at=tx.now,
    )  # fmt: skip
    say(tx, row, "oncue.ticket_mirror.created")
    return row


def _follow(tx: Tx, row: Mirrored) -> None:
    """Send what the other system lacks, unless something is on its way, or waits for its time."""
    if row.effect is None and row.next_try_at is None and row.behind:
        _push(tx, row)
    row.updated_at = tx.now
    tx.save(ROW, row)


def _push(tx: Tx, row: Mirrored) -> None:
    manifest = tx.state.manifests[f"{KIND}/{row.mirror}"]
    spec = spec_of(manifest)
    push = Push(
        mirror=row.mirror, url=spec.url, with_=spec.with_, key=row.key, ticket=row.wanted, before=row.sent,
        remote=row.remote, remarks=list(row.waiting[:REMARKS_AT_ONCE]),
        again=row.failures > 0 or (row.remote is None and row.settled_in > 0), version=row.version,
        states=dict(spec.states), priorities=dict(spec.priorities), assignees=dict(spec.assignees), fields=spec.fields,
    )  # fmt: skip
    row.effect = ask(tx, manifest, {"do": "push", "row": row.id, **msgspec.to_builtins(push)}, row.wanted.incident).id
    row.next_try_at = None
    row.state = "failing" if row.failing_since is not None else "pending"


def ask(tx: Tx, manifest: Manifest, payload: dict[str, Any], incident: str | None = None) -> Effect:
    """Have a worker ask the other system."""
    return outbox.request(
        tx, namespace=manifest.namespace, kind="itsm", uses=spec_of(manifest).system, payload=stored(payload),
        effect_class="check-first", timeout_s=TIMEOUT_S, retry=outbox.NO_RETRY, incident=incident,
    )  # fmt: skip


# what became of it


def settled(tx: Tx, effect: Effect, result: EffectResult) -> None:
    """A push has ended, and its result was taken."""
    row: Mirrored | None = tx.state.ticket_mirrors.get(effect.payload["row"])
    if row is None or row.effect != effect.id:
        return
    tx.touch(row)
    row.effect = None
    if effect.state == "succeeded":
        _arrived(tx, row, effect, result)
    else:
        _failed(tx, row, result)


def _arrived(tx: Tx, row: Mirrored, effect: Effect, result: EffectResult) -> None:
    answer = msgspec.convert(result.result, Pushed)
    push = msgspec.convert(effect.payload, Push)
    was_failing = row.failing_since is not None
    row.remote, row.number = answer.remote, answer.number or row.number
    row.url, row.remote_state = answer.url or row.url, answer.state or row.remote_state
    row.sent = push.ticket
    there = {one.id for one in push.remarks}
    row.waiting = tuple(one for one in row.waiting if one.id not in there)
    row.settled_in = tx.state.position
    row.failures, row.failing_since, row.error_code, row.error = 0, None, None, None
    if was_failing:
        turned(tx, row.mirror, failing=-1)
    if row.dropped and not row.waiting:
        text = f"{row.dropped} more remarks were made meanwhile; they are in OnCue."
        row.waiting = (Remark(tx.new_id("co"), "oncue", tx.now, text),)
        row.dropped = 0
    if row.behind:
        _push(tx, row)
        say(tx, row, "oncue.ticket_mirror.updated")
    elif row.wanted.state == "closed":
        end(tx, row)
    else:
        row.state = "in_step"
        say(tx, row, "oncue.ticket_mirror.updated")


def _failed(tx: Tx, row: Mirrored, result: EffectResult) -> None:
    row.failures += 1
    row.error_code, row.error = result.error_code or "unknown", result.detail
    row.next_try_at = tx.now + timedelta(seconds=pause_s(row.failures, result.retry_after_s))
    tx.timer(f"mirror.again/{row.id}", row.next_try_at)
    if row.failures == FAILING_AFTER:
        row.state, row.failing_since = "failing", tx.now
        say(tx, row, "oncue.ticket_mirror.failing")
        turned(tx, row.mirror, failing=1, error=f"{row.error_code}: {row.error or ''}")
    else:
        say(tx, row, "oncue.ticket_mirror.retrying")


def pause_s(failures: int, told_s: float | None) -> float:
    """How long to wait after so many failures in a row, of which the last may have named a time."""
    grown = min(FIRST_S * FACTOR ** (min(failures, 10) - 1), LONGEST_S)
    return max(grown, min(told_s or 0.0, TOLD_LIMIT_S))


def again(tx: Tx, row: Mirrored) -> None:
    """Its time has come: try again, with what the ticket is by now."""
    tx.touch(row)
    row.next_try_at = None
    _follow(tx, row)


def retry(tx: Tx, seen: Seen, asked: Retry) -> Any:
    """What waits for another try leaves now. Raises `Refusal` mirror.not_found if nothing is meant."""
    name = f"{seen.namespace}/{asked.mirror}" if asked.mirror is not None else None
    meant = [
        row for id, row in sorted(tx.state.ticket_mirrors.items())
        if row.namespace == seen.namespace and name in (None, row.mirror) and asked.ticket in (None, row.ticket)
    ]  # fmt: skip
    if not meant:
        raise Refusal("mirror.not_found", "nothing of it is mirrored here, or all of it has ended")
    waiting = [row for row in meant if row.next_try_at is not None]
    for row in waiting:
        tx.cancel(f"mirror.again/{row.id}")
        again(tx, row)
    return {"tried": len(waiting)}


def end(tx: Tx, row: Mirrored) -> None:
    """Nothing more is to be said there. The caller touched the row."""
    row.state, row.effect, row.next_try_at = "ended", None, None
    tx.cancel(f"mirror.again/{row.id}")
    say(tx, row, "oncue.ticket_mirror.ended", live=False)


def say(tx: Tx, row: Mirrored, type: str, live: bool = True) -> None:
    """The fact of what became of it."""
    row.updated_at = tx.now
    tx.fact(type, ROW, row, refs=(("ticket", row.ticket),), service=row.wanted.service)
    tx.save(ROW, row, live)


# the mirror as a whole


def known(tx: Tx, name: str) -> MirrorState:
    """What is known of the mirror `namespace/name`."""
    found: MirrorState | None = tx.state.cells[CELL].get(name)
    return found or MirrorState()


def turned(tx: Tx, name: str, *, failing: int = 0, vain: int | None = None, error: str = "") -> None:
    """More or fewer of its tickets fail, or it was asked in vain so often: an alert says so while it is so."""
    before = known(tx, name)
    state = msgspec.structs.replace(
        before,
        failing=before.failing + failing,
        vain=before.vain if vain is None else vain,
        error=error or before.error,
    )
    fails = state.failing > 0 or state.vain >= FAILING_AFTER
    tx.cell(CELL, name, msgspec.structs.replace(state, said=fails, error=state.error if fails else ""))
    if fails and not before.said:
        _alert(tx, name, "major", f"The ticket mirror {name} fails", state.error)
    elif before.said and not fails:
        _alert(tx, name, "clear", f"The ticket mirror {name} works again", "")


def _alert(tx: Tx, name: str, severity: str, title: str, error: str) -> None:
    """An event like one from outside: it makes the alert about the mirror, and ends it."""
    tx.emit(
        {
            "type": FAILING if severity != "clear" else RECOVERED, "namespace": name.partition("/")[0],
            "severity": severity, "resource": f"ticket-mirror/{name}", "check": "mirror.in_step", "title": title,
            "subject": name, "datacontenttype": "application/json",
            "data": {"mirror": name, "description": error or title, "runbook": "/help/how-to/itsm/README.md#a-mirror-that-fails"},
        }
    )  # fmt: skip


def rows_of(tx: Tx, name: str) -> list[Mirrored]:
    """The rows of the mirror that have not ended, in order."""
    return [row for _, row in sorted(tx.state.ticket_mirrors.items()) if row.mirror == name]


def expect(tx: Tx, manifest: Manifest, before: dict[str, Any]) -> None:
    """The mirror was applied: what waits for another try may go well with what it says now. `before` is its spec until then, and
    empty if there was none."""
    name = f"{manifest.namespace}/{manifest.name}"
    was = msgspec.convert(before, TicketMirrorSpec) if before else None
    moves = was is not None and _place(was) != _place(spec_of(manifest))
    if was is not None and moves:
        _leave(tx, name, was.system, spec_of(manifest).system)
    for row in rows_of(tx, name):
        if moves or row.next_try_at is not None:
            tx.cancel(f"mirror.again/{row.id}")
            again(tx, row)


def _place(spec: TicketMirrorSpec) -> list[Any]:
    return [spec.system, spec.url, spec.with_]


def _leave(tx: Tx, name: str, was: str, system: str) -> None:
    """It leads to another place now, or it may: what has a ticket's id there can be a stranger's, so that its counterpart is
    looked for by its key. What was made where it led before stays as it is."""
    for row in rows_of(tx, name):
        tx.touch(row)
        _call_off(tx, row.effect, "the mirror leads elsewhere")
        row.system, row.effect = system, None
        row.remote = row.number = row.url = row.remote_state = row.sent = None
        row.taken = row.taken if was == system else ()
    state = known(tx, name)
    _call_off(tx, state.asking, "the mirror leads elsewhere")
    tx.cell(CELL, name, msgspec.structs.replace(state, asking=None, cursor=state.cursor if was == system else None))


def _call_off(tx: Tx, id: str | None, why: str) -> None:
    effect = tx.state.effects.get(id or "")
    if effect is not None:
        outbox.cancel(tx, effect, why)


def forget(tx: Tx, name: str) -> None:
    """The mirror is gone from configuration: what is there stays there, and hears no more."""
    for row in rows_of(tx, name):
        tx.touch(row)
        _call_off(tx, row.effect, "the mirror is gone")
        end(tx, row)
    _call_off(tx, known(tx, name).asking, "the mirror is gone")
    if known(tx, name).said:
        _alert(tx, name, "clear", f"The ticket mirror {name} is gone", "")
    tx.cancel(f"mirror.poll/{name}")
    tx.cell(CELL, name, None)
