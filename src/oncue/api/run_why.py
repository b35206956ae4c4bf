"""Why a run is not moving: what it waits for, since when, what comes next, who has its work in hand, and what limits it.

What it waits for is on record. Who has an effect in hand only the engine's process knows, which is asked; while it is not on the
line, the rest is answered without that.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import msgspec
from sqlalchemy import Connection

from oncue.api.approvals import NAMED, asked
from oncue.api.context import Context
from oncue.core import last_steps
from oncue.core.effect import Effect, spoken_labels
from oncue.core.errors import Refusal
from oncue.core.plan import Plan, plan_of
from oncue.core.run import OVER, Run, Step
from oncue.core.waiting import EventWait
from oncue.core.workflow_spec import StepSpec
from oncue.runtime.clock import instant
from oncue.runtime.frames import Held
from oncue.store import runs as reading
from oncue.store.queries import entity_bodies
from oncue.store.step_log import Line, Progress, last_words

TOLD_LIMIT: Final = 200
"""Characters of what a step told last."""
MANY: Final = 100
"""Runs that can be asked about at once."""


class Waits(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One thing that a run waits for."""

    step: str | None
    what: str
    """In a sentence."""
    code: str
    """`action`, `worker` (nobody has it in hand), `silent` (whoever has it says nothing), `retry`, `time`, `event`, `approval`, `run`, `validation`, `turn`, `person`,
    `rollback`, `stopping`."""
    since: str | None = None
    until: str | None = None
    """When the next timer is due; of an approval, when it expires; of what a worker has, when its lease ends."""
    effect: str | None = None
    worker: str | None = None
    """Who has the effect in hand."""
    leased_at: str | None = None
    """Since when."""
    silent_s: float | None = None
    """For how many seconds whoever has it, or could, has said nothing, as `what` says; absent if they speak."""
    told: str | None = None
    """The last line or progress that it told since then, shortened."""
    told_at: str | None = None
    approval: str | None = None
    asks: tuple[str, ...] = ()
    """Of an approval: whom its present stage asks."""
    run: str | None = None
    then: str | None = None
    """What happens at `until`: `the step fails`."""
    types: tuple[str, ...] = ()
    """Of a wait for an event: the types that it takes."""
    resource: str | None = None
    """What the event has to be about; absent for anything."""


class Room(msgspec.Struct, kw_only=True):
    """How many runs of the workflow may be under way together, and how many are."""

    limit: int
    """As the version that the run pins has it."""
    by: list[str]
    """The values by which they are counted apart, one for each expression of `concurrency.by`; empty if all runs count
    together."""
    under_way: list[str]
    """The runs that have the room."""
    queued: int
    """How many wait for it."""


class Why(msgspec.Struct, kw_only=True):
    """Why a run is not moving."""

    run: str
    state: str
    moving: bool
    """Whether something is being done for it right now, as far as is known here."""
    waits: list[Waits]
    room: Room | None = None
    """What limits how many runs go beside each other; None if nothing does."""


async def why(ctx: Context, run: Run) -> Why:
    """Why the run is not moving, as far as is known now."""
    (found,) = await whys(ctx, [run])
    if any(said.leased_at is not None for said in found.waits):
        words = await ctx.queries.run(partial(last_words, run=run.id))
        for said in found.waits:
            _say_last_word(said, words.get(said.step or ""))
    return found


def _say_last_word(said: Waits, word: Line | Progress | None) -> None:
    """Say what a step told since a worker has it."""
    if word is not None and said.leased_at is not None:
        told_at = instant(word.at)
        if told_at >= datetime.fromisoformat(said.leased_at):
            progress = f"{word.done:.0%} " if isinstance(word, Progress) else ""
            said.told, said.told_at = f"{progress}{word.text}"[:TOLD_LIMIT].strip(), told_at.isoformat()


async def whys(ctx: Context, runs: Sequence[Run]) -> list[Why]:
    """Why each of these runs is not moving. The engine's process is asked once, however many they are."""
    found, effects = await ctx.queries.run(partial(_all_on_record, runs=runs))
    waits = [said for one in found for said in one.waits]
    in_hand = await _in_hand(ctx, sorted(effects))
    for said in waits:
        if said.effect in in_hand:
            put(said, effects[said.effect], in_hand[said.effect])
    approvals = [said.approval for said in waits if said.approval is not None]
    if approvals:
        known = await ctx.queries.run(partial(reading.approvals_of, ids=approvals))
        people = await asked(ctx, list(known.values()))
        for said in waits:
            if said.approval in people:
                said.what = f"people must agree: {people[said.approval]}"
    for one in found:
        one.moving = _moves(one.waits)
    return found


async def _in_hand(ctx: Context, effects: list[str]) -> dict[str, Held]:
    try:
        return await ctx.client.who_has(effects) if effects else {}
    except Refusal:  # the engine is not on the line
        return {}


