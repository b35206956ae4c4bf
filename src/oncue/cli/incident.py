"""`oncue incident`: what people do with one incident. Lists are `oncue get incidents`."""

from typing import Any

import typer

from oncue.cli import show
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Work on incidents: open, acknowledge, assign, resolve, tell stakeholders, review; merge, split, move alerts.",
)

Id = typer.Argument(help="The incident's id, as `oncue get incidents` shows it.")
Alerts = typer.Argument(help="Ids of its alerts, as `oncue incident members` shows them.")
Why = typer.Option(None, "--reason", "-r", help="Why; it is shown with the incident.")


@app.command()
def acknowledge(id: str = Id, reason: str | None = Why) -> None:
    """Say that you have taken it on."""
    done(_command(id, "acknowledge", reason=reason))


@app.command()
def unacknowledge(id: str = Id, reason: str | None = Why) -> None:
    """Say that nobody works on it any more: people are called again."""
    done(_command(id, "unacknowledge", reason=reason))


@app.command()
def escalate(
    id: str = Id,
    to: str | None = typer.Option(None, "--to", help="Whom: user:NAME, team:NAME, channel:NAME, escalation:NAME."),
) -> None:
    """Call the next level now, or whom you name."""
    done(_command(id, "escalate", to=to))


@app.command()
def snooze(
    id: str = Id,
    length: str = typer.Argument("1h", help="For how long, as 30m or 2h."),
    reason: str | None = Why,
    remind_before: str | None = typer.Option(
        None,
        "--remind-before",
        help="How long before its end you are told; 0s for not. [default: 15m, or a tenth of it]",
    ),
) -> None:
    """Have nobody told of what fires in it for a while."""
    done(_command(id, "snooze", length=length, reason=reason, remind_before=remind_before))


@app.command()
def unsnooze(id: str = Id, reason: str | None = Why) -> None:
    """Take the snooze of all of it back."""
    done(_command(id, "unsnooze", reason=reason))


@app.command()
def escalations(id: str = Id, output: show.Format = show.Output) -> None:
    """Show whom it has called by which escalation policy, and when the next level is told."""
    with Server() as server:
        items = server.get(server.path("incidents", id, "escalations"))["items"]
    if output is not show.Format.table:
        show.document(items, output)
        return
    rows = (
        (
            one["policy"], one["state"], f"{one['level']} of {len(one['branches'][one['branch']]['levels'])}",
            str(one["cycle"] + 1), show.instant(one["next_at"]) if one.get("next_at") else "-", one["why"],
        )
        for one in items
    )  # fmt: skip
    show.table(rows, ("policy", "state", "level", "round", "next", "why"))


@app.command()
def assign(id: str = Id, to: str = typer.Argument(help='Who takes it; "" takes it from whoever has it.')) -> None:
    """Give it to someone."""
    done(_command(id, "assign", assignee=to))


@app.command()
def comment(id: str = Id, text: str = typer.Argument(help="The remark.")) -> None:
    """Remark on it."""
    done(_command(id, "comments", text=text))


@app.command()
def resolve(
    id: str = Id,
    reason: str | None = Why,
    note: str | None = typer.Option(None, "--note", help="How it ended: what was found and done."),
    cause: str | None = typer.Option(None, "--cause", help="What was behind it, as change, capacity, hardware, human."),
) -> None:
    """Resolve it, and the alerts in it that still fire."""
    done(_command(id, "resolve", reason=reason, note=note, cause=cause))


@app.command()
def reopen(id: str = Id, reason: str | None = Why) -> None:
    """Open a resolved one again."""
    done(_command(id, "reopen", reason=reason))


@app.command()
def close(id: str = Id, reason: str | None = Why) -> None:
    """Close a resolved one for good; a later alert opens another."""
    done(_command(id, "close", reason=reason))


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
    done(_command(id, "merge", incidents=others, reason=reason))


@app.command()
def split(id: str = Id, alerts: list[str] = Alerts, reason: str | None = Why) -> None:
    """Make an incident of its own of some of its alerts. Prints the new one."""
    done(_command(id, "split", alerts=alerts, reason=reason))


@app.command()
def move(
    id: str = Id,
    alerts: list[str] = Alerts,
    to: str | None = typer.Option(None, "--to", help="The incident that they belong to. [default: none]"),
    reason: str | None = Why,
) -> None:
    """Move alerts from this incident to another one, or leave them on their own."""
    done(_command(id, "move", alerts=alerts, to=to, reason=reason))


def _left(member: dict[str, Any]) -> str:
    if member["left_at"] is None:
        return ""
    return f"{show.instant(member['left_at'])} for {member['left_for'] or 'nothing'}"


def _command(id: str, verb: str, **given: Any) -> Any:
    body = {name: value for name, value in given.items() if value is not None}
    with Server() as server:
        return server.send("POST", server.path("incidents", id, verb), json=body)


def done(incident: dict[str, Any]) -> None:
    by = f", acknowledged by {incident['acknowledged_by']}" if incident["acknowledged_by"] else ""
    to = f", assigned to {incident['assignee']}" if incident["assignee"] else ""
    alerts = f"{incident['alerts_firing']} of {incident['alerts_total']} alerts firing"
    show.done(f"{incident['id']} {incident['priority']} {incident['state']}{by}{to}; {alerts}")
