"""`oncue mirror`: tickets in other systems. Lists are `oncue get ticket-mirrors`, manifests `oncue get ticketmirrors`."""

import typer

from oncue.cli import show
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Have what other systems lack of tickets sent again.",
)


@app.callback()
def _group() -> None:
    """Keeps `retry` a command of its own while it is the only one."""


@app.command()
def retry(
    mirror: str | None = typer.Argument(None, help="The mirror's name; all of the namespace if it is left out."),
    ticket: str | None = typer.Option(None, "--ticket", help="Only this ticket, as TCK-12."),
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="In this namespace."),
) -> None:
    """Try now what waits for another try. What goes wrong again waits as before."""
    given = {"mirror": mirror, "ticket": ticket, "namespace": namespace}
    with Server() as server:
        said = server.send("POST", "/ticket-mirrors/retry", json={name: one for name, one in given.items() if one})
    show.done(f"{show.counted(said['tried'], 'ticket')} tried again; see `oncue get ticket-mirrors`.")
