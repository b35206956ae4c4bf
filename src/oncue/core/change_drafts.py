"""Drafts of changes: written by people or by manifests, planned, and put before those who must agree.

What is agreed to is the hash of a plan. Whatever makes another plan of it takes the agreement away.
"""

from collections.abc import Collection
from datetime import UTC, datetime

import msgspec

from oncue.core import (
    approvals,
    change_calendar,
    change_life,
    change_plan,
    change_rules,
    change_trail,
    quorums,
    tickets,
)
from oncue.core.change import OPEN, Change, ChangePlan, Proposed
from oncue.core.change_life import OnChange
from oncue.core.change_spec import ChangeTemplateSpec, PlannedChangeSpec
from oncue.core.errors import Refusal
from oncue.core.expression import stored
from oncue.core.inputs import complete
from oncue.core.manifest import Manifest
from oncue.core.normalise import Seen
from oncue.core.tx import Tx


class Edit(msgspec.Struct):
    """A change is to be otherwise."""

    change: str
    wanted: PlannedChangeSpec


def create(
    tx: Tx, seen: Seen, asked: PlannedChangeSpec, configuration: tuple[Proposed, ...] = (), *, force: bool = False
) -> Change:
    """A change is wanted, be it of `configuration`. Raises `Refusal` change.template, change.steps, change.targets, workflow.inputs_invalid,
    request.invalid."""
    _refuse_past(tx, asked)
    return _drafted(tx, seen.namespace, None, asked, configuration, force=force)


def _refuse_past(tx: Tx, wanted: PlannedChangeSpec) -> None:
    deadline = _instant(wanted.deadline, "deadline")
    if deadline is not None and deadline <= tx.now:
        raise Refusal("request.invalid", f"deadline: {change_life.spoken(deadline)} has passed")


def _drafted(
    tx: Tx,
    namespace: str,
    name: str | None,
    wanted: PlannedChangeSpec,
    configuration: tuple[Proposed, ...] = (),
    *,
    force: bool = False,
) -> Change:
    before = tx.savepoint()
    try:
        change = Change(
            id=f"CHG-{tx.count('change')}", namespace=namespace, name=name, title="", type="normal", reason="", state="draft",
            requester=next(iter(people(tx)), tx.actor), spec=_spec(tx, namespace, wanted), configuration=configuration,
            force=force, created_at=tx.now, updated_at=tx.now,
        )  # fmt: skip
        _write(tx, change, wanted)
        change.ticket = tickets.create(
            tx, namespace=namespace, type="change", title=f"{change.id}: {change.title}"[:300], description=change.reason,
            opened_by=tx.actor, change=change.id,
        ).id  # fmt: skip
        change_life.say(tx, change, "created")
        if wanted.submit:
            submitted(tx, change)
    except Refusal:
        tx.back_to(before)
        raise
    tx.go_on(before)
    return change


def _spec(tx: Tx, namespace: str, wanted: PlannedChangeSpec) -> ChangeTemplateSpec:
    if (wanted.template is None) == (wanted.plan is None):
        raise Refusal("change.template", "give template or plan, and not both")
    if wanted.plan is not None:
        change_plan.check(wanted.plan)
        if wanted.plan.type == "standard":
            raise Refusal("change.template", "a standard change is one that a template describes")
        return wanted.plan
    manifest = tx.state.manifests.get(f"ChangeTemplate/{namespace}/{wanted.template}")
    if manifest is None:
        raise Refusal("change.template", f"there is no ChangeTemplate {wanted.template} in {namespace}")
    return msgspec.convert(manifest.spec, ChangeTemplateSpec)


def _write(tx: Tx, change: Change, wanted: PlannedChangeSpec) -> None:
    spec = _spec(tx, change.namespace, wanted)
    change.spec, change.template, change.type = spec, wanted.template, spec.type
    change.title = wanted.title or spec.description or wanted.template or change.id
    change.reason = wanted.reason
    change.inputs = complete(spec.inputs, stored(wanted.with_))
    change.wanted = tuple(wanted.targets)
    change.not_before = _instant(wanted.start_at, "start_at")
    change.deadline_at = _instant(wanted.deadline, "deadline")
    change_life.bound(tx, change)
    change.hands = tuple(dict.fromkeys((*change.hands, *hands(tx))))


