"""The effect: one recorded intent to act outside. Its id is the idempotency key.

The engine never acts. It records effects; workers lease them, act, and submit the result as an input. Retries,
backoff and the meaning of a crash in the middle are decided here, in the engine.
"""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

EffectClass = Literal["pure", "idempotent", "check-first", "at-most-once"]
"""What a crash in the middle may mean. Only `at-most-once` is never tried again without a person."""
StatedClass = Literal["pure", "idempotent", "at-most-once"]
"""What a step may say that it means of an action that cannot look whether it was done."""

EffectState = Literal["pending", "succeeded", "failed", "unknown", "cancelled"]


class Effect(msgspec.Struct, kw_only=True, gc=False):
    """An effect's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """Idempotency key, the same for every attempt."""
    namespace: str
    kind: Literal["action", "notify", "itsm"]
    uses: str
    """The action (`http.request`), notifier (`email`, `webhook`, `apprise`), or system of a ticket mirror (`jira`)."""
    payload: dict[str, Any]
    """For an action its resolved `with`; for a notifier `{channel, with, message}`; for a ticket mirror a `Push` or `Pull`,
    and which in `do`. Secrets are references."""
    effect_class: EffectClass
    state: EffectState
    attempt: int
    not_before_at: datetime
    timeout_s: float
    start_within_s: float | None = None
    """How long an attempt may wait for a worker to take it; None for as long as it takes."""
    heartbeat_s: float | None = None
    """How long an attempt may say nothing before it counts as hanging; None for as long as its timeout."""
    priority: int = 3
    """From 1, the most urgent, to 5: which of those that are due a worker takes first. Of a run's work, the run's."""
    labels: dict[str, str] = {}
    """What a worker must say of itself to be given it."""
    max_attempts: int
    backoff_initial_s: float
    backoff_factor: float
    backoff_max_s: float
    jitter: bool = False
    """Whether each wait is shortened by up to a half."""
    retry_errors: tuple[str, ...] = ()
    """Error codes worth another try; empty means every error that says it is transient."""
    reason: str | None = None
    created_at: datetime
    updated_at: datetime
    incident: str | None = None
    incidents: tuple[str, ...] = ()
    """Of a notification that tells of several."""
    alert: str | None = None
    run: str | None = None
    step: str | None = None
    started_token: str | None = None
    """For at-most-once: the lease under which `started` was committed."""
    told_at: datetime | None = None
    """When a worker last said that this attempt tells something."""
    request_position: int = 0
    cause: str = ""
    """Event id of the fact that requested it."""


def spoken_labels(labels: dict[str, str]) -> str:
    """Labels as people write them: `os=linux, site=east`."""
    return ", ".join(f"{name}={value}" for name, value in labels.items())


class EffectResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a worker reports of one attempt: the data of an `oncue.effect.result` input."""

    effect: str
    attempt: int
    outcome: Literal["succeeded", "failed", "unknown"]
    result: Any = None
    error_code: str | None = None
    """Dotted and stable, as in `http.status`, `timeout`, `smtp.refused`."""
    detail: str | None = None
    transient: bool = False
    """Whether another try may help."""
    nothing_done: bool = False
    """Of an attempt that failed: whether it is known that it changed nothing."""
    repeatable: bool = True
    """Whether it may be done again without a person: not if it is at-most-once and may have changed something."""
    retry_after_s: float | None = None
    """The pause that whom it asked named."""
    duration_ms: float = 0.0
    worker: str = ""
    late: bool = False
    """The lease had passed to another worker; kept as evidence, changes nothing."""


TOLD: Final = "oncue.effect.told"
"""Type of the word that work which goes on for long tells something."""


class StillTelling(msgspec.Struct):
    """The data of `oncue.effect.told`."""

    effects: list[tuple[str, int]]
    """Ids, and the attempt at each, of what told lines or progress since the last such word."""


class BeganActing(msgspec.Struct):
    """The data of `oncue.effect.started`."""

    effect: str
    attempt: int
    token: str
