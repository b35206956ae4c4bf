"""What a change's records name and what is not among them: that nothing between is missing, as far as that can be shown.

Records do not count the facts of their entity, so hashes alone cannot show that a record in the middle was left out. But
what they carry hangs together: a change names its approval, its run and its ticket, a step its action and how often it was
looked, an action its attempts. Each of these must be there from its beginning on.
"""

from collections.abc import Iterator
from typing import Final

from oncue.core import plan as plans
from oncue.core.run import ACTIVE
from oncue.evidence.facts import Fact, Facts

_BEGINS: Final = {
    "change": ("created",), "approval": ("requested",), "run": ("queued", "started"), "effect": ("requested",),
    "ticket": ("created",), "change_record": ("started",),
}  # fmt: skip
LIMIT: Final = 100
"""Gaps that are named."""


def found(facts: Facts) -> list[str]:
    """In sentences, the first `LIMIT`."""
    named = [*_beginnings(facts), *_named(facts), *_agreed(facts), *_targets(facts), *_steps(facts), *_attempts(facts)]
    return named if len(named) <= LIMIT else [*named[:LIMIT], f"and {len(named) - LIMIT} more"]


def _beginnings(facts: Facts) -> Iterator[str]:
    for kind, words in _BEGINS.items():
        for id, many in facts.by_id(kind).items():
            if many[0].type.rpartition(".")[2] not in words:
                yield f"the first record of {kind} {id} is {many[0].type}, not its beginning"


def _named(facts: Facts) -> Iterator[str]:
    """What the change names at any time."""
    for member, kind in (("approval", "approval"), ("run", "run"), ("ticket", "ticket"), ("record", "change_record")):
        known = facts.by_id(kind)
        for id in dict.fromkeys(fact.data.get(member) for fact in facts.of("change")):
            if id is not None and id not in known:
                yield f"the {kind.replace('_', ' ')} {id} is named, and no record is about it"


def _agreed(facts: Facts) -> Iterator[str]:
    """A plan counts as agreed to from the instant at which an approval has said so."""
    before: Fact | None = None
    for fact in facts.of("change"):
        approved = fact.data.get("approved")
        if approved is not None and (before is None or before.data.get("approved") != approved):
            asked = facts.by_id("approval").get(
                str(fact.data.get("approval") or (before and before.data.get("approval"))), []
            )
            if not any(one.data["state"] == "approved" and one.position < fact.position for one in asked):
                yield f"plan {approved[:12]} counts as agreed to, and no record of an approval says so"
        before = fact


def _targets(facts: Facts) -> Iterator[str]:
    """A change that went well came to all its targets."""
    change = facts.last("change")
    run = facts.by_id("run").get(str(change.data.get("run"))) if change is not None else None
    if change is None or run is None or run[-1].data["state"] != "succeeded":
        return
    begun = {
        fact.data["address"].rpartition("/")[0] for fact in facts.of("step") if fact.data["run"] == run[-1].data["id"]
    }
    for wave in change.data["plan"]["waves"]:
        for target, key in zip(wave["targets"], plans.item_keys(wave["targets"]), strict=True):
            if f"waves[{wave['name']}]/targets[{key}]" not in begun:
                yield f"no record is about a step on {target}, in {wave['name']}"


def _steps(facts: Facts) -> Iterator[str]:
    effects = facts.by_id("effect")
    for many in facts.by_id("step").values():
        for fact in many:
            effect = fact.data.get("effect")
            if effect is not None and effect not in effects:
                yield f"step {fact.data['id']} had something done, {effect}, and no record is about it"
        run = facts.by_id("run").get(many[-1].data["run"])
        if many[-1].data["state"] in ACTIVE and run is not None and run[-1].data["ended_at"] is not None:
            yield f"step {many[-1].data['id']} has no end, and its run has"


def _attempts(facts: Facts) -> Iterator[str]:
    """Each attempt of an action has its result: of one that came to something, as many as it says."""
    results: dict[str, set[int]] = {}
    for one in facts.inputs("oncue.effect.result"):
        results.setdefault(one.data["effect"], set()).add(one.data["attempt"])
    for id, many in facts.by_id("effect").items():
        last = many[-1].data
        if last["state"] not in ("succeeded", "failed"):
            continue
        for attempt in range(1, last["attempt"] + 1):
            if attempt not in results.get(id, ()):
                yield f"attempt {attempt} of {id} has no result among the records"
