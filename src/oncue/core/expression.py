"""CEL, the one expression language: `where`, guards, workflow conditions, and `${...}` inside strings.

Source: https://github.com/google/cel-spec. Evaluated by the CEL project's own C++ engine; one activation per event is
shared by all expressions. `meter` bounds what an expression may cost and puts the keys of maps in order. Integers beyond
64 bits become doubles in the view, because one of them anywhere in an activation makes even expressions fail that do not
read it, and U+0000 becomes U+FFFD, because a text would end there.
"""

import ipaddress
import math
import re
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Protocol, TypeVar

import msgspec
import re2
from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_optional, ext_strings

from oncue.core import meter, misspelt
from oncue.core.errors import Refusal
from oncue.core.meter import Program, TooCostly

_T: Final = cel.Type
_MAP: Final = _T.Map(_T.STRING, _T.DYN)

VARIABLES: Final = {
    "event": _MAP,
    "alert": _T.DYN,
    "incident": _T.DYN,
    "inputs": _T.DYN,
    "steps": _T.DYN,
    "result": _T.DYN,
    "outputs": _T.DYN,
    "baseline": _T.DYN,
    "vars": _T.DYN,
    "error": _T.DYN,
    "index": _T.INT,
    "run": _T.DYN,
    "value": _T.DYN,
    "limit": _T.DYN,
    "now": _T.TIMESTAMP,
}
"""What an expression may name. Those that make no sense at a place are absent there, and has() says so."""


def _regex_extract(text: str, pattern: str) -> str:
    found = meter.searched(text, pattern)
    if found is None:
        return ""
    return str(found.group(1) if found.groups() else found.group(0)) or ""


def _glob(text: str, pattern: str) -> bool:
    meter.charge_match(text, pattern)
    return glob(pattern).match(text) is not None


def _in_cidr(address: str, network: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)


class World(Protocol):
    """What expressions may ask beside their variables."""

    def change_running_on(self, resource: str) -> bool:
        """Whether a change runs on what goes by this name."""

    def change_alerts(self, change: str, since: datetime | None = None) -> int:
        """How many alerts have begun to fire where a change is made, since it began, that it does not expect."""

    def lookup(self, table: str, key: str) -> dict[str, str]:
        """The row of a key, empty if there is none. Raises `ValueError` if there is no such table."""


_world: Final[ContextVar[World | None]] = ContextVar("_world", default=None)


def _asked() -> World:
    world = _world.get()
    if world is None:
        raise ValueError("this is not known here")
    return world


def _change_running_on(resource: str) -> bool:
    return _asked().change_running_on(resource)


def _change_alerts(change: str, since: datetime | None = None) -> int:
    return _asked().change_alerts(change, since)


def _lookup(table: str, key: str) -> dict[str, str]:
    return _asked().lookup(table, key)


def _lookup_column(table: str, key: str, column: str) -> str:
    return _asked().lookup(table, key).get(column, "")


def _overload(id: str, parameters: list[Any], result: Any, implementation: Any) -> Any:
    return cel.Overload(id, result, parameters, False, implementation)


def _function(name: str, parameters: list[Any], result: Any, implementation: Any) -> Any:
    return cel.FunctionDecl(name, [_overload(f"oncue_{name}", parameters, result, implementation)])


def _changed_alerts() -> Any:
    overloads = [
        _overload("oncue_change_alerts", [_T.STRING], _T.INT, _change_alerts),
        _overload("oncue_change_alerts_since", [_T.STRING, _T.TIMESTAMP], _T.INT, _change_alerts),
    ]
    return cel.FunctionDecl("change_alerts", overloads)


def _lookups() -> Any:
    text, row = _T.STRING, _T.Map(_T.STRING, _T.STRING)
    overloads = [
        _overload("oncue_lookup", [text, text], row, _lookup),
        _overload("oncue_lookup_column", [text, text, text], text, _lookup_column),
    ]
    return cel.FunctionDecl("lookup", overloads)


def _metered() -> list[Any]:
    """The functions that `meter` puts in."""
    elements, text = _T.List(_T.DYN), _T.STRING
    declared = [
        (meter.WITHIN, [([_T.INT, _T.INT], _T.BOOL)], meter.within),
        (meter.KEYS, [([_T.Map(_T.DYN, _T.DYN), _T.INT], elements)], meter.keys),
        (meter.EACH, [([_T.Map(_T.DYN, _T.DYN), _T.INT], elements), ([elements, _T.INT], elements)], meter.each),
        (meter.REPLACE, [([text, text, text], text), ([text, text, text, _T.INT], text)], meter.replace),
        (meter.JOIN, [([elements, text], text)], meter.join),
        (meter.MATCHES, [([text, text], _T.BOOL)], meter.matches),
    ]
    return [
        cel.FunctionDecl(
            name,
            [
                _overload(id, parameters, result, implementation)
                for id, (parameters, result) in zip(meter.OVERLOADS[name], overloads, strict=True)
            ],
        )
        for name, overloads, implementation in declared
    ]


