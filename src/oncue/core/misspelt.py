"""What is wrong with an expression that cannot be read, in words: what is missing or too much, and where.

The parser says where it stopped and what it could have gone on with. What people need is what they left open, so quotes and
brackets are gone through once more here.
"""

import re
from typing import Final, NamedTuple


class Fault(NamedTuple):
    """What is wrong, and where; both numbers begin with 1."""

    line: int
    column: int
    said: str


_SIGNS: Final = {"and": "&&", "or": "||", "not": "!", ">": "!=", "&": "&&", "|": "||"}
"""What CEL has in place of what other languages write."""
_UNDECLARED: Final = re.compile(r"undeclared reference to '([^'.]+)")
_UNKNOWN: Final = re.compile(r"token recognition error at: '(.)")
_STRANGE: Final = re.compile(r"(?:mismatched|extraneous) input '([^']+)'")
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_TEXT: Final = re.compile(r"(?i)(?<![A-Za-z0-9_])(r?b?|b?r?)('''|\"\"\"|'|\")")
_ESCAPE: Final = re.compile(r"\\(?:[abfnrtv\\'\"`?]|[0-3][0-7]{2}|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_LAST: Final = re.compile(r"(&&|\|\||[<>=!]=|[-+*/%<>!?:,.]|\bin)\s*\Z")


class _Read(NamedTuple):
    """What a look at quotes and brackets found: the first that is wrong, or what is open at the end."""

    fault: tuple[int, str] | None
    """Where, counted in characters from 0, and what."""
    open: tuple[tuple[int, str], ...]
    """Brackets that nothing closes: where, and which."""


def fault(text: str, line: int, column: int, what: str) -> Fault:
    """What is wrong with an expression at which the parser said `what` at this place."""
    if found := _UNDECLARED.search(what):
        called = text.splitlines()[line - 1][column - 1 : column] == "("
        return Fault(line, column, f"there is no {'function ' if called else ''}{found[1]}")
    if "Syntax error" not in what:
        return Fault(line, column, what.removesuffix(" [INVALID_ARGUMENT]"))
    if not text.strip():
        return Fault(line, column, "it is empty: write what is to be told, as event.severity == 'critical'")
    read = _read(text)
    if read.fault is not None:
        return Fault(*_place(text, read.fault[0]), read.fault[1])
    return Fault(line, column, _foreign(text, what) or _missing(text, what, read.open))


def unclosed(text: str, start: int) -> str:
    """Why nothing closes the `${` that begins here in a string."""
    read = _read(text[start + 2 :])
    where = f"the ${{ at column {start + 1} of {text!r}"
    if read.fault is not None and read.fault[1].startswith("the text"):
        column = start + 3 + read.fault[0]
        quote = text[column - 1]
        return f"{where} is not closed: the text that begins with {quote} at column {column} is not, and takes its }} for a part of itself"
    return f"{where} is not closed: write }} at the end of its expression"


def _read(text: str) -> _Read:
    """Go through quotes and brackets."""
    at, opened = 0, list[tuple[int, str]]()
    while at < len(text):
        character = text[at]
        if text.startswith("//", at):
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
        elif (begins := _TEXT.match(text, at)) is not None:
            end = _end(text, begins)
            if isinstance(end, str):
                return _Read((at, end), ())
            at = end
        elif character in _CLOSING:
            opened.append((at, character))
            at += 1
        elif character in _CLOSING.values():
            if not opened:
                return _Read((at, f"nothing is open that this {character} closes: leave it out"), ())
            where, last = opened.pop()
            if _CLOSING[last] != character:
                line, column = _place(text, where)
                said = f"this {character} stands where the {last} at line {line}, column {column} is still open: write {_CLOSING[last]} first"
                return _Read((at, said), ())
            at += 1
        else:
            at += 1
    return _Read(None, tuple(opened))


def _end(text: str, begins: re.Match[str]) -> int | str:
    """Where a text ends, or what is wrong with it."""
    raw, quote, at = "r" in begins[1].lower(), begins[2], begins.end()
    while at < len(text):
        if text.startswith(quote, at):
            return at + len(quote)
        if text[at] == "\n" and len(quote) == 1:
            break
        if text[at] == "\\" and not raw:
            escape = _ESCAPE.match(text, at)
            if escape is None and at + 1 < len(text):
                return f"{text[at : at + 2]} means nothing in a text: write \\\\ for a backslash"
            at = escape.end() if escape is not None else at + 1
        else:
            at += 1
    return f"the text that begins here is not closed: {quote} is missing at its end"


def _foreign(text: str, what: str) -> str | None:
    """What other languages write, and what to write for it here."""
    unknown, strange = _UNKNOWN.search(what), _STRANGE.search(what)
    sign = unknown[1] if unknown else ""
    if sign == "=":
        return "a single = means nothing in CEL; compare with =="
    if sign in ("&", "|"):
        return f"a single {sign} means nothing in CEL; write {_SIGNS[sign]}"
    if sign:
        return f"{sign} means nothing in CEL"
    word = "not" if text.strip().startswith("not ") else strange[1] if strange else ""
    if word in _SIGNS and (word != ">" or "<>" in text):
        return f"CEL has no {'<>' if word == '>' else word}; write {_SIGNS[word]}"
    return None


def _missing(text: str, what: str, opened: tuple[tuple[int, str], ...]) -> str:
    """What the parser would have gone on with."""
    last = _LAST.search(text)
    ends = "<EOF>" in what.partition("expecting")[0]
    if last is not None and (ends or last[1] == "."):
        return f"it is not finished: a {'name' if last[1] == '.' else 'value'} is missing after {last[1]}"
    if ends and opened:
        where, which = opened[-1]
        line, column = _place(text, where)
        return f"it is not finished: {_CLOSING[which]} is missing, for the {which} at line {line}, column {column}"
    if ends:
        return (
            f"it is not finished: {'a : and a second value are' if '?' in text else 'something is'} missing at its end"
        )
    found = _STRANGE.search(what)
    if "input '." in what:
        return "a name is missing after the . before this"
    if found is None:
        return "something is missing here, or too much"
    if "IDENTIFIER" in what:
        return f"a value is missing before {found[1]}"
    return f"{found[1]} does not belong here: an operator is missing before it, or it is too much"


def _place(text: str, at: int) -> tuple[int, int]:
    """Line and column of a character."""
    before = text[:at]
    return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1
