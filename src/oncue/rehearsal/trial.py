"""What policies would make of one event: told to an engine in memory that knows the configuration and nothing else.

The engine decides, as in a test; the clauses say on what. Nothing has happened there before: conditions over time begin
empty, limits are not used up, and nobody has silenced anything.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from oncue.core import event as events
from oncue.core import shaping, wall_clock
from oncue.core.condition import Match
from oncue.core.conditions.contents import contents
from oncue.core.export import EVERYONE, KIND, ExportSpec
from oncue.core.expression import Failed, evaluate, holds, spoken
from oncue.core.manifest import Manifest
from oncue.core.normalise import Seen, readings
from oncue.core.override import label
from oncue.core.policy import Policy, PolicyStats, Selector, covers
from oncue.core.tx import Cause, Tx
from oncue.core.window import owner_of
from oncue.manifests.shape import near
from oncue.rehearsal.world import World

Verdict = Literal["holds", "fails", "unjudged"]
Outcome = Literal["fires", "held_back", "waits", "not_taken", "failed"]

POLICIES: Final = 200
"""Policies that are tried at the most."""
VALUES: Final = 4
"""Fields of an expression that are shown with their values."""
_FIELD: Final = re.compile(r"\bevent(?:\.[A-Za-z_]\w*)+(?![\w.]*\()")


class ClauseView(msgspec.Struct, kw_only=True):
    """One thing that a policy asks of an event."""

    name: str
    """As `types`, `labels.role`, `where`, `condition`, `skip_when`."""
    wants: str
    has: str
    """What the event has instead or as well, or why that cannot be said."""
    verdict: Verdict
    decides: bool = False
    """Whether it is what the policy did not fire on."""


class TriedPolicy(msgspec.Struct, kw_only=True):
    """What one policy would do."""

    policy: str
    """`namespace/name`."""
    outcome: Outcome
    reason: str
    """`matched`, or the reason code of a decision or a near miss; `selector` where an indexed part of `match` fails."""
    detail: str
    clauses: list[ClauseView]


class Told(msgspec.Struct, kw_only=True):
    """Somebody who would be told."""

    to: str
    reason: str
    title: str | None


class Raised(msgspec.Struct, kw_only=True):
    """An alert that there would be."""

    namespace: str
    title: str
    severity: str
    resource: str
    service: str | None
    state: str
    quiet: list[str]


class Trial(msgspec.Struct, kw_only=True):
    """What one event would come to."""

    policies: list[TriedPolicy]
    """Those that look at events of its type: first those that would fire."""
    others: int
    """Policies of the namespace, and of those that it shares events with, that do not look at events of this type, or were too many to try."""
    alerts: list[Raised]
    notifications: list[Told]
    runs: list[str]
    """Workflows that would start."""
    tickets: list[str]
    """Titles of tickets that would be written."""


def trial(manifests: list[Manifest], body: bytes, namespace: str, origin: str, at: datetime) -> Trial:
    """Tell the event to an engine with this configuration. Raises `Refusal` for what the engine would not take."""
    event = events.decode(body)
    namespace = event.namespace or namespace
    types = _types(event)
    reached = _reached(manifests, namespace)
    policies = [one for one in manifests if one.kind == "Policy" and (one.namespace == namespace or reached(one))]
    met = [one.id for one in policies if any(covers(_policy_types(one), type) for type in types)][:POLICIES]
    known = [one for one in manifests if one.kind != "Policy" or one.id in met]
    world = World([_change(one) for one in known], at, namespace, {})
    world.arrives(body, origin)
    world.wait(at)
    tried = sorted(_tried(world, met, event, body, namespace, origin, at), key=_order)
    return Trial(
        policies=tried,
        others=len(policies) - len(met),
        alerts=[
            Raised(
                namespace=one["namespace"], title=one["title"], severity=one["severity"], resource=one["resource"], service=one["service"],
                state=one["state"], quiet=[reason["reason"] for reason in one["quiet"]],
            )
            for one in world.all("alert")
        ],
        notifications=[Told(to=one["to"], reason=one["reason"], title=one["title"]) for one in world.all("notification")],
        runs=[one["workflow"] for one in world.all("run")],
        tickets=[one["title"] for one in world.all("ticket")],
    )  # fmt: skip


def _reached(manifests: list[Manifest], home: str) -> Callable[[Manifest], bool]:
    """Whether a policy is in a namespace that anything of `home` is shared with."""
    exports = [msgspec.convert(one.spec, ExportSpec) for one in manifests if one.kind == KIND and one.namespace == home]
    to = {namespace for export in exports for namespace in export.to}
    return lambda one: one.namespace != home and (EVERYONE in to or one.namespace in to)


def _types(event: events.Event) -> list[str]:
    if event.type != "oncue.sample":
        return [event.type]
    data = events.data_of(event)
    given = data.get("readings") if isinstance(data, dict) else None
    return [str(one.get("metric")) for one in given or [] if isinstance(one, dict)]


def _policy_types(manifest: Manifest) -> list[str]:
    return Policy(manifest).types


def _change(manifest: Manifest) -> dict[str, Any]:
    fields = ("kind", "namespace", "name", "labels", "owner", "review_by", "description", "spec")
    return {"op": "apply", **{name: getattr(manifest, name) for name in fields}}


_ORDER: Final = ("fires", "failed", "held_back", "waits", "not_taken")


def _order(one: TriedPolicy) -> tuple[int, int, str]:
    return _ORDER.index(one.outcome), -sum(clause.verdict == "holds" for clause in one.clauses), one.policy


def _tried(
    world: World, met: list[str], event: events.Event, body: bytes, namespace: str, origin: str, at: datetime
) -> Iterator[TriedPolicy]:
    whole = Seen(world.state, event, body, namespace, origin, 1)
    shown = readings(world.state, whole) if event.type == "oncue.sample" else [whole]
    decided = {one["policy"]: one for one in world.all("decision")}
    missed = {policy: (reason, detail) for policy, reason, detail, _ in world.near_misses()}
    for id in met:
        policy = world.state.policies.by_id[id.removeprefix("Policy/")]
        seen = next((one for one in shown if covers(policy.types, one.type)), shown[0])
        at_home = seen
        if policy.namespace != at_home.namespace:
            seen = at_home.abroad(policy.namespace)
        seen = _shaped(world, seen, policy, at)
        base, policy = policy, policy.on(seen, at)
        clauses = [*_shared(world, at_home, seen), *_clauses(world, base, policy, seen, at, missed.get(policy.id))]
        if policy.shapes:
            outcome, reason, detail = _shape_outcome(world, policy, clauses, missed.get(policy.id))
        else:
            outcome, reason, detail = _outcome(policy, clauses, decided.get(policy.id), missed.get(policy.id))
        _mark(clauses, outcome, reason)
        yield TriedPolicy(policy=policy.id, outcome=outcome, reason=reason, detail=detail, clauses=clauses)


def _shaped(world: World, seen: Seen, policy: Policy, at: datetime) -> Seen:
    """The event as the policy sees it, after those of the stage `shape` that go before it."""
    tx = Tx(world.state)
    tx.begin(at, Cause(seen.event_id, seen.event_id, seen.position), None)
    try:
        return shaping.shaped(tx, seen, policy if policy.shapes else None)
    finally:
        tx.rollback()


def _shape_outcome(
    world: World, policy: Policy, clauses: list[ClauseView], miss: tuple[str, str] | None
) -> tuple[Outcome, str, str]:
    """Of a policy of the stage `shape`, which records no decisions."""
    stats: PolicyStats = world.state.cells["policy_stats"].get(policy.id) or PolicyStats()
    if stats.failed and miss is not None:
        return "failed", *miss
    if stats.fired:
        return "fires", "matched", f"it sets {_flow(policy.spec.set_)}"
    if miss is not None:
        held = miss[0] in ("guard_blocked", "outside_hours", "observe_only")
        return "held_back" if held else "not_taken", *miss
    return _outcome(policy, clauses, None, None)


def _outcome(
    policy: Policy, clauses: list[ClauseView], decision: dict[str, Any] | None, miss: tuple[str, str] | None
) -> tuple[Outcome, str, str]:
    if decision is not None:
        outcomes: dict[str, Outcome] = {"fired": "fires", "blocked": "held_back"}
        return outcomes.get(decision["outcome"], "failed"), decision["reason"], decision.get("detail", "")
    if miss is not None:
        return "waits" if miss[0] in ("window_not_met", "learning") else "not_taken", *miss
    wrong = next((clause for clause in clauses if clause.verdict == "fails"), None)
    if wrong is not None:
        return "not_taken", "selector", f"{wrong.name}: wants {wrong.wants}, has {wrong.has}"
    if policy.windowed:
        return "waits", "window_not_met", "its condition does not hold yet"
    return "not_taken", "not_for_it", "it does not judge such an event: a recovery, or a fact of OnCue's own"


def _mark(clauses: list[ClauseView], outcome: Outcome, reason: str) -> None:
    """What the policy did not fire on is said of one clause."""
    names = {
        "guard_blocked": "skip_when", "outside_hours": "only_during", "observe_only": "mode", "where_false": "where",
        "where_failed": "where", "override_off": "override",
    }  # fmt: skip
    if outcome == "fires":
        return
    wanted = names.get(reason, "condition" if outcome == "waits" or reason.startswith("threshold") else None)
    first = next((one for one in clauses if one.verdict == "fails" and wanted in (None, one.name)), None)
    if first is not None:
        first.decides = True


# clauses


def _shared(world: World, at_home: Seen, seen: Seen) -> Iterator[ClauseView]:
    """Whether the event is shared with the policy's namespace, where it is another one."""
    if not seen.is_foreign:
        return
    export = world.state.exports.by(at_home, seen.namespace)
    wants = f"an event that {seen.home} shares with {seen.namespace}"
    if export is None:
        yield ClauseView(name="shared", wants=wants, has=f"no Export of {seen.home} is for it", verdict="fails")
    else:
        has = f"{seen.home} shares it by its Export {export.id.partition('/')[2]}"
        yield ClauseView(name="shared", wants=wants, has=has, verdict="holds")


