"""Runs test files: reads the manifests that they are about, tells each story to an engine of its own, and judges it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from oncue import manifests
from oncue.core.duration import length_s
from oncue.core.errors import Refusal
from oncue.manifests import Parsed, Problem
from oncue.rehearsal.cases import SUFFIX, Case, Given, Story, check, problem
from oncue.rehearsal.judge import judge
from oncue.rehearsal.mocks import misnamed
from oncue.rehearsal.world import World


class Result(msgspec.Struct):
    """What became of one case."""

    file: str
    line: int
    test: str
    case: str
    wrong: list[str] = []
    """Why it failed; empty if it passed."""
    because: list[str] = []
    """Of a failed one, what policies decided, and what they nearly fired on."""


def files(paths: Sequence[Path]) -> list[Path]:
    """The test files that are named, and those anywhere under directories that are. Raises `Refusal` test.none."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not found:
        named = ", ".join(map(str, paths))
        raise Refusal("test.none", f"there is no *{SUFFIX} file in {named}")
    return found


def run(paths: Sequence[Path]) -> Iterator[Result | Problem]:
    """Each case's result; a problem for what cannot be run. Raises `Refusal` test.none, manifest.malformed."""
    for path in files(paths):
        for parsed in manifests.read([path]):
            test, name, problems = check(parsed)
            yield from problems
            if test is None:
                continue
            documents, wrong = _documents(path, test)
            wrong += [problem(parsed, one) for one in misnamed(test, documents)] if not wrong else []
            yield from wrong
            if wrong:
                continue
            changes = manifests.changes(documents, test.namespace)
            for number, case in enumerate(test.cases):
                yield _told(parsed, number, test, name, case, changes)


def _documents(path: Path, test: Story) -> tuple[list[manifests.Document], list[Problem]]:
    """The manifests that the test is about, and what is wrong with them."""
    documents, problems = manifests.load(manifests.read([path.parent / named for named in test.manifests]))
    problems += manifests.missing(documents, namespace=test.namespace, complete=True)
    return documents, [one for one in problems if one.level == "error"]


def _told(parsed: Parsed, number: int, test: Story, name: str, case: Case, changes: list[dict[str, Any]]) -> Result:
    where = parsed.place(("spec", "cases", number))
    result = Result(parsed.file, where.line, name, case.name)
    start = msgspec.convert(test.start, datetime)
    try:
        world = World(changes, start, test.namespace, {**test.actions, **case.actions})
        result.wrong = list(_story(world, case))
    except Refusal as refusal:
        result.wrong = [f"{refusal.code}: {refusal.detail}"]
        return result
    if result.wrong:
        result.because = _because(world)
    return result


def _story(world: World, case: Case) -> Iterator[str]:
    """Everything that is otherwise than expected, each with the time at which it was looked at."""
    at = world.start
    pending: list[tuple[datetime, int, Given]] = []
    for number, given in enumerate(case.given):
        at = world.start + timedelta(seconds=length_s(given.at)) if given.at is not None else at
        times, every = (given.repeat.times, length_s(given.repeat.every)) if given.repeat is not None else (1, 0.0)
        pending += [(at + timedelta(seconds=every * turn), number, given) for turn in range(times)]
    for at, number, given in sorted(pending, key=lambda one: one[:2]):
        world.wait(at)
        try:
            yield from _one(world, given)
        except Refusal as refusal:
            yield f"given[{number}]: {refusal.code}: {refusal.detail}"
    until = world.start + timedelta(seconds=length_s(case.until)) if case.until is not None else world.now
    world.wait(max(until, world.now))
    if case.expect is not None:
        yield from judge(world, case.expect)


def _one(world: World, given: Given) -> Iterator[str]:
    if given.event is not None:
        world.event(given.event)
    elif given.sample is not None:
        world.sample(given.sample)
    elif given.heartbeat is not None:
        world.heartbeat(given.heartbeat)
    elif given.acknowledge is not None:
        world.acknowledge(given.acknowledge)
    elif given.take is not None:
        world.take(given.take)
    elif given.run is not None:
        world.run(given.run)
    elif given.decide is not None:
        world.decide(given.decide)
    elif given.cancel is not None:
        world.cancel(given.cancel)
    elif given.unreachable is not None:
        world.unreachable(given.unreachable)
    elif given.resolve is not None:
        world.resolve(given.resolve)
    elif given.silence is not None:
        world.silence(given.silence, length_s(given.silence.for_))
    elif given.expect is not None:
        for wrong in judge(world, given.expect):
            yield f"at {(world.now - world.start).total_seconds():g}s: {wrong}"
    world.wait(world.now)


def _because(world: World) -> list[str]:
    """What policies decided, and what they nearly fired on, in the order of time."""
    found: list[tuple[datetime, str]] = []
    said: set[tuple[datetime, str, str]] = set()
    for one in world.all("decision"):
        detail = f" ({one['detail']})" if one.get("detail") else ""
        said.add((one["at"], one["policy"], one["reason"]))
        found.append((one["at"], f"{one['policy']} {one['outcome']}: {one['reason']}{detail}"))
    for policy, reason, detail, at in world.near_misses():
        if (at, policy, reason) not in said:
            found.append((at, f"{policy} did not fire: {reason} ({detail})"))
    return [f"{(at - world.start).total_seconds():g}s {text}" for at, text in sorted(found, key=lambda one: one[0])]
