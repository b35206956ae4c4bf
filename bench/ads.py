"""The AIT Alert Data Set, read where it lies: what people would be told of it, and what they would miss.

Its alerts are those of real detectors over simulated networks, and are labelled with the attack step that they belong to, or
with none. Measured is what a person feels: messages a day that were about nothing, and attack steps that began a message.
"""

import csv
import lzma
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from bench.deciding import Deciding

SCENARIOS: Final = ("fox", "russellmitchell", "shaw", "wheeler")
FALSE_A_DAY: Final = 160
"""Of plain deduplication by kind and host at its best, with every step caught."""
DAY_S: Final = 86400.0
NOTHING: Final = "-"
"""The label of an alert that belongs to no attack."""


class Seen(NamedTuple):
    """One alert of a detector."""

    at_s: float
    name: str
    short: str
    """The data set's abbreviation of the name: some names that mean much the same share one."""
    host: str
    label: str


class Outcome(NamedTuple):
    """What people were told of a scenario."""

    days: float
    messages: int
    false: int
    """Messages with nothing but alerts of no attack."""
    caught: int
    """Attack steps that are the first alert of some message."""
    steps: int


class Message:
    """What one message is about: the alert that caused it, and those that came to the same until the next one."""

    __slots__ = ("first", "labels")

    def __init__(self, first: str | None) -> None:
        self.first = first
        self.labels = set[str]() if first is None else {first}


def read(folder: Path, scenario: str) -> list[Seen]:
    """A scenario's alerts in the order of their times."""
    with lzma.open(folder / "ait-ads" / f"{scenario}_alerts.txt.xz", "rt", newline="") as file:
        found = [_seen(row) for row in csv.DictReader(file)]
    return sorted(found, key=lambda seen: seen.at_s)


def _seen(row: dict[str, str]) -> Seen:
    return Seen(float(row["time"]), row["name"], row["short"], row["host"], row["event_label"])


def outcome(seen: list[Seen], messages: list[Message]) -> Outcome:
    """Judge the messages about a scenario."""
    caught = {message.first for message in messages if message.first not in (None, NOTHING)}
    steps = {one.label for one in seen} - {NOTHING}
    false = sum(message.labels <= {NOTHING} for message in messages)
    return Outcome((seen[-1].at_s - seen[0].at_s) / DAY_S, len(messages), false, len(caught), len(steps))


def bursts(seen: list[Seen], gap_s: float, what: Callable[[Seen], str]) -> list[Message]:
    """One message a burst: alerts of one kind and host, until none came for longer than `gap_s`."""
    running: dict[tuple[str, str], tuple[float, Message]] = {}
    found = []
    for one in seen:
        key = (what(one), one.host)
        last = running.get(key)
        if last is None or one.at_s - last[0] > gap_s:
            found.append(Message(one.label))
            last = (one.at_s, found[-1])
        message = last[1]
        message.labels.add(one.label)
        running[key] = (one.at_s, message)
    return found


def oncue(seen: list[Seen]) -> list[Message]:
    """What OnCue tells by its default configuration: no policies, no landscape; a detector's alert is a warning."""
    deciding = Deciding([], datetime.fromtimestamp(seen[0].at_s, UTC))
    found: list[Message] = []
    newest: dict[str, Message] = {}
    began: dict[str, str] = {}
    for number, (at_s, body) in enumerate(_events(seen)):
        label = seen[number].label
        told = deciding.feed(body, datetime.fromtimestamp(at_s, UTC))
        alert, incident = deciding.alert(f"{number}"), deciding.incident(f"{number}")
        if alert is not None:
            began.setdefault(alert, label)
        for one in told:
            here = one.alert == alert if one.alert is not None else one.incident == incident
            message = Message(label if here else began.get(one.alert or ""))
            newest[one.incident] = message
            found.append(message)
        if incident is not None and incident in newest:
            newest[incident].labels.add(label)
    return found


def _events(seen: list[Seen]) -> Iterator[tuple[float, bytes]]:
    for number, one in enumerate(seen):
        yield one.at_s, msgspec.json.encode(
            {
                "specversion": "1.0", "id": f"{number}", "source": "/ads", "type": one.name, "resource": one.host,
                "severity": "warning",
            }
        )  # fmt: skip


def baselines(seen: list[Seen]) -> dict[str, list[Message]]:
    """Plain groupings of the same alerts."""
    gaps = {"300 s": 300.0, "1 h": 3600.0, "4 h": 14400.0, "24 h": 86400.0}
    found = {f"(short, host), new after {gap}": bursts(seen, gap_s, _short) for gap, gap_s in gaps.items()}
    found |= {f"(name, host), new after {gap}": bursts(seen, gaps[gap], _name) for gap in ("300 s", "1 h")}
    found["host only, new after 300 s"] = bursts(seen, 300.0, _any)
    return found


def _short(seen: Seen) -> str:
    return seen.short


def _name(seen: Seen) -> str:
    return seen.name


def _any(_: Seen) -> str:
    return ""
