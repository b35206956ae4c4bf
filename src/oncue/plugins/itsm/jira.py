"""The system `jira`: issues of a project of Jira Cloud, Server or Data Center, by version 2 of its REST API, in which texts
are plain.

Each issue has the label `oncue`, one of its own by which it is looked for before one is made, and the key in the property
`oncue.ticket`. A state is reached by the transition of the workflow that leads to a status of the wanted name, or else to
any of the wanted category: To Do, In Progress, Done.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec

from oncue.plugins.itsm import words
from oncue.plugins.itsm.exchange import ERRORS, Exchange, basic_or_bearer, nonsense, shaped
from oncue.plugins.itsm.paging import PAGE, Place, after, place
from oncue.sdk import ActionError, Context, ErrorDoc, News, Pull, Pulled, Push, Pushed, Remark, SecretRef
from oncue.sdk import TicketState as State

CATEGORIES: Final[dict[State, str]] = {
    "new": "new",
    "in_progress": "indeterminate",
    "resolved": "done",
    "closed": "done",
}
"""The category of Jira's statuses that a state is in, by its key."""
MEANINGS: Final[dict[str, State]] = {"new": "new", "indeterminate": "in_progress", "done": "resolved"}
TYPES: Final = {"incident": "Task", "change": "Task", "request": "Task", "problem": "Task"}
PAGES: Final = 20
"""Pages of a search that are read at most."""
PROPERTY: Final = "oncue.ticket"
_FIELDS: Final = "status,updated,labels,comment"


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which project, and how it is signed in to. With `user` the token is that of a Cloud account, else a personal access
    token of Server or Data Center."""

    project: Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9_]{1,60}$")]
    """Its key, as `OPS`."""
    user: str | None = None
    token: SecretRef
    issue_types: dict[str, str] = {}
    """Jira's issue type for each type of ticket; Task where it is not said."""
    search: Annotated[str, msgspec.Meta(pattern=r"^/rest/api/[23](/[a-z]+)*$")] = "/rest/api/2/search"
    """Where it is searched; `/rest/api/2/search/jql` in Jira Cloud."""


class Status(msgspec.Struct):
    """A status of a workflow."""

    name: str
    category: str = ""


class Issue(msgspec.Struct):
    """An issue, as far as it matters here."""

    id: str
    key: str
    status: Status
    updated: datetime
    comments: list[Remark]


class Jira:
    """Writes issues and comments, and moves issues through their workflow."""

    name = "jira"
    settings = Settings
    errors: Final = (
        *ERRORS,
        ErrorDoc("jira.no_transition", "The workflow has no way from the issue's status to one of the wanted name."),
    )

    async def push(self, settings: Settings, push: Push, context: Context) -> Pushed:
        """There is one issue with the key, as the ticket is, with the remarks as comments."""
        again = push.again or context.redelivered
        async with context.client() as client:
            private = basic_or_bearer(settings.user, None, settings.token, context)
            exchange = Exchange(client, push.url, private)
            remote = push.remote or await _found(exchange, settings, push.key)
            if remote is None:
                made = shaped((await exchange.ask("POST", "/rest/api/2/issue", body=_new(settings, push, context))).body,
                              _Made, "the new issue")  # fmt: skip
                remote = made.id
            elif push.ticket != push.before and (changes := _changes(settings, push, context)):
                await exchange.ask("PUT", f"/rest/api/2/issue/{remote}", body={"fields": changes})
            issue = await _read(exchange, remote)
            before = push.before
            if before is None or push.ticket.state != before.state:
                issue = await _moved(exchange, push, issue)
            there: set[str] = set()
            if again and push.remarks:
                there = {id for one in issue.comments for id in words.marks_in(one.text)}
            for remark in push.remarks:
                if remark.id not in there:
                    path = f"/rest/api/2/issue/{remote}/comment"
                    _comment((await exchange.ask("POST", path, body={"body": words.remark(remark)})).body)
        url = f"{push.url.rstrip('/')}/browse/{issue.key}"
        return Pushed(remote=remote, number=issue.key, url=url, state=issue.status.name)

    async def pull(self, settings: Settings, pull: Pull, context: Context) -> Pulled:
        """What changed of our issues, with the comments that others made. JQL knows minutes only: what was told before is
        told again, and is no news then."""
        before = place(pull.cursor)
        async with context.client() as client:
            private = basic_or_bearer(settings.user, None, settings.token, context)
            exchange = Exchange(client, pull.url, private)
            issues, more = await _changed(exchange, settings, before)
        news = [
            News(
                remote=one.id, state=one.status.name, means=_means(pull, one.status), updated_at=one.updated,
                remarks=[remark for remark in one.comments if not words.is_ours(remark.text) and remark.at >= before.at],
            )
            for one in issues
        ]  # fmt: skip
        return Pulled(news=news, cursor=after(before, [one.updated for one in issues], more), more=more)


class _Made(msgspec.Struct):
    id: str
    key: str


def _new(settings: Settings, push: Push, context: Context) -> dict[str, Any]:
    kind = settings.issue_types.get(push.ticket.type, TYPES[push.ticket.type])
    labels = [words.LABEL, words.label(push.key)]
    fields = {
        "project": {"key": settings.project}, "issuetype": {"name": kind}, "labels": labels, **push.fields,
        **_changes(settings, push, context),
    }  # fmt: skip
    return {"fields": fields, "properties": [{"key": PROPERTY, "value": {"key": push.key}}]}


