"""Self-service: who may ask for a workflow to run who may start no runs otherwise, with which inputs, how often, and who must
agree. A request is what one person asked for once.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.core.approval import ApprovalSpec
from oncue.core.duration import Duration
from oncue.core.spec import Spec

ANYONE: Final = "anyone"

Asker = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(anyone|(user|team):[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?)$",
        description="Who may ask: `team:name`, `user:name` or `anyone`",
    ),
]
RequestState = Literal["pending", "started", "rejected", "expired", "withdrawn", "failed"]


class PerPerson(Spec, kw_only=True, frozen=True):
    """How often each person may ask."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    within: Duration
    """The sliding time."""


class SelfService(Spec, kw_only=True, frozen=True):
    """Who may ask for the workflow to run, and how."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None
    """What people call it; by default the workflow's name."""
    by: Annotated[list[Asker], msgspec.Meta(min_length=1, max_length=50)]
    """Who may ask: `team:name`, `user:name`, or `anyone` who has a role in the namespace."""
    inputs: dict[str, dict[str, Any]] = {}
    """Input to JSON Schema that it must meet besides the workflow's own, as `host: {enum: [web-1, web-2]}`."""
    fixed: dict[str, Any] = {}
    """Inputs that are given for whoever asks; the form does not show them."""
    limit: PerPerson | None = None
    """How often each person may ask."""
    approvals: Annotated[list[ApprovalSpec], msgspec.Meta(max_length=10)] = []
    """Who must agree before it runs: stages, one after the other. Whoever asks never counts."""


class Request(msgspec.Struct, kw_only=True):
    """A request's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    namespace: str
    workflow: str
    version: str
    """Content hash of the workflow as it was when it was asked for: another one is not run."""
    title: str
    requester: str
    """`user:name`."""
    inputs: dict[str, Any]
    """As they were given, without those that are fixed."""
    reason: str | None = None
    """Why it is asked for."""
    state: RequestState
    """`started` once the run is there, whatever becomes of that."""
    said: str | None = None
    """Why it is in this state: who rejected it, what could not be started."""
    may: tuple[str, ...]
    """As in `Run`."""
    approval: str | None = None
    run: str | None = None
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    """When it was decided that it runs, or does not."""
    position: str = ""


def form(inputs: dict[str, Any], how: SelfService) -> dict[str, Any]:
    """The JSON Schema of what whoever asks gives: the workflow's inputs without those that are fixed, narrowed."""
    properties = {
        name: {**schema, **how.inputs.get(name, {})}
        for name, schema in inputs.get("properties", {}).items()
        if name not in how.fixed
    }
    required = [name for name in inputs.get("required", []) if name not in how.fixed]
    return {**inputs, "type": "object", "properties": properties, "required": required, "additionalProperties": False}
