"""The system `github`: issues of a repository, by GitHub's REST API.

`url` is that of the API: `https://api.github.com`, or `https://HOST/api/v3` of GitHub Enterprise Server. Each issue has the
label `oncue`, one of its own by which it is looked for before one is made, and the key in a line of its body that is not
shown. An issue is open or closed: `open` stands for new, `closed` for resolved, and priority and progress are labels.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from oncue.plugins.itsm import words
from oncue.plugins.itsm.exchange import ERRORS, Exchange, nonsense, shaped
from oncue.plugins.itsm.paging import PAGE, Place, after, place
from oncue.sdk import Context, News, Pull, Pulled, Push, Pushed, Remark, SecretRef, TicketState, View

STATES: Final[dict[TicketState, str]] = {
    "new": "open",
    "in_progress": "open",
    "resolved": "closed",
    "closed": "closed",
}
INBOUND: Final[dict[str, TicketState]] = {"open": "new", "closed": "resolved"}
ACCEPT: Final = "application/vnd.github+json"
PAGES: Final = 20
"""Pages of comments that are read at most."""


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which repository, and how it is signed in to."""

    repository: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")]
    """As `owner/name`."""
    token: SecretRef
    """Of someone who may write issues there."""
    labels: list[str] = []
    """Given to new issues besides."""


class User(msgspec.Struct):
    """Who did it."""

    login: str


class Label(msgspec.Struct):
    """A label of an issue."""

    name: str


class Issue(msgspec.Struct):
    """An issue, as far as it matters here."""

    number: int
    html_url: str
    state: str
    updated_at: datetime
    body: str | None = None
    pull_request: Any = None
    closed_by: User | None = None
    labels: list[Label | str] = []


class Comment(msgspec.Struct):
    """A comment on an issue."""

    id: int
    body: str
    created_at: datetime
    issue_url: str
    user: User | None = None


class GitHub:
    """Writes issues and comments."""

    name = "github"
    settings = Settings
    errors = ERRORS

    async def push(self, settings: Settings, push: Push, context: Context) -> Pushed:
        """There is one issue with the key, as the ticket is, with the remarks as comments."""
        again = push.again or context.redelivered
        path = f"/repos/{settings.repository}/issues"
        async with context.client() as client:
            exchange = _exchange(client, push.url, settings, context)
            issue = await _found(exchange, path, push.key) if push.remote is None else None
            if push.remote is None and issue is None:
                made = {**push.fields, **_changes(push, None, context)}
                made["labels"] = [*settings.labels, *_labels(push.ticket, push)]
                made.pop("state", None)
                made.pop("state_reason", None)
                issue = _issue((await exchange.ask("POST", path, body=made)).body)
                if _state(push) != issue.state:
                    body = {"state": _state(push)}
                    issue = _issue((await exchange.ask("PATCH", f"{path}/{issue.number}", body=body)).body)
            elif push.remote is None or push.ticket != push.before:
                number = str(issue.number) if issue is not None else push.remote
                changes = _changes(push, push.before, context)
                if issue is None or push.before is None:
                    issue = _issue((await exchange.ask("GET", f"{path}/{number}")).body)
                if _labels(push.ticket, push) != (_labels(push.before, push) if push.before is not None else None):
                    kept = [name for name in _names(issue) if not name.startswith("oncue")]
                    changes["labels"] = [*kept, *_labels(push.ticket, push)]
                if changes:
                    issue = _issue((await exchange.ask("PATCH", f"{path}/{number}", body=changes)).body)
            remote = str(issue.number) if issue is not None else str(push.remote)
            there = await _commented(exchange, f"{path}/{remote}/comments") if again and push.remarks else set()
            for remark in push.remarks:
                if remark.id not in there:
                    answer = await exchange.ask(
                        "POST", f"{path}/{remote}/comments", body={"body": words.remark(remark)}
                    )
                    shaped(answer.body, Comment, "the new comment")
        if issue is None:
            return Pushed(remote=remote)
        return Pushed(remote=remote, number=f"#{remote}", url=issue.html_url, state=issue.state)

    async def pull(self, settings: Settings, pull: Pull, context: Context) -> Pulled:
        """What changed of our issues, with the comments that others made."""
        before = place(pull.cursor)
        since = before.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        path = f"/repos/{settings.repository}/issues"
        async with context.client() as client:
            exchange = _exchange(client, pull.url, settings, context)
            issues, more = await _changed(exchange, path, before, since)
            remarks = await _remarks(exchange, f"{path}/comments", since) if issues else {}
        news = [
            News(
                remote=str(one.number), state=one.state, by=one.closed_by.login if one.closed_by is not None else None,
                means=words.meaning(pull.states, {}, {**INBOUND, **pull.inbound_states}, one.state),
                updated_at=one.updated_at, remarks=remarks.get(one.number, []),
            )
            for one in issues
        ]  # fmt: skip
        return Pulled(news=news, cursor=after(before, [one.updated_at for one in issues], more), more=more)


