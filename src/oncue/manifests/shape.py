"""Compares a value with the structs of `core/manifest.py`, and says everything that does not fit.

msgspec stops at the first misfit and does not guess what was meant; people who write manifests are better served by the
whole list, each with its path and a near name. What passes here converts to the struct.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import inspect

from oncue.core.duration import PATTERN as DURATION
from oncue.core.duration import length_s
from oncue.core.workflow_spec import OnFailure, Retry, Rollback, StepSpec, SubRun, Validate, Wait
from oncue.manifests.document import Path_

LONGEST_DAYS: Final = 3650
"""Of a duration. Instants that lie further ahead are past what clocks and calendars can hold."""

_YAML_11_BOOLEANS: Final = frozenset({"yes", "no", "on", "off", "y", "n"})
"""What other tools would read as a truth value when it is not quoted."""


class Misfit(msgspec.Struct, frozen=True):
    """One thing that does not fit."""

    path: Path_
    detail: str
    at_key: bool = True


def near(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` if there is a near one, whatever is written large in it, else nothing. One that begins otherwise has to
    be nearer."""
    lower, small = {one.lower(): one for one in known}, word.lower()
    close = difflib.get_close_matches(small, [one for one in lower if one[:1] == small[:1]], n=1, cutoff=0.6)
    close = close or difflib.get_close_matches(small, list(lower), n=1, cutoff=0.75)
    return f"; did you mean {lower[close[0]]}?" if close else ""


def misfits(
    value: Any, struct: type[msgspec.Struct], path: Path_ = (), plain: dict[Path_, str] | None = None
) -> list[Misfit]:
    """Everything in `value` that `struct` does not take. `plain` holds the source text of unquoted scalars."""
    return list(_check(value, _described(struct), path, plain or {}))


