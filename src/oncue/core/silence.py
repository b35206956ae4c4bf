"""The silence: a person's reason for quiet, with matchers, an author, and an end.

Its matchers are what every reason for quiet that names alerts by their labels is written with.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec
import re2

from oncue.core.alert import Alert
from oncue.core.errors import Refusal

MATCHERS_LIMIT: Final = 50

PROGRAM_LIMIT: Final = 3_000
"""Instructions of a matcher's regular expression: every alert is compared with it, at worst all of them for each byte."""
_OPTIONS: Final = re2.Options()
_OPTIONS.log_errors = False


class Matcher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A condition on one label, in Alertmanager's form. `is_regex` matches the whole value, RE2 syntax.

    Names are looked up among the alert's labels, then among its fields: `severity`, `resource`, `service`,
    `check`, `title`, `namespace`, `fingerprint`. A label that is not there has the value "".
    """

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


class Silence(msgspec.Struct, kw_only=True, gc=False):
    """A silence's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """A UUID in text form, as Alertmanager's clients expect."""
    namespace: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    state: Literal["pending", "active", "expired"]
    updated_at: datetime
    remind_before_s: float | None = None
    """How long before its end whoever made it is reminded; None for the usual time, 0 for not at all."""
    position: str = ""


_FIELDS: Final = frozenset(
    {"severity", "resource", "service", "check", "title", "namespace", "fingerprint", "type", "source"}
)


def value_of(alert: Alert, name: str) -> str:
    """What a matcher compares: a label, else a field of the alert, else ""."""
    found = alert.labels.get(name)
    if found is not None:
        return found
    if name == "alertname":
        return alert.check or alert.type
    if name in _FIELDS:
        return getattr(alert, name) or ""
    return ""


def matches(matcher: Matcher, alert: Alert) -> bool:
    """Whether the matcher holds for the alert."""
    value = value_of(alert, matcher.name)
    hit = compiled(matcher.value).match(value) is not None if matcher.is_regex else value == matcher.value
    return hit is matcher.is_equal


def all_match(matchers: tuple[Matcher, ...], alert: Alert) -> bool:
    """Whether every one of the matchers holds for the alert."""
    return all(matches(matcher, alert) for matcher in matchers)


def exact(matchers: tuple[Matcher, ...]) -> list[tuple[str, str]]:
    """(name, value) of those that ask for one value: what holds for few alerts can be looked up by them."""
    return [(one.name, one.value) for one in matchers if one.is_equal and not one.is_regex and one.value]


class Filed:
    """Ids of things with matchers, filed by namespace and one value that an alert must have for them to hold, so that an
    alert meets few of those that do not. A look-up over rows: it follows from them, in whatever order they are read.
    """

    __slots__ = ("_by_value", "_place", "_rest")

    def __init__(self) -> None:
        self._by_value: dict[str, dict[str, dict[str, dict[str, None]]]] = {}
        """Namespace, name, value, id."""
        self._rest: dict[str, dict[str, None]] = {}
        """Namespace, id: those that ask for no one value."""
        self._place: dict[str, tuple[str, tuple[str, str] | None]] = {}

    def __len__(self) -> int:
        return len(self._place)

    def put(self, id: str, namespace: str, matchers: tuple[Matcher, ...]) -> None:
        """File it; what it was filed under before is void."""
        self.drop(id)
        asked = exact(matchers)
        place = next((one for one in asked if one[0] not in _COMMON), asked[0] if asked else None)
        self._place[id] = (namespace, place)
        self._row(namespace, place)[id] = None

    def drop(self, id: str) -> None:
        """Forget it, if it is there."""
        if id in self._place:
            del self._row(*self._place.pop(id))[id]

    def _row(self, namespace: str, place: tuple[str, str] | None) -> dict[str, None]:
        if place is None:
            return self._rest.setdefault(namespace, {})
        name, value = place
        return self._by_value.setdefault(namespace, {}).setdefault(name, {}).setdefault(value, {})

    def candidates(self, alert: Alert) -> list[str]:
        """Those that may hold for the alert, in order."""
        found = list(self._rest.get(alert.namespace, ()))
        for name, values in self._by_value.get(alert.namespace, {}).items():
            found += values.get(value_of(alert, name), ())
        return sorted(found)


_COMMON: Final = frozenset({"severity", "type", "alertname"})
"""Names whose values very many alerts share."""


def compiled(pattern: str) -> Any:
    """A matcher's regular expression, anchored at both ends. Raises `Refusal` silence.invalid."""
    return _compiled(pattern)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any:
    try:
        found = re2.compile(rf"\A(?:{pattern})\z", _OPTIONS)
    except re2.error as error:
        raise Refusal("silence.invalid", f"{pattern!r} is not a regular expression (RE2): {error}") from error
    if found.programsize > PROGRAM_LIMIT:
        raise Refusal(
            "silence.invalid", f"the regular expression {pattern[:100]!r} is too large; write several silences"
        )
    return found


def check(matchers: tuple[Matcher, ...], starts_at: datetime, ends_at: datetime) -> None:
    """Refuse what would match everything, or never end. Raises `Refusal` silence.invalid."""
    check_matchers(matchers)
    if ends_at <= starts_at:
        raise Refusal("silence.invalid", "it ends before it starts")
    try:
        ends_at.astimezone(UTC)
    except OverflowError as error:
        raise Refusal("silence.invalid", "it ends beyond the year 9999") from error


def check_matchers(matchers: tuple[Matcher, ...]) -> None:
    """Refuse what would match everything. Raises `Refusal` silence.invalid."""
    if not matchers:
        raise Refusal("silence.invalid", "it has no matchers")
    if len(matchers) > MATCHERS_LIMIT:
        raise Refusal("silence.invalid", f"it has {len(matchers)} matchers; at most {MATCHERS_LIMIT} are taken")
    for matcher in matchers:
        if not matcher.name:
            raise Refusal("silence.invalid", "a matcher has no name")
        if matcher.is_regex:
            compiled(matcher.value)
    if all(_matches_empty(matcher) for matcher in matchers):
        raise Refusal("silence.invalid", "at least one matcher must not match the empty string")


def _matches_empty(matcher: Matcher) -> bool:
    hit = compiled(matcher.value).match("") is not None if matcher.is_regex else matcher.value == ""
    return hit is matcher.is_equal
