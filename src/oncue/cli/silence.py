"""`oncue silence`: keep quiet what matches some labels for a while. Lists are `oncue get silences`."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import typer

from oncue.cli import show
from oncue.cli.server import Server
from oncue.core.duration import delta

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Silence what matches some labels; end that.",
)

SHOWN: Final = 10
"""Alerts that are named, of those that a silence is about."""
_MATCHER: Final = re.compile(r"([^=!~\s]+)(=~|!~|!=|=)(.*)", re.DOTALL)

Matchers = typer.Argument(
    help="What it is about, all of it: NAME=VALUE, NAME!=VALUE, or with RE2 NAME=~REGEX, NAME!~REGEX. Names are labels, or "
    "resource, service, severity, check, title."
)


@app.command()
def add(
    matcher: list[str] = Matchers,
    comment: str = typer.Option(..., "--comment", "-c", help="Why; shown on each alert that it keeps quiet."),
    length: str = typer.Option("1h", "--for", help="How long, as 30m, 2h or 1d."),
    start: str | None = typer.Option(None, "--from", help="RFC 3339: when it begins. [default: now]"),
    remind: str | None = typer.Option(
        None, "--remind", help="How long before its end you are reminded; 0s for not at all."
    ),
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="Of the alerts."),
    preview: bool = typer.Option(False, "--preview", help="Only show which of the alerts that fire now it is about."),
) -> None:
    """Set a silence. Alerts that it matches call nobody; what still fires at its end is told then."""
    matchers = [_read(text) for text in matcher]
    with Server() as server:
        about = server.send("POST", "/silences/preview", json={"matchers": matchers, "namespace": namespace})
        if not preview:
            begins = _instant(start)
            body: dict[str, Any] = {
                "matchers": matchers, "starts_at": begins.isoformat(), "ends_at": (begins + _length(length)).isoformat(),
                "comment": comment, "namespace": namespace,
            }  # fmt: skip
            if remind is not None:
                body["remind_before"] = remind
            made = server.send("POST", "/silences", json=body)
            show.done(f"{made['id']} {made['state']} until {show.instant(made['ends_at'])}")
    _matching(about)


@app.command()
def expire(id: str = typer.Argument(help="The silence's id, as `oncue get silences` shows it.")) -> None:
    """End a silence now. What still fires is told now."""
    with Server() as server:
        ended = server.send("DELETE", server.path("silences", id))
    show.done(f"{ended['id']} {ended['state']}")


def _matching(about: dict[str, Any]) -> None:
    alerts = about["alerts"][:SHOWN]
    if not alerts:
        show.note("No alert that fires now is meant.")
        return
    show.table(
        ((one["id"], one["severity"], one["title"], one["resource"]) for one in alerts),
        ("id", "severity", "title", "resource"),
    )
    left = about["matching"] - len(alerts)
    if left > 0:
        show.note(f"And {left} more.")


def _read(text: str) -> dict[str, Any]:
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise typer.BadParameter(
            f"{text!r} is not NAME=VALUE, NAME!=VALUE, NAME=~REGEX or NAME!~REGEX", param_hint="MATCHER"
        )
    name, operator, value = found.groups()
    return {"name": name, "value": value, "is_regex": "~" in operator, "is_equal": "!" not in operator}


def _length(text: str) -> timedelta:
    try:
        return delta(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from error


def _instant(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not an instant as 2027-05-01T08:00:00Z", param_hint="--from") from error
