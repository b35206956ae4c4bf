"""The change: something that is to be done to the landscape, from a draft to its review."""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from oncue.core.approval import ApprovalSpec
from oncue.core.change_spec import ChangeTemplateSpec, ChangeType, RiskLevel
from oncue.core.config_edit import ConfigEdit
from oncue.core.run import RunState

ChangeState = Literal["draft", "assess", "authorise", "scheduled", "implement", "review", "closed", "cancelled"]
"""As ITIL has them. `assess`: something speaks against the plan; `authorise`: people are asked; `scheduled`: it waits for its
time, or for someone to start it; `implement`: it runs; `review`: it is over, and someone looks back on it."""
CloseCode = Literal["successful", "successful_with_issues", "unsuccessful", "backed_out"]

OPEN: Final = frozenset({"draft", "assess", "authorise", "scheduled"})
"""States in which nothing was done yet, and its plan may be edited."""
ENDED: Final = frozenset({"closed", "cancelled"})


class Wave(msgspec.Struct, frozen=True):
    """Targets that are changed in one go."""

    name: str
    """`canary`, `wave-1`, `wave-2`."""
    targets: tuple[str, ...]


class Proposed(msgspec.Struct, frozen=True):
    """A manifest that a change takes or removes."""

    edit: ConfigEdit
    """With the generation that it is based on."""
    back: ConfigEdit
    """What undoes it: the manifest as it was, or its removal."""


class ChangePlan(msgspec.Struct, frozen=True):
    """What is agreed to, and will be done: targets and steps as they were when it was made."""

    hash: str
    """SHA-256 over the canonical JSON of the steps, the targets in their waves, the inputs, the window, the approvals, the
    preconditions, what it expects, who looks back on it, the instant before which it does not begin, the versions of the
    workflows that the steps name, and the manifests of a change of configuration."""
    waves: tuple[Wave, ...]
    unknown: tuple[str, ...] = ()
    """Targets that the catalogue does not know."""
    workflows: dict[str, str] = {}
    """Workflows that the steps run, with the version that was planned with."""
    approvals: tuple[ApprovalSpec, ...] = ()
    """Who must agree: the stages of the change, with those that rules of the namespace add. Without any, nobody needs to."""

    @property
    def targets(self) -> tuple[str, ...]:
        """All of them, in the order in which they are changed."""
        return tuple(name for wave in self.waves for name in wave.targets)


class Factor(msgspec.Struct, frozen=True):
    """One thing that makes a change risky."""

    name: str
    points: int
    said: str
    """Why."""


class Risk(msgspec.Struct, frozen=True):
    """How risky a change is, from 0 to 100, and why."""

    score: int
    level: RiskLevel
    factors: tuple[Factor, ...]
    """What weighs most first."""


class History(msgspec.Struct, frozen=True):
    """What became of the last changes: a cell by `template/NAMESPACE/NAME` or `target/NAMESPACE/NAME`."""

    outcomes: str
    """A letter each, the newest last: `s` for successful, `i` with issues, `u` unsuccessful, `b` backed out."""


class Glass(msgspec.Struct, frozen=True):
    """That someone passed over windows, freezes and approvals."""

    by: str
    reason: str
    at: datetime


class Change(msgspec.Struct, kw_only=True):
    """A change's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """`CHG-` and a number, counted per journal."""
    namespace: str
    name: str | None = None
    """Of the manifest that brought it."""
    template: str | None = None
    title: str
    type: ChangeType
    reason: str
    state: ChangeState
    said: str | None = None
    """Why it is in this state, or what it waits for."""
    requester: str
    """Who wants it."""
    hands: tuple[str, ...] = ()
    """Everyone who drafted or edited it: none of them approves it."""
    spec: ChangeTemplateSpec
    """How it is made: the template as it was, or its own."""
    inputs: dict[str, Any] = {}
    wanted: tuple[str, ...] = ()
    """Targets that it names, of those that the template has."""
    configuration: tuple[Proposed, ...] = ()
    """Of a change of OnCue's own configuration: what it takes and removes."""
    force: bool = False
    """Whether it removes also what other manifests need."""
    plan: ChangePlan | None = None
    """None until it is submitted."""
    risk: Risk | None = None
    """As it was reckoned with the plan."""
    approval: str | None = None
    """Who is asked, agreed, or said no; None when the plan is another one."""
    approved: str | None = None
    """The plan's hash that was agreed to."""
    not_before: datetime | None = None
    deadline_at: datetime | None = None
    starts_at: datetime | None = None
    """When it is to begin; None if someone must start it."""
    window_until: datetime | None = None
    """When the window closes in which it begins, or runs."""
    glass: Glass | None = None
    run: str | None = None
    run_state: RunState | None = None
    """How that stands, or ended: `paused`, `rolling_back`, `rollback_failed` while it waits for a person."""
    ticket: str | None = None
    record: str | None = None
    """The change record by which alerts and incidents know of it."""
    closing: bool = False
    """Whether its window has closed and it stops before the next wave."""
    close_code: CloseCode | None = None
    close_note: str | None = None
    created_at: datetime
    updated_at: datetime
    began_at: datetime | None = None
    ended_at: datetime | None = None
    """When it was done, or undone."""
    closed_at: datetime | None = None
    position: str = ""

    @property
    def agreed(self) -> bool:
        """Whether its plan may be made, as far as those go who must agree to it."""
        return self.plan is not None and (not self.plan.approvals or self.approved == self.plan.hash)

    @property
    def keeper(self) -> str | None:
        """The person who owns it, `user:name`; None if nobody does, or a team."""
        owner = self.spec.owner
        return owner if owner is not None and owner.startswith("user:") else None

    @property
    def calendar(self) -> str | None:
        """The calendar that it goes by, besides those that are for all."""
        return self.spec.window.calendar if self.spec.window is not None else None
