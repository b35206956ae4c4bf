"""Whether a step's inputs fit what it uses, and whether this server would let it be done, as far as they are known before the run.

`${...}` is left in them where they are not.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, cast

import msgspec
from msgspec import inspect

from oncue.core import run_acts
from oncue.core.act_inputs import NotifySend
from oncue.core.addressing import deliveries
from oncue.core.expression import Failed
from oncue.core.hidden import OF_RUNS
from oncue.core.inputs import REFERENCE
from oncue.core.state import State
from oncue.manifests.plugins import fits
from oncue.sdk import Action, ActionError, Guard, Permitted, Reaching, Rules, SecretRef, registry


class Here(msgspec.Struct, frozen=True):
    """What is so on the server that would do it, in the run's namespace."""

    rules: Rules
    """What its operator allows."""
    secrets: frozenset[str]
    """Their names."""
    guard: Guard
    """Where actions may connect."""


_REFERENCE: Final = cast("inspect.Metadata", inspect.type_info(SecretRef)).type


def fitting(uses: str, given: dict[str, Any]) -> None:
    """Raises `Failed`, or `ActionError` if it is a worker that sees it, for the first thing that is wrong with the inputs."""
    for wrong in fits(uses, registry.ACTIONS, given, ()):
        code = "inputs.invalid" if wrong.code == "manifest.invalid" else wrong.code
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in wrong.path)
        detail = f"{place.removeprefix('.')}: {wrong.detail}" if place else wrong.detail
        raise Failed(f"{code}: {detail}") if uses in run_acts.ACTS else ActionError(code, detail)


def reached(state: State, namespace: str, told: NotifySend, now: datetime) -> str:
    """Whom a message does not reach, and why; empty if that is nobody. Raises `Failed` if it reaches no one."""
    found, missing = deliveries(state, namespace, told.to, now, important=told.important)
    if not found:
        raise Failed(f"escalation.no_addressee: {missing}")
    return missing


def permitted(action: Action, given: dict[str, Any], inputs: Any, namespace: str, here: Here | None) -> None:
    """Raises `ActionError` if it cannot be done `here`; None asks nobody. Inputs that are not known are None, and `${...}` in what
    is `given`."""
    if here is None:
        return
    if isinstance(action, Permitted):
        action.permit(inputs, here.rules)
    takes: Any = action.inputs
    for reference in _secrets(given, inspect.type_info(takes)):
        name = reference.removeprefix(REFERENCE)
        if name not in here.secrets and not reference.startswith(OF_RUNS):
            detail = f"there is no secret {name!r} in the namespace {namespace}; keep it with `oncue secret set {name}`"
            raise ActionError("secret.not_found", detail)
    if isinstance(takes, Reaching):
        for place in takes.reaches(given):
            if place is not None:
                here.guard.foresee(*place)


def _secrets(value: Any, kind: inspect.Type) -> Iterator[str]:
    """The secrets that would be looked up: those where the inputs take one."""
    match kind:
        case inspect.Metadata():
            yield from _secrets(value, kind.type)
        case inspect.UnionType():
            for one in kind.types:
                yield from _secrets(value, one)
        case inspect.StrType() if kind == _REFERENCE and str(value).startswith(REFERENCE) and "${" not in value:
            yield value
        case inspect.DictType() if isinstance(value, dict):
            for inner in value.values():
                yield from _secrets(inner, kind.value_type)
        case inspect.ListType() | inspect.VarTupleType() if isinstance(value, list):
            for inner in value:
                yield from _secrets(inner, kind.item_type)
        case inspect.StructType() if isinstance(value, dict):
            for field in kind.fields:
                yield from _secrets(value.get(field.encode_name), field.type)
        case _:
            return
