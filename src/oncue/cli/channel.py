"""`oncue channel`: try whether a channel works. Channels are manifests; lists are `oncue get channels`."""

import time
from typing import Any, Final

import typer

from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Try whether a channel works."
)

WAIT_S: Final = 60.0
_EVERY_S: Final = 0.3


@app.callback()
def _group() -> None:
    """Keeps `test` a command of its own while it is the only one."""


@app.command("test")
def send_test(
    name: str = typer.Argument(help="The channel."),
    namespace: str = typer.Option("default", "--namespace", "-n", help="Where it is."),
) -> None:
    """Send a message by it, and wait for what becomes of that. Exit code 1 if it does not arrive at the first try."""
    with Server() as server:
        id = server.send("POST", server.path("channels", namespace, name, "test"))["id"]
        deadline = time.monotonic() + WAIT_S
        while (effect := _effect(server, id))["state"] == "pending" and effect["attempt"] == 1:
            if time.monotonic() > deadline:
                typer.echo(f"After {WAIT_S:g} s nobody knows; see: oncue explain effect {id}", err=True)
                raise typer.Exit(1)
            time.sleep(_EVERY_S)
    if effect["state"] == "succeeded":
        typer.echo(f"{namespace}/{name} took the message.")
        return
    typer.echo(f"{namespace}/{name} did not take the message: {effect['reason']}", err=True)
    raise typer.Exit(1)


def _effect(server: Server, id: str) -> dict[str, Any]:
    facts = server.get(server.path("explain", "effect", id))["facts"]
    newest: dict[str, Any] = facts[0]["event"]["data"]
    return newest
