"""`oncue apply` and `oncue diff`: manifests to the server."""

from pathlib import Path
from typing import Any

import typer

from oncue import manifests
from oncue.cli import show
from oncue.cli.server import Server
from oncue.cli.validate import Files, accepted

Namespace = typer.Option(None, "--namespace", "-n", help="For manifests that name none. [default: the token's own]")


def apply(
    file: list[Path] = Files,
    namespace: str | None = Namespace,
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what would change, change nothing."),
) -> None:
    """Apply manifests: create what is new, update what has changed. All of them, or none."""
    result = _send(accepted(file), namespace, dry_run)
    for change in result["changes"]:
        word = f"would be {change['change']}" if dry_run and change["change"] != "unchanged" else change["change"]
        show.done(f"{change['id']} {word}")


def diff(
    file: list[Path] = Files,
    namespace: str | None = Namespace,
    exit_code: bool = typer.Option(False, "--exit-code", help="End with 1 if something would change."),
) -> None:
    """Show what `oncue apply` would change, line by line. Changes nothing."""
    result = _send(accepted(file), namespace, True)
    changed = [change for change in result["changes"] if change["change"] != "unchanged"]
    for change in changed:
        show.done(f"{change['id']} would be {change['change']}")
        for line in change.get("diff") or []:
            style = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
            show.out.print(f"  {line.rstrip()}", style=style, markup=False)
    if not changed:
        show.note("Nothing would change.")
    elif exit_code:
        raise typer.Exit(1)


def _send(documents: list[manifests.Document], namespace: str | None, dry_run: bool) -> Any:
    body = [_with_namespace(document.source.value, namespace) for document in documents]
    with Server() as server:
        result = server.send("POST", "/manifests", json=body, params={"dry_run": "true" if dry_run else None})
    for warning in result.get("warnings") or []:
        show.warning(warning)
    return result


def _with_namespace(value: dict[str, Any], namespace: str | None) -> dict[str, Any]:
    if namespace is None or value["metadata"].get("namespace"):
        return value
    return {**value, "metadata": {**value["metadata"], "namespace": namespace}}
