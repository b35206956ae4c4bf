"""`oncue up`: starts the server and stays until it ends."""

import os
from pathlib import Path

import typer


def up(
    data: Path | None = typer.Option(
        None, "--data", help="The data directory; made if it is not there. [default: oncue-data]"
    ),
    port: int | None = typer.Option(None, "--port", help="The TCP port; 0 takes a free one. [default: 8480]"),
    host: str | None = typer.Option(None, "--host", help="The address to listen at. [default: 127.0.0.1]"),
    first_start_apply: Path | None = typer.Option(
        None, "--first-start-apply", help="Manifests to apply when the journal is still empty: a file or a directory."
    ),
) -> None:
    """Start the server: the console, the API, the engine and a worker, over one data directory.

    Settings come from oncue.toml in the data directory, from ONCUE_* variables, and from these options, later ones
    winning. SIGTERM or Ctrl-C ends it in good order.
    """
    from oncue import config
    from oncue.core.errors import Refusal
    from oncue.runtime import supervisor
    from oncue.store.revision import FILE_NAME, check

    loaded = config.load({"data": data, "port": port, "host": host, "first_start_apply": first_start_apply})
    if loaded.first_start_apply is not None:
        # Better now, with line and column, than in a log of a process that has started already.
        from oncue.cli.validate import accepted

        accepted([loaded.first_start_apply])
    try:
        loaded.data.mkdir(parents=True, exist_ok=True)
        os.close(os.open(loaded.data / "oncue.lock", os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise Refusal("config.invalid", f"{loaded.data} cannot be used: {error.strerror}") from error
    check(loaded.data / FILE_NAME)
    raise typer.Exit(supervisor.main(loaded))
