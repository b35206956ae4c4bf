"""`oncue secret`: values that manifests refer to as `secret://name`. They go in and never come out."""

import typer

from oncue.cli import show
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Set, list and delete secrets."
)

Namespace = typer.Option("default", "--namespace", "-n", help="Whose manifests may refer to it.")


@app.command("set")
def set_(
    name: str = typer.Argument(help="Manifests refer to it as secret://NAME."),
    namespace: str = Namespace,
) -> None:
    """Set a secret to what is typed without echo, or to standard input. Never taken from an argument."""
    value = show.password(f"Value of {name}")
    with Server() as server:
        kept = server.send("PUT", server.path("secrets", namespace, name), json={"value": value})
    show.done(f"{kept['reference']} set in {namespace}")


@app.command("list")
def list_(output: show.Format = show.Output) -> None:
    """List the names of secrets."""
    with Server() as server:
        items = server.get("/secrets")["items"]
    if output is not show.Format.table:
        show.document(items, output)
        return
    rows = [(one["namespace"], one["name"], show.ago(one["updated_at"]), one["updated_by"]) for one in items]
    show.table(rows, ("namespace", "name", "age", "set by"))


@app.command()
def delete(name: str = typer.Argument(help="Which."), namespace: str = Namespace) -> None:
    """Forget a secret. What refers to it fails from now on."""
    with Server() as server:
        server.send("DELETE", server.path("secrets", namespace, name))
    show.done(f"{name} deleted from {namespace}")