FUNCTIONS: Final = {
    "regex_extract": "regex_extract(text, pattern): the first group of the first match (RE2), or ''",
    "glob": "glob(text, pattern): whether the text matches a pattern with * and ?",
    "in_cidr": "in_cidr(address, network): whether an IP address lies in a network",
    "lookup": "lookup(table, key): the row of a Lookup table, empty if it has no such key; "
    "lookup(table, key, column): a cell of it, or ''",
    "change_alerts": "change_alerts(id): how many alerts fire on the targets of a change, or on what needs those, that began "
    "since it did and that it does not expect; change_alerts(id, since): those, and which of them have called people since "
    "that instant, even if they fire no more",
    "change_running_on": "change_running_on(resource): whether a change record says that the resource is being changed",
}
"""OnCue's functions, beside CEL's own, its string, math and optional extensions."""


def _environment(variables: dict[str, Any]) -> Any:
    return cel.NewEnv(
        variables=variables,
        extensions=[ext_strings.ExtStrings(), ext_math.ExtMath(), ext_optional.ExtOptional()],
        functions=[
            _function("regex_extract", [_T.STRING, _T.STRING], _T.STRING, _regex_extract),
            _function("glob", [_T.STRING, _T.STRING], _T.BOOL, _glob),
            _function("in_cidr", [_T.STRING, _T.STRING], _T.BOOL, _in_cidr),
            _changed_alerts(),
            _function("change_running_on", [_T.STRING], _T.BOOL, _change_running_on),
            _lookups(),
            *_metered(),
        ],
    )


_env: Final = _environment(VARIABLES)

_WHERE: Final = re.compile(r"<input>:(\d+):(\d+): (.*)")
LENGTH_LIMIT: Final = 8192
"""Characters an expression may have."""


@lru_cache(maxsize=65536)
def compiled(text: str) -> Program:
    """The compiled expression. Raises `Refusal` expression.invalid with line and column, or expression.costly."""
    return _compiled(_env, text)


def _compiled(env: Any, text: str) -> Program:
    if len(text) > LENGTH_LIMIT:
        raise Refusal("expression.invalid", f"it has {len(text)} characters; at most {LENGTH_LIMIT} are taken")
    try:
        native = env.compile(text)
    except RuntimeError as error:
        found = _WHERE.search(str(error))
        if found is None:
            raise Refusal("expression.invalid", f"{text!r}: {error}") from error
        line, column, what = found.groups()
        fault = misspelt.fault(text, int(line), int(column), what)
        raise Refusal(
            "expression.invalid", f"line {fault.line}, column {fault.column} of {text!r}: {fault.said}",
            line=fault.line, column=fault.column,
        ) from error  # fmt: skip
    try:
        return meter.program(native, env.deserialize)
    except Refusal as refusal:
        raise Refusal(refusal.code, f"{text!r}: {refusal.detail}") from refusal


def compile_check(text: str, expected: str | None = None, names: tuple[str, ...] = ()) -> None:
    """Returns if the expression compiles; with `expected` "bool", also if it can be a truth value. `names` are variables
    besides those of policies and workflows.

    Raises `Refusal` expression.invalid, expression.costly.
    """
    kind = (naming(names).compiled(text) if names else compiled(text)).returns
    if expected == "bool" and kind not in ("BOOL", "DYN"):
        raise Refusal("expression.invalid", f"{text!r} gives {kind.lower()}, not true or false")


class Failed(Exception):
    """An expression failed when it ran; what is said names the expression and the reason."""

    def __init__(self, said: str, text: str = "") -> None:
        super().__init__(said)
        self.text = text
        """The expression, where what it looked at may say more."""


class Scope:
    """What expressions see."""

    __slots__ = ("_env", "_native", "_size", "language", "variables", "world")

    def __init__(
        self, variables: dict[str, Any], env: Any = None, world: World | None = None, language: "Language | None" = None
    ) -> None:
        self.variables = variables
        """Not to be changed any more."""
        self.world = world
        """What they may ask besides; None for nothing."""
        self.language = language
        """The language that has its variables; None for that of policies."""
        self._env = env or _env
        self._native: Any = None
        self._size = -1

    @property
    def native(self) -> Any:
        """The activation that evaluations share; made when the first of them needs it."""
        if self._native is None:
            self._native = self._env.Activation(self.variables)
        return self._native

    def apart(self) -> Any:
        """An activation of the same for one evaluation, with which its memory goes."""
        return self._env.Activation(self.variables)

    @property
    def size(self) -> int:
        """Bytes of all of it as JSON."""
        if self._size < 0:
            self._size = len(_to_json(self.variables))
        return self._size


