"""How a run has an action called: as an effect, for a step or for what follows it."""

from typing import Any, Final

from oncue.core import outbox
from oncue.core.duration import seconds_of
from oncue.core.effect import Effect
from oncue.core.effect_classes import effect_class
from oncue.core.expression import Failed, Scope, render, spoken
from oncue.core.run import Run
from oncue.core.tx import Tx
from oncue.core.workflow_spec import Retry, StepSpec, WorkflowSpec

LABEL_LIMIT: Final = 200
"""Characters of a label's value."""


def ask(
    tx: Tx, run: Run, address: str, uses: str, inputs: Any, timeout_s: float, retry: Retry, *,
    labels: dict[str, str], start_within: str | None = None, heartbeat: str | None = None,
) -> Effect:  # fmt: skip
    """Have a worker call the action for what is at this address."""
    return outbox.request(
        tx, namespace=run.namespace, kind="action", uses=uses, payload=inputs, effect_class=effect_class(uses, inputs),
        timeout_s=timeout_s, start_within_s=seconds_of(start_within), heartbeat_s=seconds_of(heartbeat), priority=run.priority, labels=labels, retry=retry, incident=run.incident, alert=run.alert, run=run.id, step=address,
    )  # fmt: skip


def labels(whole: WorkflowSpec, spec: StepSpec, scope: Scope) -> dict[str, str]:
    """What a worker must say of itself to be given the step's action. Raises `Failed`."""
    wanted = whole.labels if spec.labels is None else spec.labels
    found: dict[str, str] = {}
    for name, text in sorted(wanted.items()):
        value = render(text, scope)
        if isinstance(value, dict | list):
            raise Failed(f"labels: {name} is a {'list' if isinstance(value, list) else 'map'}; it takes one value")
        found[name] = spoken(value).strip()
        if not 0 < len(found[name]) <= LABEL_LIMIT:
            raise Failed(f"labels: {name} has {len(found[name])} characters; it takes 1 to {LABEL_LIMIT}")
    return found
