"""Looks on while a run goes: its steps as they begin and end, what they tell, and how far they are.

What is shown comes from the run and its log as they are kept; the stream only says when to look again. A line that is broken
is taken up where it broke.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import msgspec
from rich.text import Text

from oncue.cli import show
from oncue.cli.server import Server
from oncue.core.errors import Refusal

TYPES: Final = "oncue.run.*,oncue.step.*,oncue.effect.*"
AGAIN_S: Final = 1.0
PASSING: Final = frozenset({"server.unreachable", "engine.unavailable", "query.too_slow"})
"""Refusals that pass while someone looks on."""

NEEDS_A_PERSON: Final = frozenset({"paused", "rollback_failed"})
"""States of a run in which nothing comes until someone acts."""

News = tuple[str, Callable[[], None]]
"""When it happened, and how it is shown."""


class Printer:
    """Prints what happens in a run, a line each: for people, or as JSON for programs."""

    def __init__(self, form: show.Format) -> None:
        self._form = form

    def step(self, step: dict[str, Any]) -> None:
        """A step is in another state than before."""
        attempt = f"  attempt {step['attempt']}" if step.get("attempt", 0) > 1 else ""
        reason = f"  {step['reason']}" if step.get("reason") else ""
        at = step.get("ended_at") or step.get("started_at")
        self._print(
            at, step["address"], f"{step['state']}{attempt}{reason}", step, show.STYLES.get(step["state"], "cyan")
        )

    def line(self, line: dict[str, Any]) -> None:
        """A step told a line."""
        style = "yellow" if line["stream"] == "err" else ""
        self._print(line["at"], line["step"], f"| {line['text']}", line, style)

    def progress(self, progress: dict[str, Any]) -> None:
        """A step is further than before."""
        text = f"{progress['done']:.0%}  {progress['text']}".rstrip()
        self._print(progress["at"], progress["step"], text, progress, "dim")

    def _print(self, at: str | None, where: str, text: str, whole: dict[str, Any], style: str) -> None:
        if self._form is not show.Format.table:
            print(msgspec.json.encode(whole).decode(), flush=True)
            return
        head = f"{show.instant(at):<20}  {show.clean(where)}  "
        if show.out.is_terminal:
            show.out.print(Text.assemble((head, "dim"), (show.clean(text), style)))
        else:
            print(f"{head}{show.clean(text)}", flush=True)


class Looking:
    """What of a run was shown already."""

    def __init__(self, server: Server, run: str, printer: Printer, step: str | None = None) -> None:
        self._server = server
        self._run = run
        self._printer = printer
        self._step = step
        self._after = 0
        self._left_out = 0
        self._states: dict[str, tuple[Any, Any]] = {}
        self._progress: dict[tuple[str, int], str] = {}
        self._state: str | None = None

    @property
    def heard(self) -> bool:
        """Whether a step told a line, or how far it is."""
        return self._after > 0 or bool(self._progress)

    def look(self, *, steps: bool = True) -> dict[str, Any]:
        """Show what is new, in the order in which it happened; the run as it is now. `steps` shows their states, too.

        The run is asked for first, so that all that was told before its end is shown when it has ended.
        """
        run: dict[str, Any] = self._server.get(Server.path("runs", self._run))
        news = [*self._new_told(), *(self._new_states(run) if steps else ())]
        for _, show_it in sorted(news, key=lambda one: one[0]):
            show_it()
        if steps and run["state"] != self._state and run["state"] in NEEDS_A_PERSON:
            show.note(f"{self._run} is {run['state'].replace('_', ' ')}. What takes it on: oncue runs why {self._run}")
        self._state = run["state"]
        return run

    def _new_states(self, run: dict[str, Any]) -> Iterator[News]:
        for step in run.get("steps", []):
            state = (step["state"], step.get("attempt"))
            known = self._states.get(step["address"])
            self._states[step["address"]] = state
            untouched = known is None and step["state"] == "pending"
            if state != known and not untouched and self._step in (None, step["address"]):
                at = step.get("ended_at") or step.get("started_at") or run["updated_at"]
                yield at, partial(self._printer.step, step)

    def _new_told(self) -> Iterator[News]:
        more = True
        while more:
            part = self._server.get(
                Server.path("runs", self._run, "log"), after=self._after, step=self._step, limit=5_000
            )
            if part["left_out"] > self._left_out:
                self._left_out = part["left_out"]
                show.note(f"{show.counted(self._left_out, 'earlier line')} went: a run keeps 1 MB of them.")
            for line in part["items"]:
                self._after = line["sequence"]
                yield line["at"], partial(self._printer.line, line)
            for one in part["progress"]:
                key = (one["step"], one["attempt"])
                if self._progress.get(key) != one["at"]:
                    self._progress[key] = one["at"]
                    yield one["at"], partial(self._printer.progress, one)
            more = part["next"] is not None


def follow(server: Server, run: str, printer: Printer, step: str | None = None) -> dict[str, Any]:
    """Show what happens until the run ends; the run as it is then."""
    looking = Looking(server, run, printer, step)
    seen = looking.look()
    news = _news(server, run)
    while seen.get("ended_at") is None:
        next(news)
        try:
            seen = looking.look()
        except Refusal as refusal:
            if refusal.code not in PASSING:
                raise
    return seen


def _news(server: Server, run: str) -> Iterator[None]:
    """Each time that there may be something new of the run, for ever."""
    cursor = None
    while True:
        try:
            for id, event, data in server.stream(cursor, types=TYPES, log=run):
                cursor = id or cursor
                if event != "message" or run.encode() in data:
                    yield
        except Refusal as refusal:
            if refusal.code not in PASSING:
                raise
            show.note(f"{refusal.detail or refusal.code}; trying again")
        time.sleep(AGAIN_S)
