"""Which threshold a reading is judged by: the most precise one that fits it.

Precise is first what states the most exact conditions, then what states the most with `*`, then what has hours. Two that
are equally precise and may fit the same reading at the same moment are a tie, which is refused when they are applied.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from oncue.core.hours import parse
from oncue.core.manifest import Threshold

Precision = tuple[int, int, bool]


def conditions(threshold: Threshold) -> dict[str, str]:
    """What a reading must be, by name."""
    match = threshold.match
    if match is None:
        return {}
    named = {"resource": match.resource, "instance": match.instance}
    labels = {f"labels.{name}": value for name, value in match.labels.items()}
    return {**{name: value for name, value in named.items() if value is not None}, **labels}


def precision(threshold: Threshold) -> Precision:
    """What thresholds are ordered by; the greatest that fits counts."""
    stated = conditions(threshold).values()
    wild = sum("*" in value for value in stated)
    return len(stated) - wild, wild, threshold.hours is not None


def fits(threshold: Threshold, resource: str, instance: str, labels: Mapping[str, str]) -> bool:
    """Whether the threshold is for such a reading, whatever the hour."""
    has = {"resource": resource, "instance": instance, **{f"labels.{name}": value for name, value in labels.items()}}
    return all(name in has and _like(value, has[name]) for name, value in conditions(threshold).items())


def choose(
    thresholds: Sequence[Threshold],
    resource: str,
    instance: str,
    labels: Mapping[str, str],
    holds: Callable[[str], bool],
) -> Threshold | None:
    """The threshold that counts. `holds` says whether hours hold now. All are on the reading's metric."""
    found = [
        one for one in thresholds if fits(one, resource, instance, labels) and (one.hours is None or holds(one.hours))
    ]
    return max(found, key=precision, default=None)


def tied(one: Threshold, other: Threshold) -> bool:
    """Whether neither goes before the other, although both may fit the same reading at the same moment."""
    if one.metric != other.metric or precision(one) != precision(other):
        return False
    if one.hours is not None and other.hours is not None and not parse(one.hours).overlap(parse(other.hours)):
        return False
    mine, theirs = conditions(one), conditions(other)
    return not any(_apart(mine[name], theirs[name]) for name in mine.keys() & theirs.keys())


def _apart(one: str, other: str) -> bool:
    """Whether no text is like both; of two with `*`, that is not reckoned."""
    if "*" in one and "*" in other:
        return False
    return not (_like(one, other) if "*" in one else _like(other, one))


def _like(pattern: str, text: str) -> bool:
    if "*" not in pattern:
        return pattern == text
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