def put(said: Waits, effect: Effect, held: Held) -> None:
    """Say in whose hands the effect is that is waited for, or why it is in nobody's."""
    looks = f"{said.what}; " if said.code == "validation" else ""
    said.silent_s = held.silent_s or None
    attempt = f"attempt {held.attempt}{' (begun)' if effect.started_token else ''}"
    if held.worker is not None:
        said.what = f"{looks or f'{effect.uses} is being done, {attempt}: '}{held.worker} has it"
        said.code = said.code if looks else "action"
        if held.silent_s:
            said.what += f", and has said nothing for {_for(held.silent_s)}"
            said.code = "silent"
        said.worker, said.leased_at = held.worker, instant(held.leased_at).isoformat()
        said.until, said.then = instant(held.until).isoformat(), _unreported(effect)
    elif held.lacks:
        said.what = f"{looks or f'{effect.uses} waits for a worker, {attempt}: '}{_lacking(effect, held)}"
        said.code, said.until, said.then = "worker", None, None
        if effect.start_within_s is not None:
            said.until = (effect.not_before_at + timedelta(seconds=effect.start_within_s)).isoformat()
            said.then = "the attempt fails"


def _lacking(effect: Effect, held: Held) -> str:
    """What keeps an action from being taken."""
    full = "are under way, which is all that may be at the same time"
    match held.lacks:
        case "worker":
            return "no worker is connected"
        case "labels":
            more = f"; connected: {', '.join(held.connected[:NAMED])}" if held.connected else ""
            return f"no worker that is connected has {spoken_labels(effect.labels)}{more}"
        case "word":
            return f"none that is connected has said anything for {_for(held.silent_s)}"
        case "share":
            return f"{held.under_way} actions {full}"
        case _:
            return f"{held.under_way} effects {full}"


def _for(lasted_s: float) -> str:
    return f"{lasted_s:.0f} s" if lasted_s < 120 else f"{lasted_s / 60:.0f} min"


def _unreported(effect: Effect) -> str:
    """What happens when a lease ends, and nobody has reported."""
    begun = effect.effect_class == "at-most-once" and effect.started_token is not None
    return "it is unknown whether it was done" if begun else "it is handed out again"


def _all_on_record(connection: Connection, runs: Sequence[Run]) -> tuple[list[Why], dict[str, Effect]]:
    """What each of the runs waits for, and the effects that are under way for any of them."""
    found: list[Why] = []
    effects: dict[str, Effect] = {}
    for run in runs:
        said, under_way = _on_record(connection, run)
        found.append(said)
        effects |= under_way
    return found, effects


def _on_record(connection: Connection, run: Run) -> tuple[Why, dict[str, Effect]]:
    """What the run waits for, and the effects that are under way for it."""
    if run.state in OVER:
        said = f"it is over: {run.state.replace('_', ' ')}" + (f", {run.reason}" if run.reason else "")
        return Why(run=run.id, state=run.state, moving=False, waits=[Waits(step=None, what=said, code="over")]), {}
    waits: list[Waits] = []
    if run.state == "queued":
        waits.append(Waits(step=None, what=f"it waits for its turn: {_before(connection, run)}", code="turn",
                           since=run.created_at.isoformat()))  # fmt: skip
    if run.state == "paused":
        then = "try the step again, skip it, or cancel the run" if run.failed_at is not None else "resume or cancel it"
        by = "OnCue" if run.paused_by == "oncue" else run.paused_by
        waits.append(Waits(step=run.failed_at, what=f"{by} paused it: {run.reason or 'no reason given'}; {then}", code="person",
                           since=run.paused_at.isoformat() if run.paused_at else None))  # fmt: skip
        waits += [Waits(step=one.address, what=f"it is tried again when the run goes on, as {one.again_by} asked; it {one.state.replace('_', ' ')} before:"
                        f" {one.reason or 'no reason given'}", code="retry") for one in reading.put_off(connection, run)]  # fmt: skip
    if last_steps.under_way(run):
        waits.append(Waits(step=None, what=f"it was stopped: {run.reason}; what is under finally is still being done",
                           code="stopping", until=run.deadline_at.isoformat() if run.deadline_at else None,
                           then="what it did is undone" if run.wants == "undo" else "it ends"))  # fmt: skip
    if run.state == "rollback_failed":
        waits.append(Waits(step=run.undoing, what=f"{run.reason}; retry it, skip it when it is settled by hand, or cancel the run",
                           code="rollback"))  # fmt: skip
    steps = reading.active_steps(connection, run.id)
    known = reading.effects_of(connection, [one.effect for one in steps if one.effect is not None])
    effects = {id: effect for id, effect in known.items() if effect.state == "pending"}
    found = [_waits(step, effects.get(step.effect or "")) for step in steps if step.uses not in _HOLDING]
    approvals = reading.approvals_of(connection, [one.approval for one in found if one.approval is not None])
    for one in found:
        if one.approval in approvals:
            one.until = approvals[one.approval].expires_at.isoformat()
            stage = approvals[one.approval].stages[approvals[one.approval].at]
            one.asks = stage.by
            one.then = "it counts as rejected" if stage.on_expiry == "reject" else "the step fails"
            if run.deadline_at is not None and approvals[one.approval].expires_at >= run.deadline_at:
                one.then = "the time of the run is up"
    _below(connection, [one for one in found if one.run is not None])
    waits += found
    plan = followed(connection, run)
    _complete(waits, steps, reading.event_waits_of(connection, steps), plan)
    if run.state == "paused":
        for one in waits:
            if one.then is not None and one.then.startswith("the run goes on"):
                one.then += ", once it is resumed"
    room = _room(connection, run, plan)
    return Why(run=run.id, state=run.state, moving=_moves(waits), waits=waits, room=room), effects