@lru_cache(maxsize=256)
def _described(struct: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(struct)


def _check(value: Any, kind: inspect.Type, path: Path_, plain: dict[Path_, str]) -> Iterator[Misfit]:
    match kind:
        case inspect.Metadata():
            yield from _check(value, kind.type, path, plain)
        case inspect.AnyType():
            return
        case inspect.UnionType():
            yield from _union(value, kind, path, plain)
        case inspect.StructType():
            yield from _struct(value, kind, path, plain)
        case inspect.DictType():
            yield from _dict(value, kind, path, plain)
        case inspect.ListType() | inspect.VarTupleType():
            yield from _list(value, kind, path, plain)
        case inspect.LiteralType():
            if value not in kind.values:
                choices = [str(choice) for choice in kind.values]
                yield Misfit(path, f"{_said(value)} is none of {', '.join(choices)}{near(str(value), choices)}")
        case inspect.StrType():
            yield from _text(value, kind, path, plain)
        case inspect.BoolType():
            if not isinstance(value, bool):
                yield Misfit(path, f"must be true or false, not {_said(value)}")
        case inspect.IntType() | inspect.FloatType():
            yield from _number(value, kind, path)
        case inspect.NoneType():
            if value is not None:
                yield Misfit(path, f"must be empty, not {_said(value)}")
        case _:
            return  # Our manifests have no other types; a plugin's are left to its own conversion.


def _union(value: Any, kind: inspect.UnionType, path: Path_, plain: dict[Path_, str]) -> Iterator[Misfit]:
    if value is None and kind.includes_none:
        return
    types = (member.type if isinstance(member, inspect.Metadata) else member for member in kind.types)
    members = [member for member in types if not isinstance(member, inspect.NoneType)]
    if len(members) > 1:
        # Ours are of two kinds: a value or a list, or a number or a text.
        members = [member for member in members if isinstance(member, inspect.ListType) == isinstance(value, list)]
        members.sort(key=lambda member: isinstance(_bare(member), inspect.StrType) != isinstance(value, str))
    yield from _check(value, members[0], path, plain)


def _bare(kind: Any) -> Any:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _struct(value: Any, kind: inspect.StructType, path: Path_, plain: dict[Path_, str]) -> Iterator[Misfit]:
    fields = {field.encode_name: field for field in kind.fields}
    if not isinstance(value, dict):
        yield Misfit(path, f"must be a mapping, not {_said(value)}{_instead(value, kind, fields)}")
        return
    for key, inner in value.items():
        if key not in fields:
            meant = _CALLED_ELSEWHERE.get(kind.cls, {}).get(str(key))
            hint = f"; write {meant}" if meant is not None else near(key, list(fields))
            yield Misfit((*path, key), f"{key} is not known here{hint}")
        else:
            yield from _check(inner, fields[key].type, (*path, key), plain)
    for name, field in fields.items():
        if field.required and name not in value:
            yield Misfit(path, f"{name} is missing")


_MEANT: Final[dict[type, tuple[str, str]]] = {
    SubRun: ("workflow", "NAME"),
    Wait: ("for", "10m"),
    Retry: ("attempts", "3"),
    OnFailure: ("rollback", "all"),
    Rollback: ("uses", "ACTION"),
    Validate: ("that", "EXPRESSION"),
}
"""The member that is meant by whoever writes one value in place of the mapping, with an example."""


_CALLED_ELSEWHERE: Final[dict[type, dict[str, str]]] = {
    StepSpec: {
        "action": "uses",
        "module": "uses",
        "args": "with",
        "inputs": "with",
        "params": "with",
        "when": "if",
        "loop": "for_each",
        "with_items": "for_each",
        "name": "id, or title",
        "ignore_errors": "on_failure: continue",
        "continue-on-error": "on_failure: continue",
        "timeout-minutes": "timeout: 10m",
        "retries": "retry: {attempts: 3}",
    }
}
"""What members are called in GitHub Actions, Ansible and other systems, and what is to be written."""


def _instead(value: Any, kind: inspect.StructType, fields: dict[str, inspect.Field]) -> str:
    """`; write {MEMBER: VALUE}`, with the value that is there if that member takes it."""
    if kind.cls not in _MEANT or value is None or isinstance(value, list):
        return ""
    member, example = _MEANT[kind.cls]
    if any(_check(value, fields[member].type, (), {})):
        return f"; write {{{member}: {example}}}"
    text = value if isinstance(value, str) and _PLAIN_TEXT.fullmatch(value) else msgspec.json.encode(value).decode()
    return f"; write {{{member}: {text}}}"


_PLAIN_TEXT: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
"""What YAML takes for text, or for a value that the member takes, without quotes."""


def _dict(value: Any, kind: inspect.DictType, path: Path_, plain: dict[Path_, str]) -> Iterator[Misfit]:
    if not isinstance(value, dict):
        yield Misfit(path, f"must be a mapping, not {_said(value)}")
        return
    labels = not isinstance(kind.value_type, inspect.AnyType)
    for key, inner in value.items():
        inside = (*path, key)
        yield from _check(key, kind.key_type, inside, {})
        yield from _check(inner, kind.value_type, inside, plain)
        for at in (inside, *((*inside, index) for index in range(len(inner) if isinstance(inner, list) else 0))):
            if labels and plain.get(at, "").lower() in _YAML_11_BOOLEANS:
                yield Misfit(at, f'{plain[at]} is a truth value to other YAML tools; write "{plain[at]}"')


def _list(
    value: Any, kind: inspect.ListType | inspect.VarTupleType, path: Path_, plain: dict[Path_, str]
) -> Iterator[Misfit]:
    if not isinstance(value, list):
        yield Misfit(path, f"must be a list, not {_said(value)}")
        return
    if kind.min_length is not None and len(value) < kind.min_length:
        yield Misfit(path, f"must have at least {kind.min_length} entry")
    if kind.max_length is not None and len(value) > kind.max_length:
        yield Misfit(path, f"has {len(value)} entries; at most {kind.max_length} are taken")
    for index, inner in enumerate(value):
        yield from _check(inner, kind.item_type, (*path, index), plain)


def _text(value: Any, kind: inspect.StrType, path: Path_, plain: dict[Path_, str]) -> Iterator[Misfit]:
    if not isinstance(value, str):
        written = plain.get(path)
        hint = f'; quote it: "{written}"' if written else ""
        if kind.pattern == DURATION:
            hint = "; write a duration, as 90s, 5m, 1h30m or 2d"
        yield Misfit(path, f"must be text, not {_said(value)}{hint}")
    elif kind.pattern is not None and not _fits(kind.pattern, value):
        yield Misfit(path, f"{_said(value)} does not have the form {_form(kind.pattern)}")
    elif kind.pattern == DURATION and length_s(value) > LONGEST_DAYS * 86_400:
        yield Misfit(path, f"{_said(value)} is too long: at most {LONGEST_DAYS}d")
    elif kind.min_length is not None and len(value) < kind.min_length:
        yield Misfit(
            path, "must not be empty" if kind.min_length == 1 else f"has less than {kind.min_length} characters"
        )
    elif kind.max_length is not None and len(value) > kind.max_length:
        yield Misfit(path, f"has {len(value)} characters; at most {kind.max_length} are taken")


def _fits(pattern: str, text: str) -> bool:
    """Whether the text has the form. A `$` of Python's also stands before a line break at the end, as in no other language."""
    return re.search(pattern, text) is not None and not (pattern.endswith("$") and text.endswith("\n"))


def _form(pattern: str) -> str:
    return _FORMS.get(pattern, pattern)


_FORMS: Final = {
    r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$": "of a duration, as 90s, 5m, 1h30m or 2d",
    r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$": "of a name: lower-case letters, digits, dots and hyphens, at most 63",
    r"^[a-z][a-z0-9_]{0,62}$": "of a step's id: lower-case letters, digits and _, beginning with a letter",
    r"^(user|team):[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$": "user:NAME or team:NAME",
    r"^(user|team|channel):[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$": "user:NAME, team:NAME or channel:NAME",
    r"^(anyone|(user|team):[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?)$": "user:NAME, team:NAME or anyone",
    r"^[A-Za-z0-9.:_-]{1,253}$": "of a host: a name or an address",
    r"^[A-Z][A-Z0-9]{2}$": "of a SID: three capital letters or digits, beginning with a letter",
    r"^[0-9]{2}$": 'of an instance number: two digits in quotes, as "00"',
}
"""Patterns in words."""


def _number(value: Any, kind: inspect.IntType | inspect.FloatType, path: Path_) -> Iterator[Misfit]:
    whole = isinstance(kind, inspect.IntType)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        yield Misfit(path, f"must be a {'whole ' if whole else ''}number, not {_said(value)}")
    elif kind.ge is not None and value < kind.ge:
        yield Misfit(path, f"must be at least {kind.ge:g}")
    elif kind.gt is not None and value <= kind.gt:
        yield Misfit(path, f"must be more than {kind.gt:g}")
    elif kind.le is not None and value > kind.le:
        yield Misfit(path, f"must be at most {kind.le:g}")


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if len(repr(value)) <= 60 else repr(value)[:60] + "..."
