"""What starts a workflow by itself: events that match, and the instants of a schedule.

A trigger on events is a policy that the workflow brings along: it is matched, paused, explained and counted as any other.
A schedule names instants on the wall clock of a zone, as cron has them or as RFC 5545's RRULE.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any, Final, Literal

import msgspec
from cronsim import CronSim, CronSimError

from oncue.core import recurrence
from oncue.core.condition import Match
from oncue.core.duration import Duration, length_s
from oncue.core.errors import Refusal
from oncue.core.spec import Spec

TRIGGERS_LIMIT: Final = 50
CATCH_UP_LIMIT: Final = timedelta(days=7)
LATE: Final = timedelta(minutes=1)
"""A run that begins later than this after its instant is one that was missed."""
ALL_LIMIT: Final = 100
"""How many runs `catch_up: all` starts at once; of more, the latest."""
KNOWN_LIMIT: Final = 20_000
"""Instants that are looked at when OnCue comes back."""
_FIELDS: Final = 5
_START: Final = "2000-01-01T00:00"


class ScheduleSpec(Spec, kw_only=True, frozen=True):
    """Instants at which a workflow starts. Give `cron` or `rrule`.

    When the clocks change: a time of day that is skipped is taken by `rrule` that much later, and by a `cron` line that names
    hours in the first minute that is there again; one that comes twice is taken once. A `cron` line with `*` for its minutes
    or hours goes by real time.
    """

    cron: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    """Minute, hour, day of the month, month, day of the week, as `0 3 * * MON-FRI`; also `L` for the last day and `MON#1` for
    the first Monday."""
    rrule: Annotated[str, msgspec.Meta(max_length=recurrence.LENGTH_LIMIT)] | None = None
    """As RFC 5545 has it, from `starts_at` on: `FREQ=WEEKLY;BYDAY=SA`."""
    starts_at: str | None = None
    """As 2027-05-01T22:00 on the wall clock of `zone`: nothing starts before. With `rrule` it says what the rule does not, the
    time of day above all."""
    zone: str = "UTC"
    """Whose wall clock is meant, as Europe/Berlin."""
    catch_up: Literal["latest", "all", "none"] = "latest"
    """What is done about instants that passed while OnCue was not running: one run for the `latest` of them, `all`, or
    `none`. An instant that is at most a minute ago counts as in time, so `none` starts a run for that, too: as with cron, a minute
    is what a schedule can name."""
    catch_up_within: Duration = "24h"
    """How long ago an instant may be and still be caught up with; at most 7d."""


class Trigger(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """What starts the workflow by itself. Give `event` or `schedule`."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    """Its name, once in the workflow."""
    event: Match | None = None
    """Each event that matches starts a run, as it would by a policy: one that merely repeats a firing alert does not."""
    schedule: ScheduleSpec | None = None
    """Each of its instants starts a run."""
    with_: dict[str, Any] = {}
    """The inputs of the run. Strings may hold `${CEL}` over `event`, or over `now`, which is the schedule's instant."""


class Schedule(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a schedule stands: a cell by `namespace/workflow/trigger`."""

    id: str
    namespace: str
    workflow: str
    trigger: str
    next_at: datetime | None
    """When it starts a run next; None for never again."""
    planned_at: datetime | None = None
    """The instant that it was last due for."""
    run: str | None = None
    """The run that it started last."""
    missed: int = 0
    """Of the instants that were due then, how many were passed over."""
    fault: str | None = None
    """Why nothing could be started then."""


def check(trigger: Trigger) -> None:
    """Refuse a trigger that is none, or a schedule that cannot be read, never comes, or costs too much to follow.

    Raises `Refusal` trigger.invalid, recurrence.invalid, recurrence.costly.
    """
    if (trigger.event is None) == (trigger.schedule is None):
        raise Refusal("trigger.invalid", f"{trigger.id}: give event or schedule, and not both")
    spec = trigger.schedule
    if spec is None:
        return
    if (spec.cron is None) == (spec.rrule is None):
        raise Refusal("trigger.invalid", f"{trigger.id}: give cron or rrule, and not both")
    recurrence.zone_of(spec.zone)
    if not timedelta() < timedelta(seconds=length_s(spec.catch_up_within)) <= CATCH_UP_LIMIT:
        raise Refusal("trigger.invalid", f"{trigger.id}: catch_up_within is more than 0 and at most 7d")
    start = _wall(spec.starts_at or _START, spec.zone)
    if spec.rrule is not None:
        if spec.starts_at is None:
            raise Refusal("trigger.invalid", f"{trigger.id}: an rrule needs starts_at, which says the time of day")
        recurrence.check(spec.rrule, start, spec.zone)
    elif next(instants(spec, start.replace(tzinfo=UTC)), None) is None:
        raise Refusal("trigger.invalid", f"{trigger.id}: {spec.cron!r} never comes")


def instants(spec: ScheduleSpec, after: datetime) -> Iterator[datetime]:
    """The schedule's instants later than `after`, in UTC and in order. The spec must have passed `check`."""
    start = _wall(spec.starts_at or _START, spec.zone)
    if spec.rrule is not None:
        yield from recurrence.starts(spec.rrule, start, spec.zone, after)
        return
    zone = recurrence.zone_of(spec.zone)
    first = start.replace(tzinfo=zone) - timedelta(minutes=1)
    begin = max(after.astimezone(zone), first, key=lambda at: at.astimezone(UTC))
    for at in _cron(spec.cron or "", begin):
        found = at.astimezone(UTC)
        if found > after:
            yield found


def due(spec: ScheduleSpec, planned: datetime, now: datetime) -> tuple[list[datetime], int]:
    """(those of the instants from `planned` to `now` for which a run is to start, how many of the others are known).

    Looked at are those that `catch_up_within` reaches; at most `ALL_LIMIT` are given.
    """
    reaches = max(planned, now - timedelta(seconds=length_s(spec.catch_up_within)))
    found: list[datetime] = []
    for at in islice(instants(spec, reaches - timedelta(seconds=1)), KNOWN_LIMIT):
        if at > now:
            break
        found.append(at)
    passed = 1 if reaches > planned else 0
    if spec.catch_up == "all":
        chosen = found[-ALL_LIMIT:]
    elif found and (spec.catch_up == "latest" or now - found[-1] <= LATE):
        chosen = found[-1:]
    else:
        chosen = []
    return chosen, len(found) - len(chosen) + passed


def _cron(text: str, begin: datetime) -> Iterator[datetime]:
    """Raises `Refusal` trigger.invalid."""
    if len(text.split()) != _FIELDS:
        raise Refusal("trigger.invalid", f"{text!r} has {len(text.split())} fields; cron has five, as 0 3 * * MON-FRI")
    try:
        return CronSim(text, begin)
    except CronSimError as error:
        raise Refusal("trigger.invalid", f"{text!r} cannot be read: {str(error).lower()}") from error


def _wall(text: str, zone: str) -> datetime:
    """Raises `Refusal` trigger.invalid, recurrence.invalid."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal("trigger.invalid", f"{text!r} is not a time; write 2027-05-01T22:00") from error
    if found.tzinfo is not None:
        found = found.astimezone(recurrence.zone_of(zone))
    return found.replace(tzinfo=None, microsecond=0)
