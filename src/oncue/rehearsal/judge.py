"""Compares what happened with what was expected, one for one, and says what is missing and what is too much."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from oncue.core.duration import length_s
from oncue.rehearsal.cases import Expected
from oncue.rehearsal.world import World

KINDS: Final = {
    "alerts": ("alert", "first_seen_at", ("severity", "title", "resource", "state")),
    "notifications": ("notification", "at", ("to", "reason", "title")),
    "incidents": ("incident", "opened_at", ("priority", "title", "state")),
    "runs": ("run", "started_at", ("workflow", "state")),
    "tickets": ("ticket", "opened_at", ("type", "title", "state")),
    "change_records": ("change_record", "started_at", ("title", "kind", "state")),
    "decisions": ("decision", "at", ("policy", "outcome", "reason")),
}
"""Member of `Expected` to (what the world calls it, when it came, what tells it apart)."""
AT: Final = {"at", "resolved_at"}


def judge(world: World, expected: Expected) -> list[str]:
    """What is otherwise than expected; nothing if all is well."""
    wrong: list[str] = []
    for member, (kind, came, telling) in KINDS.items():
        wanted = getattr(expected, member)
        if wanted == "any":
            continue
        there = [_plain(world, kind, one, came) for one in world.all(kind)]
        asked = [_given(one) for one in wanted]
        wrong += [one for each in asked for address in each.get("never", ()) for one in _no_step(world, each, address)]
        taken = _pair(asked, there)
        for number, one in enumerate(asked):
            if number not in taken:
                spare = [other for index, other in enumerate(there) if index not in taken.values()]
                wrong.append(f"{member}: not seen: {_said(one)}{_nearest(one, spare)}")
        if member == "decisions":
            continue
        for index, other in enumerate(there):
            if index not in taken.values():
                wrong.append(f"{member}: not expected: {_said({name: other.get(name) for name in (*telling, 'at')})}")
    return wrong


def _plain(world: World, kind: str, one: dict[str, Any], came: str) -> dict[str, Any]:
    """What was seen, in the words of a test: times since the start, reasons for quiet, the state of each step."""
    found = {**one, "at": _since(world, one[came])}
    if kind == "alert":
        found["quiet"] = [quiet["reason"] for quiet in one.get("quiet") or ()]
        found["resolved_at"] = _since(world, one.get("resolved_at"))
    elif kind == "run":
        steps = [step for step in world.seen["step"].values() if step["run"] == one["id"]]
        found["steps"] = {step["address"]: step["state"] for step in steps}
        found["order"] = [step["address"] for step in steps]
        found["never"] = [step["address"] for step in steps if step.get("started_at") is not None]
    elif kind == "change_record":
        found |= {"resources": list(one["resources"]), "services": list(one["services"])}
    elif kind == "decision":
        found["policy"] = one["policy"].partition("/")[2]
    return found


def _no_step(world: World, expected: dict[str, Any], address: str) -> list[str]:
    """What is said of an address at which the expected run can have no step: that none begins there would always hold."""
    ids = re.sub(r"\[[^\]]*\]|~[a-z]+$", "", address)
    plans = world.plans(expected.get("workflow"))
    if not plans or any(node.address == ids for plan in plans for node in plan.nodes.values()):
        return []
    return [f"runs: never: {address} is no step of {expected.get('workflow') or 'any workflow'}"]


def _since(world: World, at: Any) -> float | None:
    if at is None:
        return None
    instant = at if isinstance(at, datetime) else msgspec.convert(at, datetime)
    return round((instant - world.start).total_seconds(), 3)


def _given(one: msgspec.Struct) -> dict[str, Any]:
    found = {name: value for name, value in msgspec.structs.asdict(one).items() if value is not None}
    return {name: length_s(value) if name in AT else value for name, value in found.items()}


def _fits(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            name in found and _fits(value, found[name]) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and sorted(map(str, wanted)) == sorted(map(str, found))
    if isinstance(wanted, float) and isinstance(found, int | float):
        return abs(wanted - found) < 0.001
    return bool(wanted == found)


def _misfits(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    return [name for name, value in wanted.items() if not _HOW.get(name, _fits)(value, found.get(name))]


def _in_order(wanted: list[str], found: list[str]) -> bool:
    """Whether those wanted are all there, one after the other; others may lie between."""
    left = iter(found)
    return all(one in left for one in wanted)


def _not_begun(wanted: list[str], found: list[str]) -> bool:
    """Whether none of those wanted is there, nor a step that lies in one: of an item's beginning nothing is said."""
    return not any(one == at or one.startswith((f"{at}/", f"{at}[")) for at in wanted for one in found)


_HOW: Final[dict[str, Callable[[Any, Any], bool]]] = {"order": _in_order, "never": _not_begun}
"""How what is expected is compared, where it is not simply the same."""


def _pair(asked: Sequence[dict[str, Any]], there: Sequence[dict[str, Any]]) -> dict[int, int]:
    """Expected to seen, as many pairs as there can be: what is said loosely must not take what is meant precisely."""
    options = [[index for index, one in enumerate(there) if not _misfits(wanted, one)] for wanted in asked]
    taker: dict[int, int] = {}

    def place(number: int, tried: set[int]) -> bool:
        for index in options[number]:
            if index not in tried:
                tried.add(index)
                if index not in taker or place(taker[index], tried):
                    taker[index] = number
                    return True
        return False

    for number in range(len(asked)):
        place(number, set())
    return {number: index for index, number in taker.items()}


def _nearest(wanted: dict[str, Any], spare: list[dict[str, Any]]) -> str:
    if not spare:
        return ""
    found = min(spare, key=lambda one: len(_misfits(wanted, one)))
    wrong = _misfits(wanted, found)
    if len(wrong) == len(wanted) > 1:
        return ""
    return f"; the nearest has {_said({_CALLED.get(name, name): found.get(name) for name in wrong})}"


_CALLED: Final = {"never": "order"}
"""What was seen has another name than what is expected of it."""


def _said(one: dict[str, Any]) -> str:
    return ", ".join(
        f"{name}: {_duration(value) if name in AT and isinstance(value, float) else _text(value)}"
        for name, value in one.items()
        if value is not None
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"
