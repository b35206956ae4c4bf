"""`oncue check`: validates the configuration without starting."""

from pathlib import Path

import typer

from oncue import config
from oncue.cli.show import Format, document, note


def check(
    data: Path | None = typer.Option(None, "--data", help="The data directory. [default: oncue-data]"),
    output: Format = typer.Option(Format.yaml, "--output", "-o", help="How to print the configuration."),
) -> None:
    """Read the configuration as the server would, and print what it comes to; credentials are masked."""
    loaded = config.load({"data": data})
    shown = config.shown(loaded)
    document(shown, Format.yaml if output is Format.table else output)
    path = loaded.data / config.FILE
    note(f"The configuration is sound ({path if path.exists() else 'no ' + str(path)}, environment).")
