"""`oncue request`: what is offered to you, asking for it, and what became of that."""

from typing import Any

import typer

from oncue.cli import inputs, show
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False,
    help="Self-service: what is offered to you; ask for it, see what became of it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ID = typer.Argument(help="The request's id, as REQ-7.")


@app.command()
def offers(output: show.Format = show.Output) -> None:
    """What you may ask for, and what is to be given."""
    with Server() as server:
        found = server.get("/self-service")
    if output is not show.Format.table:
        show.document(found, output)
        return
    for one in found["items"]:
        agreed = " and ".join(", ".join(stage["by"]) for stage in one["approvals"])
        typer.echo(f"{one['namespace']}/{one['workflow']}\t{one['title']}{f'; {agreed} must agree' if agreed else ''}")
        required = one["form"].get("required", ())
        for name, schema in one["form"].get("properties", {}).items():
            needed = "needed" if name in required else "may be left out"
            values = f", one of {', '.join(map(str, schema['enum']))}" if "enum" in schema else ""
            hidden = ", not written down: it is asked for, or --hidden" if schema.get("writeOnly") else ""
            typer.echo(f"  {name}={schema.get('type', 'any').upper()}\t{needed}{values}{_bounds(schema)}{hidden}")
    if not found["items"]:
        typer.echo("Nothing is offered to you.")


_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "of the form {}",
}


def _bounds(schema: dict[str, Any]) -> str:
    """`, at least 1, at most 50`, as far as the schema says so."""
    return "".join(f", {words.format(schema[keyword])}" for keyword, words in _BOUNDS.items() if keyword in schema)


@app.command()
def new(
    workflow: str = typer.Argument(help="The workflow's name, or NAMESPACE/NAME."),
    input: list[str] = inputs.Input,
    hidden: list[str] = inputs.Hidden,
    reason: str | None = typer.Option(None, "--reason", "-r", help="Why; whoever agrees reads it."),
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="Of the workflow. [default: the token's own]"),
    output: show.Format = show.Output,
) -> None:
    """Ask for a workflow to run. It runs at once, or when those who must agree have."""
    with Server() as server:
        given = inputs.gathered(input, hidden, lambda: inputs.of_offer(server, workflow, namespace))
        body = {"workflow": workflow, "inputs": given, "reason": reason, "namespace": namespace}
        made = server.send("POST", "/requests", json=body)
    if output is not show.Format.table:
        show.document(made, output)
    elif made["run"]:
        show.done(f"{made['id']} {show.came(made)} {made['run']}")
    else:
        asked = ", ".join(made["approving"]["stages"][0]["by"])
        show.done(f"{made['id']} {made['state']}: {asked} must agree ({made['approval']})")


@app.command()
def mine(output: show.Format = show.Output) -> None:
    """What you asked for, the newest first."""
    with Server() as server:
        found = server.get("/requests")
    if output is not show.Format.table:
        show.document(found, output)
        return
    if not found["items"]:
        typer.echo("You asked for nothing yet; see `oncue request offers`.")
        return
    rows = [
        (
            one["id"],
            show.came(one),
            one["title"],
            {name: inputs.shown(value) for name, value in one["inputs"].items()},
            one["said"] or (one["outcome"] or {}).get("reason"),
        )
        for one in found["items"]
    ]
    show.table(rows, ("id", "state", "title", "inputs", "said"))


@app.command("show")
def show_one(id: str = ID, output: show.Format = show.Output) -> None:
    """One request: who must agree, how far it is, what came of it."""
    with Server() as server:
        one = server.get(server.path("requests", id))
    if output is not show.Format.table:
        show.document(one, output)
        return
    said = f" ({one['said']})" if one["said"] else ""
    typer.echo(f"{one['id']} {show.came(one)}: {one['title']}{said}")
    for name, value in one["inputs"].items():
        typer.echo(f"  {name}={inputs.shown(value)}")
    if one["approving"]:
        stage = one["approving"]["stages"][one["approving"].get("at", 0)]
        if one["state"] == "pending":
            typer.echo(f"  waits for {stage.get('quorum', 1)} of {', '.join(stage['by'])} ({one['approval']})")
        for decided in one["approving"]["decisions"]:
            why = f", {decided['reason']}" if decided.get("reason") else ""
            typer.echo(f"  {decided['by']}: {decided['decision']}{why}")
    for step in one["steps"]:
        typer.echo(f"  {step['title'] or step['step']}: {step['state']}")
    if one["outcome"]:
        reason = one["outcome"]["reason"]
        typer.echo(f"{one['outcome']['id']} {one['outcome']['state']}{f': {reason}' if reason else ''}")
        for name, value in one["outcome"]["outputs"].items():
            typer.echo(f"  {name}: {value}")


@app.command()
def withdraw(
    id: str = ID, reason: str | None = typer.Option(None, "--reason", "-r", help="Why; it stays on record.")
) -> None:
    """Ask no more for what nobody has decided about yet."""
    with Server() as server:
        now = server.send("POST", server.path("requests", id, "withdraw"), json={"reason": reason})
    show.done(f"{now['id']} {now['state']}")
