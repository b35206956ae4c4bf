"""What a change's records tell: a function of nothing but these, so that whoever has them can tell it again.

Facts carry the entity as it was from then on. What people did is in the inputs: their envelopes name who sent them, and a
fact names the input that caused it.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from oncue.core.run import ACTIVE
from oncue.evidence import gaps
from oncue.evidence.facts import Fact, Facts

_WAVE: Final = re.compile(r"waves\[([^\]]*)\](?:/targets\[(.*?)\](?:/|~|$))?").match
LOOK: Final = "~validate"
UNDO: Final = "~rollback"
SAME: Final = ("oncue.step.undone", "oncue.step.retrying")
"""What is told of a step that has ended, beside that it began anew."""


class Moment(msgspec.Struct, forbid_unknown_fields=True):
    """What became of the change at an instant."""

    position: int
    at: str
    what: str
    state: str
    said: str | None
    by: str | None
    """Who sent the command that led to it; None for what followed by itself."""


class Vote(msgspec.Struct, forbid_unknown_fields=True):
    """What one person said."""

    by: str
    stage: str
    decision: str
    at: str
    reason: str | None
    instead_of: str | None
    position: int
    """Of the fact that says so first."""
    input: int | None
    """Of the command by which they said it."""
    actor: str | None
    """Who sent that command."""


class Agreement(msgspec.Struct, forbid_unknown_fields=True):
    """Who was asked, and what they said."""

    id: str
    state: str
    ask: str
    reason: str | None
    stages: list[Any]
    barred: list[str]
    decisions: list[Vote]
    created_at: str
    ended_at: str | None
    position: int


class Attempt(msgspec.Struct, forbid_unknown_fields=True):
    """What one attempt of an action, or one look, came to, as its worker reported it."""

    position: int
    at: str
    attempt: int
    outcome: str
    worker: str
    result: Any
    error_code: str | None
    detail: str | None


class Done(msgspec.Struct, forbid_unknown_fields=True):
    """A step."""

    run: str
    address: str
    uses: str
    wave: str | None
    target: str | None
    undoes: bool
    """Whether it is there to undo another."""
    state: str
    reason: str | None
    error_code: str | None
    attempt: int
    started_at: str | None
    ended_at: str | None
    inputs: Any
    """Secrets are references."""
    result: Any
    outputs: Any
    looks: int
    ill: int
    undone: bool
    attempts: list[Attempt]
    readings: list[Attempt]
    """What was seen when it was looked whether it had its effect."""
    positions: list[int]


class Ran(msgspec.Struct, forbid_unknown_fields=True):
    """A run: the change's own, or one that a step of it began."""

    id: str
    workflow: str
    parent: str | None
    state: str
    reason: str | None
    started_at: str | None
    ended_at: str | None
    position: int


class Noted(msgspec.Struct, forbid_unknown_fields=True):
    """A remark on the ticket."""

    position: int
    at: str
    by: str
    text: str


class Trail(msgspec.Struct, forbid_unknown_fields=True):
    """The change's ticket, with its trail."""

    id: str
    title: str
    state: str
    opened_by: str
    opened_at: str
    closed_at: str | None
    remarks: list[Noted]
    position: int


class Followed(msgspec.Struct, forbid_unknown_fields=True):
    """An alert on what was changed, or an incident that names the change, as it was when it was last told of."""

    kind: str
    id: str
    title: str | None
    severity: str | None
    state: str
    resource: str | None
    began_at: str | None
    ended_at: str | None
    expected: bool
    """Of an alert: whether it was quiet because the change was allowed to cause it."""
    position: int


class Account(msgspec.Struct, forbid_unknown_fields=True):
    """What happened."""

    change: dict[str, Any]
    """As its last fact has it."""
    history: list[Moment]
    approvals: list[Agreement]
    runs: list[Ran]
    steps: list[Done]
    ticket: Trail | None
    followed: list[Followed]
    gaps: list[str]
    """What these records name, and what is not among them."""


def told(facts: Facts) -> Account:
    """The story of the change. Raises `ValueError` if no record is a fact of one."""
    change = facts.last("change")
    if change is None:
        raise ValueError("no record is a fact of the change")
    return Account(
        change=change.data,
        history=[_moment(facts, one) for one in facts.of("change")],
        approvals=[_agreement(facts, many) for many in facts.by_id("approval").values()],
        runs=[_ran(many[-1]) for many in facts.by_id("run").values()],
        steps=_steps(facts),
        ticket=_ticket(facts),
        followed=_followed(facts, change.data),
        gaps=gaps.found(facts),
    )


def _moment(facts: Facts, fact: Fact) -> Moment:
    cause = facts.cause(fact)
    return Moment(
        fact.position, fact.at, fact.type.removeprefix("oncue.change."), fact.data["state"], fact.data["said"],
        cause.actor if cause is not None and cause.type.startswith("oncue.command.") else None,
    )  # fmt: skip


def _agreement(facts: Facts, many: list[Fact]) -> Agreement:
    last = many[-1]
    decisions = []
    for number, one in enumerate(last.data["decisions"]):
        first = next(fact for fact in many if len(fact.data["decisions"]) > number)
        cause = facts.cause(first)
        decisions.append(
            Vote(
                one["by"], one["stage"], one["decision"], one["at"], one.get("reason"), one.get("instead_of"), first.position,
                cause.position if cause is not None else None, cause.actor if cause is not None else None,
            )
        )  # fmt: skip
    data = last.data
    return Agreement(
        data["id"], data["state"], data["ask"], data["reason"], data["stages"], data["barred"], decisions,
        data["created_at"], data["ended_at"], last.position,
    )  # fmt: skip


