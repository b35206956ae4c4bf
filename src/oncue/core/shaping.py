"""The stage `shape`: policies set what an event lacks or has wrong, before anything else looks at it.

They apply in the order of their priorities, then of their ids, and each sees what those before it set. Nothing can be dropped: a
problem stays one whatever its severity becomes, a recovery is never held back or made quiet, and the fingerprint stays the
producer's, so that the recovery meets the alert however either was shaped.
"""

from typing import Any

import msgspec

from oncue.core import wall_clock
from oncue.core.conditions.finding import near_miss
from oncue.core.event import LABELS_LIMIT, encode
from oncue.core.expression import Failed, holds, render, spoken
from oncue.core.normalise import Seen, fingerprint
from oncue.core.policy import EMPTY, Policy, PolicyStats, stats_with
from oncue.core.shaped import LINKS_LIMIT, SCHEMES, LinkShape, PolicyLink, Shaped, ShapedValue
from oncue.core.tx import Tx

TEXT_LIMIT = 1024
NAME_LIMIT = 255


def shaped(tx: Tx, seen: Seen, before: Policy | None = None) -> Seen:
    """The event as the policies of this stage, or those before this one, leave it; itself if none meets it."""
    bucket = tx.state.policies.shaping(seen.namespace, seen.type)
    if bucket is EMPTY:
        return seen
    waiting = _ordered(bucket.candidates(seen.resource, seen.service, seen.labels))
    while waiting:
        policy = waiting.pop()
        if before is not None and policy.rank >= before.rank:
            break
        if not _meets(tx, policy, seen):
            continue
        was, seen = seen, _set(tx, policy, seen)
        if (seen.resource, seen.service, seen.labels) != (was.resource, was.service, was.labels):
            # Which of the later ones meet the event may be others now.
            found = bucket.candidates(seen.resource, seen.service, seen.labels)
            waiting = _ordered([one for one in found if one.rank > policy.rank])
    return seen


def _ordered(policies: list[Policy]) -> list[Policy]:
    """The first of them last, to be taken from the end."""
    return sorted(policies, key=lambda one: one.rank, reverse=True)


def _meets(tx: Tx, policy: Policy, seen: Seen) -> bool:
    severity = seen.severity if seen.signal != "recovery" else min(policy.severities, default=None)
    if not policy.selects(severity, seen.resource, seen.service, seen.source, seen.labels):
        return False
    match = policy.spec.match
    try:
        if match.where is not None and not holds(match.where, seen.scope):
            near_miss(tx, policy, seen, "where_false", f"where: {match.where}")
            return False
        for text in policy.skip_when:
            if holds(text, seen.scope):
                near_miss(tx, policy, seen, "guard_blocked", f"skip_when: {text}")
                return False
    except Failed as failure:
        near_miss(tx, policy, seen, "where_failed", str(failure))
        return False
    if policy.hours is not None and not policy.hours.cover(tx.now.astimezone(wall_clock.zone(policy.hours.zone))):
        near_miss(tx, policy, seen, "outside_hours", f"only_during: {policy.spec.only_during}")
        return False
    if policy.observe:
        near_miss(tx, policy, seen, "observe_only", "mode: observe")
        return False
    return True


def _set(tx: Tx, policy: Policy, seen: Seen) -> Seen:
    wanted = policy.spec.set_
    assert wanted is not None
    faults: list[str] = []
    recovery = seen.signal == "recovery"
    given: dict[str, str] = {}
    if wanted.severity is not None and not recovery:
        given["severity"] = wanted.severity
    for name, limit in (("title", TEXT_LIMIT), ("service", NAME_LIMIT), ("resource", TEXT_LIMIT)):
        if (text := said(getattr(wanted, name), seen.scope, faults, limit)) is not None:
            given[name] = text
    for kind, texts in (("labels", wanted.labels), ("annotations", wanted.annotations)):
        for name, text in sorted(texts.items()):
            if (value := said(text, seen.scope, faults, TEXT_LIMIT)) is not None:
                given[f"{kind}.{name}"] = value
    known, before = seen.shaped or Shaped(), seen.links
    if len({**seen.labels, **_part(given, "labels.")}) > LABELS_LIMIT:
        faults.append(f"the event would have more than {LABELS_LIMIT} labels")
        given = {name: value for name, value in given.items() if not name.startswith("labels.")}
    was = {name: _was(seen, known, name) for name in given}
    changed = {
        name: ShapedValue(value, was[name], policy.version) for name, value in given.items() if value != was[name]
    }
    quiet_by = policy.id if wanted.quiet and not recovery else known.quiet_by
    shape = Shaped({**known.values, **changed}, quiet_by)
    links = linked(wanted.links, policy.version, seen.scope, before, faults)
    _note(tx, policy, seen, faults)
    return _with(seen, {name: one.value for name, one in changed.items()}, shape, links)


def _was(seen: Seen, known: Shaped, name: str) -> str | None:
    kind, _, inner = name.partition(".")
    if kind == "labels":
        return seen.labels.get(inner)
    if kind == "annotations":
        found = known.values.get(name)
        return found.value if found is not None else None
    value: str | None = {"severity": seen.severity, "title": seen.event.title, "service": seen.service}.get(
        name, seen.resource
    )
    return value


def _note(tx: Tx, policy: Policy, seen: Seen, faults: list[str]) -> None:
    for fault in faults:
        near_miss(tx, policy, seen, "shape_failed", fault)
    stats: PolicyStats = tx.state.cells["policy_stats"].get(policy.id) or PolicyStats()
    more: dict[str, Any] = {"failed": stats.failed + 1} if faults else {"fired": stats.fired + 1}
    tx.cell("policy_stats", policy.id, stats_with(stats, last_fired_at=tx.now, **more))


def _with(seen: Seen, given: dict[str, str], shape: Shaped, links: tuple[PolicyLink, ...]) -> Seen:
    labels = {**seen.labels, **_part(given, "labels.")}
    event = seen.event
    names = ("severity", "title", "service", "resource")
    placed: dict[str, Any] = {name: given[name] for name in names if name in given}
    kept = event.fingerprint or fingerprint(seen.resource, event.check or event.type)
    told = encode(labels).decode() if labels else None
    changed = msgspec.structs.replace(event, **{**placed, "fingerprint": kept, "labels": told})
    return seen.reshaped(changed, {**placed, "labels": labels} if given else {}, shape, links)


def _part(given: dict[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)}


# texts


def said(text: str | None, scope: Any, faults: list[str], limit: int) -> str | None:
    """The text with its expressions evaluated; None if there is none, or if it joins the faults."""
    if text is None:
        return None
    try:
        return spoken(render(text, scope))[:limit]
    except Failed as failure:
        faults.append(str(failure))
        return None


def linked(
    wanted: list[LinkShape], by: str, scope: Any, before: tuple[PolicyLink, ...], faults: list[str]
) -> tuple[PolicyLink, ...]:
    """The links with those that a policy gives; one to where another leads takes its place."""
    found = {link.url: link for link in before}
    for link in wanted:
        title, url = said(link.title, scope, faults, NAME_LIMIT), said(link.url, scope, faults, 2000)
        if title is None or url is None:
            continue
        if not url.startswith(SCHEMES) or any(character <= " " for character in url):
            faults.append(f"{url[:200]!r} is no link; it must begin with https:// or http:// and hold no blanks")
        else:
            found[url] = PolicyLink(title, url, by)
    return tuple(found.values())[:LINKS_LIMIT]
