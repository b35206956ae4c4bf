"""`oncue run`: starts a workflow by hand."""

import typer

from oncue.cli import inputs, show
from oncue.cli.dry_run import dry_run
from oncue.cli.logs import watch
from oncue.cli.server import Server


def run(
    workflow: str = typer.Argument(help="The workflow's name, or NAMESPACE/NAME."),
    input: list[str] = inputs.Input,
    hidden: list[str] = inputs.Hidden,
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="Of the workflow. [default: the token's own]"),
    following: bool = typer.Option(
        False, "--follow", "-f", help="Show its steps and what they tell until it ends; 1 if it does not succeed."
    ),
    dry: bool = typer.Option(
        False, "--dry-run", help="Start nothing: show what would be done; 1 if a step would fail."
    ),
    output: show.Format = show.Output,
) -> None:
    """Start a workflow, and print the run's id. See how it goes with `oncue logs ID`, or `--follow` at once.

    What must not be written down, as a password, is asked for without echo on a terminal; elsewhere give its name with
    `--hidden` and its value on standard input. Ctrl-C while following ends the looking, not the run.
    """
    with Server() as server:
        given = inputs.gathered(input, hidden, lambda: inputs.of_workflow(server, workflow, namespace))
        body = {"workflow": workflow, "inputs": given, "namespace": namespace}
        if dry:
            dry_run(server, body, output)
            return
        started = server.send("POST", "/runs", json=body)
        if output is show.Format.table:
            show.done(f"{started['id']} {started['state']}")
        elif not following:
            show.document(started, output)
        if following:
            watch(server, started["id"], output)
