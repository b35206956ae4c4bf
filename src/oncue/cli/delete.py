"""`oncue delete`: takes manifests away."""

from pathlib import Path

import typer

from oncue.cli import show
from oncue.cli.apply import Propose, said_proposed
from oncue.cli.get import kind_of, manifest_kind
from oncue.cli.server import Server
from oncue.cli.validate import accepted

_USERS_FIRST = ("Policy", "Service", "Team", "Workflow", "Channel")
"""What is needed by others comes after them."""


def delete(
    kind: str | None = typer.Argument(None, help="The kind, as policy."),
    name: str | None = typer.Argument(None, help="The name, or NAMESPACE/NAME."),
    file: list[Path] = typer.Option([], "--file", "-f", help="Delete what these files describe, instead."),
    namespace: str = typer.Option("default", "--namespace", "-n", help="For names without one."),
    force: bool = typer.Option(False, "--force", help="Even what other manifests need."),
    propose: str | None = Propose,
) -> None:
    """Delete manifests. What happened under them stays in the journal."""
    if bool(file) == (kind is not None) or (kind is not None and name is None):
        raise typer.BadParameter("give KIND and NAME, or -f FILE", param_hint="KIND")
    if file:
        wanted = [(one.kind, one.namespace or namespace, one.name) for one in accepted(file, elsewhere=True)]
    else:
        found = manifest_kind(kind or "")
        if found is None:
            kind_of(kind or "")  # says what there is
            raise typer.BadParameter(f"{kind} cannot be deleted", param_hint="KIND")
        where, _, plain = (name or "").rpartition("/")
        wanted = [(found, where or namespace, plain)]
    wanted.sort(key=lambda one: _USERS_FIRST.index(one[0]) if one[0] in _USERS_FIRST else -1)
    with Server() as server:
        for one in wanted:
            params = {"force": "true" if force else None, "propose": propose}
            result = server.send("DELETE", server.path("manifests", *one), params=params)
            show.done(f"{'/'.join(one)} {'deleted' if propose is None else 'would be deleted'}")
            if result.get("proposed"):
                said_proposed(result["proposed"])
