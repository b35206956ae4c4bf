"""`oncue quiet`: what calls nobody, now and later."""

from pathlib import Path
from typing import Any

import typer

from oncue.cli import show
from oncue.cli.server import Server
from oncue.cli.validate import accepted
from oncue.core.errors import Refusal

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="See what is quiet, and what will be."
)

KIND = "MaintenanceWindow"


@app.command()
def windows(
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="Only this namespace."),
    output: show.Format = show.Output,
) -> None:
    """List maintenance windows: which are open, and when the others open next."""
    with Server() as server:
        items = server.get("/maintenance-windows")["items"]
    items = [one for one in items if namespace in (None, one["namespace"])]
    if output is not show.Format.table:
        show.document(items, output)
        return
    show.table(
        ([one["namespace"], one["name"], one["state"], *_span(one), one["description"]] for one in items),
        ("namespace", "name", "state", "from", "to", "description"),
    )
    if not items:
        show.note("There are no maintenance windows.")


@app.command()
def preview(
    name: str | None = typer.Argument(None, help="A window on the server: its name, or NAMESPACE/NAME."),
    file: list[Path] = typer.Option([], "--file", "-f", help="One that is not applied yet; - is standard input."),
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="Of the window. [default: default]"),
    output: show.Format = show.Output,
) -> None:
    """Show when a maintenance window opens, and which of the alerts that fire now it is about. Changes nothing."""
    if (name is None) == (not file):
        raise typer.BadParameter("give the name of a window, or --file")
    previews: dict[str, dict[str, Any]] = {}
    with Server() as server:
        if name is not None:
            where, _, last = name.rpartition("/")
            where = where or namespace or "default"
            previews[f"{where}/{last}"] = server.get(server.path("maintenance-windows", where, last))
        else:
            for one in accepted(file):
                if one.kind == KIND:
                    body = {"spec": one.spec, "namespace": one.namespace or namespace}
                    previews[one.title] = server.send("POST", "/maintenance-windows/preview", json=body)
            if not previews:
                raise Refusal("manifest.not_found", f"there is no {KIND} in {', '.join(map(str, file))}")
    if output is not show.Format.table:
        show.document(previews, output)
        return
    for title, found in previews.items():
        _shown(title, found)


def _shown(title: str, found: dict[str, Any]) -> None:
    show.done(f"{title}: {found['state']}")
    spans = ([found["open"]] if found["open"] else []) + found["next"]
    show.table(((show.instant(one["starts_at"]), show.instant(one["ends_at"])) for one in spans), ("opens", "closes"))
    show.done(f"{found['matching']} of {found['looked_at']} firing alerts match")
    if found["alerts"]:
        rows = ((one["id"], one["severity"], one["resource"], one["service"], one["title"]) for one in found["alerts"])
        show.table(rows, ("id", "severity", "resource", "service", "title"))


def _span(window: dict[str, Any]) -> tuple[str, str]:
    shown = window["open"] or next(iter(window["next"]), None)
    return ("", "") if shown is None else (show.instant(shown["starts_at"]), show.instant(shown["ends_at"]))