def _changes(settings: Settings, push: Push, context: Context) -> dict[str, Any]:
    """The fields that the issue is to have, of those that are not as they were."""
    view, before = push.ticket, push.before
    found: dict[str, Any] = {}
    if before is None or view.title != before.title:
        found["summary"] = " ".join(view.title.split())[:255]
    if before is None or view.description != before.description:
        found["description"] = words.description(view, context)
    changed = before is None or view.priority != before.priority
    if changed and view.priority is not None and view.priority in push.priorities:
        found["priority"] = {"name": push.priorities[view.priority]}
    if before is None or view.assignee != before.assignee:
        if view.assignee in push.assignees:
            member = "accountId" if settings.user is not None else "name"
            found["assignee"] = {member: push.assignees[view.assignee]}
        elif view.assignee is None and before is not None:
            found["assignee"] = None
    return found


async def _found(exchange: Exchange, settings: Settings, key: str) -> str | None:
    """The id of the issue that has the key, the oldest of them."""
    jql = f'project = "{settings.project}" AND labels = "{words.label(key)}" ORDER BY created ASC'
    body = (await exchange.ask("GET", settings.search, params={"jql": jql, "fields": "labels", "maxResults": "1"})).body
    issues = _list(body, "issues")
    return str(issues[0].get("id")) if issues else None


async def _read(exchange: Exchange, remote: str) -> Issue:
    return _issue((await exchange.ask("GET", f"/rest/api/2/issue/{remote}", params={"fields": _FIELDS})).body)


async def _moved(exchange: Exchange, push: Push, issue: Issue) -> Issue:
    """The issue in the wanted status. Raises `ActionError` jira.no_transition."""
    named = push.states.get(push.ticket.state)
    category = CATEGORIES[push.ticket.state]
    if issue.status.name == named or (named is None and issue.status.category == category):
        return issue
    path = f"/rest/api/2/issue/{issue.id}/transitions"
    ways = _list((await exchange.ask("GET", path)).body, "transitions")
    for way in ways:
        to = _status(way.get("to"))
        if to.name == named or (named is None and to.category == category):
            await exchange.ask("POST", path, body={"transition": {"id": str(way.get("id"))}})
            return await _read(exchange, issue.id)
    known = ", ".join(_status(way.get("to")).name for way in ways) or "none"
    wanted = named or f"any status of the category {category}"
    raise ActionError("jira.no_transition", f"from {issue.status.name} there is no way to {wanted}; there are: {known}")


async def _changed(exchange: Exchange, settings: Settings, before: Place) -> tuple[list[Issue], bool]:
    """A page of our issues that changed since then, the oldest change first; and whether there are more."""
    minutes = max(0, int((datetime.now(UTC) - before.at) / timedelta(minutes=1))) + 2
    jql = f'project = "{settings.project}" AND labels = {words.LABEL} AND updated >= -{minutes}m ORDER BY updated ASC'
    found: list[Issue] = []
    params = {"jql": jql, "fields": _FIELDS, "maxResults": "100"}
    for _ in range(PAGES):
        body = (await exchange.ask("GET", settings.search, params=params)).body
        some = [_issue(one) for one in _list(body, "issues")]
        found += [one for one in some if one.updated >= before.at]
        if (token := body.get("nextPageToken")) is not None:
            params["nextPageToken"] = str(token)
        elif len(some) == 100:
            params["startAt"] = str(int(params.get("startAt", "0")) + 100)
        else:
            break
    found.sort(key=lambda one: (one.updated, one.id))
    return found[before.skip : before.skip + PAGE], len(found) > before.skip + PAGE


def _means(pull: Pull, status: Status) -> State | None:
    return words.meaning(pull.states, {}, pull.inbound_states, status.name) or MEANINGS.get(status.category)


def _issue(body: Any) -> Issue:
    fields = body.get("fields") if isinstance(body, dict) else None
    if not isinstance(fields, dict):
        raise nonsense("the answer is no issue: it has no fields")
    comments = fields.get("comment")
    listed = _list(comments, "comments") if comments is not None else []
    return Issue(
        str(body.get("id")), str(body.get("key")), _status(fields.get("status")), _instant(fields.get("updated")),
        [_comment(one) for one in listed],
    )  # fmt: skip


def _comment(one: Any) -> Remark:
    author = one.get("author") if isinstance(one, dict) else None
    if not isinstance(one, dict) or not isinstance(one.get("body"), str):
        raise nonsense("a comment has no text")
    by = author.get("displayName") if isinstance(author, dict) else None
    return Remark(str(one.get("id")), str(by or "someone"), _instant(one.get("created")), one["body"])


def _status(body: Any) -> Status:
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        raise nonsense("a status has no name")
    category = body.get("statusCategory")
    return Status(body["name"], str(category.get("key")) if isinstance(category, dict) else "")


def _list(body: Any, name: str) -> list[Any]:
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise nonsense(f"the answer has no {name}")
    return found


def _instant(text: Any) -> datetime:
    """As Jira writes it: 2026-03-01T03:00:00.000+0000."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError as error:
        raise nonsense(f"{text!r} is no instant") from error
