"""What happens to problems: they are written, understood, worked around, resolved; and new incidents that come from them
say so.

An incident is compared when it opens and with each alert that joins it. `State.known` files the problems that watch, as
silences are filed, so that an alert meets few of those that are not about it.
"""

from typing import Final

from oncue.core.alert import Alert
from oncue.core.errors import Refusal
from oncue.core.incident import Incident
from oncue.core.problem import TRANSITIONS, ProblemRecord, ProblemState
from oncue.core.silence import Matcher, check_matchers
from oncue.core.state import State
from oncue.core.tx import Tx

MOST: Final = 100
"""Incidents that a problem names, fingerprints that it knows, and problems that an incident names."""


def recognise(tx: Tx, incident: Incident, alert: Alert) -> None:
    """The incident has a new alert: the problems that it matches are noted on both. The caller touches and saves the
    incident."""
    known = tx.state.known
    if not known:
        return
    found = []
    for id in known.candidates(alert):
        problem = tx.state.problems[id]
        named = problem.id in incident.known_errors or problem.id in incident.ruled_out
        if not named and problem.is_of(alert):
            found.append(problem)
    for problem in found[: MOST - len(incident.known_errors)]:
        _note(tx, problem, incident)


def _note(tx: Tx, problem: ProblemRecord, incident: Incident) -> None:
    tx.touch(incident)
    incident.known_errors = (*incident.known_errors, problem.id)
    tx.touch(problem)
    problem.incidents = (*problem.incidents, incident.id)[-MOST:]
    problem.incidents_total += 1
    problem.last_seen_at = tx.now
    _fact(tx, problem, "oncue.problem.recurred", incident=incident)


def create(
    tx: Tx, namespace: str, title: str, description: str, workaround: str, root_cause: str, service: str | None,
    resource: str | None, matchers: tuple[Matcher, ...], incident: Incident | None,
) -> ProblemRecord:  # fmt: skip
    """Write a problem. One that is made of an incident knows its alerts again, and names it. With a workaround it is a known
    error. Raises `Refusal` silence.invalid for matchers that would match everything."""
    if matchers:
        check_matchers(matchers)
    problem = ProblemRecord(
        id=f"PRB-{tx.count('problem')}", namespace=namespace, title=title, description=description,
        state="known_error" if workaround else "open", workaround=workaround, root_cause=root_cause, service=service,
        resource=resource, assignee=None, matchers=matchers, fingerprints=(), incidents=(), incidents_total=0,
        opened_by=tx.actor, opened_at=tx.now, updated_at=tx.now,
    )  # fmt: skip
    if incident is not None:
        problem.fingerprints = _alerts_of(tx, incident)
        problem.service = problem.service or incident.service
    _fact(tx, problem, "oncue.problem.created", incident=incident)
    if incident is not None:
        put(tx, problem, incident)
    return problem


def _alerts_of(tx: Tx, incident: Incident) -> tuple[str, ...]:
    alerts = [tx.state.alerts[id] for id in sorted(tx.state.members[incident.id])]
    return tuple(sorted({alert.fingerprint for alert in alerts}))[:MOST]


def change(
    tx: Tx, problem: ProblemRecord, title: str | None, description: str | None, workaround: str | None,
    root_cause: str | None, assignee: str | None, matchers: tuple[Matcher, ...] | None, forget_alerts: bool,
) -> None:  # fmt: skip
    """Change what is given. A workaround makes an open one a known error. Raises `Refusal` silence.invalid."""
    if matchers:
        check_matchers(matchers)
    tx.touch(problem)
    if title is not None:
        problem.title = title
    if description is not None:
        problem.description = description
    if workaround is not None:
        problem.workaround = workaround
        if workaround and problem.state == "open":
            problem.state = "known_error"
    if root_cause is not None:
        problem.root_cause = root_cause
    if assignee is not None:
        problem.assignee = assignee or None
    if matchers is not None:
        problem.matchers = matchers
    if forget_alerts:
        problem.fingerprints = ()
    _fact(tx, problem, "oncue.problem.updated")


def transition(tx: Tx, problem: ProblemRecord, to: ProblemState) -> None:
    """Move it on. Raises `Refusal` problem.state with the states it can go to."""
    allowed = TRANSITIONS[problem.state]
    if to not in allowed:
        raise Refusal(
            "problem.state", f"{problem.id} is {problem.state}; it can go to {', '.join(allowed) or 'no other'}"
        )
    tx.touch(problem)
    problem.state = to
    if to == "resolved":
        problem.resolved_by, problem.resolved_at = tx.actor, tx.now
    elif to == "closed":
        problem.closed_at = tx.now
    else:
        problem.resolved_by = problem.resolved_at = None
    _fact(tx, problem, "oncue.problem.updated", live=to != "closed")


def put(tx: Tx, problem: ProblemRecord, incident: Incident) -> None:
    """A person says that the incident comes from this problem. Raises `Refusal` request.invalid if it is known to."""
    if problem.id in incident.known_errors:
        raise Refusal("request.invalid", f"{incident.id} is put to {problem.id} already")
    _note(tx, problem, incident)
    incident.ruled_out = tuple(id for id in incident.ruled_out if id != problem.id)
    incident.updated_at = tx.now
    tx.save("incident", incident)


def take(tx: Tx, problem: ProblemRecord, incident: Incident) -> None:
    """A person says that it does not, and it is not compared with it again. Raises `Refusal` request.invalid if nobody said
    that it does."""
    if problem.id not in incident.known_errors:
        raise Refusal("request.invalid", f"{incident.id} is not put to {problem.id}")
    tx.touch(incident)
    incident.known_errors = tuple(id for id in incident.known_errors if id != problem.id)
    incident.ruled_out = (*incident.ruled_out, problem.id)[-MOST:]
    incident.updated_at = tx.now
    tx.save("incident", incident)
    tx.touch(problem)
    problem.incidents = tuple(id for id in problem.incidents if id != incident.id)
    problem.incidents_total -= 1
    _fact(tx, problem, "oncue.problem.updated", incident=incident)


def carry(tx: Tx, into: Incident, other: Incident) -> None:
    """What the other incident comes from, this one does. Both were touched."""
    into.known_errors = tuple(dict.fromkeys((*into.known_errors, *other.known_errors)))[:MOST]


def details(tx: Tx, incident: Incident) -> list[list[str]]:
    """Lines for a message about the incident: what is known of it already."""
    found = []
    for id in incident.known_errors:
        problem = tx.state.problems.get(id)
        if problem is not None:
            said = f"{problem.id}: {problem.title}"
            found.append(["Known error", f"{said}. Workaround: {problem.workaround}" if problem.workaround else said])
    return found[:5]


def _fact(tx: Tx, problem: ProblemRecord, type: str, live: bool = True, incident: Incident | None = None) -> None:
    problem.updated_at = tx.now
    refs = (("incident", incident.id),) if incident is not None else ()
    tx.fact(type, "problem", problem, refs=refs, service=problem.service, resource=problem.resource)
    tx.save("problem", problem, live)
    _file(tx, problem)


def _file(tx: Tx, problem: ProblemRecord) -> None:
    tx.afterwards("", _refile)
    tx.state.known.put(problem)


def _refile(state: State, _: str) -> None:
    state.file_problems()