def _moves(waits: list[Waits]) -> bool:
    return any(one.code in ("action", "validation") for one in waits) or not waits


_HOLDING = frozenset({"steps", "parallel", "switch", "try", "for_each", "item"})


def followed(connection: Connection, run: Run) -> Plan | None:
    """The plan of the version that the run goes by."""
    known = reading.definition_of(connection, run)
    return plan_of(known.id, known.spec) if known is not None else None


def _complete(waits: list[Waits], steps: list[Step], events: dict[str, EventWait], plan: Plan | None) -> None:
    """Add to what is waited for what the workflow and the engine's own notes say of it."""
    by_address = {one.address: one for one in steps}
    for said in waits:
        step = by_address.get(said.step or "")
        if step is None:
            continue
        if (event := events.get(step.id)) is not None:
            said.types, said.resource = event.types, event.resource
        if said.until is not None and said.then is None and plan is not None:
            said.then = _then(said.code, plan.nodes[step.node].spec)


def _then(code: str, spec: StepSpec) -> str | None:
    """What the timer of a step brings about."""
    if code == "event":
        goes_on = spec.wait is not None and spec.wait.on_timeout == "continue"
        return "the run goes on without it" if goes_on else "the step fails"
    return {"time": "the run goes on", "retry": "it is tried again", "validation": "it is looked again"}.get(code)


def _below(connection: Connection, waits: list[Waits]) -> None:
    """Of runs that are waited for: that they stand still themselves, and what for."""
    ids = [one.run for one in waits if one.run is not None]
    runs = {
        one.id: one for one in (msgspec.json.decode(body, type=Run) for body in entity_bodies(connection, "run", ids))
    }
    for said in waits:
        below = runs.get(said.run or "")
        if below is not None and below.state == "queued":
            said.what += f", which waits for its turn: {_before(connection, below)}"
        elif below is not None and below.state == "paused":
            said.what += f", which {'OnCue' if below.paused_by == 'oncue' else below.paused_by} paused: {below.reason or 'no reason given'}"


def _before(connection: Connection, run: Run) -> str:
    """Which runs have the turn that it waits for, a few, and how they stand."""
    gate = reading.gate_of(connection, run)
    ids = gate.runs if gate is not None else ()
    those = [msgspec.json.decode(body, type=Run) for body in entity_bodies(connection, "run", ids[:NAMED])]
    said = [
        f"{one.id} is {one.state.replace('_', ' ')}{f' by {one.paused_by}' if one.paused_by else ''}" for one in those
    ]
    more = f", {len(ids) - NAMED} more are under way" if len(ids) > NAMED else ""
    before = next((place for place, one in enumerate(gate.queued if gate is not None else ()) if one[2] == run.id), 0)
    if before:
        more += f"; {before} {'others come' if before > 1 else 'other comes'} before it"
    return (", ".join(said) or "others of its workflow are under way") + more


def _room(connection: Connection, run: Run, plan: Plan | None) -> Room | None:
    how = plan.spec.concurrency if plan is not None else None
    gate = reading.gate_of(connection, run)
    if how is None or gate is None or run.gate is None:
        return None
    by = run.gate.partition("|")[2].split("|") if how.by else []
    return Room(limit=how.limit, by=by, under_way=list(gate.runs), queued=len(gate.queued))


def _waits(step: Step, effect: Effect | None) -> Waits:
    since = step.started_at.isoformat() if step.started_at is not None else None
    until = step.next_try_at.isoformat() if step.next_try_at is not None else None
    said = Waits(
        step=step.address, what="", code="action", since=since, until=until, effect=step.effect if effect else None
    )
    if step.state == "validating":
        said.code, said.what = (
            "validation",
            f"it is looked whether the step had its effect: {step.awaits or 'a look is under way'}",
        )
    elif step.uses == "approval":
        said.code, said.what = "approval", f"people must agree: {step.awaits}"
        said.approval = (step.awaits or "").removeprefix("approval ")
    elif step.uses == "run":
        said.code, said.what = "run", f"another run must end: {step.awaits}"
        said.run = (step.awaits or "").removeprefix("run ")
    elif step.uses == "wait" and step.awaits == "time":
        said.code, said.what = "time", "it waits for a time"
    elif step.uses == "wait":
        said.code, said.what = "event", f"it waits for {step.awaits}{f'; {step.reason}' if step.reason else ''}"
    elif step.state == "waiting":
        said.code, said.what = "retry", f"attempt {step.attempt} of {step.uses} follows: {step.reason}"
    elif effect is not None:
        began = " (begun)" if effect.started_token else ""
        said.what = f"{step.uses} is being done or waits for a worker, attempt {effect.attempt}{began}"
    else:
        said.what = f"{step.uses} goes on with the next input"
    return said
