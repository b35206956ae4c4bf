"""`oncue approval`: what waits for people's word, and saying it."""

import typer

from oncue.cli import show
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Approvals: what waits for you; approve, reject, hand on. All of them: `oncue get approvals`.",
)

ID = typer.Argument(help="The approval's id, as APR-7.")


@app.command()
def inbox(output: show.Format = show.Output) -> None:
    """What waits for you."""
    with Server() as server:
        found = server.get("/approvals/inbox")
    if output is not show.Format.table:
        show.document(found, output)
        return
    if not found["items"] and not found["own"]:
        typer.echo("Nothing waits for you.")
        return
    waiting = [("you", one) for one in found["items"]] + [("others", one) for one in found["own"]]
    rows = [
        (one["id"], decides, show.until(one["expires_at"]), one["ask"], one["workflow"], one["run"] or one["request"])
        for decides, one in waiting
    ]
    show.table(rows, ("id", "decides", "until", "ask", "workflow", "for"), wrap=True)
    if found["own"]:
        show.note("Others decide about what you asked for.")


@app.command()
def approve(
    id: str = ID, reason: str | None = typer.Option(None, "--reason", "-r", help="Why; it stays on record.")
) -> None:
    """Agree."""
    _decide(id, "approve", reason)


@app.command()
def reject(id: str = ID, reason: str = typer.Option(..., "--reason", "-r", help="Why; it stays on record.")) -> None:
    """Do not agree: the run's step is rejected."""
    _decide(id, "reject", reason)


@app.command()
def delegate(id: str = ID, to: str = typer.Argument(help="Who decides in your place, as basis-2.")) -> None:
    """Let another person decide in your place."""
    to = to if ":" in to else f"user:{to}"
    with Server() as server:
        server.send("POST", server.path("approvals", id, "delegate"), json={"to": to})
    show.done(f"{id}: {to} decides in your place")


def _decide(id: str, decision: str, reason: str | None) -> None:
    with Server() as server:
        now = server.send("POST", server.path("approvals", id, "decide"), json={"decision": decision, "reason": reason})
    show.done(f"{now['id']} {now['state']}")