def people(tx: Tx) -> tuple[str, ...]:
    """Whoever acts, as a person: by name, or by a token of their own."""
    those = (tx.actor, tx.cause.requester)
    return tuple(one for one in those if one is not None and one.startswith(approvals.PERSON))


def hands(tx: Tx) -> tuple[str, ...]:
    """Whoever acts, the token that they act by, and who answers for that."""
    those = (*people(tx), tx.actor if tx.actor.startswith("token:") else None, tx.owner)
    return tuple(dict.fromkeys(one for one in those if one is not None))


def _instant(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal("request.invalid", f"{name}: {text[:60]!r} is not an instant, as 2027-05-01T22:00:00Z") from error
    if found.tzinfo is None or not 1971 <= found.year <= 9000:
        raise Refusal("request.invalid", f"{name}: {text[:60]!r} needs an offset from UTC, as 2027-05-01T22:00:00Z")
    return found.astimezone(UTC)


def edit(tx: Tx, seen: Seen, asked: Edit) -> Change:
    """It is otherwise; whoever agreed to it has agreed to something else. Raises `Refusal` as `create`, change.state."""
    change = change_life.unbegun(tx, seen, asked.change)
    if change.configuration:
        raise Refusal(
            "change.configuration", f"{change.id} is proposed anew with other manifests: cancel it, and propose those"
        )
    _refuse_past(tx, asked.wanted)
    return _edited(tx, change, asked.wanted)


def _edited(tx: Tx, change: Change, wanted: PlannedChangeSpec) -> Change:
    before = tx.savepoint()
    try:
        tx.touch(change)
        was = change.plan
        _write(tx, change, wanted)
        change_life.unschedule(tx, change)
        change_life.say(tx, change, "edited")
        if change.state != "draft" or wanted.submit:
            submitted(tx, change)
        if was is not None and change.plan is not None and was.hash != change.plan.hash:
            change_trail.note(tx, change, f"Edited by {tx.actor}: another plan, {change.plan.hash[:12]}")
    except Refusal:
        tx.back_to(before)
        raise
    tx.go_on(before)
    return change


def applied(tx: Tx, manifest: Manifest) -> None:
    """A manifest `Change` was applied. Raises `Refusal` as `create` and `edit`."""
    wanted = msgspec.convert(manifest.spec, PlannedChangeSpec)
    known = [
        one for one in tx.state.changes.values() if (one.namespace, one.name) == (manifest.namespace, manifest.name)
    ]
    if not known:
        _drafted(tx, manifest.namespace, manifest.name, wanted)
        return
    (change,) = known
    if change.state not in OPEN:
        raise Refusal(
            "change.state",
            f"{change.id}, which {manifest.name} brought, is in {change.state}; call the next one otherwise",
        )
    _edited(tx, change, wanted)


def deleted(tx: Tx, namespace: str, name: str) -> None:
    """A manifest `Change` was deleted: what has not begun is cancelled."""
    for change in [one for one in tx.state.changes.values() if (one.namespace, one.name) == (namespace, name)]:
        if change.state in OPEN:
            tx.touch(change)
            change_life.drop(tx, change, f"its manifest was deleted by {tx.actor}")


def submit(tx: Tx, seen: Seen, asked: OnChange) -> Change:
    """It is planned, and agreed to by those who must; if it began by broken glass and they did not agree, they are asked again.
    Raises `Refusal` change.not_found, change.state, change.targets."""
    change = change_life.found(tx, seen, asked.change)
    if _unapproved(tx, change):
        tx.touch(change)
        _request(tx, change)
        change_life.say(tx, change, "updated")
        return change
    if change.state not in ("draft", "assess"):
        raise Refusal("change.state", f"{change.id} is in {change.state} already")
    tx.touch(change)
    submitted(tx, change)
    return change


def _unapproved(tx: Tx, change: Change) -> bool:
    """Whether it began by broken glass, and nobody is asked any more who could agree to it."""
    approval = tx.state.approvals.get(change.approval or "")
    begun = change.glass is not None and change.state in ("implement", "review")
    asked = approval is not None and approval.state == "pending"
    return begun and not asked and not change.agreed


def submitted(tx: Tx, change: Change) -> None:
    """It is planned; it waits for agreement, or for its time. It was touched. Raises `Refusal` as `submit`."""
    calendar = change.calendar
    opening = change_life.next_opening(tx, change)
    at = opening.starts_at if opening is not None else tx.now
    plan, risk = change_plan.made(tx.state, change, at)
    change.plan, change.risk = plan, risk
    change_life.withdraw(tx, change, "it is planned anew")
    if change.approved != plan.hash:
        change.approved = change.approval = None
    why = None
    if opening is None:
        why = change_calendar.never(tx.state, change.namespace, calendar)
    elif change.deadline_at is not None and at >= change.deadline_at:
        why = f"it could begin at {change_life.spoken(at)}, after its deadline"
    elif change_rules.ORDER.index(risk.level) > change_rules.ORDER.index(change.spec.max_risk):
        why = f"its risk is {risk.level.replace('_', ' ')} ({risk.score}); at most {change.spec.max_risk} is taken"
    elif not change.agreed:
        people = quorums.people_of(tx.state, change.namespace)
        why = quorums.unattainable(people, _about(change).barred, plan.approvals)
    if why is not None:
        change_life.become(tx, change, "assess", why)
    elif change.agreed:
        change_life.schedule(tx, change)
    else:
        ask(tx, change)


def rules_changed(tx: Tx, namespaces: Collection[str]) -> None:
    """Rules are otherwise: what was agreed to with fewer people than they ask for now is planned anew."""
    for _, change in sorted(tx.state.changes.items()):
        if change.namespace not in namespaces or change.state not in ("authorise", "scheduled"):
            continue
        more = change_rules.unmet(tx.state, change)
        if not more:
            continue
        tx.touch(change)
        change_trail.note(tx, change, f"Rules of {change.namespace} ask for more by now: {change_rules.said(more)}")
        change_life.unschedule(tx, change)
        try:
            submitted(tx, change)
        except Refusal as refusal:
            change.approved = None
            change_life.withdraw(tx, change, "it is planned anew")
            change_life.become(tx, change, "assess", f"{refusal.code}: {refusal.detail}")


def teams_changed(tx: Tx, namespaces: Collection[str]) -> None:
    """Teams are otherwise: what can be agreed to no more by those who are asked waits for them no longer."""
    for _, change in sorted(tx.state.changes.items()):
        approval = tx.state.approvals.get(change.approval or "")
        if change.namespace not in namespaces or change.state != "authorise" or approval is None:
            continue
        why = quorums.out_of_reach(quorums.people_of(tx.state, approval.namespace), approval)
        if why is not None:
            tx.touch(change)
            change_life.withdraw(tx, change, why)
            change_life.become(tx, change, "assess", why)


def _about(change: Change) -> approvals.About:
    barred = (change.requester, *change.hands)
    return approvals.About(change.namespace, change.template or change.id, barred, change=change.id)


def ask(tx: Tx, change: Change) -> None:
    """Those who must agree are asked. It was touched."""
    plan = _request(tx, change)
    change_life.become(tx, change, "authorise", f"{change.approval} asks for plan {plan.hash[:12]}")


def _request(tx: Tx, change: Change) -> ChangePlan:
    plan = change.plan
    if plan is None:
        raise AssertionError(change.id)
    reach = f"{_counted(len(plan.targets), 'target')} in {_counted(len(plan.waves), 'wave')}"
    if change.configuration:
        reach = _counted(len(change.configuration), "manifest")
    risk = f"; risk {change.risk.level.replace('_', ' ')} ({change.risk.score})" if change.risk is not None else ""
    text = f"{change.id} ({change.type}): {change.title}, on {reach}{risk}. {change.reason}"
    change.approval = approvals.request(tx, _about(change), plan.approvals, text).id
    return plan


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