def activation(variables: dict[str, Any], world: World | None = None) -> Scope:
    """What expressions see, and may ask: build it once per event and share it."""
    return Scope(variables, world=world)


def evaluate(text: str, scope: Scope) -> Any:
    """The expression's value as plain Python. Raises `Failed` when it fails, costs too much, does not compile, or gives a number
    that JSON cannot hold."""
    try:
        program = compiled(text) if scope.language is None else scope.language.compiled(text)
    except Refusal as refusal:
        raise Failed(refusal.detail) from refusal
    value = _value(text, program, scope)
    if (odd := _not_finite(value)) is not None:
        raise Failed(f"{text}: gives {odd}, which is no number that can be kept; guard what it divides by", text)
    return value


def _not_finite(value: Any) -> float | None:
    """The first number in the value that is infinite, or none at all: JSON would have null for it."""
    if isinstance(value, float):
        return None if math.isfinite(value) else value
    if not isinstance(value, (dict, list)):
        return None
    each = map(_not_finite, value.values() if isinstance(value, dict) else value)
    return next((odd for odd in each if odd is not None), None)


_PLAIN: Final = frozenset((str, int, bool, float, type(None)))
_INTEGERS: Final = range(-(2**63), 2**63)


def _value(text: str, program: Program, scope: Scope) -> Any:
    if program.path:
        # Most expressions name a value and do nothing else; CEL would give the same, and take ten times as long.
        found: Any = scope.variables
        for member in program.path:
            if type(found) is not dict or member not in found:
                break
            found = found[member]
        else:
            if type(found) in _PLAIN and (type(found) is not int or found in _INTEGERS):
                return found
    try:
        if program.metered:
            meter.start(program, scope.size)
        if program.asks:
            _world.set(scope.world)
        result = program.native.eval(scope.apart() if program.builds else scope.native)
        value = result.plain_value()
        if value is True or value is False:
            return value
    except TooCostly as bound:
        raise Failed(f"{text}: {bound}") from bound
    except TypeError as error:  # an optional, or something else that is no JSON
        raise Failed(f"{text}: gives what is not a value; end an optional with .orValue(...)") from error
    except RuntimeError as error:  # CEL's own bounds, on iterations and size
        raise Failed(f"{text}: {error}") from error
    if result.type() == _T.ERROR:
        raise Failed(f"{text}: {_reason(str(value))}", text)
    try:
        return ordered(value)
    except TypeError as error:
        raise Failed(f"{text}: {error}") from error


def ordered(value: Any) -> Any:
    """The value with the keys of all its maps in order: CEL gives them in an order that changes from process to process. Raises
    `TypeError` if there is a type in it, which is no JSON."""
    if isinstance(value, _T):
        raise TypeError("gives a type, which is not a value; compare it, as in type(x) == int")
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value, key=lambda key: (type(key).__name__, key))}
    return [ordered(inner) for inner in value] if isinstance(value, list) else value


def holds(text: str, scope: Scope) -> bool:
    """Whether the expression is true. Raises `Failed` when it fails or is not a truth value."""
    value = evaluate(text, scope)
    if isinstance(value, bool):
        return value
    raise Failed(f"{text}: gives {value!r}, not true or false", text)


_KEY: Final = re.compile(r'Key not found in map : "(.*)"')


def _reason(error: str) -> str:
    found = _KEY.search(error)
    if found:
        return f"there is no {found.group(1)!r}; guard it with has()"
    return error.removeprefix("UNKNOWN: ")


class Language:
    """CEL over other variables than policies have: `Language("body", "headers")`. Compiles each text once."""

    def __init__(self, *variables: str, types: dict[str, Any] | None = None) -> None:
        known = types or {}
        self._env = _environment({name: known.get(name, _T.DYN) for name in variables})
        self._programs: dict[str, Program] = {}

    def compiled(self, text: str) -> Program:
        """The compiled expression. Raises `Refusal` expression.invalid with line and column, or expression.costly."""
        program = self._programs.get(text)
        if program is None:
            if len(self._programs) > 4_096:
                self._programs.clear()
            program = self._programs[text] = _compiled(self._env, text)
        return program

    def activation(self, variables: dict[str, Any], world: World | None = None) -> Scope:
        """What expressions see, and may ask."""
        return Scope(variables, self._env, world, self)

    def evaluate(self, text: str, scope: Scope) -> Any:
        """The expression's value as plain Python. Raises `Refusal` expression.invalid or expression.costly, `Failed`."""
        return _value(text, self.compiled(text), scope)


@lru_cache(maxsize=256)
def naming(names: tuple[str, ...]) -> Language:
    """CEL as policies and workflows have it, with these variables besides."""
    return Language(*VARIABLES, *names, types=VARIABLES)


