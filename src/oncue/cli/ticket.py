"""`oncue ticket`: the record of work. Lists are `oncue get tickets` and `oncue ticket find`."""

from typing import Any

import typer

from oncue.cli import show
from oncue.cli.get import LISTS
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Write tickets, find them, and move them on.",
)

Id = typer.Argument(help="The ticket's id, as `oncue get tickets` shows it.")
Namespace = typer.Option(None, "--namespace", "-n", help="In this namespace.")
States = "new, in_progress, resolved or closed"


@app.command()
def create(
    title: str = typer.Argument(help="What is to be done, in a line."),
    type: str = typer.Option("request", "--type", "-t", help="incident, change, request or problem."),
    description: str = typer.Option("", "--description", "-d", help="More about it."),
    priority: str | None = typer.Option(None, "--priority", help="P1 to P5."),
    service: str | None = typer.Option(None, "--service", help="The service that it is about."),
    resource: str | None = typer.Option(None, "--resource", help="The resource that it is about."),
    incident: str | None = typer.Option(None, "--incident", help="The incident that it is about; the two are linked."),
    change: str | None = typer.Option(None, "--change", help="The change that it is about."),
    namespace: str | None = Namespace,
) -> None:
    """Write a ticket."""
    given = {
        "title": title, "type": type, "description": description, "priority": priority, "service": service,
        "resource": resource, "incident": incident, "change": change, "namespace": namespace,
    }  # fmt: skip
    with Server() as server:
        _told(server.send("POST", "/tickets", json=_given(given)))


@app.command()
def find(
    text: str | None = typer.Argument(None, help="A part of title, description, resolution or id."),
    state: str | None = typer.Option(None, "--state", help=f"{States}; several separated by commas."),
    type: str | None = typer.Option(None, "--type", "-t", help="incident, change, request or problem."),
    service: str | None = typer.Option(None, "--service", help="About this service."),
    assignee: str | None = typer.Option(None, "--assignee", "-a", help='Who has it; "" is nobody.'),
    incident: str | None = typer.Option(None, "--incident", help="About this incident."),
    change: str | None = typer.Option(None, "--change", help="About this change."),
    namespace: str | None = Namespace,
    limit: int = typer.Option(50, "--limit", min=1, help="At most so many."),
    output: show.Format = show.Output,
) -> None:
    """List the tickets that all of this fits, the last changed first."""
    params = {
        "text": text, "state": state, "type": type, "service": service, "assignee": assignee, "incident": incident,
        "change": change, "namespace": namespace,
    }  # fmt: skip
    with Server() as server:
        items = list(server.items("/tickets", limit, **_given(params)))
    if output is not show.Format.table:
        show.document(items, output)
        return
    columns = LISTS["tickets"].columns
    show.table(([value(item) for _, value in columns] for item in items), [title for title, _ in columns])
    if not items:
        show.note("There are no such tickets.")


@app.command("show")
def show_(id: str = Id, output: show.Format = show.Output) -> None:
    """Show a ticket, and what was remarked on it, the oldest first."""
    with Server() as server:
        ticket = server.get(server.path("tickets", id))
        comments = server.get(server.path("tickets", id, "comments"))["items"][::-1]
    if output is not show.Format.table:
        show.document({**ticket, "comments": comments}, output)
        return
    rows = [(name.removesuffix("_at").replace("_", " "), ticket.get(name)) for name in _SHOWN if ticket.get(name)]
    rows += [("link", f"{one['target']} {one['title']}") for one in ticket["links"]]
    show.table([(name, str(value)) for name, value in rows], ("field", "value"))
    for one in comments:
        typer.echo(show.clean(f"{show.instant(one['at'])} {one['by']}: {one['text']}"))


_SHOWN = (
    "id", "namespace", "type", "state", "title", "description", "severity", "priority", "service", "resource",
    "assignee", "incident", "run", "change", "opened_by", "opened_at", "resolved_by", "resolved_at", "close_code",
    "resolution", "closed_at", "reopened",
)  # fmt: skip


@app.command()
def comment(id: str = Id, text: str = typer.Argument(help="The remark.")) -> None:
    """Remark on it."""
    with Server() as server:
        server.send("POST", server.path("tickets", id, "comments"), json={"text": text})
    show.done(f"{id} has the remark.")


@app.command()
def move(
    id: str = Id,
    state: str = typer.Argument(help=f"{States}. A resolved one that goes to in_progress is reopened."),
    code: str | None = typer.Option(
        None, "--code", help="How it ended: solved, workaround, by_itself, no_fault, duplicate, not_done, or for a change "
        "successful, successful_with_issues, unsuccessful, backed_out.",
    ),
    resolution: str = typer.Option("", "--resolution", "-r", help="How it ended, in words."),
) -> None:  # fmt: skip
    """Move it on."""
    given = {"state": state, "close_code": code, "resolution": resolution}
    with Server() as server:
        _told(server.send("POST", server.path("tickets", id, "transition"), json=_given(given)))


@app.command()
def assign(
    id: str = Id,
    assignee: str = typer.Argument(
        help='Who is to have it: a user, a person, a member of a team, or team:NAME; "" is nobody.'
    ),
) -> None:
    """Give it to someone."""
    with Server() as server:
        _told(server.send("POST", server.path("tickets", id, "assign"), json={"assignee": assignee or None}))


@app.command()
def link(
    id: str = Id,
    target: str = typer.Argument(help="An address, or the id of a ticket, incident, alert, run, problem or change."),
    title: str = typer.Option("", "--title", help="What it is."),
) -> None:
    """Note what it has to do with. Another ticket is linked back."""
    with Server() as server:
        _told(server.send("POST", server.path("tickets", id, "links"), json={"target": target, "title": title}))


@app.command()
def unlink(id: str = Id, target: str = typer.Argument(help="The target of the link.")) -> None:
    """Take a link away."""
    with Server() as server:
        _told(server.send("DELETE", server.path("tickets", id, "links"), params={"target": target}))


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _told(ticket: dict[str, Any]) -> None:
    has = f"; {ticket['assignee']} has it" if ticket["assignee"] else ""
    show.done(f"{ticket['id']} {ticket['state']}: {ticket['title']}{has}")
