"""`oncue bulk`: one command for many alerts or incidents, named or found by a filter."""

import sys
from typing import Any

import typer

from oncue.cli import show
from oncue.cli.main import REFUSED
from oncue.cli.server import Server
from oncue.core.errors import Refusal

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Acknowledge, assign, resolve, snooze or merge many at once; at most 1,000. Ends with 1 if one was refused.",
)

Ids = typer.Argument(None, help="Ids; or - to read them from standard input; or none, with a filter.")
State = typer.Option(None, "--state", help="Only these states, separated by commas.")
Severity = typer.Option(None, "--severity", help="Only these severities, separated by commas.")
Namespace = typer.Option(None, "--namespace", "-n", help="Only this namespace.")
Resource = typer.Option(None, "--resource", help="Only about this resource.")
Service = typer.Option(None, "--service", help="Only about this service.")
Query = typer.Option(None, "--query", "-q", help="Only with this in the title or id.")
Reason = typer.Option(None, "--reason", "-r", help="Why.")
Until = typer.Option(None, "--until", help="RFC 3339: until when they are snoozed.")
Output = show.Output


@app.command()
def alerts(
    do: str = typer.Argument(help="acknowledge, unacknowledge, resolve, snooze or unsnooze."),
    ids: list[str] | None = Ids,
    state: str | None = State,
    severity: str | None = Severity,
    namespace: str | None = Namespace,
    resource: str | None = Resource,
    service: str | None = Service,
    query: str | None = Query,
    until: str | None = Until,
    reason: str | None = Reason,
    output: show.Format = Output,
) -> None:
    """Do the same to many alerts. Each is answered by itself."""
    which = _which(
        ids, state=state, severity=severity, namespace=namespace, resource=resource, service=service, q=query
    )
    _send("/alerts/bulk", {"do": do, **which, "until": until, "reason": reason}, output)


@app.command()
def incidents(
    do: str = typer.Argument(help="acknowledge, assign, resolve, close, snooze or merge."),
    ids: list[str] | None = Ids,
    state: str | None = State,
    severity: str | None = Severity,
    namespace: str | None = Namespace,
    resource: str | None = Resource,
    service: str | None = Service,
    query: str | None = Query,
    until: str | None = Until,
    assignee: str | None = typer.Option(None, "--assignee", "-a", help='Who takes them; "" is nobody.'),
    into: str | None = typer.Option(None, "--into", help="The one that goes on when they are merged."),
    note: str | None = typer.Option(None, "--note", help="How they ended."),
    cause: str | None = typer.Option(None, "--cause", help="What kind of thing was behind them."),
    reason: str | None = Reason,
    output: show.Format = Output,
) -> None:
    """Do the same to many incidents. Each is answered by itself."""
    which = _which(
        ids, state=state, severity=severity, namespace=namespace, resource=resource, service=service, q=query
    )
    more = {"until": until, "assignee": assignee, "into": into, "note": note, "cause": cause, "reason": reason}
    _send("/incidents/bulk", {"do": do, **which, **more}, output)


def _which(ids: list[str] | None, **filters: str | None) -> dict[str, Any]:
    if ids == ["-"]:
        ids = sys.stdin.read().split()
    given = {name: value for name, value in filters.items() if value}
    if ids and given:
        raise Refusal("request.invalid", "give either ids or a filter")
    if ids:
        return {"ids": ids}
    return {"filter": {name: value if name == "q" else value.split(",") for name, value in given.items()}}


def _send(path: str, given: dict[str, Any], output: show.Format) -> None:
    with Server() as server:
        found = server.send("POST", path, json={name: value for name, value in given.items() if value is not None})
    if output is not show.Format.table:
        show.document(found, output)
    else:
        rows = ((one["id"], one["code"] or "done", one["detail"]) for one in found["items"])
        show.table(rows, ("id", "outcome", "detail"))
        show.note(f"{found['done']} done, {found['refused']} refused, {found['left']} more match")
    if found["refused"]:
        raise typer.Exit(REFUSED)
