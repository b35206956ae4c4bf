"""What the journal tells: a page of all records, one record, and the story of an event.

A story is what an event caused, across the inputs that came back from outside (results of effects), and what it did not
cause: decisions that were blocked, near-misses of policies, reasons for quiet.
"""

import time
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from oncue.core.event import Event, decode
from oncue.core.policy import PolicyStats
from oncue.store.journal import Record
from oncue.store.journal_reader import JournalReader
from oncue.store.queries import FactRow, Filters, cells, cursor_of, fact_at, facts_where, instant, micros, position_of
from oncue.store.schema import fact

SCAN_RECORDS: Final = 50_000
SCAN_S: Final = 0.6
"""What one request may look through before it answers with a cursor, found something or not."""

AUDIT: Final = "oncue.audit."
STORY_NODES: Final = 400


class Entry(NamedTuple):
    """A record, with its event decoded."""

    record: Record
    event: Event
    namespace: str


def entry(record: Record) -> Entry:
    """The record with its event. An event that does not decode is shown as one that says so."""
    try:
        event = decode(record.body)
    except (msgspec.DecodeError, RecursionError):
        event = Event(id="", source="", type="oncue.unreadable")
    return Entry(record, event, event.namespace or record.namespace)


def entry_json(found: Entry) -> bytes:
    """An entry as the API shows it."""
    record, event, namespace = found
    return msgspec.json.encode(
        {
            "position": cursor_of(record.position),
            "recorded_at": instant(record.recorded_at),
            "id": event.id,
            "type": event.type,
            "source": event.source,
            "namespace": namespace,
            "origin": record.origin,
            "actor": record.actor,
            "person": record.person,
            "derived": record.derived,
            "rejected": record.rejected,
            "severity": event.severity,
            "resource": event.resource,
            "service": event.service,
            "title": event.title,
            "time": event.time,
            "event": msgspec.Raw(record.body) if event.id else {},
        }
    )


def events(
    connection: Connection, filters: Filters, audit: frozenset[str] | None = frozenset()
) -> tuple[list[bytes], str | None]:
    """A page of every record, newest first. `audit` is where audit events may be seen; None is everywhere."""
    before = position_of(filters.cursor) if filters.cursor is not None else None
    exact = not any(type.endswith("*") for type in filters.type)
    narrowed = set(filters.namespace) or (None if filters.visible is None else set(filters.visible))
    records = JournalReader(connection).backwards(
        before,
        types=set(filters.type) if filters.type and exact else None,
        namespaces=narrowed,
        since=None if filters.since is None else micros(filters.since),
        until=None if filters.until is None else micros(filters.until),
    )
    found: list[bytes] = []
    ends_at = time.monotonic() + SCAN_S
    last = None
    for scanned, record in enumerate(records):
        if len(found) == filters.limit or scanned >= SCAN_RECORDS or (not scanned % 64 and time.monotonic() > ends_at):
            return found, cursor_of(last if last is not None else record.position + 1)
        last = record.position
        item = entry(record)
        if _matches(item, filters, audit):
            found.append(entry_json(item))
    return found, None


def _matches(item: Entry, filters: Filters, audit: frozenset[str] | None) -> bool:
    record, event, namespace = item
    if filters.visible is not None and namespace not in filters.visible:
        return False
    if event.type.startswith(AUDIT) and audit is not None and namespace not in audit:
        return False
    if filters.state and not _states(item) & set(filters.state):
        return False
    return (
        (not filters.type or any(_type_is(event.type, wanted) for wanted in filters.type))
        and (not filters.severity or event.severity in filters.severity)
        and (not filters.namespace or namespace in filters.namespace)
        and (not filters.resource or event.resource in filters.resource)
        and (not filters.service or event.service in filters.service)
        and (filters.since is None or record.recorded_at >= micros(filters.since))
        and (filters.until is None or record.recorded_at <= micros(filters.until))
        and (filters.q is None or filters.q.lower() in record.body.decode("utf-8", "replace").lower())
    )


def _states(item: Entry) -> set[str]:
    """What `state` may name of a record; `received` is an input that came from outside, samples and commands left out."""
    record, event, _ = item
    if record.derived:
        return {"derived"}
    own = event.type.startswith("oncue.")
    return ({"rejected"} if record.rejected else {"input"}) | (set() if own else {"received"})


