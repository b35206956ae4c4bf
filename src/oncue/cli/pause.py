"""`oncue pause` and `oncue resume`: stop automatic runs for a while."""

import typer

from oncue.cli import show
from oncue.cli.server import Server

Where = typer.Option("default", "--namespace", "-n", help="Where; * is everywhere.")


def pause(
    reason: str | None = typer.Argument(None, help="Why. Without it, what is paused is shown."),
    length: str = typer.Option("1h", "--for", help="For how long, as 30m or 2h; 30 days at most."),
    namespace: str = Where,
    output: show.Format = show.Output,
) -> None:
    """Have no policy start a run for a while; people are told of everything as before. Runs that are under way go on."""
    with Server() as server:
        if reason is not None:
            made = server.send(
                "PUT", "/pause", params={"namespace": namespace}, json={"reason": reason, "length": length}
            )
            show.done(f"No policy starts a run {_said(namespace)} until {show.instant(made['until'])}")
            return
        items = server.get("/pauses")["items"]
    if output is not show.Format.table:
        show.document(items, output)
        return
    rows = (
        (one["id"], one["by"], show.instant(one["since"]), show.instant(one["until"]), one["reason"]) for one in items
    )
    show.table(rows, ("namespace", "by", "since", "until", "reason"))
    if not items:
        show.note("Nothing is paused.")


def resume(namespace: str = Where) -> None:
    """Let policies start runs again."""
    with Server() as server:
        server.send("DELETE", "/pause", params={"namespace": namespace})
    show.done(f"Policies start runs {_said(namespace)} again")


def _said(namespace: str) -> str:
    return "everywhere" if namespace == "*" else f"in {namespace}"
