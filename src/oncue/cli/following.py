"""Looks on while a run goes: its steps as they begin and end, what they tell, and how far they are.

What is shown comes from the run and its log as they are kept; the stream only says when to look again. A line that is broken
is taken up where it broke.
"""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final

import msgspec
from rich.text import Text

from oncue.cli import show
from oncue.cli.server import Server
from oncue.core.errors import Refusal

TYPES: Final = "oncue.run.*,oncue.step.*,oncue.effect.*"
AGAIN_S: Final = 1.0
QUIET_S: Final = 2.0
"""After so long without news it is said what the run waits for."""
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

    def step(self, at: str, step: dict[str, Any]) -> None:
        """A step is in another state than before."""
        attempt = f"  attempt {step['attempt']}" if step.get("attempt", 0) > 1 else ""
        reason = f"  {step['reason']}" if step.get("reason") else ""
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

    def waits(self, waits: dict[str, Any]) -> None:
        """The run waits for something. Only people are told."""
        if self._form is show.Format.table:
            self._print(_now(), waits["step"] or "run", waits_said(waits), waits, "yellow")

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
        self._waits: frozenset[tuple[str | None, str]] = frozenset()

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
        for step in _as_they_end(run.get("steps", [])):
            state = (step["state"], step.get("attempt"))
            known = self._states.get(step["address"])
            self._states[step["address"]] = state
            untouched = known is None and step["state"] == "pending"
            if state != known and not untouched and self._step in (None, step["address"]):
                again = step.get("attempt", 0) > 1 or (known is not None and known[0] != "pending")
                at = step.get("ended_at") or (None if again else step.get("started_at")) or _now()
                yield at, partial(self._printer.step, at, step)

    def look_why(self) -> None:
        """Show what the run waits for, if that is not what was shown last. What is being done is shown by its steps."""
        found = self._server.get(Server.path("runs", self._run, "why"))["waits"]
        waits = [
            one for one in found if one["code"] not in ("action", "over") and self._step in (None, one.get("step"))
        ]
        told, self._waits = self._waits, frozenset((one["step"], one["what"]) for one in waits)
        for one in waits:
            if (one["step"], one["what"]) not in told:
                self._printer.waits(one)

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


def _as_they_end(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The steps, those that are over behind what lies in them."""
    over: list[dict[str, Any]] = []
    for step in steps:
        while over and not step["address"].startswith((f"{over[-1]['address']}/", f"{over[-1]['address']}[")):
            yield over.pop()
        if step.get("ended_at") is not None:
            over.append(step)
        else:
            yield step
    yield from reversed(over)


def waits_said(waits: dict[str, Any]) -> str:
    """What a run waits for, since when, until when, and what happens then. Of a worker that says nothing, `what` says for how long."""
    began = waits.get("leased_at") or waits.get("since")
    since = f", for {show.ago(began)}" if began and not waits.get("silent_s") else ""
    until = f", until {show.instant(waits['until'])}" if waits.get("until") else ""
    then = f"; then {waits['then']}" if waits.get("then") else ""
    told = f"; {show.ago(waits['told_at'])} ago it told: {waits['told']}" if waits.get("told") else ""
    return f"{waits['what']}{since}{until}{then}{told}"


def follow(server: Server, run: str, printer: Printer, step: str | None = None) -> dict[str, Any]:
    """Show what happens until the run ends; the run as it is then."""
    looking = Looking(server, run, printer, step)
    seen = looking.look()
    news: SimpleQueue[Refusal | None] = SimpleQueue()
    over = threading.Event()
    threading.Thread(target=_hear, args=(server, run, news, over), daemon=True).start()
    while seen.get("ended_at") is None:
        try:
            if (refusal := news.get(timeout=QUIET_S)) is not None:
                raise refusal
            seen = looking.look()
        except Empty:
            _ask_why(looking)
        except Refusal as refusal:
            if refusal.code not in PASSING:
                raise
    over.set()
    return seen


def _ask_why(looking: Looking) -> None:
    try:
        looking.look_why()
    except Refusal as refusal:
        if refusal.code not in PASSING:
            raise


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _hear(server: Server, run: str, news: "SimpleQueue[Refusal | None]", over: threading.Event) -> None:
    """Put something into `news` each time that there may be something new of the run: None, or why nothing comes any more."""
    cursor = None
    while not over.is_set():
        try:
            for id, event, data in server.stream(cursor, types=TYPES, log=run):
                cursor = id or cursor
                if event != "message" or run.encode() in data:
                    news.put(None)
        except Refusal as refusal:
            if over.is_set():
                return
            if refusal.code not in PASSING:
                news.put(refusal)
                return
            show.note(f"{refusal.detail or refusal.code}; trying again")
        time.sleep(AGAIN_S)
