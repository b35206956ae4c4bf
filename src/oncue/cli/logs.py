"""`oncue logs`: what the steps of a run told while they were under way."""

import os
import signal
from functools import partial

import typer

from oncue.cli import show
from oncue.cli.following import Looking, Printer, follow
from oncue.cli.server import Server

LEFT = 130
"""The exit code of whoever stops looking, by Ctrl-C."""


def logs(
    run: str = typer.Argument(help="The run's id, as `oncue get runs` shows it."),
    step: str | None = typer.Option(None, "--step", "-s", help="Only of the step with this address."),
    following: bool = typer.Option(False, "--follow", "-f", help="Go on until the run ends; steps are shown, too."),
    output: show.Format = show.Output,
) -> None:
    """Print what the steps of a run told, and how far they are. Lines are kept for 30 days, and 1 MB of a run."""
    with Server() as server:
        if following:
            watch(server, run, output, step)
        else:
            looking = Looking(server, run, Printer(output), step)
            looking.look(steps=False)
            if not looking.heard:
                show.note(f"Its steps told nothing. What they did: oncue runs show {run}")


def watch(server: Server, run: str, output: show.Format, step: str | None = None) -> None:
    """Show what happens in a run until it ends, and end with 0 if it succeeded, else with 1. Ctrl-C ends the looking alone."""
    before = signal.signal(signal.SIGINT, partial(_leave, run))
    try:
        seen = follow(server, run, Printer(output), step)
    finally:
        signal.signal(signal.SIGINT, before)
    reason = f": {seen['reason']}" if seen.get("reason") else ""
    if output is show.Format.table:
        show.done(f"{run} {seen['state']}{reason}")
    raise typer.Exit(0 if seen["state"] == "succeeded" else 1)


def _leave(run: str, *_: object) -> None:
    """End at once. `KeyboardInterrupt` would be lost if it came while Python tidies up, and there is nothing to tidy up here."""
    os.write(2, f"The run goes on. See it again with: oncue logs {run} --follow\n".encode())
    os._exit(LEFT)
