"""How a run has an action called: as an effect, for a step or for what follows it."""

from typing import Any

from oncue.core import outbox
from oncue.core.duration import seconds_of
from oncue.core.effect import Effect
from oncue.core.effect_classes import effect_class
from oncue.core.run import Run
from oncue.core.tx import Tx
from oncue.core.workflow_spec import Retry


def ask(
    tx: Tx, run: Run, address: str, uses: str, inputs: Any, timeout_s: float, retry: Retry, *,
    start_within: str | None = None, heartbeat: str | None = None,
) -> Effect:  # fmt: skip
    """Have a worker call the action for what is at this address."""
    return outbox.request(
        tx, namespace=run.namespace, kind="action", uses=uses, payload=inputs, effect_class=effect_class(uses, inputs),
        timeout_s=timeout_s, start_within_s=seconds_of(start_within), heartbeat_s=seconds_of(heartbeat), priority=run.priority, retry=retry, incident=run.incident, alert=run.alert, run=run.id, step=address,
    )  # fmt: skip
