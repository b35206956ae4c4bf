"""Matchers as Alertmanager's configuration writes them, and what may be known of them without an alert.

Two syntaxes are there: the classic one, and that of 0.27 and later, in which names may be any UTF-8 text. A text that both
understand means what the classic one makes of it, as in Alertmanager's fallback mode.

Source: Alertmanager 0.28, matcher/parse, pkg/labels/parse.go and docs/configuration.md.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from oncue.core.errors import Refusal
from oncue.core.silence import Matcher, compiled

_CLASSIC: Final = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*(.*?)\s*\Z", re.DOTALL)
_RESERVED: Final = re.escape("{}!=~,\\\"'`")
_UTF8: Final = re.compile(
    rf"""\s*(?P<name>"(?:[^"\\]|\\.)*"|[^\s{_RESERVED}]+)\s*(?P<operator>=~|!~|!=|=)\s*"""
    rf"""(?P<value>"(?:[^"\\]|\\.)*"|[^\s{_RESERVED}]+)\s*(?P<end>,|\Z)""",
    re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPED: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}
_PLAIN: Final = re.compile(r"(?:[\w \-/:,@%&=#~!<>;\"']|\\[^\w\s])*\Z")
"""Text that a regular expression takes literally."""
CLASSIC_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
VALUES_LIMIT: Final = 1000


class Unreadable(ValueError):
    """A text is no matcher."""


def parse(text: str) -> list[Matcher]:
    """The matchers of one text: `a="b"`, or several, separated by commas, in braces or without. Raises `Unreadable`."""
    try:
        found = _classic(text)
    except Unreadable as error:
        try:
            found = _utf8(text)
        except Unreadable:
            raise error from None
    for one in found:
        check(one)
    return found


def check(matcher: Matcher) -> None:
    """Its regular expression can be compiled. Raises `Unreadable`."""
    if matcher.is_regex:
        try:
            compiled(matcher.value)
        except Refusal as refusal:
            raise Unreadable(refusal.detail) from refusal


def _matcher(name: str, operator: str, value: str) -> Matcher:
    return Matcher(name, value, "~" in operator, not operator.startswith("!"))


def _classic(text: str) -> list[Matcher]:
    text = text.strip().removeprefix("{").removesuffix("}")
    tokens, token, quoted, escaped = [], "", False, False
    for character in text:
        if character == "," and not quoted:
            tokens.append(token)
            token = ""
            continue
        if character == '"' and not escaped:
            quoted = not quoted
        escaped = character == "\\" and not escaped
        token += character
    if token.strip():
        tokens.append(token)
    return [_classic_one(one) for one in tokens]


def _classic_one(text: str) -> Matcher:
    found = _CLASSIC.match(text)
    if found is None:
        raise Unreadable(f"{text.strip()!r} is not a matcher")
    raw = found[3]
    quoted = raw.startswith('"')
    raw = raw.removeprefix('"')
    value, escaped, closed = "", False, not quoted
    for index, character in enumerate(raw):
        last = index == len(raw) - 1
        if escaped:
            escaped = False
            value += "\n" if character == "n" else character if character in '"\\' else f"\\{character}"
        elif character == "\\" and not last:
            escaped = True
        elif character == '"':
            if not quoted or not last:
                raise Unreadable(f"{text.strip()!r} has a quote in its value that is not escaped")
            closed = True
        else:
            value += character
    if not closed:
        raise Unreadable(f"{text.strip()!r} lacks the closing quote")
    return _matcher(found[1], found[2], value)


def _utf8(text: str) -> list[Matcher]:
    rest = text.strip()
    if rest.startswith("{") != rest.endswith("}"):
        raise Unreadable(f"{text.strip()!r} lacks a brace")
    rest = rest.removeprefix("{").removesuffix("}").strip()
    found, at = [], 0
    while at < len(rest):
        one = _UTF8.match(rest, at)
        if one is None:
            raise Unreadable(f"{text.strip()!r} is not a matcher")
        found.append(_matcher(_unquoted(one["name"]), one["operator"], _unquoted(one["value"])))
        at = one.end()
    return found


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text

    def plain(found: re.Match[str]) -> str:
        code = found[1]
        if code[0] in "xuU":
            return chr(int(code[1:], 16))
        if len(code) == 3:
            return chr(int(code, 8))
        if code not in _ESCAPED:
            raise Unreadable(f"{text} has an escape that is none: \\{code}")
        return _ESCAPED[code]

    return _ESCAPE.sub(plain, text[1:-1])


