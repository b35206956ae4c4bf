"""Whether a step's inputs fit what it uses, and the operator allows it, as far as they are known before the run.

`${...}` is left in them where they are not.
"""

from datetime import datetime
from typing import Any

from oncue.core import run_acts
from oncue.core.act_inputs import NotifySend
from oncue.core.addressing import deliveries
from oncue.core.expression import Failed
from oncue.core.state import State
from oncue.manifests.plugins import fits
from oncue.sdk import Action, ActionError, Permitted, Rules, registry


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


def permitted(action: Action, inputs: Any, rules: Rules | None) -> None:
    """Raises `ActionError` if the operator, whose `rules` these are, does not allow it; None asks nobody. Inputs that are not
    known are None."""
    if rules is not None and isinstance(action, Permitted):
        action.permit(inputs, rules)
