"""`oncue handover`: how things stand when one shift goes and the next one comes. Lists are `oncue get handovers`."""

from typing import Any, Final

import typer

from oncue.cli import show
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="See how things stand, hand over to the next shift, confirm.",
)

PARTS: Final = {
    "open": "Open incidents, not acknowledged",
    "acknowledged": "Incidents someone works on",
    "updates": "Promised status updates",
    "snoozed": "Snoozed alerts",
    "silences": "Silences that end",
    "maintenance": "Maintenance",
    "runs": "Runs under way",
    "changes": "Changes, under way or made",
    "overdue": "Overdue tasks and actions",
    "due": "Tasks and actions due in the next shift",
    "resolved": "Resolved since",
}
"""Part of a handover and its heading, in the order in which people read them."""

Id = typer.Argument(help="The handover's id, as `oncue get handovers` shows it.")
Namespace = typer.Option(None, "--namespace", "-n", help="Of this namespace.")
Team = typer.Option(None, "--team", help="Only with what this team looks after.")
Since = typer.Option(None, "--since", help="RFC 3339: when this shift began. [default: 8 hours ago]")
Until = typer.Option(None, "--until", help="RFC 3339: when the next shift ends. [default: 8 hours from now]")


@app.command()
def preview(
    namespace: str | None = Namespace,
    team: str | None = Team,
    since: str | None = Since,
    until: str | None = Until,
    output: show.Format = show.Output,
) -> None:
    """Show how things stand now. Changes nothing."""
    with Server() as server:
        found = server.get("/handovers/preview", namespace=namespace, team=team, since=since, until=until)
    if output is not show.Format.table:
        show.document(found, output)
        return
    _print(found)


@app.command()
def create(
    namespace: str | None = Namespace,
    team: str | None = Team,
    since: str | None = Since,
    until: str | None = Until,
    notes: str = typer.Option("", "--notes", help="What the next shift should know besides."),
) -> None:
    """Hand over: how things stand now is kept, for the next shift to confirm."""
    given = {"namespace": namespace, "team": team, "since": since, "until": until, "notes": notes}
    with Server() as server:
        made = server.send("POST", "/handovers", json={name: one for name, one in given.items() if one is not None})
    show.done(
        f"{made['id']} made by {made['created_by']}; the next shift confirms: oncue handover confirm {made['id']}"
    )


@app.command("show")
def show_handover(id: str = Id, output: show.Format = show.Output) -> None:
    """Show a handover."""
    with Server() as server:
        found = server.get(server.path("handovers", id))
    if output is not show.Format.table:
        show.document(found, output)
        return
    said = (
        f"confirmed by {found['confirmed_by']} {show.instant(found['confirmed_at'])}"
        if found["confirmed_by"]
        else "open"
    )
    show.done(f"{found['id']} made by {found['created_by']} {show.instant(found['created_at'])}, {said}")
    if found["notes"]:
        show.done(found["notes"])
    _print(found["drawn"])


@app.command()
def notes(id: str = Id, text: str = typer.Argument(help="What the next shift should know.")) -> None:
    """Write its notes."""
    with Server() as server:
        server.send("POST", server.path("handovers", id, "notes"), json={"notes": text})
    show.done(f"{id} notes written")


@app.command()
def confirm(id: str = Id, remark: str = typer.Option("", "--remark", help="What you say to it.")) -> None:
    """Say that you have it. Whoever made it cannot."""
    with Server() as server:
        found = server.send("POST", server.path("handovers", id, "confirm"), json={"remark": remark})
    show.done(f"{id} confirmed by {found['confirmed_by']}")


def _print(drawn: dict[str, Any]) -> None:
    for part, heading in PARTS.items():
        found = drawn.get(part)
        if not found or not found["total"]:
            continue
        show.done(f"\n{heading}: {found['total']}")
        rows = (
            (one["id"], one["priority"] or one["severity"], one["state"], one["title"], one["service"], one["who"],
             show.instant(one["until"]), one["note"])
            for one in found["items"]
        )  # fmt: skip
        show.table(rows, ("id", "priority", "state", "title", "service", "who", "until", "note"))
    if not any(found["total"] for part in PARTS if (found := drawn.get(part))):
        show.done("Nothing is open, snoozed, silenced, planned, running or due.")
