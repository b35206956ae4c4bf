"""How a run has an action called: as an effect, for a step or for what follows it."""

from typing import Any, Final

from oncue.core import outbox
from oncue.core.effect import Effect, EffectClass
from oncue.core.run import Run
from oncue.core.tx import Tx
from oncue.core.workflow_spec import Retry

CLASS_OF: Final[dict[str, EffectClass]] = {
    "email.send": "idempotent",
    "sapcontrol.query": "pure",
    "sapcontrol.restart": "check-first",
    "sapcontrol.start": "check-first",
    "sapcontrol.stop": "check-first",
}
"""What a crash in the middle of an action may mean, where it does not depend on the inputs."""


def ask(tx: Tx, run: Run, address: str, uses: str, inputs: Any, timeout_s: float, retry: Retry) -> Effect:
    """Have a worker call the action for what is at this address."""
    return outbox.request(
        tx, namespace=run.namespace, kind="action", uses=uses, payload=inputs, effect_class=effect_class(uses, inputs),
        timeout_s=timeout_s, retry=retry, incident=run.incident, alert=run.alert, run=run.id, step=address,
    )  # fmt: skip


def effect_class(uses: str, inputs: dict[str, Any]) -> EffectClass:
    """What a crash in the middle of this action may mean. An action may be told with `effect_class`."""
    told = inputs.get("effect_class")
    if told in ("pure", "idempotent", "check-first", "at-most-once"):
        return told  # type: ignore[no-any-return]
    if uses == "http.request":
        method = str(inputs.get("method", "GET")).upper()
        if method in ("GET", "HEAD", "OPTIONS"):
            return "pure"
        return "idempotent" if method in ("PUT", "DELETE") else "at-most-once"
    return CLASS_OF.get(uses, "at-most-once")