def _clauses(
    world: World, whole: Policy, policy: Policy, seen: Seen, at: datetime, miss: tuple[str, str] | None
) -> Iterator[ClauseView]:
    match = policy.spec.match
    if policy.types:
        yield _listed("types", policy.types, seen.type, covers(policy.types, seen.type))
    if match.severities:
        yield _listed("severities", match.severities, seen.severity, seen.severity in policy.severities)
    for name, wanted in policy.labels:
        has = seen.labels.get(name)
        yield _listed(f"labels.{name}", wanted, has, has in wanted)
    for field, wants, has in (
        ("resources", match.resources, seen.resource), ("services", match.services, seen.service),
        ("sources", match.sources, seen.event.source),
    ):  # fmt: skip
        if wants:
            yield _listed(field, wants, has, _selects(field, wants, has))
    if match.where is not None:
        yield _expression("where", match.where, seen, wanted=True)
    if whole.overrides is not None:
        yield _override(whole, policy, seen, at)
    if policy.condition is not None:
        yield _condition(world, policy, at, miss)
    if policy.spec.only_during is not None and policy.hours is not None:
        local = at.astimezone(wall_clock.zone(policy.hours.zone))
        verdict: Verdict = "holds" if policy.hours.cover(local) else "fails"
        has = f"{local:%A %H:%M} ({policy.hours.zone or 'UTC'})"
        yield ClauseView(name="only_during", wants=policy.spec.only_during, has=has, verdict=verdict)
    for text in policy.skip_when:
        yield _expression("skip_when", text, seen, wanted=False)
    if policy.observe:
        yield ClauseView(name="mode", wants="active", has="observe: it decides, and does nothing", verdict="fails")
    for name, given in (("limits", policy.spec.limits), ("concurrency", policy.spec.concurrency)):
        if given is not None:
            has = "not used up here, where nothing has happened before"
            yield ClauseView(name=name, wants=_flow(given), has=has, verdict="unjudged")