def _ran(fact: Fact) -> Ran:
    data = fact.data
    return Ran(
        data["id"], data["workflow"], data["parent"], data["state"], data["reason"], data["started_at"],
        data["ended_at"], fact.position,
    )  # fmt: skip


class _Where(NamedTuple):
    wave: str | None
    target: str | None


def _where(facts: Facts, run: str, address: str) -> _Where:
    """Of a step, also of one in a run that a step of the change began."""
    found = _WAVE(address)
    if found is not None:
        return _Where(found[1], found[2])
    known = facts.by_id("run").get(run)
    parent = known[-1].data["parent"] if known is not None else None
    if parent is None:
        return _Where(None, None)
    above, _, inner = parent.partition("/")
    return _where(facts, above, inner)


def _steps(facts: Facts) -> list[Done]:
    """In the order in which they were first told of. One that was begun anew after it had ended is there twice."""
    lives: dict[str, list[list[Fact]]] = {}
    for fact in facts.of("step"):
        known = lives.setdefault(fact.data["id"], [])
        if not known or (known[-1][-1].data["state"] not in ACTIVE and fact.type not in SAME):
            known.append([])
        known[-1].append(fact)
    results = _results(facts)
    found = [
        _step(facts, life, _between(many, life, results.get(id, []))) for id, many in lives.items() for life in many
    ]
    return sorted(found, key=lambda one: one.positions[0])


def _between(
    lives: list[list[Fact]], life: list[Fact], results: list[tuple[bool, Attempt]]
) -> list[tuple[bool, Attempt]]:
    """Of the results for a step at an address, those that came while this one was the step there."""
    at = lives.index(life)
    since = life[0].position if at else 0
    until = lives[at + 1][0].position if at + 1 < len(lives) else None
    return [one for one in results if since <= one[1].position and (until is None or one[1].position < until)]


def _step(facts: Facts, life: list[Fact], results: list[tuple[bool, Attempt]]) -> Done:
    data = life[-1].data
    where = _where(facts, data["run"], data["address"])
    return Done(
        run=data["run"], address=data["address"], uses=data["uses"], wave=where.wave, target=where.target,
        undoes=UNDO in data["address"], state=data["state"], reason=data.get("reason"), error_code=data.get("error_code"),
        attempt=data.get("attempt", 0), started_at=data.get("started_at"), ended_at=data.get("ended_at"),
        inputs=data.get("inputs"), result=data.get("result"), outputs=data.get("outputs"), looks=data.get("looks", 0),
        ill=data.get("ill", 0), undone=data.get("undone", False) and "settled" not in data,
        attempts=[one for look, one in results if not look], readings=[one for look, one in results if look],
        positions=[fact.position for fact in life],
    )  # fmt: skip


def _results(facts: Facts) -> dict[str, list[tuple[bool, Attempt]]]:
    """Step to what workers reported for it, and whether that was a look."""
    asked = {fact.data["id"]: fact.data for fact in facts.of("effect")}
    found: dict[str, list[tuple[bool, Attempt]]] = {}
    for one in facts.inputs("oncue.effect.result"):
        data = one.data
        effect = asked.get(data["effect"])
        if effect is None or not effect["step"]:
            continue
        address = effect["step"]
        attempt = Attempt(
            one.position, one.at, data["attempt"], data["outcome"], data.get("worker", ""), data.get("result"),
            data.get("error_code"), data.get("detail"),
        )  # fmt: skip
        step = f"{effect['run']}/{address.removesuffix(LOOK)}"
        found.setdefault(step, []).append((address.endswith(LOOK), attempt))
    return found


def _ticket(facts: Facts) -> Trail | None:
    last = facts.last("ticket")
    if last is None:
        return None
    data = last.data
    return Trail(
        data["id"], data["title"], data["state"], data["opened_by"], data["opened_at"], data["closed_at"],
        [Noted(one.position, one.at, one.data["by"], one.data["text"]) for one in facts.of("comment")], last.position,
    )  # fmt: skip


def _followed(facts: Facts, change: dict[str, Any]) -> list[Followed]:
    """What began before the change did is left out."""
    found = [*_each(facts, "alert", change["record"]), *_each(facts, "incident", change["record"])]
    since = _instant(change["began_at"])
    return sorted(
        (one for one in found if _instant(one.began_at) >= since), key=lambda one: (one.began_at or "", one.position)
    )


def _instant(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text is not None else datetime.max.replace(tzinfo=UTC)


def _each(facts: Facts, kind: str, record: str | None) -> Iterable[Followed]:
    for many in facts.by_id(kind).values():
        data = many[-1].data
        quiet = [one for fact in many for one in fact.data.get("quiet") or ()]
        yield Followed(
            kind, data["id"], data.get("title"), data.get("severity"), data["state"], data.get("resource"),
            data.get("fired_at") or data.get("first_seen_at") or data.get("opened_at"), data.get("resolved_at"),
            any(one["reason"] == "expected_by_change" and one["by"] == record for one in quiet), many[-1].position,
        )  # fmt: skip
