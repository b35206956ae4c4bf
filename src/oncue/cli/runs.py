"""`oncue runs`: why a run does not move, and what people do with runs."""

from typing import Any

import msgspec
import typer

from oncue.cli import show
from oncue.cli.server import Server

app = typer.Typer(help="Runs of workflows: why one does not move; pause, resume, cancel, retry, skip, fork.", no_args_is_help=True,
                  rich_markup_mode=None)  # fmt: skip

RUN = typer.Argument(help="The run's id.")
REASON = typer.Option(None, "--reason", "-r", help="Why; it stays on record.")


@app.command()
def why(run: str = RUN, output: show.Format = show.Output) -> None:
    """What the run waits for, since when, and what would take it on."""
    with Server() as server:
        found = server.get(server.path("runs", run, "why"))
    if output is not show.Format.table:
        show.document(found, output)
        return
    typer.echo(f"{found['run']} is {found['state'].replace('_', ' ')}")
    for one in found["waits"]:
        since = f", since {show.ago(one['since'])}" if one.get("since") else ""
        until = f", until {show.instant(one['until'])}" if one.get("until") else ""
        typer.echo(f"  {one['step'] or 'run'}: {one['what']}{since}{until}")


@app.command()
def pause(run: str = RUN, reason: str | None = REASON) -> None:
    """Begin nothing more of it; what is under way ends."""
    _do(run, "pause", {"reason": reason})


@app.command()
def resume(run: str = RUN, reason: str | None = REASON) -> None:
    """Go on with a run that was paused."""
    _do(run, "resume", {"reason": reason})


@app.command()
def cancel(
    run: str = RUN,
    reason: str | None = REASON,
    rollback: bool = typer.Option(False, "--rollback", help="Undo what it did, the last thing first."),
) -> None:
    """Stop a run; steps that have begun are told to stop."""
    _do(run, "cancel", {"reason": reason, "rollback": rollback})


@app.command()
def retry(
    run: str = RUN, step: str = typer.Argument(help="The step's address, as others[host-1]/check."), reason: str | None = REASON
) -> None:  # fmt: skip
    """Try a step again that failed in a run that is paused, or what a rollback stopped at."""
    _do(run, "retry", {"step": step, "reason": reason})


@app.command()
def skip(
    run: str = RUN, step: str = typer.Argument(help="The step's address."),
    reason: str = typer.Option(..., "--reason", "-r", help="Why; it stays on record."),
) -> None:  # fmt: skip
    """Pass over a step that waits or failed, or say that what could not be undone is settled."""
    _do(run, "skip", {"step": step, "reason": reason})


@app.command()
def fork(
    run: str = RUN, step: str = typer.Argument(help="The id of an outermost step: from this one on it is run anew."),
    input: list[str] = typer.Option([], "--input", "-i", help="NAME=VALUE instead of what the run had; may be repeated."),
) -> None:  # fmt: skip
    """Run the workflow anew from a step on, with what the steps before it came to."""
    with Server() as server:
        inputs: dict[str, Any] | None = None
        if input:
            inputs = {**server.get(server.path("runs", run)).get("inputs", {}), **pairs(input)}
        forked = server.send("POST", server.path("runs", run, "fork"), json={"step": step, "inputs": inputs})
    show.done(f"{forked['id']} {forked['state']}")


def pairs(given: list[str]) -> dict[str, Any]:
    """Inputs from NAME=VALUE, the value as JSON or text."""
    found: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise typer.BadParameter("write NAME=VALUE", param_hint="--input")
        try:
            found[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            found[name] = text
    return found


def _do(run: str, verb: str, given: dict[str, Any]) -> None:
    body = {name: value for name, value in given.items() if value is not None}
    with Server() as server:
        now = server.send("POST", server.path("runs", run, verb), json=body)
    show.done(f"{now['id']} {now['state'].replace('_', ' ')}")
