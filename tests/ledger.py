"""Actions whose every call is written down outside OnCue: what was really done, whatever OnCue says of it.

A package of actions, one for each effect class, is installed for the server of a test. Each call appends lines to a file,
and has them on the disk before it goes on. `Ledger` reads them; `Told` reads what the journal says of the same effects.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.packages import install, seeing

MODULE: Final = '''
import asyncio
import json
import os
from pathlib import Path

import msgspec

from oncue.sdk import ActionError
from oncue.sdk.errors import ErrorDoc

LEDGER = Path(os.environ["LEDGER_FILE"])


class Inputs(msgspec.Struct):
    """Whose call it is, and how it goes."""

    run: str
    step: str
    refuse: int = 0
    wrong: bool = False
    takes_ms: int = 120


class Outputs(msgspec.Struct):
    """Under which key it was done, and how often anything was done under that step's name."""

    key: str = ""
    done: int = 0


class Ledger:
    inputs = Inputs
    outputs = Outputs
    errors = (
        ErrorDoc("ledger.busy", "It is refused, and nothing was done.", transient=True),
        ErrorDoc("ledger.broke", "It broke after it had begun."),
    )
    effects = ""

    def effect_class(self, inputs):
        return self.effects

    def plan(self, inputs):
        return f"write down {inputs.step}"

    async def run(self, inputs, context):
        if self.effects == "check-first":
            found = any(line["key"] == context.key and line["what"] == "done" for line in lines())
            self.write(inputs, context, "looked")
            if found:
                return Outputs(context.key)
        if context.attempt <= inputs.refuse:
            self.write(inputs, context, "refused")
            raise ActionError("ledger.busy", "come back later", transient=True)
        self.write(inputs, context, "began")
        try:
            await asyncio.sleep(inputs.takes_ms / 2000)
        except asyncio.CancelledError:
            self.write(inputs, context, "stopped")
            raise
        if inputs.wrong:
            raise ActionError("ledger.broke", "as it was told to")
        self.write(inputs, context, "done")
        await asyncio.sleep(inputs.takes_ms / 2000)
        return Outputs(context.key)

    def write(self, inputs, context, what):
        line = {"what": what, "key": context.key, "attempt": context.attempt, "again": context.redelivered,
                "effects": self.effects, "run": inputs.run, "step": inputs.step, "pid": os.getpid()}
        descriptor = os.open(LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Again(Ledger):
    """Does no harm twice."""

    name = "ledger.again"
    effects = "idempotent"


class Checked(Ledger):
    """Looks first whether it was done."""

    name = "ledger.checked"
    effects = "check-first"


class Once(Ledger):
    """Must not be done twice."""

    name = "ledger.once"
    effects = "at-most-once"


class Look(Ledger):
    """Only looks."""

    name = "ledger.look"
    effects = "pure"

    async def run(self, inputs, context):
        done = [one for one in lines() if one["what"] == "done" and one["run"] == inputs.run and one["step"] == inputs.step]
        return Outputs(context.key, len(done))


def lines():
    return [json.loads(line) for line in LEDGER.read_text().splitlines()] if LEDGER.exists() else []
'''
POINTS: Final = """[oncue.actions]
ledger.again = oncue_ledger:Again
ledger.checked = oncue_ledger:Checked
ledger.once = oncue_ledger:Once
ledger.look = oncue_ledger:Look
"""
ENDS: Final = {
    "oncue.effect.succeeded": "succeeded",
    "oncue.effect.failed": "failed",
    "oncue.effect.unknown": "unknown",
    "oncue.effect.cancelled": "cancelled",
}


class Line(NamedTuple):
    """What a call wrote down."""

    what: str
    """`looked`, `refused`, `began`, `stopped`, `done`."""
    key: str
    """The idempotency key that it was called with."""
    attempt: int
    again: bool
    """Whether the call was told that it may have been begun before."""
    effects: str
    """Its effect class."""
    run: str
    step: str
    """Address of the step as the workflow has it."""
    pid: int


class Ledger:
    """The file, and the package whose actions write it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ledger.jsonl"
        install(folder / "site", "oncue_ledger", MODULE, POINTS)
        self.variables = {**seeing(folder / "site"), "LEDGER_FILE": str(self._file)}
        """For the server that is to have the actions."""

    def lines(self) -> list[Line]:
        """What was done, in the order in which it was done."""
        if not self._file.exists():
            return []
        return [Line(**json.loads(line)) for line in self._file.read_text().splitlines()]

    def under_way(self) -> int:
        """Calls that have begun, and have not been done so far."""
        lines = self.lines()
        return len({one.key for one in lines if one.what == "began"} - {one.key for one in lines if one.what == "done"})


class Told(NamedTuple):
    """An effect, as the journal tells of it."""

    run: str
    step: str
    uses: str
    """The action."""
    ends: tuple[str, ...]
    """Each final state that it was given; one, if all is well."""


def effects_told(database: Path) -> dict[str, Told]:
    """Every effect of a run's steps that was ever asked for, by its key."""
    found: dict[str, Told] = {}
    for type, data in _facts(database, "oncue.effect.%"):
        if type == "oncue.effect.requested" and data.get("run") is not None:
            found[data["id"]] = Told(data["run"], data["step"], data["uses"], ())
        elif type in ENDS and data["id"] in found:
            told = found[data["id"]]
            found[data["id"]] = told._replace(ends=(*told.ends, ENDS[type]))
    return found


def steps_told(database: Path) -> list[tuple[str, str, str]]:
    """Run, address and new state of each step of which anything was said, in the order of the journal."""
    return [
        (data["run"], data["address"], type.removeprefix("oncue.step."))
        for type, data in _facts(database, "oncue.step.%")
    ]


def _facts(database: Path, types: str) -> list[tuple[str, dict[str, Any]]]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT type, body FROM fact WHERE type LIKE ? ORDER BY position", (types,))
        return [(type, json.loads(body)["data"]) for type, body in rows]


def left_over(database: Path) -> list[str]:
    """What the tables still hold of runs as alive: rows, waits, timers, places in a queue."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT kind, id, state FROM entity WHERE live AND kind IN ('run', 'step', 'definition', 'approval', 'effect')"
        ).fetchall()
        cells = connection.execute(
            "SELECT kind, key, '' FROM cell WHERE kind IN ('wait', 'items', 'outcome', 'story', 'gate')"
            " OR kind = 'timer' AND (key LIKE 'run.%' OR key LIKE 'approval.%' OR key LIKE 'lane.%')"
        ).fetchall()
    return [" ".join(row) for row in (*rows, *cells)]
