"""Approvals: people who agree before a run goes on. A person's word counts once, and never for what they asked for."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from oncue.core.duration import Duration
from oncue.core.spec import Spec, StepId

Approver = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(user|team):[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$",
        description="Who may decide: `team:name` or `user:name`",
    ),
]
ApprovalState = Literal["pending", "approved", "rejected", "expired", "cancelled"]


class ApprovalSpec(Spec, kw_only=True, frozen=True):
    """A stage of an approval: who is asked, and how many must agree."""

    stage: StepId = "approve"
    """What it is called."""
    by: Annotated[list[Approver], msgspec.Meta(min_length=1, max_length=50)]
    """`team:name` and `user:name`: who may decide. Whoever asked for the run never counts."""
    quorum: Annotated[int, msgspec.Meta(ge=1, le=50)] = 1
    """How many of them must approve. One who rejects is enough to reject."""
    expires: Duration = "24h"
    """How long it may take."""
    on_expiry: Literal["fail", "reject"] = "fail"
    """What it counts as when nobody has decided by then: the step fails, or is `rejected`."""
    same_people: bool = False
    """Whether it counts for itself: who agrees in another stage may agree in this one as well. Otherwise a person counts once
    over all stages."""


class Stage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the stages, which come one after the other."""

    stage: str
    by: tuple[str, ...]
    """`team:name`, `user:name`."""
    quorum: int
    expires_s: float
    on_expiry: str
    same_people: bool = False


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
    owner: str | None = None
    """Who answers for the token by which a service account said so."""


class Delegated(msgspec.Struct, frozen=True):
    """That one person lets another decide in their place."""

    by: str
    to: str
    at: datetime


class Approval(msgspec.Struct, kw_only=True):
    """An approval's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    namespace: str
    run: str | None = None
    step: str | None = None
    """Address of the step of the run that asks; None if a request asks."""
    request: str | None = None
    """The request that is to be approved before it runs."""
    change: str | None = None
    """The change whose plan is to be approved."""
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
    unattainable: str | None = None
    """Why those who are asked cannot agree as it is; None if they can, as far as is known."""
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    """When it ends if nobody decides: its own time is up, or, if that comes first, that of the run."""
    ended_at: datetime | None = None
    position: str = ""