def _override(whole: Policy, policy: Policy, seen: Seen, at: datetime) -> ClauseView:
    """Which override counts for the event, and why it and not another."""
    assert whole.overrides is not None
    numbers = list(whole.overrides.fitting(seen, at))
    if not numbers:
        has = "none fits: the policy is as it is without them"
        return ClauseView(name="override", wants=f"one of {len(whole.spec.overrides)}", has=has, verdict="holds")
    given = whole.spec.overrides[numbers[0] - 1]
    others = [label(whole.spec.overrides, number - 1) for number in numbers[1:]]
    has = f"{policy.override} counts" + (f", and goes before {' and '.join(others)}" if others else "")
    off = "; mode off: the event is as if the policy were not there" if policy.off else ""
    wants = _flow({"match": msgspec.to_builtins(given.match), "during": given.during}) or "every event"
    return ClauseView(name="override", wants=wants, has=has + off, verdict="fails" if policy.off else "holds")


def _selects(field: str, wants: list[str], has: str | None) -> bool:
    """Whether this one part of the selector holds, whatever the others say."""
    selector = Selector(msgspec.convert({field: wants}, Match))
    given = {"resources": "", "services": None, "sources": ""} | {field: has}
    return selector.selects("", None, given["resources"] or "", given["services"], given["sources"] or "", {})


