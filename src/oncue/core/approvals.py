"""What happens to approvals: asked for, decided by enough people, handed on, run out, taken back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec

from oncue.core import notify, quorums
from oncue.core.approval import Approval, ApprovalSpec, Decided, Delegated, Stage
from oncue.core.contact import TeamSpec
from oncue.core.duration import seconds
from oncue.core.errors import Refusal
from oncue.core.run import Run, Step
from oncue.core.state import State
from oncue.core.tx import Tx

PERSON: Final = "user:"
LINK: Final = "/approvals?show="
_GONE: Final = {"disabled": "was switched off", "removed": "was removed", "service": "is a service account"}
ASK_LIMIT: Final = 2000
"""Characters of what is asked."""


class Decide(msgspec.Struct):
    """The data of `oncue.command.approval.decide`."""

    approval: str
    decision: Literal["approve", "reject"]
    reason: Annotated[str, msgspec.Meta(max_length=2000)] | None = None


class Delegate(msgspec.Struct):
    """The data of `oncue.command.approval.delegate`."""

    approval: str
    to: Annotated[str, msgspec.Meta(pattern=r"^user:\S{1,200}$")]


class About(msgspec.Struct, frozen=True):
    """What is to be approved: a step of a run, a request, or a change."""

    namespace: str
    workflow: str
    barred: tuple[str | None, ...]
    """Those who must not decide."""
    run: str | None = None
    step: str | None = None
    request: str | None = None
    change: str | None = None


def of_step(run: Run, step: Step) -> About:
    """What a step asks for: whoever asked for the run, or had a hand in the change that it carries out, has no say."""
    return About(run.namespace, run.workflow, (run.requester, *run.behind), run.id, step.address)


def request(tx: Tx, about: About, wanted: Sequence[ApprovalSpec], ask: str) -> Approval:
    """It is asked for, and those who may decide are told."""
    stages = tuple(
        Stage(one.stage, tuple(one.by), one.quorum, seconds(one.expires), one.on_expiry, one.same_people)
        for one in wanted
    )
    approval = Approval(
        id=f"APR-{tx.count('approval')}", namespace=about.namespace, run=about.run, step=about.step, request=about.request, change=about.change,
        workflow=about.workflow, ask=ask[:ASK_LIMIT], state="pending", stages=stages, created_at=tx.now, updated_at=tx.now,
        barred=tuple(dict.fromkeys(one for one in about.barred if one is not None)),
        expires_at=_ends(tx, about.run, tx.now + timedelta(seconds=stages[0].expires_s)),
    )  # fmt: skip
    _fact(tx, approval, "requested")
    _ask(tx, approval)
    return approval


def _ask(tx: Tx, approval: Approval) -> None:
    stage = approval.stages[approval.at]
    tx.timer_after(f"approval.expire/{approval.id}", stage.expires_s)
    details = [*_origin(approval), ["Until", f"{approval.expires_at:%Y-%m-%d %H:%M} UTC"],
               ["Needed", f"{stage.quorum} of {', '.join(stage.by)}"]]  # fmt: skip
    notify.message(
        tx, approval.namespace, stage.by, f"Approve? {approval.ask}", f"{approval.id}: {approval.ask}", details,
        url_path=f"{LINK}{approval.id}", approval=(approval.id, approval.expires_at),
    )  # fmt: skip


def _ends(tx: Tx, run: str | None, lasts: datetime) -> datetime:
    whole = tx.state.runs[run].deadline_at if run is not None else None
    return lasts if whole is None else min(lasts, whole)


def run_goes_on(tx: Tx, approval: Approval) -> None:
    """The run that asks stood still, and has as much time left as it had."""
    if approval.state == "pending":
        tx.touch(approval)
        approval.expires_at = _ends(tx, approval.run, tx.state.timers.by_key[f"approval.expire/{approval.id}"].due_at)
        tx.save("approval", approval)


def _origin(approval: Approval) -> list[list[str]]:
    if approval.change is not None:
        return [["Change", approval.change]]
    if approval.request is not None:
        return [["Workflow", approval.workflow], ["Request", approval.request]]
    return [["Workflow", approval.workflow], ["Run", approval.run or ""]]


def decide(tx: Tx, namespace: str, asked: Decide) -> Approval:
    """A person has decided. Raises `Refusal` approval.not_found, approval.over, approval.person, approval.own,
    approval.not_asked, approval.decided, approval.needed_later."""
    approval = _pending(tx, namespace, asked.approval)
    actor = _person(tx, approval)
    stage = approval.stages[approval.at]
    instead_of = _place(tx, approval, stage, actor)
    said = Decided(actor, stage.stage, asked.decision, tx.now, asked.reason, instead_of, tx.owner)
    later = quorums.kept_for(quorums.people_of(tx.state, approval.namespace, approval.delegations), approval, said)
    if asked.decision == "approve" and later is not None:
        raise Refusal(
            "approval.needed_later",
            f"stage {later} of {approval.id} could not be met any more: {_counting(said)}. Have another of {', '.join(stage.by)} "
            f"agree in stage {stage.stage}",
        )
    tx.touch(approval)
    approval.decisions = (*approval.decisions, said)
    agreed = sum(1 for one in approval.decisions if one.stage == stage.stage and one.decision == "approve")
    if asked.decision == "reject":
        _end(tx, approval, "rejected", f"{actor}: {asked.reason or 'no reason given'}")
    elif agreed < stage.quorum:
        _fact(tx, approval, "decided")
    elif approval.at + 1 < len(approval.stages):
        approval.at += 1
        lasts = timedelta(seconds=approval.stages[approval.at].expires_s)
        approval.expires_at = _ends(tx, approval.run, tx.now + lasts)
        _fact(tx, approval, "decided")
        _ask(tx, approval)
    else:
        _end(tx, approval, "approved", None)
    return approval


def _place(tx: Tx, approval: Approval, stage: Stage, actor: str) -> str | None:
    """Whose place they take; None for their own. Raises `Refusal` approval.not_asked, approval.decided."""
    places = [one.by for one in approval.delegations if one.to == actor]
    asked = [one for one in (actor, *places) if _asked(tx.state, approval, one)]
    if not asked:
        raise Refusal("approval.not_asked", f"{approval.id} asks {', '.join(stage.by)}; {actor} is none of them")
    counted = quorums.counted(approval, stage)
    for one in counted:
        if {one.by, one.owner or one.by} & {actor, tx.owner or actor}:
            raise Refusal("approval.decided", _already(approval, stage, one))
    taken = {name: one for one in counted for name in (one.by, one.instead_of) if name is not None}
    free = [one for one in asked if one not in taken]
    if actor in taken or not free:
        raise Refusal("approval.decided", _already(approval, stage, taken[actor if actor in taken else asked[0]]))
    return free[0] if free[0] != actor else None


def _counting(said: Decided) -> str:
    those = quorums.names(said)
    once = f"{' and '.join(those)} would count once together" if len(those) > 1 else f"{those[0]} counts once"
    return f"{once}, and the token is another's" if said.owner is not None and said.owner != said.by else once


def _already(approval: Approval, stage: Stage, said: Decided) -> str:
    place = f", in the place of {said.instead_of}," if said.instead_of is not None else ""
    where = "" if said.stage == stage.stage else f" in stage {said.stage}"
    counts = "whoever takes the place of others counts once" if place else "each person counts once"
    more = "" if said.stage == stage.stage else f" over all stages, and {stage.stage} needs others"
    return f"{said.by}{place} has decided about {approval.id} already{where}: {counts}{more}"


def delegate(tx: Tx, namespace: str, asked: Delegate) -> Approval:
    """Whoever is asked lets another decide in their place. Raises `Refusal` as `decide` does."""
    approval = _pending(tx, namespace, asked.approval)
    actor = _person(tx, approval)
    if not _asked(tx.state, approval, actor):
        raise Refusal("approval.not_asked", f"{approval.id} does not ask {actor}, who cannot hand it on")
    if asked.to in approval.barred or asked.to == actor:
        raise Refusal("approval.own", f"{asked.to} cannot decide in the place of {actor}")
    tx.touch(approval)
    others = tuple(one for one in approval.delegations if one.by != actor)
    approval.delegations = (*others, Delegated(actor, asked.to, tx.now))
    _fact(tx, approval, "delegated")
    notify.message(
        tx, approval.namespace, (asked.to,), f"Approve in the place of {actor}? {approval.ask}",
        f"{approval.id}: {approval.ask}", _origin(approval),
        url_path=f"{LINK}{approval.id}", approval=(approval.id, approval.expires_at),
    )  # fmt: skip
    return approval


def look(tx: Tx, approval: Approval) -> bool:
    """Whether it is otherwise than before that those who are asked can agree, which is said then."""
    why = quorums.out_of_reach(quorums.people_of(tx.state, approval.namespace, approval.delegations), approval)
    if approval.state != "pending" or (why is None) == (approval.unattainable is None):
        return False
    tx.touch(approval)
    approval.unattainable = why
    _fact(tx, approval, "attainable" if why is None else "unattainable")
    return True


def expire(tx: Tx, approval: Approval) -> None:
    """Nobody has decided in time."""
    stage = approval.stages[approval.at]
    tx.touch(approval)
    _end(tx, approval, "rejected" if stage.on_expiry == "reject" else "expired",
         f"nobody decided about stage {stage.stage} in time")  # fmt: skip


def withdraw(tx: Tx, approval: Approval, reason: str) -> None:
    """It is not needed any more."""
    if approval.state != "pending":
        tx.save("approval", approval, live=False)
        return
    tx.touch(approval)
    approval.reason = reason
    approval.state = "cancelled"
    approval.ended_at = tx.now
    tx.cancel(f"approval.expire/{approval.id}")
    _fact(tx, approval, "cancelled", live=False)


def taken(tx: Tx, approval: Approval) -> None:
    """The run knows what was decided."""
    tx.save("approval", approval, live=False)


def _end(tx: Tx, approval: Approval, state: Literal["approved", "rejected", "expired"], reason: str | None) -> None:
    approval.state = state
    approval.reason = reason
    approval.ended_at = tx.now
    tx.cancel(f"approval.expire/{approval.id}")
    _fact(tx, approval, state)
    if approval.change is not None:
        tx.timer(f"run.authorised/{approval.change}", tx.now)
    elif approval.request is not None:
        tx.timer(f"run.requested/{approval.request}", tx.now)
    else:
        tx.timer(f"run.decided/{approval.run}/{approval.step}", tx.now)


def _pending(tx: Tx, namespace: str, id: str) -> Approval:
    approval: Approval | None = tx.state.entities["approval"].get(id)
    if approval is None or approval.namespace != namespace or approval.state != "pending":
        raise Refusal("approval.not_found", f"{id} is not there, or is over")
    return approval


def _person(tx: Tx, approval: Approval) -> str:
    if not tx.actor.startswith(PERSON):
        raise Refusal("approval.person", f"{tx.actor} is not a person who is signed in")
    gone: str | None = tx.state.cells["absent"].get(tx.actor.removeprefix(PERSON))
    if gone is not None:
        raise Refusal("approval.person", f"{tx.actor} {_GONE[gone]}")
    if tx.actor in approval.barred:
        raise Refusal("approval.own", f"{tx.actor} asked for what {approval.id} is about")
    if tx.owner in approval.barred:
        raise Refusal("approval.own", f"{tx.owner}, who answers for this token, asked for what {approval.id} is about")
    return tx.actor


def _asked(state: State, approval: Approval, actor: str) -> bool:
    """Whether the present stage asks this person, by name or by a team."""
    name = actor.removeprefix(PERSON)
    for one in approval.stages[approval.at].by:
        kind, _, of = one.partition(":")
        if one == actor:
            return True
        team = state.manifests.get(f"Team/{approval.namespace}/{of}") if kind == "team" else None
        if team is not None and name in msgspec.convert(team.spec, TeamSpec).members:
            return True
    return False


def _fact(tx: Tx, approval: Approval, what: str, live: bool = True) -> None:
    approval.updated_at = tx.now
    refs = (("run", approval.run), ("request", approval.request), ("change", approval.change))
    tx.fact(
        f"oncue.approval.{what}", "approval", approval, refs=tuple((kind, id) for kind, id in refs if id is not None)
    )
    tx.save("approval", approval, live)
