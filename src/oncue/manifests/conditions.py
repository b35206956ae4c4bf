"""Which members of a condition over time go together, and which would make no sense."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from oncue.core.condition import Condition
from oncue.core.duration import seconds
from oncue.core.policy import FORMS

Place = tuple[str | int, ...]

EXPRESSIONS: Final = ("value", "avg", "min", "max", "sum", "p95", "new_value")
"""Members that are CEL."""

_ABOVE: Final = ("fire_above", "clear_below")
_LIMITS: Final = (*_ABOVE, "fire_below", "clear_above")
_AGGREGATE: Final = ("within", *_LIMITS, "min_count")
_TAKES: Final[dict[str, tuple[str, ...]]] = {
    "for": (),
    "count": ("within",),
    "value": ("for", *_LIMITS),
    "avg": _AGGREGATE,
    "min": _AGGREGATE,
    "max": _AGGREGATE,
    "p95": _AGGREGATE,
    "sum": ("within", *_ABOVE, "min_count"),
    "rate": ("within", *_ABOVE),
    "absent": ("keys", "forget_after"),
    "sequence": ("within",),
    "all": ("within",),
    "any": ("within", "at_least"),
    "first": ("within",),
    "once_after": (),
    "accumulate": ("within",),
    "new_value": ("within", "learn"),
}
"""What may stand beside each, beyond `by` and `max_keys`."""
_OPTIONS: Final = ("within", *_LIMITS, "min_count", "at_least", "keys", "forget_after", "learn")
_LENGTHS: Final = ("for", "absent", "once_after", "within", "forget_after")


def faults(condition: Condition) -> Iterator[tuple[Place, str]]:
    """Everything in a condition that makes no sense, with its path."""
    given = {field.encode_name: getattr(condition, field.name) for field in msgspec.structs.fields(condition)}
    given = {name: value for name, value in given.items() if value is not None and value != []}
    forms: list[str] = [form for form in FORMS if form in given]
    if forms == ["value", "for"]:
        forms = ["value"]
    if len(forms) != 1:
        yield (), _which(forms)
        return
    form = forms[0]
    for name in _OPTIONS:
        if name in given and name not in _TAKES[form]:
            yield (name,), _misplaced(form, name)
    if "within" in _TAKES[form] and "within" not in given:
        yield (), f"{form} and within belong together"
    for name in _LENGTHS:
        if name in given and seconds(given[name]) <= 0:
            yield (name,), "it must be more than 0"
    if "fire_above" in _TAKES[form]:
        yield from _limits(form, given)
    yield from _special(form, condition)


def _which(forms: list[str]) -> str:
    if forms:
        return f"{' and '.join(forms)} cannot be combined; give one, and another policy the other"
    return f"give one of {', '.join(FORMS)}"


def _misplaced(form: str, name: str) -> str:
    if name in ("fire_below", "clear_above") and form in ("sum", "rate"):
        return f"{form} begins at 0, so {name} would fire at the first event; use absent for what stays away"
    takers = [other for other, takes in _TAKES.items() if name in takes]
    return f"{form} does not take {name}; it goes with {', '.join(takers)}"


def _limits(form: str, given: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    above, below = given.get("fire_above"), given.get("fire_below")
    both = "fire_below" in _TAKES[form]
    if (above is None) == (below is None) if both else above is None:
        yield (), f"{form} needs {'exactly one of fire_above and fire_below' if both else 'fire_above'}"
    for name, fire, needed, wrong in (
        ("clear_below", above, "fire_above", "above"),
        ("clear_above", below, "fire_below", "below"),
    ):
        clear = given.get(name)
        if clear is None:
            continue
        if fire is None:
            yield (name,), f"{name} needs {needed}"
        elif clear > fire if wrong == "above" else clear < fire:
            yield (name,), f"{clear:g} is {wrong} {needed} ({fire:g}): it would clear while it fires"


def _special(form: str, condition: Condition) -> Iterator[tuple[Place, str]]:
    if condition.sequence is not None:
        for index, step in enumerate(condition.sequence[:-1]):
            if step.not_:
                yield ("sequence", index, "not"), "only the last step may be one that does not come"
    if form in ("sequence", "all", "any"):
        for index, match in enumerate(getattr(condition, form)):
            if match == type(match)() or (form == "sequence" and match == type(match)(not_=True)):
                yield (form, index), "it is empty: every event would be this one"
    if condition.any is not None and (condition.at_least or 1) > len(condition.any):
        yield ("at_least",), f"there are only {len(condition.any)} selectors"
    if condition.absent is not None and condition.forget_after is not None:
        if condition.keys:
            yield ("forget_after",), "declared keys are never forgotten"
        elif seconds(condition.forget_after) <= seconds(condition.absent):
            yield ("forget_after",), "it must be longer than absent: the key would be forgotten before it is missed"
    if len(condition.keys) > condition.max_keys:
        yield ("keys",), f"there are {len(condition.keys)}; max_keys is {condition.max_keys}"
    if condition.rate is not None and seconds(condition.rate.per) <= 0:
        yield ("rate", "per"), "it must be more than 0"
    if (
        condition.learn is not None
        and condition.within is not None
        and seconds(condition.learn) > seconds(condition.within)
    ):
        yield ("learn",), "it is longer than within: what is learned first would be forgotten before"