def _listed(name: str, wants: Any, has: str | None, fits: bool) -> ClauseView:
    verdict: Verdict = "holds" if fits else "fails"
    return ClauseView(name=name, wants=", ".join(wants), has="none" if has is None else has, verdict=verdict)


def _expression(name: str, text: str, seen: Seen, *, wanted: bool) -> ClauseView:
    values = _values(text, seen)
    try:
        found = holds(text, seen.scope)
    except Failed as failure:
        said = str(failure).removeprefix(f"{text}: ")
        return ClauseView(name=name, wants=text, has=f"{said}; {values}" if values else said, verdict="fails")
    has = f"{str(found).lower()}{': ' + values if values else ''}"
    return ClauseView(name=name, wants=text, has=has, verdict="holds" if found is wanted else "fails")


def _values(text: str, seen: Seen) -> str:
    """What the fields that an expression looks at have: `event.data.members is 3`."""
    said = []
    for field in list(dict.fromkeys(_FIELD.findall(text)))[:VALUES]:
        try:
            said.append(f"{field} is {spoken(evaluate(field, seen.scope))[:100]}")
        except Failed:
            said.append(f"{field} is not there{_near(field, seen)}")
    return ", ".join(said)


def _near(field: str, seen: Seen) -> str:
    """The field that may be meant, if there is one where this one was looked for."""
    above, _, name = field.rpartition(".")
    try:
        found = evaluate(above, seen.scope)
    except Failed:
        return ""
    return near(name, list(found)) if isinstance(found, dict) else ""


def _condition(world: World, policy: Policy, at: datetime, miss: tuple[str, str] | None) -> ClauseView:
    windows = [
        contents(policy, cell, window, at) for cell, window in world.state.windows.items() if owner_of(cell)[0] == policy.id
    ]  # fmt: skip
    wants = _flow(policy.condition)
    if any(window.holds for window in windows):
        value = next((f", value {window.value:g}" for window in windows if window.value is not None), "")
        return ClauseView(name="condition", wants=wants, has=f"it holds{value}", verdict="holds")
    if miss is not None and not miss[0].startswith("where"):
        return ClauseView(name="condition", wants=wants, has=miss[1], verdict="fails")
    if windows:
        value = next((f"value {window.value:g}, " for window in windows if window.value is not None), "")
        return ClauseView(
            name="condition",
            wants=wants,
            has=f"{value}{sum(window.count for window in windows)} in it",
            verdict="fails",
        )
    return ClauseView(name="condition", wants=wants, has="not reached", verdict="unjudged")


def _flow(value: Any) -> str:
    """A part of a spec in a line: `count 3, within 5m, by event.resource`."""
    given = msgspec.to_builtins(value)
    return ", ".join(f"{name} {_said(one)}" for name, one in given.items() if one not in (None, [], {}))


def _said(value: Any) -> str:
    if isinstance(value, list):
        return " and ".join(map(_said, value))
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {_said(one)}" for name, one in value.items() if one not in (None, [], {})) + ")"
    return spoken(value)
