"""`oncue run --dry-run`: what a run would do, as a tree."""

from typing import Any

import typer

from oncue.cli import show
from oncue.cli.server import Server

_MARKS = {"runs": "+", "may run": "?", "skipped": "-", "fails": "!"}


def dry_run(server: Server, body: dict[str, Any], output: show.Format) -> None:
    """Show it; ends with 1 if a step would fail as it is."""
    shown(server.send("POST", "/runs/dry-run", json=body), output)


def shown(found: dict[str, Any], output: show.Format) -> None:
    """Show what the server says that would be done; ends with 1 if a step would fail as it is."""
    if output is not show.Format.table:
        show.document(found, output)
    else:
        typer.echo(f"{found['workflow']} would do this; + it runs, ? it depends on others, - it is skipped, ! it fails")
        _tree(found["steps"], 0)
    if found["fails"]:
        steps = f"step{'s' if len(found['fails']) > 1 else ''} {', '.join(found['fails'])}"
        typer.echo(f"As it is, the run would fail at {steps}.", err=True)
        raise typer.Exit(1)


def _tree(steps: list[dict[str, Any]], depth: int) -> None:
    for one in steps:
        name = one["step"].rpartition("/")[2]
        said = f": {one['does']}" if one.get("does") else ""
        typer.echo(f"{'  ' * depth}{_MARKS[one['verdict']]} {name}  {one['form']}{said}")
        for line in _more(one):
            typer.echo(f"{'  ' * depth}    {line}")
        _tree(one.get("steps", []), depth + 1)
        if (one.get("items") or 0) > len(one.get("steps", [])):
            typer.echo(f"{'  ' * (depth + 1)}... and {one['items'] - len(one['steps'])} items more")


def _more(one: dict[str, Any]) -> list[str]:
    lines = []
    if one.get("why"):
        lines.append(one["why"])
    if one.get("inputs") and one["form"] not in ("item",) and not one.get("does"):
        lines += [f"{name}: {value}" for name, value in one["inputs"].items()]
    if one.get("validate"):
        lines.append(f"then must hold: {one['validate']}")
    if one.get("undo"):
        lines.append(f"undone by {one['undo']}")
    return lines
