"""Runs: one execution of a workflow each. State folded from events, never re-executed code."""

from datetime import datetime
from typing import Any, Literal

import msgspec

RunState = Literal["running", "succeeded", "failed", "cancelled"]
StepState = Literal["pending", "running", "waiting", "succeeded", "failed", "skipped", "unknown"]


class Step(msgspec.Struct, kw_only=True, gc=False):
    """One unit of a run. `address` is its path in the workflow; stable, never a counter."""

    address: str
    uses: str
    state: StepState = "pending"
    reason: str | None = None
    """Why it is in this state, if that needs saying: `if` was false, error code and text, next try."""
    attempt: int = 0
    inputs: Any = None
    """Resolved `with`; secrets stay references."""
    result: Any = None
    outputs: dict[str, Any] = {}
    error_code: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    next_try_at: datetime | None = None
    effect: str | None = None


class Run(msgspec.Struct, kw_only=True, gc=False):
    """A run's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    namespace: str
    workflow: str
    workflow_hash: str
    """Content hash of the definition that this run pins."""
    definition: Any
    """The workflow's spec as it was at the start."""
    state: RunState
    reason: str | None
    inputs: dict[str, Any]
    trigger: dict[str, Any]
    """`{kind: policy|manual, policy?, event?, alert?, incident?, actor?, lane?}`."""
    steps: tuple[Step, ...]
    started_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    incident: str | None = None
    alert: str | None = None
    service: str | None = None
    resource: str | None = None
    deadline_at: datetime | None = None
    position: str = ""
