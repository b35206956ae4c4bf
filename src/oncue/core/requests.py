"""What happens to requests: asked for, agreed to by those who must, run, withdrawn."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import msgspec

from oncue.core import approvals, gates, hidden, plan, run_acts, unattainable, workflow
from oncue.core.approval import Approval
from oncue.core.contact import TeamSpec
from oncue.core.errors import Refusal
from oncue.core.expression import stored
from oncue.core.inputs import complete
from oncue.core.manifest import Manifest
from oncue.core.normalise import Seen
from oncue.core.notify import message
from oncue.core.self_service import ANYONE, Request, RequestState, SelfService, form
from oncue.core.state import State
from oncue.core.tx import Tx
from oncue.core.window import window_key
from oncue.core.workflow_spec import WorkflowSpec


class Ask(msgspec.Struct):
    """The data of `oncue.command.request.ask`: the actor asks for a workflow to run."""

    workflow: str
    inputs: dict[str, Any] = {}
    reason: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    member: bool = False
    """Whether they have a role in the namespace."""
    may: tuple[str, ...] = ()
    """As in `Run`."""


class Withdraw(msgspec.Struct):
    """The data of `oncue.command.request.withdraw`."""

    request: str
    reason: Annotated[str, msgspec.Meta(max_length=2000)] | None = None


def ask(tx: Tx, seen: Seen, asked: Ask) -> Request:
    """Someone asks. It runs at once, or when those who must agree have. A refused request leaves nothing behind.

    Raises `Refusal` self_service.not_offered, self_service.person, self_service.not_yours, self_service.beyond_rights,
    self_service.too_often, workflow.inputs_invalid, and as `workflow.start` does.
    """
    namespace, person = seen.namespace, tx.actor
    manifest, spec, how = _offered(tx, namespace, asked.workflow)
    if not person.startswith(approvals.PERSON):
        raise Refusal("self_service.person", f"{person} is not a person who is signed in")
    if not may_ask(how, namespace, person, partial(_members, tx.state), member=asked.member):
        raise Refusal("self_service.not_yours", f"{asked.workflow} is offered to {', '.join(how.by)}")
    given = complete(form(spec.inputs, how), stored(asked.inputs))
    complete(spec.inputs, {**given, **how.fixed})
    if (beyond := _beyond(tx.state, namespace, spec, asked.may)) is not None:
        raise Refusal("self_service.beyond_rights", beyond)
    before = tx.savepoint()
    try:
        request = _begun(tx, manifest, spec, how, given, asked)
    except Refusal:
        tx.back_to(before)
        raise
    tx.go_on(before)
    return request


def _begun(
    tx: Tx, manifest: Manifest, spec: WorkflowSpec, how: SelfService, given: dict[str, Any], asked: Ask
) -> Request:
    if how.limit is not None:
        cell = window_key(f"{manifest.namespace}/{manifest.name}#requests", tx.actor)
        if (often := gates.paced(tx, cell, how.limit.count, how.limit.within)) is not None:
            detail = f"{tx.actor} asked {often} times within {how.limit.within}; at most {how.limit.count} are allowed"
            raise Refusal("self_service.too_often", detail)
    request = Request(
        id=f"REQ-{tx.count('request')}", namespace=manifest.namespace, workflow=manifest.name, version=manifest.hash,
        title=how.title or manifest.name, requester=tx.actor, inputs=given, reason=asked.reason, state="pending",
        may=asked.may, created_at=tx.now, updated_at=tx.now,
    )  # fmt: skip
    hidden.hold(tx, request.namespace, given)
    if not how.approvals:
        _start(tx, request, manifest, how)
        return request
    what = hidden.shown(spec.inputs, given)
    why = f" ({asked.reason})" if asked.reason else ""
    about = approvals.About(manifest.namespace, manifest.name, (request.requester, tx.owner), request=request.id)
    text = f"{request.title}{': ' if what else ''}{what}, for {request.requester.removeprefix(approvals.PERSON)}{why}"
    approval = approvals.request(tx, about, how.approvals, text)
    request.approval = approval.id
    _say(tx, request, "asked")
    unattainable.asked(tx, approval)
    return request


def decided(tx: Tx, id: str) -> None:
    """Those who were asked have decided, or did not."""
    request: Request | None = tx.state.entities["request"].get(id)
    approval: Approval | None = tx.state.approvals.get((request.approval if request is not None else None) or "")
    if request is None or approval is None:
        return
    approvals.taken(tx, approval)
    tx.touch(request)
    if approval.state != "approved":
        _end(tx, request, "rejected" if approval.state == "rejected" else "expired", approval.reason)
        return
    before = tx.savepoint()
    try:
        manifest, _, how = _offered(tx, request.namespace, request.workflow)
        if manifest.hash != request.version:
            raise Refusal("self_service.changed", f"{request.workflow} is not what it was when it was asked for")
        _still_theirs(tx, request, how)
        _start(tx, request, manifest, how)
    except Refusal as refusal:
        tx.back_to(before)
        tx.touch(request)
        _end(tx, request, "failed", f"{refusal.code}: {refusal.detail}")
    else:
        tx.go_on(before)


def _still_theirs(tx: Tx, request: Request, how: SelfService) -> None:
    """Teams may have changed since it was asked for; who has a role in the namespace is not known here, and stays as it was.

    Raises `Refusal` self_service.not_yours.
    """
    if not may_ask(how, request.namespace, request.requester, partial(_members, tx.state), member=True):
        detail = f"{request.workflow} is offered to {', '.join(how.by)}; {request.requester} is no longer among them"
        raise Refusal("self_service.not_yours", detail)


def withdraw(tx: Tx, seen: Seen, asked: Withdraw) -> Request:
    """Whoever asked wants it no more; what is under way is theirs to have cancelled by those who may.

    Raises `Refusal` self_service.person, self_service.not_found, self_service.not_yours.
    """
    if not tx.actor.startswith(approvals.PERSON):
        raise Refusal("self_service.person", f"{tx.actor} is not a person who is signed in")
    request: Request | None = tx.state.entities["request"].get(asked.request)
    if request is None or request.namespace != seen.namespace:
        raise Refusal("self_service.not_found", f"{asked.request} is not there, or was decided")
    if request.requester != tx.actor:
        raise Refusal("self_service.not_yours", f"{request.requester} asked for {request.id}")
    tx.touch(request)
    approval: Approval | None = tx.state.approvals.get(request.approval or "")
    if approval is not None:
        approvals.withdraw(tx, approval, f"{request.requester} withdrew {request.id}")
    _end(tx, request, "withdrawn", asked.reason)
    return request


def may_ask(
    how: SelfService,
    namespace: str,
    person: str,
    members: Callable[[tuple[str, str]], list[str] | None],
    *,
    member: bool,
) -> bool:
    """Whether the workflow is offered to this person: by name, by a team whose `members` they are among, or because they
    are a `member` of the namespace."""
    if not person.startswith(approvals.PERSON):
        return False
    name = person.removeprefix(approvals.PERSON)
    return any(
        one == person
        or (one == ANYONE and member)
        or (one.startswith("team:") and name in (members((namespace, one.removeprefix("team:"))) or ()))
        for one in how.by
    )


def _members(state: State, team: tuple[str, str]) -> list[str] | None:
    manifest = state.manifests.get(f"Team/{team[0]}/{team[1]}")
    return msgspec.convert(manifest.spec, TeamSpec).members if manifest is not None else None


def _offered(tx: Tx, namespace: str, name: str) -> tuple[Manifest, WorkflowSpec, SelfService]:
    manifest = tx.state.manifests.get(f"Workflow/{namespace}/{name}")
    spec = msgspec.convert(manifest.spec, WorkflowSpec) if manifest is not None else None
    if manifest is None or spec is None or spec.self_service is None:
        raise Refusal("self_service.not_offered", f"{name} in {namespace}")
    return manifest, spec, spec.self_service


def _beyond(state: State, namespace: str, spec: WorkflowSpec, may: tuple[str, ...]) -> str | None:
    """What a run would do that whoever asks may not; runs within it are looked at as well."""
    seen: set[str] = set()
    left = [spec]
    while left:
        for node in plan.compiled(left.pop()).nodes.values():
            uses = "event.emit" if node.spec.emit is not None else node.spec.uses or ""
            lacking = run_acts.ACTS[uses].needs if uses in run_acts.ACTS else None
            if lacking is not None and lacking not in may:
                return f"its step {node.id} does {uses}, which needs {lacking}, and that you may not there"
            name = node.spec.run.workflow if node.spec.run is not None else None
            inner = state.manifests.get(f"Workflow/{namespace}/{name}")
            if name is not None and inner is not None and name not in seen:
                seen.add(name)
                left.append(msgspec.convert(inner.spec, WorkflowSpec))
    return None


def _start(tx: Tx, request: Request, manifest: Manifest, how: SelfService) -> None:
    trigger = {"kind": "request", "request": request.id, "actor": request.requester}
    given = {**request.inputs, **how.fixed}
    run = workflow.start(tx, manifest, given, trigger, requester=request.requester, may=request.may)
    request.run = run.id
    _end(tx, request, "started", None)


def _end(tx: Tx, request: Request, state: RequestState, said: str | None) -> None:
    request.state = state
    request.said = said
    request.ended_at = tx.now
    hidden.let_go(tx, request.namespace, request.inputs)
    _say(tx, request, state, live=False)
    if state in ("rejected", "expired", "failed"):
        message(
            tx, request.namespace, (request.requester,), f"{request.title}: {state}", said or "",
            [["Request", request.id], ["Workflow", request.workflow]], url_path=f"/self-service?show={request.id}",
        )  # fmt: skip


def _say(tx: Tx, request: Request, what: str, live: bool = True) -> None:
    request.updated_at = tx.now
    refs = (("run", request.run), ("approval", request.approval))
    tx.fact(f"oncue.request.{what}", "request", request, refs=tuple((kind, id) for kind, id in refs if id is not None))
    tx.save("request", request, live)
