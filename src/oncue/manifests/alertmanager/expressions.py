"""A selection of alerts as a policy has it: labels that can be looked up, and CEL for the rest."""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from oncue.core import expression
from oncue.core.errors import Refusal
from oncue.core.silence import Matcher
from oncue.manifests.alertmanager.matchers import Selection, values

TYPE: Final = "prometheus.alert"
"""What Alertmanager's endpoint makes of alerts."""
SEVERITIES: Final = ("info", "warning", "minor", "major", "critical")
"""All but recoveries: of the end of an incident, those are told who were told of its beginning."""
LENGTH: Final = 4000
"""Characters of one expression; what is longer is divided into guards."""
_VALUES: Final = 100
"""Values that one list in an expression has."""
_TEXT: Final = r'"(?:[^"\\]|\\.)*"'
_LABEL: Final = rf'event\.labels\[\?{_TEXT}\]\.orValue\(""\)'
_EQUALITY: Final = re.compile(rf"{_LABEL} == {_TEXT}", re.DOTALL)
_MATCH: Final = re.compile(rf"{_LABEL}\.matches\({_TEXT}\)", re.DOTALL)


class TooLong(Exception):
    """The selection cannot be said within the bounds of expressions."""


def fields(selection: Selection) -> dict[str, Any]:
    """The policy's `match`, and `skip_when` where `where` alone cannot hold it. Raises `TooLong`."""
    labels = {name: _one_or_more(some) for name, some in sorted(selection.only.items()) if "" not in some}
    positive = [_one_of(name, some) for name, some in sorted(selection.only.items()) if "" in some]
    positive += [_atom(matcher) for matcher in selection.must]
    unwanted = _unwanted(selection.never)
    match: dict[str, Any] = {"types": [TYPE], "severities": list(SEVERITIES)}
    if labels:
        match["labels"] = labels
    given = positive + [_negated(one) for one in unwanted]
    where = " && ".join(given)
    if not given:
        return {"match": match}
    if len(where) <= LENGTH and _compiles(where):
        return {"match": {**match, "where": where}}
    whole: dict[str, Any] = {"match": match}
    if positive:
        match["where"] = " && ".join(positive)
        if not _compiles(match["where"]):
            raise TooLong
    whole["skip_when"] = _packed(unwanted)
    return whole


def _compiles(text: str) -> bool:
    try:
        expression.compile_check(text, "bool")
    except Refusal:
        return False
    return True


def _packed(parts: list[str]) -> list[str]:
    """The parts joined with `||`, in as few texts as the bounds allow."""
    found: list[str] = []
    for part in parts:
        longer = f"{found[-1]} || {part}" if found else part
        if found and len(longer) <= LENGTH and _compiles(longer):
            found[-1] = longer
        elif _compiles(part):
            found.append(part)
        else:
            raise TooLong
    return found


def _unwanted(never: Iterable[tuple[Matcher, ...]]) -> list[str]:
    """What must not be, each as an expression that is safe beside `||`; lists of one label's values are put together."""
    listed: dict[str, set[str]] = {}
    found = []
    for conjunction in never:
        if len(conjunction) == 1 and conjunction[0].is_equal and (some := values(conjunction[0])) is not None:
            listed.setdefault(conjunction[0].name, set()).update(some)
        elif len(conjunction) == 1:
            found.append(_atom(conjunction[0]))
        else:
            found.append(f"({' && '.join(_atom(one) for one in conjunction)})")
    for name, together in sorted(listed.items()):
        ordered = sorted(together)
        found += [_one_of(name, ordered[first : first + _VALUES]) for first in range(0, len(ordered), _VALUES)]
    return found


def _negated(text: str) -> str:
    """The opposite of an atom, a list or a conjunction in parentheses."""
    if _EQUALITY.fullmatch(text):
        return text.replace('orValue("") == ', 'orValue("") != ', 1)
    return f"!{text}" if text.startswith("(") or _MATCH.fullmatch(text) else f"!({text})"


def _label(name: str) -> str:
    return f'event.labels[?{_text(name)}].orValue("")'


def _one_of(name: str, some: Iterable[str]) -> str:
    some = list(some)
    if len(some) == 1:
        return f"{_label(name)} == {_text(some[0])}"
    return f"{_label(name)} in [{', '.join(_text(one) for one in some)}]"


def _atom(matcher: Matcher) -> str:
    label = _label(matcher.name)
    some = values(matcher)
    if some is not None and len(some) <= _VALUES:
        said = _one_of(matcher.name, sorted(some))
    else:
        said = f"{label}.matches({_text(f'^(?:{matcher.value})$')})"
    return said if matcher.is_equal else _negated(said)


def _text(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _one_or_more(some: tuple[str, ...]) -> str | list[str]:
    return some[0] if len(some) == 1 else list(some)
