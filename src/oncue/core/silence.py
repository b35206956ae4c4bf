"""The silence: a person's reason for quiet, with matchers, an author, and an end.

Its matchers are what every reason for quiet that names alerts by their labels is written with.
"""

from datetime import datetime
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
