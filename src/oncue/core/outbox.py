"""The outbox: effects are asked for here, and their results come back here.

The engine decides when to try again and what a crash in the middle means. A worker only acts and reports.
"""

from datetime import datetime, timedelta
from typing import Any, Final, Literal

from oncue.core.duration import seconds
from oncue.core.effect import Effect, EffectClass, EffectResult
from oncue.core.tx import Tx
from oncue.core.workflow_spec import Retry

NOTIFY_RETRY: Final = Retry(attempts=10, initial="5s", factor=3.0, max_delay="15m")
NO_RETRY: Final = Retry(attempts=1)


def request(
    tx: Tx,
    *,
    namespace: str,
    kind: Literal["action", "notify", "itsm"],
    uses: str,
    payload: dict[str, Any],
    effect_class: EffectClass,
    timeout_s: float,
    retry: Retry,
    incident: str | None = None,
    incidents: tuple[str, ...] = (),
    alert: str | None = None,
    run: str | None = None,
    step: str | None = None,
    not_before_at: datetime | None = None,
    start_within_s: float | None = None,
    heartbeat_s: float | None = None,
    priority: int = 3,
    labels: dict[str, str] | None = None,
) -> Effect:
    """Ask for an effect; workers see it after the commit, and not before its time."""
    effect = Effect(
        id=tx.new_id("ef"),
        namespace=namespace,
        kind=kind,
        uses=uses,
        payload=payload,
        effect_class=effect_class,
        state="pending",
        attempt=1,
        not_before_at=not_before_at or tx.now,
        timeout_s=timeout_s,
        start_within_s=start_within_s,
        heartbeat_s=heartbeat_s,
        priority=priority,
        labels=labels or {},
        max_attempts=retry.attempts,
        backoff_initial_s=seconds(retry.initial),
        backoff_factor=retry.factor,
        backoff_max_s=seconds(retry.max_delay),
        retry_errors=tuple(retry.errors),
        jitter=retry.jitter,
        created_at=tx.now,
        updated_at=tx.now,
        incident=incident,
        incidents=incidents,
        alert=alert,
        run=run,
        step=step,
    )
    derived = _fact(tx, effect, "oncue.effect.requested")
    effect.request_position = derived.position
    effect.cause = derived.event_id
    return effect


def started(tx: Tx, effect: Effect, token: str) -> None:
    """A worker is about to do what must not be done twice."""
    tx.touch(effect)
    effect.started_token = token
    effect.updated_at = tx.now
    tx.save("effect", effect)


def told(tx: Tx, effect: Effect) -> None:
    """Its attempt tells something: it goes on."""
    tx.touch(effect)
    effect.told_at = tx.now
    tx.save("effect", effect)


def settle(tx: Tx, effect: Effect, result: EffectResult) -> bool:
    """Take an attempt's result. Gives whether the effect has its final one."""
    tx.touch(effect)
    effect.updated_at = tx.now
    effect.started_token = effect.told_at = None
    effect.reason = f"{result.error_code}: {result.detail or ''}".rstrip(": ") if result.error_code else None
    if result.outcome == "succeeded":
        effect.state = "succeeded"
        _fact(tx, effect, "oncue.effect.succeeded", live=False)
        return True
    if result.outcome == "unknown":
        effect.state = "unknown"
        _fact(tx, effect, "oncue.effect.unknown", live=False)
        return True
    if effect.attempt < effect.max_attempts and _worth_it(effect, result):
        delay_s = min(effect.backoff_initial_s * effect.backoff_factor ** (effect.attempt - 1), effect.backoff_max_s)
        if effect.jitter:
            delay_s *= 0.5 + int.from_bytes(tx.digest(4), "big") / 2**33
        effect.attempt += 1
        effect.not_before_at = tx.now + timedelta(seconds=delay_s)
        _fact(tx, effect, "oncue.effect.retrying")
        return False
    effect.state = "failed"
    _fact(tx, effect, "oncue.effect.failed", live=False)
    return True


def _worth_it(effect: Effect, result: EffectResult) -> bool:
    if not result.repeatable:
        return False
    if effect.retry_errors:
        return any(
            result.error_code == wanted or (result.error_code or "").startswith(f"{wanted}.")
            for wanted in effect.retry_errors
        )
    return result.transient


def cancel(tx: Tx, effect: Effect, reason: str) -> None:
    """It is no longer wanted; a worker that has it is told to stop."""
    tx.touch(effect)
    effect.state = "cancelled"
    effect.reason = reason
    effect.updated_at = tx.now
    _fact(tx, effect, "oncue.effect.cancelled", live=False)


def _fact(tx: Tx, effect: Effect, type: str, live: bool = True) -> Any:
    refs = [
        ("incident", effect.incident),
        *(("incident", id) for id in effect.incidents),
        ("alert", effect.alert),
        ("run", effect.run),
    ]
    derived = tx.fact(type, "effect", effect, refs=tuple((kind, id) for kind, id in refs if id is not None))
    tx.save("effect", effect, live)
    return derived
