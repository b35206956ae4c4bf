"""The system `servicenow`: the Table API of ServiceNow.

Tickets of changes become `change_request`, of problems `problem`, of requests and incidents `incident`. `correlation_id` is
the key by which a record is looked for before one is made. Remarks are work notes.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from oncue.plugins.itsm import words
from oncue.plugins.itsm.exchange import ERRORS, Exchange, basic_or_bearer, nonsense, shaped
from oncue.plugins.itsm.paging import PAGE, after, place
from oncue.sdk import Context, News, Pull, Pulled, Push, Pushed, Remark, SecretRef, TicketState, View

CORRELATION: Final = "OnCue"
"""In `correlation_display`: what we wrote."""
TABLES: Final = {"incident": "incident", "request": "incident", "change": "change_request", "problem": "problem"}
STATES: Final[dict[str, dict[TicketState, str]]] = {
    "incident": {"new": "1", "in_progress": "2", "resolved": "6", "closed": "7"},
    "change_request": {"new": "-5", "in_progress": "-1", "resolved": "0", "closed": "3"},
    "problem": {"new": "101", "in_progress": "104", "resolved": "106", "closed": "107"},
}
"""The usual states of each table: of a change -5 New, -1 Implement, 0 Review, 3 Closed."""
INBOUND: Final[dict[str, dict[str, TicketState]]] = {
    "incident": {"3": "in_progress", "8": "closed"},
    "change_request": {"-4": "new", "-3": "new", "-2": "new", "4": "closed"},
    "problem": {"102": "new", "103": "in_progress"},
}
"""And what else stands there: 3 On Hold, 8 Cancelled; -4 Assess, -3 Authorize, -2 Scheduled, 4 Cancelled."""
WEIGHTS: Final = {"P1": ("1", "1"), "P2": ("1", "2"), "P3": ("2", "2"), "P4": ("2", "3"), "P5": ("3", "3")}
"""Impact and urgency from which ServiceNow's own look-up makes the same priority."""
CODES: Final = {
    "solved": "Solution provided", "workaround": "Workaround provided", "by_itself": "No resolution provided",
    "no_fault": "User error", "duplicate": "Duplicate", "not_done": "No resolution provided",
}  # fmt: skip
CHANGE_CODES: Final = {
    "successful_with_issues": "successful_issues", "unsuccessful": "unsuccessful", "backed_out": "unsuccessful",
    "not_done": "unsuccessful",
}  # fmt: skip
"""How ServiceNow calls the end of a change; every other one is successful."""
_FIELDS: Final = "sys_id,number,state,sys_updated_on,sys_updated_by,correlation_id"
_FORM: Final = "%Y-%m-%d %H:%M:%S"


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How it is signed in to. Give `user` and `password`, or `token`."""

    user: str | None = None
    password: SecretRef | None = None
    token: SecretRef | None = None
    """An OAuth access token, sent as `Authorization: Bearer VALUE`."""
    close_codes: dict[str, str] = {}
    """ServiceNow's close code for ours, where it is not the usual one of an incident."""


class Record(msgspec.Struct):
    """A row of a table, as far as it matters here."""

    sys_id: str
    number: str
    state: str
    sys_updated_on: str = ""
    sys_updated_by: str = ""
    correlation_id: str = ""


class Note(msgspec.Struct):
    """A row of `sys_journal_field`: a work note or a comment."""

    sys_id: str
    element_id: str
    value: str
    sys_created_on: str
    sys_created_by: str = ""


class ServiceNow:
    """Writes incidents, change requests and problems, and their work notes."""

    name = "servicenow"
    settings = Settings
    errors = ERRORS

    async def push(self, settings: Settings, push: Push, context: Context) -> Pushed:
        """There is one record with the key, as the ticket is, with the remarks as work notes."""
        table = TABLES[push.ticket.type]
        again = push.again or context.redelivered
        async with context.client() as client:
            exchange = Exchange(client, push.url, _credentials(settings, context))
            record = await _found(exchange, table, push.key) if push.remote is None else None
            if push.remote is None and record is None:
                made = {"correlation_id": push.key, "correlation_display": CORRELATION, **push.fields}
                made |= _changes(settings, push, table, None, context)
                answer = await exchange.ask("POST", f"/api/now/table/{table}", params=_asked(), body=made)
                record = _record(answer.body)
            elif push.remote is None or push.ticket != push.before:
                remote = record.sys_id if record is not None else push.remote
                changes = _changes(settings, push, table, push.before, context)
                path = f"/api/now/table/{table}/{remote}"
                record = _record((await exchange.ask("PATCH", path, params=_asked(), body=changes)).body)
            remote = record.sys_id if record is not None else str(push.remote)
            there = await _noted(exchange, remote) if again and push.remarks else set()
            for remark in push.remarks:
                if remark.id not in there:
                    path, body = f"/api/now/table/{table}/{remote}", {"work_notes": words.remark(remark)}
                    record = _record((await exchange.ask("PATCH", path, params=_asked(), body=body)).body)
        if record is None:
            return Pushed(remote=remote)
        url = f"{push.url.rstrip('/')}/{table}.do?sys_id={remote}"
        return Pushed(remote=remote, number=record.number, url=url, state=record.state)

    async def pull(self, settings: Settings, pull: Pull, context: Context) -> Pulled:
        """What changed of our records, with the work notes and comments that others made."""
        before = place(pull.cursor)
        changed: list[tuple[datetime, str, Record]] = []
        async with context.client() as client:
            exchange = Exchange(client, pull.url, _credentials(settings, context))
            tables = list(dict.fromkeys(TABLES[type] for type in pull.types or TABLES))
            for table in tables:
                changed += [(_instant(one.sys_updated_on), table, one) for one in await _since(exchange, table, before)]
            changed.sort(key=lambda one: (one[0], one[2].sys_id))
            page = changed[before.skip : before.skip + PAGE]
            more = len(changed) > before.skip + PAGE
            ids = [record.sys_id for _, _, record in page]
            notes = await _notes(exchange, ids, before.at) if ids else {}
        news = [
            News(
                remote=record.sys_id, state=record.state, by=record.sys_updated_by or None, updated_at=at,
                means=_means(pull, table, record.state), remarks=notes.get(record.sys_id, []),
            )
            for at, table, record in page
        ]  # fmt: skip
        return Pulled(news=news, cursor=after(before, [at for at, _, _ in page], more), more=more)


