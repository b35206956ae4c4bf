"""`oncue lookup`: tables of what is known of a key. They are manifests of kind Lookup; lists are `oncue get lookups`."""

import csv
import io
from pathlib import Path

import typer

from oncue.cli import show
from oncue.cli.server import Server
from oncue.core.errors import Refusal
from oncue.core.manifest import API_VERSION

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Import tables that expressions look in."
)


@app.callback()
def group() -> None:
    """Keeps `import` a command of its own, though it is the only one."""


@app.command("import")
def import_(
    file: Path = typer.Argument(help="CSV in UTF-8 with a line of column names."),
    name: str | None = typer.Option(None, "--name", help="Of the table. [default: the file's]"),
    key: str | None = typer.Option(None, "--key", help="The column that is looked in. [default: the first]"),
    match: str = typer.Option("exact", "--match", help="exact, prefix, cidr or glob."),
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="In this namespace."),
) -> None:
    """Apply a table: it takes the place of the one of this name. Empty cells are left out."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal("request.invalid", f"{file}: {error}") from error
    columns, *lines = [line for line in csv.reader(io.StringIO(text)) if any(line)] or [[]]
    wrong = next((number for number, line in enumerate(lines, 2) if len(line) > len(columns)), None)
    if not lines or not all(columns) or wrong is not None:
        where = (
            f"line {wrong} has more cells than there are columns" if wrong else "there are no rows under column names"
        )
        raise Refusal("request.invalid", f"{file}: {where}")
    rows = [
        {column: cell for column, cell in zip(columns, line, strict=False) if cell} for line in lines
    ]  # fmt: skip
    metadata = {"name": name or file.stem.lower()} | ({"namespace": namespace} if namespace is not None else {})
    spec = {"key": key or columns[0], "match": match, "rows": rows}
    with Server() as server:
        manifest = {"apiVersion": API_VERSION, "kind": "Lookup", "metadata": metadata, "spec": spec}
        (change,) = server.send("POST", "/manifests", json=[manifest])["changes"]
    show.done(f"{len(rows)} rows: Lookup {metadata['name']} {change['change']}")