# strings with ${...}


@lru_cache(maxsize=16384)
def template(text: str) -> tuple[tuple[bool, str], ...]:
    """The parts of a string: (is it an expression, text). Raises `Refusal` expression.invalid if a `${` is not closed."""
    parts: list[tuple[bool, str]] = []
    at = 0
    while True:
        start = text.find("${", at)
        if start < 0:
            if at < len(text):
                parts.append((False, text[at:]))
            return tuple(parts)
        if start > at:
            parts.append((False, text[at:start]))
        end = _closing(text, start + 2)
        if end is None:
            raise Refusal("expression.invalid", misspelt.unclosed(text, start))
        parts.append((True, text[start + 2 : end]))
        at = end + 1


def _closing(text: str, at: int) -> int | None:
    depth, quote = 0, ""
    while at < len(text):
        character = text[at]
        if quote:
            if character == "\\":
                at += 1
            elif character == quote:
                quote = ""
        elif character in "'\"":
            quote = character
        elif character == "{":
            depth += 1
        elif character == "}":
            if depth == 0:
                return at
            depth -= 1
        at += 1
    return None


def render(value: Any, scope: Any) -> Any:
    """`value` with every `${...}` in its strings evaluated. A string that is one expression keeps the value's type.

    Raises `Failed`.
    """
    if isinstance(value, str):
        return _render_text(value, scope) if "${" in value else value
    if isinstance(value, dict):
        return {key: render(inner, scope) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [render(inner, scope) for inner in value]
    return value


def stored(value: Any) -> Any:
    """The value as state keeps it and rows give it back: JSON, with instants as RFC 3339 text."""
    return _from_json(_to_json(value))


_to_json: Final = msgspec.json.Encoder().encode
_from_json: Final = msgspec.json.Decoder().decode


def _render_text(text: str, scope: Any) -> Any:
    try:
        parts = template(text)
    except Refusal as refusal:
        raise Failed(refusal.detail) from refusal
    if len(parts) == 1 and parts[0][0]:
        return evaluate(parts[0][1], scope)
    return "".join(spoken(evaluate(part, scope)) if is_expression else part for is_expression, part in parts)


def spoken(value: Any) -> str:
    """A value as people read it: whole doubles without `.0`, true and false in lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dict | list):
        return _to_json(value).decode()
    return "" if value is None else str(value)


def expressions_in(value: Any) -> list[str]:
    """Every expression in the `${...}` of a nested value. Raises `Refusal` expression.invalid."""
    if isinstance(value, str):
        return [part for is_expression, part in template(value) if is_expression] if "${" in value else []
    if isinstance(value, dict):
        return [found for inner in value.values() for found in expressions_in(inner)]
    if isinstance(value, list | tuple):
        return [found for inner in value for found in expressions_in(inner)]
    return []


# globs

_WILD: Final = re.compile(r"[*?\[]")


def is_glob(text: str) -> bool:
    """Whether the text has wildcards."""
    return _WILD.search(text) is not None


@lru_cache(maxsize=16384)
def glob(pattern: str) -> Any:
    """A compiled glob: `*` any characters, `?` one; everything else stands for itself. Matches the whole text."""
    return re2.compile("".join(".*" if c == "*" else "." if c == "?" else re2.escape(c) for c in pattern) + r"\z")


# what CEL cannot hold

_LONG: Final = re.compile(rb"\d{19}")
_NUL: Final = re.compile(rb"\\u0000")
_INSTEAD: Final = "\ufffd"


T = TypeVar("T")
_MOST: Final = (2**53 - 1) * 2**971
"""The largest integer that a double can be."""


def _odd(body: bytes) -> bool:
    """Whether the JSON may hold an integer beyond 64 bits, or the character U+0000, with which a text ends for CEL."""
    return _LONG.search(body) is not None or _NUL.search(body) is not None


def decoded(body: bytes, shape: type[T]) -> T:
    """The JSON as this type, with integers beyond 64 bits as doubles and U+FFFD for U+0000. Raises `msgspec.DecodeError`."""
    if not _odd(body):
        return msgspec.json.decode(body, type=shape)
    return msgspec.convert(_tamed(_from_json(body)), type=shape)


def tame(value: Any, body: bytes) -> Any:
    """`value`, decoded from `body`, with integers beyond 64 bits as doubles and U+FFFD for U+0000."""
    return _tamed(value) if _odd(body) else value


def _tamed(value: Any) -> Any:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(max(-_MOST, min(_MOST, value)))
    if isinstance(value, str):
        return value.replace("\0", _INSTEAD)
    if isinstance(value, dict):
        return {_tamed(key): _tamed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_tamed(inner) for inner in value]
    return value