def _type_is(type: str, wanted: str) -> bool:
    return type.startswith(wanted[:-1]) if wanted.endswith("*") else type == wanted


def event_at(connection: Connection, position: int) -> Entry | None:
    """The record at a position; None if there is none."""
    record = JournalReader(connection).record(position)
    return None if record is None else entry(record)


# Stories


class Node(msgspec.Struct, kw_only=True):
    """One thing of a story."""

    id: str
    kind: str
    position: str | None
    at: datetime
    type: str
    title: str
    about_kind: str | None = None
    about_id: str | None = None
    outcome: str | None = None
    reason: str | None = None
    detail: str | None = None
    severity: str | None = None


class Tale(msgspec.Struct):
    """Nodes, and edges (from, to, kind)."""

    root: str
    nodes: list[Node]
    edges: list[tuple[str, str, str]]
    truncated: bool
    namespaces: set[str]


def story(connection: Connection, position: int) -> Tale | None:
    """The story of the input that the record at `position` is, or was derived from; None if it is gone."""
    own = fact_at(connection, position)
    root = own.input_position if own is not None else position
    found = event_at(connection, root)
    if found is None:
        return None
    rows = _gathered(connection, root)
    truncated = len(rows) > STORY_NODES
    rows = rows[:STORY_NODES]
    nodes: dict[int, Node] = {root: _input_node(found)}
    namespaces = {found.namespace}
    edges: list[tuple[str, str, str]] = []
    datas = {row.position: _data(row) for row in rows}
    above = _parents(rows, datas)
    for row in rows:
        namespaces.add(row.namespace)
        if row.input_position not in nodes and (inside := event_at(connection, row.input_position)) is not None:
            nodes[row.input_position] = _input_node(inside)
            asked = above.get(row.input_position)
            if asked is not None and asked in nodes:
                edges.append((cursor_of(asked), cursor_of(row.input_position), "asked"))
        if row.position != row.input_position:
            nodes[row.position] = _fact_node(row, datas[row.position])
    for row in rows:
        parent = above.get(row.position, row.input_position)
        if row.position != row.input_position and parent in nodes:
            edges.append((cursor_of(parent), cursor_of(row.position), "caused"))
    drawn = [nodes[key] for key in sorted(nodes)]
    for missed in (*_near_misses(connection, root, found), *_quiet(rows)):
        drawn.append(missed[0])
        edges.append((missed[1], missed[0].id, "prevented"))
    return Tale(cursor_of(root), drawn, edges, truncated, namespaces)


def _gathered(connection: Connection, root: int) -> list[FactRow]:
    """The facts of the input's pass, and what later became of the effects, runs and tickets that it made."""
    seen: dict[int, FactRow] = {}
    followed: set[tuple[str, str]] = set()
    inputs = [root]
    while inputs and len(seen) <= STORY_NODES:
        batch = facts_where(connection, fact.c.input_position.in_(inputs), limit=STORY_NODES + 1)
        inputs = []
        for row in batch:
            seen.setdefault(row.position, row)
        for kind, id in sorted({(row.kind, row.id) for row in batch} - followed):
            if kind not in ("effect", "run", "step", "ticket"):
                continue
            followed.add((kind, id))
            for row in facts_where(
                connection, fact.c.kind == kind, fact.c.id == id, fact.c.position > root, limit=STORY_NODES
            ):
                if row.position not in seen and row.input_position not in inputs:
                    inputs.append(row.input_position)
        inputs = [one for one in inputs if one != root][:200]
    return [seen[key] for key in sorted(seen)]


