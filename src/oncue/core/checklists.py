"""What happens to checklists: an incident gets the steps of a runbook, and people tick them.

By hand, or because an alert of the incident names the runbook; each runbook once.
"""

from typing import Final

import msgspec

from oncue.core.alert import Alert
from oncue.core.checklist import Checklist, Item, Mark
from oncue.core.errors import Refusal
from oncue.core.incident import Incident
from oncue.core.manifest import RUNBOOK, Manifest, RunbookSpec
from oncue.core.tx import Tx

MOST: Final = 20
"""Checklists of one incident."""


def attach(tx: Tx, incident: Incident, runbook: str) -> Checklist:
    """Give the incident the runbook's steps. Raises `Refusal` runbook.not_found, incident.full, request.invalid if it has
    them already."""
    manifest = tx.state.manifests.get(f"Runbook/{incident.namespace}/{runbook}")
    if manifest is None:
        raise Refusal("runbook.not_found", f"{runbook} in {incident.namespace}")
    if _has(tx, incident, runbook):
        raise Refusal("request.invalid", f"{incident.id} has the checklist of {runbook} already")
    if len(incident.checklists) >= MOST:
        raise Refusal("incident.full", f"{incident.id} has {MOST} checklists")
    return _attach(tx, incident, manifest, tx.actor)


def named(tx: Tx, incident: Incident, alert: Alert) -> None:
    """The alert is new to the incident: if it names a runbook that is there, the incident has its steps. The caller touches
    and saves the incident."""
    text = alert.annotations.get("runbook")
    if text is None or not text.startswith(RUNBOOK) or len(incident.checklists) >= MOST:
        return
    name = text.removeprefix(RUNBOOK)
    manifest = tx.state.manifests.get(f"Runbook/{incident.namespace}/{name}")
    if manifest is not None and not _has(tx, incident, name):
        _attach(tx, incident, manifest, "system")


def _has(tx: Tx, incident: Incident, runbook: str) -> bool:
    return any(tx.state.checklists[id].runbook == runbook for id in incident.checklists)


def _attach(tx: Tx, incident: Incident, manifest: Manifest, by: str) -> Checklist:
    steps = msgspec.convert(manifest.spec, RunbookSpec).steps
    checklist = Checklist(
        id=f"CHK-{tx.count('checklist')}", namespace=incident.namespace, incident=incident.id, runbook=manifest.name,
        generation=manifest.generation, title=manifest.description or manifest.name,
        items=tuple(Item(step.title, step.text, step.link, step.workflow) for step in steps), state="open",
        added_by=by, created_at=tx.now, updated_at=tx.now,
    )  # fmt: skip
    tx.touch(incident)
    incident.checklists = (*incident.checklists, checklist.id)
    incident.updated_at = tx.now
    _fact(tx, checklist, "oncue.checklist.added")
    tx.save("incident", incident)
    return checklist


def mark(tx: Tx, checklist: Checklist, step: int, to: Mark, reason: str) -> None:
    """A step, counted from 1, is done, skipped with a reason, or open again.

    Raises `Refusal` request.invalid for a step that is not there, is that already, or is skipped without a reason.
    """
    if not 1 <= step <= len(checklist.items):
        raise Refusal("request.invalid", f"{checklist.id} has the steps 1 to {len(checklist.items)}")
    item = checklist.items[step - 1]
    if item.state == to:
        raise Refusal("request.invalid", f"step {step} of {checklist.id} is {to} already")
    if to == "skipped" and not reason.strip():
        raise Refusal("request.invalid", "say why the step is skipped")
    by, at = (tx.actor, tx.now) if to != "open" else (None, None)
    marked = msgspec.structs.replace(item, state=to, by=by, at=at, reason=reason)
    tx.touch(checklist)
    checklist.items = (*checklist.items[: step - 1], marked, *checklist.items[step:])
    checklist.state = "open" if any(one.state == "open" for one in checklist.items) else "done"
    kind = {"done": "ticked", "skipped": "skipped", "open": "unticked"}[to]
    _fact(tx, checklist, f"oncue.checklist.{kind}")


def carry(tx: Tx, into: Incident, other: Incident) -> None:
    """The checklists of the other incident are this one's. Both were touched."""
    for id in other.checklists:
        checklist = tx.state.checklists[id]
        tx.touch(checklist)
        checklist.incident = into.id
        _fact(tx, checklist, "oncue.checklist.added")
    into.checklists = tuple(dict.fromkeys((*into.checklists, *other.checklists)))


def rest(tx: Tx, incident: Incident) -> None:
    """The incident closes: its checklists stay as they are."""
    for id in incident.checklists:
        tx.save("checklist", tx.state.checklists[id], live=False)


def _fact(tx: Tx, checklist: Checklist, type: str) -> None:
    checklist.updated_at = tx.now
    tx.fact(type, "checklist", checklist, refs=(("incident", checklist.incident),))
    tx.save("checklist", checklist)
