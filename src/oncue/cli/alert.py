"""`oncue alert`: what people do with one alert, and what it has been. Lists are `oncue get alerts`."""

from datetime import UTC, datetime
from typing import Any

import typer

from oncue.cli import show
from oncue.cli.server import Server
from oncue.core.duration import delta

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Acknowledge, snooze, enrich, resolve an alert.",
)

Id = typer.Argument(help="The alert's id, as `oncue get alerts` shows it.")
Why = typer.Option(None, "--reason", "-r", help="Why; it is shown with the alert.")


@app.command()
def acknowledge(id: str = Id, reason: str | None = Why) -> None:
    """Say that you have taken it on."""
    _done(_command(id, "acknowledge", reason=reason))


@app.command()
def unacknowledge(id: str = Id, reason: str | None = Why) -> None:
    """Take the acknowledgement back."""
    _done(_command(id, "unacknowledge", reason=reason))


@app.command()
def resolve(id: str = Id, reason: str | None = Why) -> None:
    """Resolve it by hand. If it is reported again, it is back."""
    _done(_command(id, "resolve", reason=reason))


@app.command()
def snooze(
    id: str = Id,
    until: str = typer.Argument(help="How long, as 30m, 2h or 1d, or until when, as 2027-05-01T08:00:00Z."),
    reason: str | None = Why,
    remind_before: str | None = typer.Option(
        None,
        "--remind-before",
        help="How long before its end you are told; 0s for not. [default: 15m, or a tenth of it]",
    ),
) -> None:
    """Have nobody told of it until then. If it still fires then, those who knew of it are told."""
    _done(_command(id, "snooze", until=_instant(until), reason=reason, remind_before=remind_before))


@app.command()
def unsnooze(id: str = Id, reason: str | None = Why) -> None:
    """Take the snooze back."""
    _done(_command(id, "unsnooze", reason=reason))


@app.command()
def duplicate(
    id: str = Id,
    of: str = typer.Option(..., "--of", help="The alert that is enough, as long as it fires."),
    reason: str | None = Why,
) -> None:
    """Say that it is about the same thing as another alert: nobody is told of it as long as that one fires."""
    _done(_command(id, "duplicate", of=of, reason=reason))


@app.command()
def distinct(id: str = Id, reason: str | None = Why) -> None:
    """Say that it is no duplicate. Whoever it concerns is told of it."""
    _done(_command(id, "distinct", reason=reason))


@app.command()
def enrich(
    id: str = Id,
    label: list[str] = typer.Option([], "--label", "-l", help="name=value; name= takes an added label back."),
    annotation: list[str] = typer.Option([], "--annotation", help="name=value; name= takes an added one back."),
    link: list[str] = typer.Option([], "--link", help="An address, or title=address."),
    note: str | None = typer.Option(None, "--note", help="What was found out, in words."),
) -> None:
    """Add what was found out about it. Labels count like its own from now on; all of it lasts as long as the alert."""
    body = {
        "labels": dict(_named(text, "--label") for text in label),
        "annotations": dict(_named(text, "--annotation") for text in annotation),
        "links": [_pointer(text) for text in link],
        "note": note,
    }
    with Server() as server:
        _done(server.send("POST", server.path("alerts", id, "enrich"), json=body))


def _named(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{text!r} is not name=value", param_hint=option)
    return name, value


def _pointer(text: str) -> dict[str, str]:
    if text.startswith(("http://", "https://")):
        return {"url": text}
    title, _, url = text.partition("=")
    return {"url": url, "title": title}


@app.command()
def history(id: str = Id, output: show.Format = show.Output) -> None:
    """Show when its state, severity or value changed, newest first."""
    with Server() as server:
        items = server.get(server.path("alerts", id, "history"))["items"]
    if output is not show.Format.table:
        show.document(items, output)
        return
    rows = [
        (show.instant(one["at"]), one["state"], one["severity"], _value(one), one["title"], one["position"])
        for one in items
    ]
    show.table(rows, ("at", "state", "severity", "value", "title", "position"))


def _value(change: dict[str, Any]) -> str:
    if change["value"] is None:
        return ""
    limit = f", limit {change['limit']:g}" if change["limit"] is not None else ""
    return f"{change['value']:g}{' ' + change['unit'] if change['unit'] else ''}{limit}"


def _instant(text: str) -> str:
    try:
        return (datetime.now(UTC) + delta(text)).isoformat()
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        detail = f"{text!r} is neither a duration as 2h nor an instant as 2027-05-01T08:00:00Z"
        raise typer.BadParameter(detail, param_hint="UNTIL") from error
    return at.astimezone().isoformat()  # without an offset it is this machine's time, as people at it mean it


def _command(id: str, verb: str, **given: str | None) -> Any:
    body = {name: value for name, value in given.items() if value is not None}
    with Server() as server:
        return server.send("POST", server.path("alerts", id, verb), json=body)


def _done(alert: dict[str, Any]) -> None:
    quiet = ", ".join(
        f"{one['reason']}" + (f" until {show.instant(one['until'])}" if one["until"] else "") for one in alert["quiet"]
    )
    by = f", acknowledged by {alert['acknowledged_by']}" if alert["acknowledged_by"] else ""
    show.done(f"{alert['id']} {alert['state']}{by}" + (f"; quiet: {quiet}" if quiet else ""))