def holds(matcher: Matcher, value: str) -> bool:
    """Whether the matcher holds for a label of this value; a label that is not there has the value ""."""
    hit = compiled(matcher.value).match(value) is not None if matcher.is_regex else value == matcher.value
    return hit is matcher.is_equal


def values(matcher: Matcher) -> frozenset[str] | None:
    """The only values for which the matcher, taken positively, can hold: of `a|b` both; None if they cannot be listed."""
    if not matcher.is_regex:
        return frozenset((matcher.value,))
    text = matcher.value
    while True:
        inner = text.removeprefix("^").removesuffix("$")
        if inner.startswith("(") and inner.endswith(")") and not re.search(r"[()]", inner[1:-1].removeprefix("?:")):
            inner = inner[1:-1].removeprefix("?:")
        if inner == text:
            break
        text = inner
    parts = text.split("|")
    if len(parts) > VALUES_LIMIT:
        return None
    if not all(_PLAIN.match(part) for part in parts):
        return None
    return frozenset(re.sub(r"\\(.)", r"\1", part) for part in parts)


class Unreachable(Exception):
    """No alert can be selected."""


class Selection(msgspec.Struct, frozen=True):
    """Which alerts are meant: all of `must` hold, and none of `never`, of each of which all would have to hold."""

    only: dict[str, tuple[str, ...]] = {}
    """Labels whose value must be one of these."""
    must: tuple[Matcher, ...] = ()
    """About other labels."""
    never: tuple[tuple[Matcher, ...], ...] = ()


def selection(must: Iterable[Matcher], never: Iterable[tuple[Matcher, ...]]) -> Selection:
    """The same selection in the fewest words. Raises `Unreachable`."""
    asked = list(dict.fromkeys(must))
    allowed = _allowed(asked)
    rest = {tuple(one): None for one in never}
    while True:
        kept: dict[tuple[Matcher, ...], None] = {}
        narrowed = False
        for conjunction in rest:
            left = _left(conjunction, asked, allowed)
            if left is None:
                continue
            if not left:
                raise Unreachable
            if len(left) == 1 and left[0].name in allowed:
                one = left[0]
                allowed[one.name] = tuple(value for value in allowed[one.name] if not holds(one, value))
                if not allowed[one.name]:
                    raise Unreachable
                narrowed = True
            else:
                kept[left] = None
        rest = kept
        if not narrowed:
            break
    return Selection(allowed, tuple(one for one in asked if one.name not in allowed), tuple(rest))


def _allowed(asked: list[Matcher]) -> dict[str, tuple[str, ...]]:
    """Labels of which only some values can be, with those for which everything asked of them holds."""
    found: dict[str, tuple[str, ...]] = {}
    for matcher in asked:
        listed = values(matcher) if matcher.is_equal else None
        if listed is not None and matcher.name not in found:
            found[matcher.name] = tuple(
                value for value in sorted(listed) if all(holds(one, value) for one in asked if one.name == matcher.name)
            )
            if not found[matcher.name]:
                raise Unreachable
    return found


def _left(
    conjunction: tuple[Matcher, ...], asked: list[Matcher], allowed: dict[str, tuple[str, ...]]
) -> tuple[Matcher, ...] | None:
    """What is not yet decided of a conjunction; None if it cannot hold, nothing if it always does."""
    left = []
    for matcher in conjunction:
        if matcher in asked:
            continue
        if negated(matcher) in asked:
            return None
        if matcher.name in allowed:
            hits = [holds(matcher, value) for value in allowed[matcher.name]]
            if all(hits):
                continue
            if not any(hits):
                return None
        left.append(matcher)
    return tuple(left)


def negated(matcher: Matcher) -> Matcher:
    """The matcher that holds where this one does not."""
    return msgspec.structs.replace(matcher, is_equal=not matcher.is_equal)


def exclusive(one: Iterable[Matcher], other: Iterable[Matcher]) -> bool:
    """Whether it is known that no alert meets both."""
    try:
        selection((*one, *other), ())
    except Unreachable:
        return True
    return False


def written(matcher: Matcher) -> str:
    """The matcher as people write it."""
    operator = ("=~" if matcher.is_equal else "!~") if matcher.is_regex else "=" if matcher.is_equal else "!="
    return f"{matcher.name}{operator}{msgspec.json.encode(matcher.value).decode()}"
