"""`oncue service`: how available a service was, and what is left of its objective."""

from datetime import datetime
from typing import Any

import typer

from oncue.cli import show
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="See how available services were."
)


@app.callback()
def group() -> None:
    """See how available services were."""


@app.command()
def availability(
    name: str = typer.Argument(help="The service: its name, or NAMESPACE/NAME."),
    namespace: str = typer.Option("default", "--namespace", "-n", help="Where."),
    from_: str | None = typer.Option(None, "--from", help="RFC 3339. [default: 30 days before --to]"),
    to: str | None = typer.Option(None, "--to", help="RFC 3339, not later than now. [default: now]"),
    counts: str | None = typer.Option(
        None, "--counts", help="From which severity on it is down. [default: the objective's, or major]"
    ),
    days: bool = typer.Option(False, "--days", help="Also show each day."),
    output: show.Format = show.Output,
) -> None:
    """Show how long a service was down, its outages, and what is left of its objective's budget."""
    where, _, last = name.rpartition("/")
    asked = {"from": from_, "to": to, "counts": counts}
    with Server() as server:
        found = server.get(server.path("services", where or namespace, last, "availability"), **asked)
    if output is not show.Format.table:
        show.document(found, output)
        return
    show.table(_figures(found), ("what", ""))
    if found["latest"]:
        show.table(map(_outage, found["latest"]), ("began", "ended", "acknowledged", "began with"))
    if days:
        rows = (
            (
                one["date"],
                percent(one["availability"]),
                *(minutes(one[part]) for part in ("down_s", "expected_s", "unknown_s")),
            )
            for one in found["days"]
        )
        show.table(rows, ("day", "availability", "down", "expected", "unknown"))


def _figures(found: dict[str, Any]) -> list[tuple[str, str]]:
    length_s = (datetime.fromisoformat(found["to"]) - datetime.fromisoformat(found["from"])).total_seconds()
    known = f" of the {minutes(length_s - found['unknown_s'])} that are known" if found["unknown_s"] else ""
    rows = [
        ("service", f"{found['namespace']}/{found['service']}"),
        ("time", f"{show.instant(found['from'])} to {show.instant(found['to'])}"),
        ("down counts from", found["counts"]),
        ("availability", percent(found["availability"]) + (known if found["availability"] is not None else "")),
        ("with maintenance", percent(found["availability_with_maintenance"])),
        ("down", minutes(found["down_s"]) + (", now too" if found["down"] else "")),
        ("down as expected", minutes(found["expected_s"])),
        ("unknown", minutes(found["unknown_s"])),
        ("outages", str(found["outages"])),
        ("mean time to restore", minutes(found["mttr_s"])),
        ("mean time to acknowledge", minutes(found["mtta_s"])),
    ]
    if (budget := found["budget"]) is not None:
        rows += [
            ("objective", f"{budget['availability']:g} % over {budget['window_s'] / 86400:g} d"),
            (
                "budget left",
                f"{minutes(budget['left_s'])} of {minutes(budget['total_s'])} ({budget['left_percent']:.1f} %)",
            ),
            ("burn rate", ", ".join(f"{one['rate']:.1f} over {one['over']}" for one in budget["burn"])),
        ]
    return rows


def _outage(one: dict[str, Any]) -> tuple[str, ...]:
    times = (show.instant(one[part]) for part in ("began_at", "ended_at", "acknowledged_at"))
    return (*times, one["began_with"])


def percent(value: float | None) -> str:
    """A share that is never rounded up to one that was not reached."""
    if value is None:
        return "unknown"
    return f"{int(value * 10000) / 10000:.4f} %"


def minutes(seconds: float | None) -> str:
    """A length in minutes, of days in days; empty for None."""
    if seconds is None:
        return ""
    return f"{seconds / 60:.1f} min" if seconds < 172800 else f"{seconds / 86400:.1f} d"
