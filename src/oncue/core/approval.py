"""Approvals: people who agree before a run goes on. A person's word counts once, and never for what they asked for."""

from datetime import datetime
from typing import Literal

import msgspec

ApprovalState = Literal["pending", "approved", "rejected", "expired", "cancelled"]


class Stage(msgspec.Struct, frozen=True):
    """One of the stages, which come one after the other."""

    stage: str
    by: tuple[str, ...]
    """`team:name`, `user:name`."""
    quorum: int
    expires_s: float
    on_expiry: str


class Decided(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one person said."""

    by: str
    """`user:name`."""
    stage: str
    decision: Literal["approve", "reject"]
    at: datetime
    reason: str | None = None
    instead_of: str | None = None
    """Whose place they took."""


class Delegated(msgspec.Struct, frozen=True):
    """That one person lets another decide in their place."""

    by: str
    to: str
    at: datetime


class Approval(msgspec.Struct, kw_only=True):
    """An approval's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    namespace: str
    run: str
    step: str
    """Address of the step that asks."""
    workflow: str
    ask: str
    state: ApprovalState
    reason: str | None = None
    stages: tuple[Stage, ...]
    at: int = 0
    """Which stage is asked."""
    barred: tuple[str, ...] = ()
    """Who asked for the run or had a hand in what it is to do: they never count."""
    decisions: tuple[Decided, ...] = ()
    delegations: tuple[Delegated, ...] = ()
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    position: str = ""
