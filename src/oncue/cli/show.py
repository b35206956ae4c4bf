"""What the command line prints: tables for people, YAML and JSON for programs, refusals on standard error."""

import io
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from oncue.core.errors import Refusal
from oncue.core.event import said

if TYPE_CHECKING:
    from oncue.manifests import Problem

out: Final = Console(highlight=False, soft_wrap=True)
err: Final = Console(stderr=True, highlight=False, soft_wrap=True)

STYLES: Final = {
    "critical": "bold red",
    "major": "red",
    "minor": "yellow",
    "warning": "yellow",
    "clear": "green",
    "firing": "red",
    "resolved": "green",
    "open": "red",
    "failed": "red",
    "failed_validation": "red",
    "rejected": "red",
    "rollback_failed": "bold red",
    "unknown": "red",
    "silent": "red",
    "paused": "yellow",
    "failing": "red",
    "fail": "bold red",
    "succeeded": "green",
    "ok": "green",
    "warn": "yellow",
    "created": "green",
    "updated": "yellow",
    "deleted": "red",
}
"""How words look on a terminal; they carry the meaning without it."""

HELD: Final = {"paused": "paused", "rolling_back": "rolling back", "rollback_failed": "rollback stopped"}
"""How the run of a change stands that does not simply go on."""
GAP: Final = 2
"""Between the columns of a table."""
NAME_LIMIT: Final = 40
"""A value without spaces up to this length is a name, which people copy: it is shown whole or not at all."""
CUT_TO: Final = 16
"""Words are not cut to less than this while there is a column to leave out instead."""


class Format(StrEnum):
    """How a result is printed."""

    table = "table"
    yaml = "yaml"
    json = "json"


Output = typer.Option(Format.table, "--output", "-o", help="How to print the result.")


def table(rows: Iterable[Sequence[Any]], columns: Sequence[str], *, wrap: bool = False) -> None:
    """Print rows under headings: aligned and made to fit on a terminal, where columns with nothing in them are left out;
    separated by tabs into a pipe. With `wrap`, words go on below in their column and are not cut."""
    rows = [[_cell(value) for value in row] for row in rows]
    if out.is_terminal and rows:
        told = [index for index in range(len(columns)) if any(row[index] for row in rows)]
        columns, rows = [columns[index] for index in told], [[row[index] for index in told] for row in rows]
    headings = [column.upper() for column in columns]
    if not out.is_terminal:
        for row in [headings, *rows]:
            print("\t".join(row))
        return
    screen = Console(highlight=False)
    widths = fitted(headings, rows, screen.width)
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for heading, width in zip(headings, widths, strict=False):
        grid.add_column(heading, width=width, overflow="fold" if wrap else "ellipsis", no_wrap=not wrap)
    for row in rows:
        grid.add_row(*[Text(value, style=STYLES.get(value, "")) for value in row[: len(widths)]])
    screen.print(grid)
    if left_out := columns[len(widths) :]:
        note(f"A wider terminal shows more: {', '.join(left_out)}.")


