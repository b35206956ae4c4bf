"""Jira, GitHub and GitLab have one issue for each ticket, as the ticket is, with each remark once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from oncue.plugins.itsm.github import GitHub as GitHubPlugin
from oncue.plugins.itsm.gitlab import GitLab as GitLabPlugin
from oncue.plugins.itsm.jira import Jira as JiraPlugin
from oncue.sdk import ActionError
from tests.itsm import github, gitlab, jira
from tests.itsm.misbehaviour import FAILURES
from tests.itsm.pushing import KEY, Desk, remark, view


class Case(NamedTuple):
    """One system."""

    plugin: Any
    system: Any
    token: str
    settings: dict[str, Any]
    states: tuple[str, str, str, str]
    """Of new, in progress, resolved and closed tickets."""


CASES = {
    "jira": Case(JiraPlugin, jira.Jira, jira.TOKEN, {"project": "OPS"}, ("To Do", "In Progress", "Done", "Done")),
    "github": Case(
        GitHubPlugin,
        github.GitHub,
        github.TOKEN,
        {"repository": github.REPOSITORY},
        ("open", "open", "closed", "closed"),
    ),
    "gitlab": Case(
        GitLabPlugin, gitlab.GitLab, gitlab.TOKEN, {"project": gitlab.PROJECT}, ("opened", "opened", "closed", "closed")
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def system(case: Case) -> Iterator[Any]:
    with case.system() as running:
        yield running


@pytest.fixture
def desk(case: Case, system: Any, tmp_path: Path) -> Desk:
    return Desk(case.plugin(), system, tmp_path, {"t": case.token}, token="secret://t", **case.settings)


def since(system: Any) -> str:
    found: str = system.now.isoformat()
    return found


async def test_a_ticket_is_one_issue_through_all_its_states(case: Case, system: Any, desk: Desk) -> None:
    found = []
    for state in ("new", "in_progress", "resolved", "closed"):
        pushed = await desk.push(view(state=state))
        found.append(pushed.state or found[-1])  # where nothing is to be said, nothing is asked
        assert system.tickets() == [("Slow", found[-1])]
    assert tuple(found) == case.states


async def test_people_find_the_issue_by_its_number_and_address(system: Any, desk: Desk) -> None:
    pushed = await desk.push(view())
    assert pushed.number is not None
    assert pushed.url is not None
    assert pushed.url.startswith(system.url)


async def test_a_ticket_that_is_over_already_is_an_issue_that_is_over(case: Case, system: Any, desk: Desk) -> None:
    assert (await desk.push(view(state="resolved"))).state == case.states[2]
    assert system.tickets() == [("Slow", case.states[2])]


async def test_a_resolved_ticket_that_goes_on_opens_its_issue_again(case: Case, system: Any, desk: Desk) -> None:
    await desk.push(view(state="resolved"))
    assert (await desk.push(view(state="in_progress"))).state == case.states[1]


async def test_an_issue_that_was_made_and_not_noted_is_found_again(case: Case, system: Any, desk: Desk) -> None:
    system.fail(502, "gateway", after=True, of=lambda one: one.method == "POST")
    with pytest.raises(ActionError, match=r"itsm\.unavailable"):
        await desk.push(view())
    await desk.push(view(state="resolved"), again=True)
    assert system.tickets() == [("Slow", case.states[2])]


async def test_another_tickets_issue_is_left_alone(case: Case, system: Any, desk: Desk) -> None:
    await desk.push(view())
    desk.remote = desk.sent = None
    await desk.push(view(id="TCK-2", title="Other"), key="journal.1.TCK-2")
    assert [title for title, _ in system.tickets()] == ["Slow", "Other"]


async def test_remarks_are_there_once_and_in_order_whatever_broke_off(system: Any, desk: Desk) -> None:
    await desk.push(view())
    second = iter(range(10))
    system.fail(
        503, "gateway", after=True,
        of=lambda one: one.method == "POST" and "body" in (one.body or {}) and next(second) == 1,
    )  # fmt: skip
    with pytest.raises(ActionError):
        await desk.push(view(), remark(1), remark(2), remark(3))
    await desk.push(view(), remark(1), remark(2), remark(3), redelivered=True)
    assert [text.splitlines()[-1] for text in system.remarks()] == ["[oncue:co-1]", "[oncue:co-2]", "[oncue:co-3]"]


@pytest.mark.parametrize(("status", "body", "headers", "code", "transient", "pause_s"), FAILURES)
async def test_what_goes_wrong_has_a_code_of_its_own(
    case: Case, system: Any, desk: Desk, status: int, body: Any, headers: dict[str, str], code: str, transient: bool,
    pause_s: float | None,
) -> None:  # fmt: skip
    system.fail(status, body, headers=headers)
    with pytest.raises(ActionError) as caught:
        await desk.push(view())
    assert (caught.value.code, caught.value.transient, caught.value.retry_after_s) == (code, transient, pause_s)
    assert code in {one.code for one in case.plugin.errors}
    assert system.tickets() == []


@pytest.mark.parametrize("body", ["", "<html>Please sign in</html>", {"error": "quota"}, [1]])
async def test_a_remark_has_arrived_only_if_the_answer_is_the_remark(system: Any, desk: Desk, body: Any) -> None:
    await desk.push(view())
    system.fail(200, body, of=lambda one: one.method == "POST")
    with pytest.raises(ActionError, match=r"itsm\.nonsense"):
        await desk.push(view(), remark(1))
    await desk.push(view(), remark(1), again=True)
    assert len(system.remarks()) == 1


async def test_an_issue_whose_labels_are_none_is_nonsense(tmp_path: Path) -> None:
    case = CASES["github"]
    with case.system() as system:
        desk = Desk(case.plugin(), system, tmp_path, {"t": case.token}, token="secret://t", **case.settings)
        await desk.push(view())
        (issue,) = system.issues.values()
        system.fail(200, {**issue, "labels": [{"color": "red"}]}, of=lambda one: one.method == "GET")
        with pytest.raises(ActionError, match=r"itsm\.nonsense: the issue"):
            await desk.push(view(priority="P1"))


async def test_a_system_that_is_slow_is_given_up_in_time(system: Any, desk: Desk) -> None:
    system.slow_s = 6.0
    with pytest.raises(ActionError, match="timeout"):
        await desk.push(view())


async def test_news_are_what_others_did_and_never_our_own_remarks(case: Case, system: Any, desk: Desk) -> None:
    begin = since(system)
    pushed = await desk.push(view(), remark(1))
    system.remark(pushed.remote, "I look into it.", "basis-2")
    system.end(pushed.remote, "basis-2")
    pulled = await desk.pull(begin)
    (news,) = pulled.news
    assert (news.remote, news.state, news.means) == (pushed.remote, case.states[2], "resolved")
    assert [(one.by, one.text) for one in news.remarks] == [("basis-2", "I look into it.")]
    again = await desk.pull(pulled.cursor)
    assert [(one.state, one.remarks) for one in again.news] == [(case.states[2], [])]


async def test_more_changes_than_a_page_holds_are_all_told(case: Case, system: Any, desk: Desk) -> None:
    begin = since(system)
    for number in range(60):
        desk.remote = desk.sent = None
        await desk.push(view(id=f"TCK-{number}", title=f"Slow {number}"), key=f"journal.1.TCK-{number}")
    seen, cursor, more = set(), begin, True
    while more:
        pulled = await desk.pull(cursor)
        seen |= {one.remote for one in pulled.news}
        cursor, more = pulled.cursor, pulled.more
    assert len(seen) == 60


async def test_priority_and_progress_are_labels_where_there_are_no_fields(case: Case, system: Any, desk: Desk) -> None:
    if case.plugin is JiraPlugin:
        desk.spec = {"priorities": {"P2": "High"}}
    pushed = await desk.push(view())
    if case.plugin is JiraPlugin:
        assert system.issues[pushed.remote]["fields"]["priority"] == {"name": "High"}
        return
    await desk.push(view(state="in_progress"))
    labels = [one["name"] if isinstance(one, dict) else one for one in next(iter(system.issues.values()))["labels"]]
    assert {"oncue", "oncue: incident", "oncue: P2", "oncue: in progress"} <= set(labels)
    system.change(
        pushed.remote,
        {"labels": ",".join([*labels, "mine"]) if case.plugin is GitLabPlugin else [*labels, "mine"]},
        "basis-2",
    )
    await desk.push(view(state="resolved"))
    labels = [one["name"] if isinstance(one, dict) else one for one in next(iter(system.issues.values()))["labels"]]
    assert "oncue: in progress" not in labels
    assert "mine" in labels, "what people gave it stays"


# Jira alone


@pytest.fixture
def workflow() -> Iterator[jira.Jira]:
    with jira.Jira() as running:
        yield running


async def test_a_workflow_without_a_way_says_which_there_are(workflow: jira.Jira, tmp_path: Path) -> None:
    desk = Desk(JiraPlugin(), workflow, tmp_path, {"t": jira.TOKEN}, token="secret://t", project="OPS")
    workflow.ways["To Do"] = ("In Progress",)
    await desk.push(view())
    with pytest.raises(ActionError, match=r"jira\.no_transition: .*In Progress"):
        await desk.push(view(state="resolved"))


async def test_the_status_that_the_manifest_names_is_the_one(workflow: jira.Jira, tmp_path: Path) -> None:
    desk = Desk(JiraPlugin(), workflow, tmp_path, {"t": jira.TOKEN}, token="secret://t", project="OPS")
    desk.spec = {"states": {"resolved": "In Progress"}}
    assert (await desk.push(view(state="resolved"))).state == "In Progress"


async def test_a_cloud_that_pages_by_tokens_is_read_to_its_end(workflow: jira.Jira, tmp_path: Path) -> None:
    desk = Desk(JiraPlugin(), workflow, tmp_path, {"t": jira.TOKEN}, token="secret://t", project="OPS",
                search="/rest/api/2/search/jql")  # fmt: skip
    workflow.tokens = True
    begin = since(workflow)
    for number in range(130):
        workflow.create({"summary": f"{number}", "labels": ["oncue"]})
    for issue in workflow.issues.values():
        issue["fields"]["updated"] = workflow.now.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    seen, cursor, more = set(), begin, True
    while more:
        pulled = await desk.pull(cursor)
        seen |= {one.remote for one in pulled.news}
        cursor, more = pulled.cursor, pulled.more
    assert len(seen) == 130


@pytest.mark.parametrize(("user", "member"), [(None, "name"), ("basis-1@example.com", "accountId")])
async def test_an_assignee_is_named_as_the_site_names_people(
    workflow: jira.Jira, tmp_path: Path, user: str | None, member: str
) -> None:
    more = {"user": user} if user is not None else {}
    desk = Desk(JiraPlugin(), workflow, tmp_path, {"t": jira.TOKEN}, token="secret://t", project="OPS", **more)
    desk.spec = {"assignees": {"basis-1": "5b10"}}
    await desk.push(view(assignee="basis-1"))
    await desk.push(view())
    (issue,) = workflow.issues.values()
    assert workflow.asked("POST", "/rest/api/2/issue")[0].body["fields"]["assignee"] == {member: "5b10"}
    assert issue["fields"]["assignee"] is None, "who had it has it no more"


async def test_an_issue_has_the_key_in_a_property(workflow: jira.Jira, tmp_path: Path) -> None:
    desk = Desk(JiraPlugin(), workflow, tmp_path, {"t": jira.TOKEN}, token="secret://t", project="OPS")
    await desk.push(view())
    assert workflow.asked("POST", "/rest/api/2/issue")[0].body["properties"] == [
        {"key": "oncue.ticket", "value": {"key": KEY}}
    ]
