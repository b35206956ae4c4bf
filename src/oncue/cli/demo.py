"""`oncue demo`: stories told on a running server, with everything real but what is simulated."""

import time
from collections.abc import Callable

import typer

from oncue.cli import show
from oncue.cli.server import Server

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Tell a story on a running server, and check that it really happened.",
)


@app.command()
def threshold(
    smtp: str | None = typer.Option(
        None, "--smtp", metavar="HOST:PORT", help="Mail goes there, not into OnCue's mailbox."
    ),
    to: str = typer.Option("operator@localhost", "--to", help="To whom the mail is addressed."),
    namespace: str = typer.Option("demo", "--namespace", "-n", help="Where the demonstration's manifests go."),
    keep: bool = typer.Option(
        False, "--keep", help="Leave policies, workflows and people; the monitors go in any case."
    ),
) -> None:
    """A SAP system's response time crosses its limit: alert, incident, diagnosis, mail, ticket; then recovery.

    Simulates a SAP system on this machine, where the server must run, too. Takes less than a minute. Ends with 0 only if
    the mail's bytes and the SOAP calls at the SAP system were seen; else with 1, and says what is missing.
    """
    from oncue.demo.threshold import Options, told

    place = _address(smtp) if smtp is not None else None
    with Server() as server:
        _ended(told(server, Options(namespace=namespace, smtp=place, to=to, keep=keep), _clock()))


@app.command()
def change(
    to: str = typer.Option("operator@localhost", "--to", help="To whom the mail is addressed."),
    namespace: str = typer.Option("demo", "--namespace", "-n", help="Where the demonstration's manifests go."),
    keep: bool = typer.Option(False, "--keep", help="Leave templates, resources and people."),
) -> None:
    """A version is released to a fleet in waves; the second fails, and all is undone. Then another change succeeds.

    Runs a fleet of small services on this machine, where the server must run, too: processes, configuration files, and an
    endpoint that restarts them. Takes less than a minute. Ends with 0 only if files, processes and mail are as they must
    be; else with 1, and says what is missing.
    """
    from oncue.demo.change import Options, told

    with Server() as server:
        _ended(told(server, Options(namespace=namespace, to=to, keep=keep), _clock()))


def _clock() -> Callable[[str], None]:
    """Prints a line with the time since now."""
    began = time.monotonic()

    def tell(line: str) -> None:
        show.out.print(f"{time.monotonic() - began:5.1f} s  {show.clean(line)}", markup=False)

    return tell


def _ended(missing: str | None) -> None:
    if missing is not None:
        show.note(f"missing: {missing}")
        raise typer.Exit(1)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise typer.BadParameter("write HOST:PORT", param_hint="--smtp")
    return host.strip("[]"), int(port)