def fitted(headings: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """How wide each column is, the first ones first; those for which there is no room are not in it.

    Names are not cut, for they are copied and typed again. Words are, the longest most; if that does not do, the last
    columns go.
    """
    cells = list(zip(headings, *rows, strict=True))
    wanted = [max(map(cell_len, column)) for column in cells]
    words = [any(" " in cell or cell_len(cell) > NAME_LIMIT for cell in column[1:]) for column in cells]
    least = [min(want, max(CUT_TO, cell_len(column[0]))) if cut else want for want, cut, column in zip(wanted, words, cells, strict=True)]  # fmt: skip
    shown = len(cells)
    while shown > 1 and sum(least[:shown]) + GAP * (shown - 1) > room:
        shown -= 1
    widths = least[:shown]
    spare = max(room - GAP * (shown - 1) - sum(widths), 0)
    by_need = sorted(range(shown), key=lambda column: wanted[column] - widths[column])
    for place, column in enumerate(by_need):
        more = min(wanted[column] - widths[column], spare // (shown - place))
        widths[column] += more
        spare -= more
    return widths


def document(value: Any, form: Format) -> None:
    """Print a JSON value as JSON or YAML."""
    print(as_json(value) if form is Format.json else as_yaml(value), end="\n" if form is Format.json else "")


def as_json(value: Any) -> str:
    """A value as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def as_yaml(value: Any) -> str:
    """A JSON value as YAML that reads back as the same."""
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import LiteralScalarString

    def blocks(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: blocks(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [blocks(inner) for inner in value]
        return LiteralScalarString(value) if isinstance(value, str) and "\n" in value.strip() else value

    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 120
    text = io.StringIO()
    yaml.dump(blocks(value), text)
    return text.getvalue()


def refused(refusal: Refusal) -> None:
    """Print a refusal: code and title, what exactly, what to do; of manifests, each problem in place of that."""
    entry = refusal.entry
    if found := _listed(refusal.more.get("problems")):
        problems(found)
        return
    err.print(f"[bold red]error[/] {escape(entry.code)}: {escape(entry.title)}")
    if refusal.detail:
        err.print(f"  {escape(refusal.detail)}")
    err.print(f"  [dim]hint: {escape(str(refusal.more.get('hint') or entry.hint))}[/]")


def problems(found: "Iterable[Problem]") -> None:
    """Print what is wrong with manifests: each with its code and place, and with what to do where a code comes up first."""
    told: set[str] = set()
    for problem in found:
        style = "red" if problem.level == "error" else "yellow"
        whose = f"{problem.manifest}: " if problem.manifest and not problem.file else ""
        err.print(f"[{style}]{problem.level}[/] {problem.code}: {escape(clean(f'{whose}{problem}'))}")
        if problem.hint and problem.code not in told:
            err.print(f"  [dim]hint: {escape(problem.hint)}[/]")
        told.add(problem.code)


def warning(text: str) -> None:
    """Print a doubt."""
    err.print(f"[yellow]warning[/] {escape(clean(text))}")


def note(text: str) -> None:
    """Print a line for people, beside the result."""
    err.print(escape(clean(text)))


def counted(number: int, what: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def done(text: str) -> None:
    """Print the result of a command that has no other."""
    out.print(escape(text))


def within(namespaces: Sequence[str]) -> str:
    """Where a role holds, or a token reaches: `in every namespace`, `in default, shop`."""
    return "in every namespace" if "*" in namespaces else f"in {', '.join(namespaces)}"


def came(request: dict[str, Any]) -> str:
    """The state of a request: once it runs, that of its run."""
    outcome = request.get("outcome")
    return str(outcome["state"] if outcome else request["state"])


def stands(change: dict[str, Any]) -> str:
    """The state of a change; of one that is being made also what keeps it from going on."""
    held = HELD.get(change["run_state"] or "") if change["state"] == "implement" else None
    return f"{change['state']}, {held}" if held is not None else str(change["state"])


def ago(instant: str | None) -> str:
    """An instant as people say it: `3m`, `2h`, `5d` ago; empty for None."""
    if not instant:
        return ""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(instant)).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if abs(seconds) >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def until(instant: str | None) -> str:
    """How long it is till an instant: `in 58m`; `now` if it has come."""
    if not instant:
        return ""
    ahead = datetime.fromisoformat(instant) > datetime.now(UTC)
    return f"in {ago(instant).removeprefix('-')}" if ahead else "now"


def took(began: str | None, ended: str | None) -> str:
    """How long something took that is over, to the tenth of a second: `0.1s`, `3.0s`, `5m17s`, `2h05m`."""
    if not began or not ended:
        return ""
    seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def instant(text: str | None) -> str:
    """An instant to the second, with its zone: `2027-05-01T12:00:00Z`; empty for None."""
    if not text:
        return ""
    return said(datetime.fromisoformat(text).astimezone(UTC))


def clean(text: str) -> str:
    """Text from outside without control characters, which could steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _listed(found: object) -> "list[Problem]":
    if not isinstance(found, list):
        return []
    from oncue.manifests import Problem

    return [msgspec.convert(problem, Problem) for problem in found]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={_cell(part)}" for key, part in value.items())
    return clean(str(value))


def password(prompt: str, *, confirm: bool = False) -> str:
    """A secret from standard input, or asked for without echo on a terminal; never from an argument."""
    if sys.stdin.isatty():
        return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True))
    text = sys.stdin.read()
    return text.removesuffix("\n").removesuffix("\r")
