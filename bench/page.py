"""The table as text, and the page of the documentation that holds it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.rows import Row

BEGIN: Final = "<!-- measured: begin -->"
END: Final = "<!-- measured: end -->"


def line(row: Row) -> str:
    """One row as a line of Markdown's table."""
    work, ours, against, ratio, bar, mark = _cells(row)
    return f"| {work} | {ours} | {against} | {ratio} | {bar} | {mark} |"


def _cells(row: Row) -> tuple[str, str, str, str, str, str]:
    against = f"{_number(row.theirs)} {row.unit} ({row.peer})" if row.theirs is not None else "–"
    ratio = f"{row.ratio:.2f}" if row.theirs is not None else f"{_number(row.ratio)} {row.unit}"
    bar = mark = "–"
    if row.bar is not None:
        bar = f"{'≤' if row.less else '≥'} {row.bar:g}" + ("" if row.theirs is not None else f" {row.unit}")
        mark = "yes" if row.reached else "no"
    work = f"{row.work} ({row.note})" if row.note else row.work
    return work, f"{_number(row.ours)} {row.unit}", against, ratio, bar, mark


def table(rows: Sequence[Row]) -> str:
    """All rows."""
    head = "| work | OnCue | peer | ratio | first bar | reached |\n|---|---|---|---|---|---|"
    return "\n".join([head, *(line(row) for row in rows)])


def ratios(rows: Sequence[Row]) -> str:
    """All rows, with what their bars are about first."""
    lines = ["| work | ratio | first bar | reached | OnCue | against |", "|---|---|---|---|---|---|"]
    for row in rows:
        work, ours, against, ratio, bar, mark = _cells(row)
        lines.append(f"| {work} | {ratio} | {bar} | {mark} | {ours} | {against} |")
    return "\n".join(lines)


def description(described: dict[str, str]) -> str:
    """The machine in one paragraph."""
    return "Machine: " + "; ".join(f"{name} {value}" for name, value in described.items()) + "."


def write(path: Path, rows: Sequence[Row], described: dict[str, str]) -> None:
    """Put the figures between the page's markers; the text around them stays."""
    put(path, f"{table(rows)}\n\n{description(described)}")


def put(path: Path, measured: str) -> None:
    """Replace what stands between the page's markers."""
    before, rest = path.read_text().split(BEGIN, 1)
    _, after = rest.split(END, 1)
    path.write_text(f"{before}{BEGIN}\n{measured}\n{END}{after}")


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
