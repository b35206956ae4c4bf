"""`oncue problem`: what is behind incidents, and what helps meanwhile. Lists are `oncue get problems`."""

from typing import Any

import typer

from oncue.cli import show
from oncue.cli.server import Server
from oncue.core.errors import Refusal

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Write problems and known errors, and put incidents to them.",
)

Id = typer.Argument(help="The problem's id, as `oncue get problems` shows it.")
Incident = typer.Argument(help="The incident's id.")
Matches = typer.Option(
    [], "--match", "-m", help="NAME=VALUE, or =~ with a regular expression, != or !~; all must hold for an alert."
)


@app.command()
def create(
    title: str = typer.Argument(help="What it is."),
    workaround: str = typer.Option("", "--workaround", "-w", help="What helps meanwhile; makes it a known error."),
    description: str = typer.Option("", "--description", "-d", help="More about it."),
    incident: str | None = typer.Option(None, "--incident", help="One that comes from it: its alerts are known again."),
    service: str | None = typer.Option(None, "--service", help="The service that it is about."),
    match: list[str] = Matches,
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="In this namespace."),
) -> None:
    """Write a problem. New incidents that match it say so, with the workaround."""
    given = {
        "title": title, "workaround": workaround, "description": description, "incident": incident,
        "service": service, "matchers": matchers(match), "namespace": namespace,
    }  # fmt: skip
    with Server() as server:
        _told(server.send("POST", "/problems", json={name: one for name, one in given.items() if one is not None}))


@app.command()
def change(
    id: str = Id,
    title: str | None = typer.Option(None, "--title", help="What it is called from now on."),
    workaround: str | None = typer.Option(None, "--workaround", "-w", help="What helps meanwhile."),
    root_cause: str | None = typer.Option(None, "--root-cause", help="What is behind it."),
    assignee: str | None = typer.Option(None, "--assignee", "-a", help='Who has it; "" is nobody.'),
    match: list[str] = Matches,
) -> None:
    """Change what is given."""
    given: dict[str, Any] = {
        "title": title, "workaround": workaround, "root_cause": root_cause, "assignee": assignee,
        "matchers": matchers(match) if match else None,
    }  # fmt: skip
    with Server() as server:
        path = server.path("problems", id)
        _told(server.send("PATCH", path, json={name: one for name, one in given.items() if one is not None}))


@app.command()
def move(id: str = Id, state: str = typer.Argument(help="open, known_error, resolved or closed.")) -> None:
    """Move it on."""
    with Server() as server:
        _told(server.send("POST", server.path("problems", id, "transition"), json={"state": state}))


@app.command()
def put(id: str = Id, incident: str = Incident) -> None:
    """Say that an incident comes from it."""
    with Server() as server:
        _told(server.send("POST", server.path("problems", id, "incidents", incident)))


@app.command()
def take(id: str = Id, incident: str = Incident) -> None:
    """Say that an incident does not come from it."""
    with Server() as server:
        _told(server.send("DELETE", server.path("problems", id, "incidents", incident)))


@app.command()
def incidents(id: str = Id, output: show.Format = show.Output) -> None:
    """Show the incidents that come from it, the newest first."""
    with Server() as server:
        items = server.get(server.path("problems", id, "incidents"))["items"]
    if output is not show.Format.table:
        show.document(items, output)
        return
    rows = ((one["id"], one["priority"], one["state"], one["title"], show.instant(one["opened_at"])) for one in items)
    show.table(rows, ("id", "priority", "state", "title", "opened"))


def matchers(texts: list[str]) -> list[dict[str, Any]]:
    """Matchers as people write them. Raises `Refusal` request.invalid."""
    found = []
    for text in texts:
        sign = next((one for one in ("!~", "!=", "=~", "=") if one in text), None)
        name, _, value = text.partition(sign) if sign is not None else ("", "", "")
        if sign is None or not name:
            raise Refusal("request.invalid", f"{text!r}: write NAME=VALUE, NAME=~REGEX, NAME!=VALUE or NAME!~REGEX")
        found.append({"name": name, "value": value, "is_regex": "~" in sign, "is_equal": "!" not in sign})
    return found


def _told(problem: dict[str, Any]) -> None:
    count = f"{problem['incidents_total']} incident{'' if problem['incidents_total'] == 1 else 's'}"
    show.done(f"{problem['id']} {problem['state']}: {problem['title']}; {count}")