def _data(row: FactRow) -> dict[str, Any]:
    try:
        event = decode(row.body)
        data = msgspec.json.decode(event.data) if event.data else {}
    except (msgspec.DecodeError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _parents(rows: list[FactRow], datas: dict[int, dict[str, Any]]) -> dict[int, int]:
    """What each fact follows from, closer than the input that it was derived from; and which fact asked for an input.

    The journal names the input as the cause of all that its pass derived. The facts themselves say the rest: a decision
    names its alert and its runs, an effect its step, a result its effect.
    """
    above: dict[int, int] = {}
    latest: dict[tuple[str, Any], int] = {}
    for row in rows:
        data = datas[row.position]
        if row.position == row.input_position:
            asked = latest.get(("effect", data.get("effect")))
            if asked is not None:
                above[row.position] = asked
            continue
        parent = _closest(row, data, latest)
        if parent is not None:
            above[row.position] = parent
        latest[(row.kind, row.id)] = row.position
        latest.setdefault((f"begun {row.kind}", row.id), row.position)
        if row.kind == "alert":
            latest[("alert of", row.input_position)] = row.position
        elif row.kind == "step":
            latest[("step of", row.id.partition("/")[0])] = row.position
        elif row.kind == "decision":
            for kind, names in (("run", data.get("runs")), ("ticket", data.get("tickets"))):
                for begun in (latest.get((f"begun {kind}", name)) for name in names or ()):
                    if begun is not None:
                        above[begun] = row.position
    return above


def _closest(row: FactRow, data: dict[str, Any], latest: dict[tuple[str, Any], int]) -> int | None:
    """The newest fact before this one that it follows from."""
    run_steps = ("step of", data.get("run"))
    begins = row.type.endswith((".started", ".requested", ".created", ".skipped"))
    match row.kind:
        case "membership" | "decision":
            wanted = [("alert", data.get("alert"))]
        case "incident":
            wanted = [("alert of", row.input_position)]
        case "notification":
            wanted = [("incident", data.get("incident"))]
        case "step":
            run = row.id.partition("/")[0]
            wanted = [("step of", run), ("run", run)] if begins else [("effect", data.get("effect")), ("step", row.id)]
        case "effect" if begins:
            wanted = [("step", f"{data.get('run')}/{data.get('step')}"), ("incident", data.get("incident"))]
        case "ticket" if begins:
            wanted = [run_steps, ("run", data.get("run"))]
        case "run" if not begins:
            wanted = [("step of", row.id), ("run", row.id)]
        case _:
            return None
    return next((latest[key] for key in wanted if key[1] is not None and key in latest), None)


def _input_node(found: Entry) -> Node:
    record, event, _ = found
    return Node(
        id=cursor_of(record.position),
        kind="fact" if record.derived else "input",
        position=cursor_of(record.position),
        at=instant(record.recorded_at),
        type=event.type,
        title=event.title or event.subject or event.resource or event.type,
        severity=event.severity,
        outcome="rejected" if record.rejected else None,
    )


def _fact_node(row: FactRow, data: dict[str, Any]) -> Node:
    decided = row.type.startswith("oncue.policy.")
    title = data.get("title") or data.get("policy") or data.get("uses") or data.get("workflow") or row.id
    return Node(
        id=cursor_of(row.position),
        kind="decision" if decided else "fact",
        position=cursor_of(row.position),
        at=instant(row.recorded_at),
        type=row.type,
        title=str(title),
        about_kind=row.kind or None,
        about_id=row.id or None,
        outcome=_text(data.get("outcome") if decided else data.get("state")),
        reason=_text(data.get("reason")),
        detail=_text(data.get("detail")),
        severity=_text(data.get("severity")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _near_misses(connection: Connection, root: int, found: Entry) -> list[tuple[Node, str]]:
    missed = []
    for policy, body in sorted(cells(connection, "policy_stats").items()):
        for miss in msgspec.msgpack.decode(body, type=PolicyStats).near_misses:
            if miss.position != root and miss.event != found.event.id:
                continue
            node = Node(
                id=f"near-miss:{policy}:{miss.position}",
                kind="near_miss",
                position=None,
                at=miss.at,
                type="oncue.policy.near_miss",
                title=policy,
                about_kind="policy",
                about_id=policy,
                outcome="not_matched",
                reason=miss.reason,
                detail=miss.detail,
            )
            missed.append((node, cursor_of(root)))
    return missed


def _quiet(rows: list[FactRow]) -> list[tuple[Node, str]]:
    found: dict[str, tuple[Node, str]] = {}
    for row in rows:
        if row.kind != "alert":
            continue
        data = _data(row)
        for quiet in data.get("quiet") or ():
            key = f"quiet:{row.id}:{quiet['reason']}:{quiet['by']}"
            node = Node(
                id=key,
                kind="quiet",
                position=None,
                at=instant(row.recorded_at),
                type="oncue.quiet",
                title=f"No call: {quiet['reason']}",
                about_kind="alert",
                about_id=row.id,
                outcome="quiet",
                reason=quiet["reason"],
                detail=f"by {quiet['by']}" + (f": {quiet['detail']}" if quiet.get("detail") else ""),
            )
            found.setdefault(key, (node, cursor_of(row.position)))
    return list(found.values())
