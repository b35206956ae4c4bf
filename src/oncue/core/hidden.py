"""Inputs that must not be written down: those that a workflow declares with `writeOnly: true`, as a password.

Their values never come here. The edge keeps each one encrypted, in a row beside the journal that travels with the command,
and puts `secret://run/WORD/INPUT` in its place; a worker resolves that when it acts. `check` refuses what would be written
down otherwise, before it is. The row is there as long as any run or request holds what stands for it: a cell counts them.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec

from oncue.core import inputs
from oncue.core.errors import Refusal
from oncue.core.state import State
from oncue.core.tx import Tx

OF_RUNS: Final = f"{inputs.REFERENCE}run/"
"""What stands for a value that was given to a run begins with this."""
ROW: Final = "input"
"""The kind of the rows that keep such values."""
CELL: Final = "hidden"
"""The kind of the cells that count who holds one, by the row's id: it is gone with the last of them."""
GIVEN: Final[dict[str, str]] = {
    "oncue.command.run.start": "workflow.not_found",
    "oncue.command.run.fork": "workflow.not_found",
    "oncue.command.request.ask": "self_service.not_offered",
}
"""Command by which inputs are given to a workflow -> what is said if there is none of that name."""
VALUE_LIMIT: Final = 65_536
"""Characters of a value."""
_BY_HAND: Final = frozenset({"manual", "fork", "request"})
"""What starts runs whose inputs people gave."""


class _Given(msgspec.Struct):
    """What these commands have in common."""

    workflow: str
    inputs: dict[str, Any] = {}


def check(state: State, namespace: str, type: str, data: bytes, brought: Collection[str]) -> None:
    """Nothing is in the command that must not be written down; `brought` are the ids of the rows that come with it.

    What cannot be read, or is given to a workflow or an input that is not there, might be such a value as well. Raises
    `Refusal` workflow.inputs_hidden, which names the inputs, request.invalid, and as `GIVEN` has it.
    """
    try:
        given = msgspec.json.decode(data, type=_Given)
    except msgspec.DecodeError as error:
        raise Refusal("request.invalid", str(error)) from error
    manifest = state.manifests.get(f"Workflow/{namespace}/{given.workflow}")
    if manifest is None:
        raise Refusal(GIVEN[type], f"{given.workflow[:100]} in {namespace}")
    schema = manifest.spec.get("inputs") or {}
    if any(row(namespace, one) not in brought for one in held(given.inputs)):
        raise Refusal("workflow.inputs_hidden", f"{OF_RUNS}... is another run's; give the value itself again")
    if names := _exposed(schema, given.inputs):
        raise Refusal("workflow.inputs_hidden", ", ".join(names)[: inputs.SHOWN_LIMIT])


def _exposed(schema: dict[str, Any], given: dict[str, Any]) -> list[str]:
    """The inputs whose values must not be written down, or might be such under a name that nobody knows."""
    concealed = inputs.hidden(schema)
    if not concealed:
        return []
    exposed = [name for name in concealed if name in given and not inputs.is_reference(given[name])]
    if not schema.get("additionalProperties"):
        exposed += [name for name in given if name not in schema["properties"]]
    return exposed


def plain(schema: dict[str, Any], given: dict[str, Any]) -> dict[str, str]:
    """The hidden inputs of which the value itself is given. Raises `Refusal` workflow.inputs_invalid if one does not fit."""
    found = {}
    for name in inputs.hidden(schema):
        if name in given and not inputs.is_reference(given[name]):
            inputs.check(name, given[name], {"type": "string", "maxLength": VALUE_LIMIT})
            inputs.check(name, given[name], schema["properties"][name])
            found[name] = given[name]
    return found


def placeholders(schema: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a run that only seems to be: something stands for those that are hidden, and nothing is kept. Raises
    `Refusal` workflow.inputs_invalid."""
    return {**given, **{name: f"{OF_RUNS}none/{name}" for name in plain(schema, given)}}


def held(value: Any) -> list[str]:
    """What in a nested value stands for values that were given to runs."""
    return [one for one in references(value) if one.startswith(OF_RUNS)]


def references(value: Any) -> Iterator[str]:
    """What in a nested value stands for secrets."""
    if isinstance(value, str):
        if inputs.is_reference(value) and len(value) > len(inputs.REFERENCE):
            yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def row(namespace: str, reference: str) -> str:
    """The id of the row that keeps it."""
    return f"{namespace}/{reference.removeprefix(inputs.REFERENCE)}"


def bound(given: dict[str, Any], trigger: str, above: dict[str, Any]) -> None:
    """Raises `Refusal` workflow.inputs_invalid if a run is to have what was given to another than the one above it, whose
    inputs are `above`: what people give was looked at before."""
    if trigger not in _BY_HAND and not set(held(given)).issubset(held(above)):
        raise Refusal("workflow.inputs_invalid", f"{OF_RUNS}... was given to another run")


def hold(tx: Tx, namespace: str, given: dict[str, Any]) -> None:
    """A run or a request has these inputs from now on."""
    for one in dict.fromkeys(held(given)):
        id = row(namespace, one)
        tx.cell(CELL, id, tx.state.cells[CELL].get(id, 0) + 1)


def let_go(tx: Tx, namespace: str, given: dict[str, Any]) -> None:
    """It is over. What nobody holds any more is forgotten."""
    for one in dict.fromkeys(held(given)):
        id = row(namespace, one)
        holders = tx.state.cells[CELL].get(id, 1)
        tx.cell(CELL, id, holders - 1 if holders > 1 else None)


def shown(schema: dict[str, Any], given: dict[str, Any]) -> str:
    """The inputs in a sentence."""
    concealed = inputs.hidden(schema)
    return ", ".join(f"{name} {'(hidden)' if name in concealed else value}" for name, value in given.items())
