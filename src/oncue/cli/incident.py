"""`oncue incident`: what people do with one incident. Lists are `oncue get incidents`."""

from typing import Any

import typer

from oncue.cli import show
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Acknowledge, assign, resolve an incident; merge and split incidents, move their alerts.",
)

Id = typer.Argument(help="The incident's id, as `oncue get incidents` shows it.")
Alerts = typer.Argument(help="Ids of its alerts, as `oncue incident members` shows them.")
Why = typer.Option(None, "--reason", "-r", help="Why; it is shown with the incident.")


@app.command()
def acknowledge(id: str = Id, reason: str | None = Why) -> None:
    """Say that you have taken it on."""
    _done(_command(id, "acknowledge", reason=reason))


@app.command()
def assign(id: str = Id, to: str = typer.Argument(help='Who takes it; "" takes it from whoever has it.')) -> None:
    """Give it to someone."""
    _done(_command(id, "assign", assignee=to))


@app.command()
def comment(id: str = Id, text: str = typer.Argument(help="The remark.")) -> None:
    """Remark on it."""
    _done(_command(id, "comments", text=text))


@app.command()
def resolve(id: str = Id, reason: str | None = Why) -> None:
    """Resolve it, and the alerts in it that still fire."""
    _done(_command(id, "resolve", reason=reason))


@app.command()
def reopen(id: str = Id, reason: str | None = Why) -> None:
    """Open a resolved one again."""
    _done(_command(id, "reopen", reason=reason))


@app.command()
def close(id: str = Id, reason: str | None = Why) -> None:
    """Close a resolved one for good; a later alert opens another."""
    _done(_command(id, "close", reason=reason))


@app.command()
def members(id: str = Id, output: show.Format = show.Output) -> None:
    """Show why each alert is in it, and which alerts left it, newest first."""
    with Server() as server:
        items = server.get(server.path("incidents", id, "memberships"))["items"]
    if output is not show.Format.table:
        show.document(items, output)
        return
    rows = (
        (one["alert"], one["role"], one["rule"], one["reason"], one["by"], show.instant(one["at"]), _left(one))
        for one in items
    )
    show.table(rows, ("alert", "role", "rule", "reason", "by", "at", "left"))


@app.command()
def suspects(id: str = Id, output: show.Format = show.Output) -> None:
    """Show what is suspected to be behind it, why, and which services are affected."""
    with Server() as server:
        found = server.get(server.path("incidents", id, "suspects"))
    if output is not show.Format.table:
        show.document(found, output)
        return
    rows = (
        (one["score"], one["name"], len(one["alerts"]), " ".join(part["reason"] for part in one["parts"]))
        for one in found["suspects"]
    )
    show.table(rows, ("score", "suspect", "alerts", "evidence"))
    for one in found["affected"]:
        show.note(f"affected: {one['place']['name']} ({one['place']['criticality']}): {one['way']}")
    if found["unknown"]:
        show.note(f"not in the topology: {', '.join(found['unknown'])}")


@app.command()
def merge(
    id: str = Id,
    others: list[str] = typer.Argument(help="Those that become part of it; they close."),
    reason: str | None = Why,
) -> None:
    """Make other incidents part of this one."""
    _done(_command(id, "merge", incidents=others, reason=reason))


@app.command()
def split(id: str = Id, alerts: list[str] = Alerts, reason: str | None = Why) -> None:
    """Make an incident of its own of some of its alerts. Prints the new one."""
    _done(_command(id, "split", alerts=alerts, reason=reason))


@app.command()
def move(
    id: str = Id,
    alerts: list[str] = Alerts,
    to: str | None = typer.Option(None, "--to", help="The incident that they belong to. [default: none]"),
    reason: str | None = Why,
) -> None:
    """Move alerts from this incident to another one, or leave them on their own."""
    _done(_command(id, "move", alerts=alerts, to=to, reason=reason))


def _left(member: dict[str, Any]) -> str:
    if member["left_at"] is None:
        return ""
    return f"{show.instant(member['left_at'])} for {member['left_for'] or 'nothing'}"


def _command(id: str, verb: str, **given: Any) -> Any:
    body = {name: value for name, value in given.items() if value is not None}
    with Server() as server:
        return server.send("POST", server.path("incidents", id, verb), json=body)


def _done(incident: dict[str, Any]) -> None:
    by = f", acknowledged by {incident['acknowledged_by']}" if incident["acknowledged_by"] else ""
    to = f", assigned to {incident['assignee']}" if incident["assignee"] else ""
    alerts = f"{incident['alerts_firing']} of {incident['alerts_total']} alerts firing"
    show.done(f"{incident['id']} {incident['priority']} {incident['state']}{by}{to}; {alerts}")
