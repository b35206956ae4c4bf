"""The system `gitlab`: issues of a project, by GitLab's REST API, version 4.

`url` is that of the instance, as `https://gitlab.com`. Each issue has the label `oncue`, one of its own by which it is looked
for before one is made, and the key in a line of its description that is not shown. An issue is opened or closed: `opened`
stands for new, `closed` for resolved, and priority and progress are labels. Remarks are notes.
"""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec

from oncue.plugins.itsm import words
from oncue.plugins.itsm.exchange import ERRORS, Exchange, nonsense, shaped
from oncue.plugins.itsm.paging import PAGE, Place, after, place
from oncue.sdk import Context, News, Pull, Pulled, Push, Pushed, Remark, SecretRef, TicketState, View

STATES: Final[dict[TicketState, str]] = {
    "new": "opened",
    "in_progress": "opened",
    "resolved": "closed",
    "closed": "closed",
}
INBOUND: Final[dict[str, TicketState]] = {"opened": "new", "closed": "resolved"}
EVENTS: Final = {"opened": "reopen", "closed": "close"}
PAGES: Final = 20
"""Pages of notes that are read at most."""


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which project, and how it is signed in to."""

    project: str | int
    """Its path, as `group/name`, or its number."""
    token: SecretRef
    """Of someone who may write issues there, with the scope `api`."""
    labels: list[str] = []
    """Given to new issues besides."""


class User(msgspec.Struct):
    """Who did it."""

    username: str


class Issue(msgspec.Struct):
    """An issue, as far as it matters here."""

    iid: int
    web_url: str
    state: str
    updated_at: datetime
    description: str | None = None
    closed_by: User | None = None


class Note(msgspec.Struct):
    """A note on an issue."""

    id: int
    body: str
    created_at: datetime
    author: User | None = None
    system: bool = False


class GitLab:
    """Writes issues and notes."""

    name = "gitlab"
    settings = Settings
    errors = ERRORS

    async def push(self, settings: Settings, push: Push, context: Context) -> Pushed:
        """There is one issue with the key, as the ticket is, with the remarks as notes."""
        again = push.again or context.redelivered
        path = _path(settings)
        async with context.client() as client:
            exchange = _exchange(client, push.url, settings, context)
            issue = await _found(exchange, path, push.key) if push.remote is None else None
            if push.remote is None and issue is None:
                given = _changes(push, None, context)
                given["labels"] = ",".join([*settings.labels, *words.labels(push.ticket, push.key, push.priorities)])
                issue = _issue((await exchange.ask("POST", path, body={**push.fields, **given})).body)
                if issue.state != _state(push, push.ticket):
                    event = {"state_event": EVENTS[_state(push, push.ticket)]}
                    issue = _issue((await exchange.ask("PUT", f"{path}/{issue.iid}", body=event)).body)
            elif push.remote is None or push.ticket != push.before:
                number = str(issue.iid) if issue is not None else push.remote
                changes = {**_changes(push, push.before, context), **_turned(push, issue), **_labelled(push)}
                if changes:
                    issue = _issue((await exchange.ask("PUT", f"{path}/{number}", body=changes)).body)
            remote = str(issue.iid) if issue is not None else str(push.remote)
            there = await _noted(exchange, f"{path}/{remote}/notes") if again and push.remarks else set()
            for remark in push.remarks:
                if remark.id not in there:
                    answer = await exchange.ask("POST", f"{path}/{remote}/notes", body={"body": words.remark(remark)})
                    shaped(answer.body, Note, "the new note")
        if issue is None:
            return Pushed(remote=remote)
        return Pushed(remote=remote, number=f"#{remote}", url=issue.web_url, state=issue.state)

    async def pull(self, settings: Settings, pull: Pull, context: Context) -> Pulled:
        """What changed of our issues, with the notes that others made."""
        before = place(pull.cursor)
        path = _path(settings)
        async with context.client() as client:
            exchange = _exchange(client, pull.url, settings, context)
            issues, more = await _changed(exchange, path, before)
            news = [
                News(
                    remote=str(one.iid), state=one.state, by=one.closed_by.username if one.closed_by else None,
                    means=words.meaning(pull.states, {}, {**INBOUND, **pull.inbound_states}, one.state),
                    updated_at=one.updated_at,
                    remarks=await _remarks(exchange, f"{path}/{one.iid}/notes", before.at),
                )
                for one in issues
            ]  # fmt: skip
        return Pulled(news=news, cursor=after(before, [one.updated_at for one in issues], more), more=more)


def _path(settings: Settings) -> str:
    return f"/api/v4/projects/{quote(str(settings.project), safe='')}/issues"


def _exchange(client: Any, url: str, settings: Settings, context: Context) -> Exchange:
    return Exchange(client, url, {"PRIVATE-TOKEN": context.secret(settings.token)})


async def _found(exchange: Exchange, path: str, key: str) -> Issue | None:
    """The issue that has the key, the oldest of them."""
    params = {"labels": words.label(key), "order_by": "created_at", "sort": "asc", "scope": "all", "per_page": "10"}
    issues = _issues((await exchange.ask("GET", path, params=params)).body)
    return next((one for one in issues if words.hidden(key) in (one.description or "")), None)


async def _changed(exchange: Exchange, path: str, before: Place) -> tuple[list[Issue], bool]:
    """A page of our issues that changed since then, the oldest change first; and whether there are more."""
    first = before.skip // PAGE + 1
    found: list[Issue] = []
    for page in (first, first + 1):
        params = {
            "labels": words.LABEL, "updated_after": before.at.astimezone(UTC).isoformat(), "order_by": "updated_at",
            "sort": "asc", "scope": "all", "per_page": str(PAGE), "page": str(page),
        }  # fmt: skip
        some = _issues((await exchange.ask("GET", path, params=params)).body)
        found += some
        if len(some) < PAGE:
            break
    begin = before.skip - (first - 1) * PAGE
    return found[begin : begin + PAGE], len(found) > begin + PAGE


async def _notes(exchange: Exchange, path: str, newest_first: bool, since: datetime | None) -> list[Note]:
    """The notes of an issue; those since then if it is said."""
    found: list[Note] = []
    for page in range(1, PAGES + 1):
        params = {
            "order_by": "created_at", "sort": "desc" if newest_first else "asc", "per_page": "100", "page": str(page),
        }  # fmt: skip
        body = (await exchange.ask("GET", path, params=params)).body
        if not isinstance(body, list):
            raise nonsense("the answer is no list of notes")
        some: list[Note] = [shaped(one, Note, "a note") for one in body]
        found += some
        if len(some) < 100 or (since is not None and some[-1].created_at < since):
            break
    return [one for one in found if since is None or one.created_at >= since]


async def _noted(exchange: Exchange, path: str) -> set[str]:
    """Ids of our remarks that the issue has."""
    found: set[str] = set()
    for note in await _notes(exchange, path, True, None):
        found |= words.marks_in(note.body)
    return found


async def _remarks(exchange: Exchange, path: str, since: datetime) -> list[Remark]:
    """What others noted since then, the oldest first."""
    notes = [one for one in await _notes(exchange, path, True, since) if not one.system and not words.is_ours(one.body)]
    return [
        Remark(str(one.id), one.author.username if one.author is not None else "ghost", one.created_at, one.body)
        for one in reversed(notes)
    ]


def _changes(push: Push, before: View | None, context: Context) -> dict[str, Any]:
    """The fields that the issue is to have, of those that are not as they were, but for its state and labels."""
    view = push.ticket
    found: dict[str, Any] = {}
    if before is None or view.title != before.title:
        found["title"] = view.title
    if before is None or view.description != before.description:
        found["description"] = f"{words.description(view, context)}\n\n{words.hidden(push.key)}"
    if before is None or view.assignee != before.assignee:
        if view.assignee in push.assignees:
            found["assignee_ids"] = [int(push.assignees[view.assignee])]
        elif view.assignee is None and before is not None:
            found["assignee_ids"] = []
    return found


def _turned(push: Push, issue: Issue | None) -> dict[str, Any]:
    """What opens or closes the issue, if it is not so already."""
    wanted = _state(push, push.ticket)
    has = issue.state if issue is not None else _state(push, push.before) if push.before is not None else None
    return {"state_event": EVENTS[wanted]} if wanted != has else {}


def _labelled(push: Push) -> dict[str, Any]:
    """The labels that come and go with the ticket; those that people gave stay."""
    now = words.labels(push.ticket, push.key, push.priorities)
    if push.before is None:
        return {"add_labels": ",".join(now)}
    then = words.labels(push.before, push.key, push.priorities)
    added, gone = [one for one in now if one not in then], [one for one in then if one not in now]
    found = {"add_labels": ",".join(added), "remove_labels": ",".join(gone)}
    return {name: value for name, value in found.items() if value}


def _state(push: Push, view: View) -> str:
    wanted = push.states.get(view.state, STATES[view.state])
    return wanted if wanted in EVENTS else STATES[view.state]


def _issue(body: Any) -> Issue:
    found: Issue = shaped(body, Issue, "the issue")
    return found


def _issues(body: Any) -> list[Issue]:
    if not isinstance(body, list):
        raise nonsense("the answer is no list of issues")
    return [_issue(one) for one in body]
