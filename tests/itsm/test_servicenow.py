"""ServiceNow has one record for each ticket, as the ticket is, with each remark once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oncue.plugins.itsm.servicenow import ServiceNow as Plugin
from oncue.sdk import ActionError
from tests.itsm.misbehaviour import FAILURES
from tests.itsm.pushing import AT, KEY, Desk, remark, view
from tests.itsm.servicenow import PASSWORD, USER, ServiceNow


@pytest.fixture
def system() -> Iterator[ServiceNow]:
    with ServiceNow() as running:
        yield running


@pytest.fixture
def desk(system: ServiceNow, tmp_path: Path) -> Desk:
    return Desk(Plugin(), system, tmp_path, {"sn": PASSWORD}, user=USER, password="secret://sn")


async def test_a_ticket_is_a_record_with_its_key_and_the_fields_of_the_manifest(system: ServiceNow, desk: Desk) -> None:
    desk.spec = {"fields": {"assignment_group": "basis"}, "assignees": {"basis-1": "sys-7"}}
    pushed = await desk.push(view(assignee="basis-1"))
    (record,) = system.records()
    assert (pushed.number, pushed.state, pushed.remote) == ("INC0000001", "1", record["sys_id"])
    assert pushed.url == f"{system.url}/incident.do?sys_id={record['sys_id']}"
    names = ("correlation_id", "correlation_display", "short_description", "impact", "urgency", "assigned_to")
    assert [record[name] for name in names] == [KEY, "OnCue", "Slow", "1", "2", "sys-7"]
    assert record["assignment_group"] == "basis"
    assert "https://oncue.example/tickets/TCK-1" in record["description"]


@pytest.mark.parametrize(
    ("type", "table", "states"),
    [
        ("incident", "incident", ["1", "2", "6", "7"]),
        ("request", "incident", ["1", "2", "6", "7"]),
        ("change", "change_request", ["-5", "-1", "0", "3"]),
        ("problem", "problem", ["101", "104", "106", "107"]),
    ],
)
async def test_each_type_has_its_table_and_its_states(
    system: ServiceNow, desk: Desk, type: str, table: str, states: list[str]
) -> None:
    found = []
    for state in ("new", "in_progress", "resolved", "closed"):
        found.append((await desk.push(view(type=type, state=state))).state)
    assert found == states
    assert len(system.records(table)) == 1


async def test_what_ends_says_how(system: ServiceNow, desk: Desk) -> None:
    await desk.push(view())
    await desk.push(view(state="resolved", close_code="workaround", resolution="Moved."))
    (record,) = system.records()
    assert (record["close_code"], record["close_notes"]) == ("Workaround provided", "Moved.")


@pytest.mark.parametrize(
    ("code", "there"),
    [("successful", "successful"), ("successful_with_issues", "successful_issues"), ("unsuccessful", "unsuccessful")],
)
async def test_a_change_ends_in_the_words_of_changes(system: ServiceNow, desk: Desk, code: str, there: str) -> None:
    await desk.push(view(type="change"))
    await desk.push(view(type="change", state="resolved", close_code=code))
    assert [one["close_code"] for one in system.records("change_request")] == [there]


async def test_only_what_changed_is_written(system: ServiceNow, desk: Desk) -> None:
    await desk.push(view())
    await desk.push(view(title="Very slow"))
    assert system.asked("PATCH")[-1].body == {"short_description": "Very slow"}
    before = len(system.requests)
    await desk.push(view(title="Very slow"))
    assert len(system.requests) == before


async def test_the_states_of_the_manifest_are_those_that_count(system: ServiceNow, desk: Desk) -> None:
    desk.spec = {"states": {"resolved": "8"}}
    assert (await desk.push(view(state="resolved"))).state == "8"


async def test_a_record_that_was_made_and_not_noted_is_found_again(system: ServiceNow, desk: Desk) -> None:
    system.fail(502, "gateway", after=True, of=lambda one: one.method == "POST")
    with pytest.raises(ActionError, match=r"itsm\.unavailable"):
        await desk.push(view())
    await desk.push(view(state="in_progress"), again=True)
    assert [(one["state"], one["correlation_id"]) for one in system.records()] == [("2", KEY)]


async def test_a_remark_that_was_made_and_not_noted_is_not_made_again(system: ServiceNow, desk: Desk) -> None:
    await desk.push(view())
    second = iter(range(10))
    system.fail(503, "gateway", after=True, of=lambda one: "work_notes" in (one.body or {}) and next(second) == 1)
    with pytest.raises(ActionError):
        await desk.push(view(), remark(1), remark(2), remark(3))
    await desk.push(view(), remark(1), remark(2), remark(3), redelivered=True)
    assert [note.splitlines()[-1] for note in system.notes()] == ["[oncue:co-1]", "[oncue:co-2]", "[oncue:co-3]"]


@pytest.mark.parametrize(("status", "body", "headers", "code", "transient", "pause_s"), FAILURES)
async def test_what_goes_wrong_has_a_code_of_its_own(
    system: ServiceNow, desk: Desk, status: int, body: Any, headers: dict[str, str], code: str, transient: bool,
    pause_s: float | None,
) -> None:  # fmt: skip
    system.fail(status, body, headers=headers)
    with pytest.raises(ActionError) as caught:
        await desk.push(view())
    assert (caught.value.code, caught.value.transient, caught.value.retry_after_s) == (code, transient, pause_s)
    assert code in {one.code for one in Plugin.errors}
    assert system.records() == []


async def test_news_are_what_others_did_and_never_our_own_remarks(system: ServiceNow, desk: Desk) -> None:
    pushed = await desk.push(view(), remark(1))
    system.change("incident", pushed.remote, {"state": "6", "comments": "Done."}, "basis-2")
    pulled = await desk.pull()
    (news,) = pulled.news
    assert (news.remote, news.state, news.means, news.by) == (pushed.remote, "6", "resolved", "basis-2")
    assert [(one.by, one.text) for one in news.remarks] == [("basis-2", "Done.")]
    assert news.updated_at > AT
    system.tick()
    assert [one.state for one in (await desk.pull(pulled.cursor)).news] == ["6"], "that instant is asked for again"


@pytest.mark.parametrize(
    ("state", "means"), [("3", "in_progress"), ("8", "closed"), ("42", None), ("2", "in_progress")]
)
async def test_what_a_state_there_stands_for(system: ServiceNow, desk: Desk, state: str, means: str | None) -> None:
    pushed = await desk.push(view())
    system.change("incident", pushed.remote, {"state": state}, "basis-2")
    assert [one.means for one in (await desk.pull()).news] == [means]


async def test_more_changes_of_one_instant_than_a_page_holds_are_all_told(system: ServiceNow, desk: Desk) -> None:
    for number in range(120):
        system.create("incident", {"correlation_display": "OnCue", "correlation_id": f"k{number}"}, USER)
    for row in system.records():
        row["sys_updated_on"] = "2026-03-01 04:00:00"
    seen, cursor, more, asked = set(), "2026-03-01T03:00:00Z", True, 0
    while more:
        pulled = await desk.pull(cursor)
        seen |= {one.remote for one in pulled.news}
        cursor, more, asked = pulled.cursor, pulled.more, asked + 1
    assert (len(seen), asked) == (120, 3)


async def test_records_that_others_made_are_no_news(system: ServiceNow, desk: Desk) -> None:
    system.create("incident", {"short_description": "Other"}, "basis-2")
    assert (await desk.pull()).news == []