def _credentials(settings: Settings, context: Context) -> Mapping[str, str]:
    return basic_or_bearer(settings.user, settings.password, settings.token, context)


def _asked() -> dict[str, str]:
    return {"sysparm_fields": _FIELDS, "sysparm_exclude_reference_link": "true"}


async def _found(exchange: Exchange, table: str, key: str) -> Record | None:
    """The record that has the key, the oldest if someone copied it."""
    query = f"correlation_id={key}^ORDERBYsys_created_on"
    params = {**_asked(), "sysparm_query": query, "sysparm_limit": "1"}
    answer = await exchange.ask("GET", f"/api/now/table/{table}", params=params)
    records = [one for one in _records(answer.body, Record) if one.correlation_id == key]
    return records[0] if records else None


async def _since(exchange: Exchange, table: str, before: Any) -> list[Record]:
    """Our records that changed since then, the oldest change first: one more than a page of them."""
    query = (
        f"correlation_display={CORRELATION}^sys_updated_on>={before.at.astimezone(UTC).strftime(_FORM)}"
        "^ORDERBYsys_updated_on^ORDERBYsys_id"
    )
    limit = str(before.skip + PAGE + 1)
    params = {**_asked(), "sysparm_query": query, "sysparm_limit": limit, "sysparm_offset": "0"}
    return _records((await exchange.ask("GET", f"/api/now/table/{table}", params=params)).body, Record)


async def _noted(exchange: Exchange, remote: str) -> set[str]:
    """Ids of our remarks that the record has."""
    found: set[str] = set()
    for note in await _journal(exchange, f"element_id={remote}"):
        found |= words.marks_in(note.value)
    return found


async def _notes(exchange: Exchange, ids: list[str], since: datetime) -> dict[str, list[Remark]]:
    """What others noted on these records since then, the oldest first."""
    at = since.astimezone(UTC).strftime(_FORM)
    found: dict[str, list[Remark]] = {}
    for note in await _journal(exchange, f"element_idIN{','.join(ids)}^sys_created_on>={at}"):
        if not words.is_ours(note.value):
            remark = Remark(note.sys_id, note.sys_created_by, _instant(note.sys_created_on), note.value)
            found.setdefault(note.element_id, []).append(remark)
    return found


async def _journal(exchange: Exchange, query: str) -> list[Note]:
    params = {
        "sysparm_query": f"{query}^elementINwork_notes,comments^ORDERBYsys_created_on",
        "sysparm_fields": "sys_id,element_id,value,sys_created_on,sys_created_by", "sysparm_limit": "1000",
    }  # fmt: skip
    return _records((await exchange.ask("GET", "/api/now/table/sys_journal_field", params=params)).body, Note)


def _changes(settings: Settings, push: Push, table: str, before: View | None, context: Context) -> dict[str, Any]:
    """The fields that the record is to have, of those that are not as they were."""
    view = push.ticket
    found: dict[str, Any] = {}
    if before is None or view.title != before.title:
        found["short_description"] = view.title
    if before is None or view.description != before.description:
        found["description"] = words.description(view, context)
    if before is None or view.state != before.state:
        found["state"] = push.states.get(view.state, STATES[table][view.state])
        if view.state in ("resolved", "closed"):
            found["close_notes"] = words.ending(view)
            found["close_code"] = _code(settings, view, table)
    if view.priority is not None and (before is None or view.priority != before.priority):
        if view.priority in push.priorities:
            found["priority"] = push.priorities[view.priority]
        else:
            found["impact"], found["urgency"] = WEIGHTS[view.priority]
    if before is None or view.assignee != before.assignee:
        if view.assignee is None and before is not None:
            found["assigned_to"] = ""
        elif view.assignee in push.assignees:
            found["assigned_to"] = push.assignees[view.assignee]
    return found


def _code(settings: Settings, view: View, table: str) -> str:
    code = view.close_code or "solved"
    if code in settings.close_codes:
        return settings.close_codes[code]
    if table == "change_request":
        return CHANGE_CODES.get(code, "successful")
    return CODES.get(code, CODES["solved"])


def _means(pull: Pull, table: str, state: str) -> TicketState | None:
    inbound: dict[str, TicketState] = {**INBOUND[table], **pull.inbound_states}
    return words.meaning(pull.states, STATES[table], inbound, state)


def _record(body: Any) -> Record:
    if not isinstance(body, dict) or "result" not in body:
        raise nonsense("the answer has no result")
    found: Record = shaped(body["result"], Record, "the record")
    return found


def _records(body: Any, shape: type[msgspec.Struct]) -> list[Any]:
    if not isinstance(body, dict) or not isinstance(body.get("result"), list):
        raise nonsense("the answer has no list of results")
    return [shaped(one, shape, "a row") for one in body["result"]]


def _instant(text: str) -> datetime:
    try:
        return datetime.strptime(text, _FORM).replace(tzinfo=UTC)
    except ValueError as error:
        raise nonsense(f"{text!r} is no instant") from error