def _exchange(client: Any, url: str, settings: Settings, context: Context) -> Exchange:
    return Exchange(client, url, {"Authorization": f"Bearer {context.secret(settings.token)}"}, ACCEPT)


async def _found(exchange: Exchange, path: str, key: str) -> Issue | None:
    """The issue that has the key, the oldest of them."""
    params = {"labels": words.label(key), "state": "all", "sort": "created", "direction": "asc", "per_page": "10"}
    issues = _issues((await exchange.ask("GET", path, params=params)).body)
    return next((one for one in issues if words.hidden(key) in (one.body or "")), None)


async def _changed(exchange: Exchange, path: str, before: Place, since: str) -> tuple[list[Issue], bool]:
    """A page of our issues that changed since then, the oldest change first; and whether there are more."""
    first = before.skip // PAGE + 1
    found: list[Issue] = []
    for page in (first, first + 1):
        params = {
            "labels": words.LABEL, "state": "all", "sort": "updated", "direction": "asc", "since": since,
            "per_page": str(PAGE), "page": str(page),
        }  # fmt: skip
        some = _issues((await exchange.ask("GET", path, params=params)).body)
        found += some
        if len(some) < PAGE:
            break
    begin = before.skip - (first - 1) * PAGE
    return [one for one in found[begin : begin + PAGE] if one.pull_request is None], len(found) > begin + PAGE


async def _remarks(exchange: Exchange, path: str, since: str) -> dict[int, list[Remark]]:
    """What others remarked on issues of the repository since then, by issue, the oldest first."""
    found: dict[int, list[Remark]] = {}
    for page in range(1, PAGES + 1):
        params = {"since": since, "sort": "created", "direction": "asc", "per_page": "100", "page": str(page)}
        comments = _comments((await exchange.ask("GET", path, params=params)).body)
        for one in comments:
            number = one.issue_url.rpartition("/")[2]
            if number.isdecimal() and not words.is_ours(one.body):
                by = one.user.login if one.user is not None else "ghost"
                found.setdefault(int(number), []).append(Remark(str(one.id), by, one.created_at, one.body))
        if len(comments) < 100:
            break
    return found


async def _commented(exchange: Exchange, path: str) -> set[str]:
    """Ids of our remarks that the issue has."""
    found: set[str] = set()
    for page in range(1, PAGES + 1):
        comments = _comments((await exchange.ask("GET", path, params={"per_page": "100", "page": str(page)})).body)
        for one in comments:
            found |= words.marks_in(one.body)
        if len(comments) < 100:
            break
    return found


def _changes(push: Push, before: View | None, context: Context) -> dict[str, Any]:
    """The fields that the issue is to have, of those that are not as they were."""
    view = push.ticket
    found: dict[str, Any] = {}
    if before is None or view.title != before.title:
        found["title"] = view.title
    if before is None or view.description != before.description:
        found["body"] = f"{words.description(view, context)}\n\n{words.hidden(push.key)}"
    if before is None or push.states.get(view.state, STATES[view.state]) != push.states.get(
        before.state, STATES[before.state]
    ):
        found["state"] = _state(push)
        if found["state"] == "closed":
            done = view.close_code not in ("not_done", "duplicate", "no_fault")
            found["state_reason"] = "completed" if done else "not_planned"
    if before is None or view.assignee != before.assignee:
        if view.assignee in push.assignees:
            found["assignees"] = [push.assignees[view.assignee]]
        elif view.assignee is None and before is not None:
            found["assignees"] = []
    return found


def _state(push: Push) -> str:
    return push.states.get(push.ticket.state, STATES[push.ticket.state])


def _labels(view: View, push: Push) -> list[str]:
    return words.labels(view, push.key, push.priorities)


def _names(issue: Issue) -> list[str]:
    return [one.name if isinstance(one, Label) else one for one in issue.labels]


def _issue(body: Any) -> Issue:
    found: Issue = shaped(body, Issue, "the issue")
    return found


def _issues(body: Any) -> list[Issue]:
    if not isinstance(body, list):
        raise nonsense("the answer is no list of issues")
    return [_issue(one) for one in body]


def _comments(body: Any) -> list[Comment]:
    if not isinstance(body, list):
        raise nonsense("the answer is no list of comments")
    return [shaped(one, Comment, "a comment") for one in body]
