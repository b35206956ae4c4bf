"""`oncue escalation`: who would be called, and when."""

import typer

from oncue.cli import show
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="See who would be called by an escalation policy, and when.",
)


@app.callback()
def _group() -> None:
    """Keeps `plan` a command of its own while it is the only one."""


@app.command()
def plan(
    name: str = typer.Argument(help="The escalation policy."),
    namespace: str = typer.Option("default", "--namespace", "-n", help="Where it is."),
    priority: str = typer.Option("P1", "--priority", "-p", help="Of the incident: P1 to P5."),
    at: str | None = typer.Option(
        None, "--at", help="When the incident opens, as 2027-05-01T03:00:00Z; now by default."
    ),
    output: show.Format = show.Output,
) -> None:
    """Show who would be told when, of an incident that nobody acknowledges."""
    with Server() as server:
        found = server.get(server.path("escalation-policies", namespace, name, "plan"), priority=priority, at=at)
    if output is not show.Format.table:
        show.document(found, output)
        return
    rows = []
    rounds = max(step["cycle"] for step in found["steps"]) + 1
    for step in found["steps"]:
        if step["cycle"] > 1:
            break
        place = f"{step['level']}" + (f", round {step['cycle'] + 1}" if step["cycle"] else "")
        rows += [(show.instant(way["at"]), place, way["to"], way["channel"]) for way in step["ways"]]
        if step["missing"]:
            rows.append((show.instant(step["at"]), place, "nobody", step["missing"]))
    show.table(rows, ("at", "level", "for", "channel"))
    if rounds > 2:
        typer.echo(f"And so on, {rounds} rounds in all, until {show.instant(found['steps'][-1]['at'])}.")
    if found["then"]:
        typer.echo(f"Then the escalation policy {found['then']} goes on.")
