"""What is given to workflows on the command line: NAME=VALUE, and what is typed without echo, so that no shell remembers it."""

import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec
import typer

from oncue.cli import show
from oncue.cli.server import Server

Input = typer.Option([], "--input", "-i", help="NAME=VALUE, the value as JSON or text; may be repeated.")
Hidden = typer.Option(
    [],
    "--hidden",
    help="NAME of an input that is typed without echo, or read from standard input, a line for each; may be repeated.",
)
OF_RUNS: Final = "secret://run/"
"""What stands for a value that was given to a run begins with this."""


CONCEALED: Final = "(hidden)"
"""What is shown in its place."""


def gathered(input: list[str], hidden: list[str], schema: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The inputs: those of `--input`, those of `--hidden`, and on a terminal the hidden ones that `schema` needs besides."""
    given = pairs(input) | typed(hidden)
    if sys.stdin.isatty():
        declared = schema()
        needed = declared.get("required", ())
        missing = [name for name, rule in declared.get("properties", {}).items()
                   if name in needed and name not in given and rule.get("writeOnly") and "default" not in rule]  # fmt: skip
        given |= typed(missing)
    return given


def typed(names: list[str]) -> dict[str, str]:
    """The values of these, from the terminal or from standard input."""
    if len(names) < 2 or sys.stdin.isatty():
        return {name: show.password(f"Value of {name}") for name in names}
    lines = sys.stdin.read().splitlines()
    if len(lines) != len(names):
        raise typer.BadParameter(
            f"standard input has {len(lines)} lines for {len(names)} inputs", param_hint="--hidden"
        )
    return dict(zip(names, lines, strict=True))


def pairs(given: list[str]) -> dict[str, Any]:
    """Inputs from NAME=VALUE, the value as JSON or text."""
    found: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise typer.BadParameter("write NAME=VALUE", param_hint="--input")
        try:
            found[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            found[name] = text
    return found


def of_workflow(server: Server, workflow: str, namespace: str | None) -> dict[str, Any]:
    """What a workflow takes; nothing if it is not known which one is meant."""
    found = _meant(server.get("/manifests/Workflow")["items"], "name", workflow, namespace)
    inputs: dict[str, Any] = found["spec"].get("inputs", {}) if found is not None else {}
    return inputs


def needing(names: list[str]) -> dict[str, Any]:
    """What takes these, which must not be written down."""
    return {"required": names, "properties": {name: {"writeOnly": True} for name in names}}


def of_offer(server: Server, workflow: str, namespace: str | None) -> dict[str, Any]:
    """What is to be given to ask for a workflow; nothing if it is not known which one is meant."""
    found = _meant(server.get("/self-service")["items"], "workflow", workflow, namespace)
    form: dict[str, Any] = found["form"] if found is not None else {}
    return form


def _meant(items: list[dict[str, Any]], named: str, workflow: str, namespace: str | None) -> dict[str, Any] | None:
    """The one of these that is called so by its field `named`; None if there is none, or more than one in other namespaces."""
    place, _, name = workflow.rpartition("/")
    where = namespace or place
    found = [one for one in items if one[named] == name and where in ("", one["namespace"])]
    return found[0] if len(found) == 1 else None


def shown(value: Any) -> str:
    """An input as people read it."""
    if isinstance(value, str):
        return CONCEALED if value.startswith(OF_RUNS) else value
    return msgspec.json.encode(value).decode()
