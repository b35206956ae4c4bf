"""A ticket's counterpart elsewhere: one, in step, whatever is away in between; what comes back is taken once."""

import itertools
from typing import Any

import msgspec
import pytest

from oncue.core.mirror import Mirrored
from oncue.core.state import ENTITIES
from tests.unit.story import Story

CREATE = "oncue.command.ticket.create"
COMMENT = "oncue.command.ticket.comment"
MOVE = "oncue.command.ticket.transition"
ROW = "TCK-1/default/desk"


def mirrored(**spec: Any) -> Story:
    """A story with a mirror named desk, and a ticket."""
    story = Story()
    story.apply("TicketMirror", "desk", {"system": "servicenow", "url": "https://desk.example.com", **spec})
    story.send(CREATE, {"title": "Slow", "type": "incident"})
    return story


def row(story: Story) -> Mirrored:
    found: Mirrored = story.state.ticket_mirrors[ROW]
    return found


def under_way(story: Story, do: str = "push") -> list[dict[str, Any]]:
    return [one.payload for one in story.state.effects.values() if one.kind == "itsm" and one.payload["do"] == do]


def effect(story: Story, do: str = "push") -> str:
    (found,) = [one.id for one in story.state.effects.values() if one.kind == "itsm" and one.payload["do"] == do]
    return found


def arrives(story: Story, state: str = "1") -> None:
    """What is on its way is taken."""
    result = {"remote": "abc", "number": "INC0001", "url": "https://desk.example.com/abc", "state": state}
    story.result(effect=effect(story), result=result)


def fails(story: Story, **more: Any) -> None:
    given = {"error_code": "itsm.unavailable", "detail": "status 503", "transient": True, **more}
    story.result("failed", effect=effect(story), **given)


def news(story: Story, *items: dict[str, Any], cursor: str = "c2", more: bool = False) -> None:
    """The system says what is new."""
    found = [{"remote": "abc", "state": "1", "updated_at": story.now.isoformat(), **one} for one in items]
    story.result(effect=effect(story, "pull"), result={"news": found, "cursor": cursor, "more": more})


def remarks(story: Story) -> list[tuple[str, str]]:
    return [(one["by"], one["text"]) for one in story.of("ticket.commented")]


def test_a_ticket_gets_its_counterpart_under_a_key_of_its_own() -> None:
    story = mirrored()
    (push,) = under_way(story)
    assert (push["key"], push["remote"], push["again"], push["ticket"]["title"]) == (
        "story.1.TCK-1",
        None,
        False,
        "Slow",
    )
    arrives(story)
    one = row(story)
    assert (one.state, one.remote, one.number, one.url) == ("in_step", "abc", "INC0001", "https://desk.example.com/abc")
    assert under_way(story) == []


@pytest.mark.parametrize(
    ("spec", "there"),
    [
        ({}, True),
        ({"types": ["change"]}, False),
        ({"types": ["incident", "change"]}, True),
        ({"when": "ticket.priority == 'P1'"}, False),
        ({"when": "ticket.title == 'Slow'"}, True),
    ],
)
def test_configuration_says_which_tickets_are_mirrored(spec: dict[str, Any], there: bool) -> None:
    assert (ROW in mirrored(**spec).state.ticket_mirrors) is there


def test_a_condition_that_fails_is_said_on_the_ticket() -> None:
    story = mirrored(when="ticket.nothing == 'P1'")
    assert story.state.ticket_mirrors == {}
    assert story.of("ticket_mirror.skipped")[0]["reason"].startswith("when: ")


def test_another_namespaces_mirror_is_not_for_the_ticket() -> None:
    story = Story()
    change = {"op": "apply", "kind": "TicketMirror", "namespace": "other", "name": "desk",
              "spec": {"system": "servicenow", "url": "https://desk.example.com"}}  # fmt: skip
    story.send("oncue.config.applied", {"changes": [change]})
    story.send(CREATE, {"title": "Slow"})
    assert story.state.ticket_mirrors == {}


def test_one_thing_is_on_its_way_and_what_comes_meanwhile_follows_in_order() -> None:
    story = mirrored()
    for text in ("first", "second"):
        story.send(COMMENT, {"ticket": "TCK-1", "text": text})
    story.send(MOVE, {"ticket": "TCK-1", "state": "in_progress"})
    assert len(under_way(story)) == 1
    arrives(story)
    (push,) = under_way(story)
    assert [one["text"] for one in push["remarks"]] == ["first", "second"]
    assert (push["remote"], push["ticket"]["state"], push["before"]["state"]) == ("abc", "in_progress", "new")
    arrives(story)
    assert (row(story).state, row(story).waiting, under_way(story)) == ("in_step", (), [])


def test_after_a_day_without_the_system_it_gets_the_state_of_now_and_every_remark_in_order() -> None:
    story = mirrored()
    said = []
    for hour in range(24):
        while under_way(story):
            fails(story)
            story.wait("14m")
        story.wait("14m")
        said.append(f"hour {hour}")
        story.send(COMMENT, {"ticket": "TCK-1", "text": said[-1]})
        if hour in (3, 9):
            story.send(MOVE, {"ticket": "TCK-1", "state": "in_progress" if hour == 3 else "resolved"})
    one = row(story)
    assert (one.state, one.error_code, one.error) == ("failing", "itsm.unavailable", "status 503")
    assert len(one.waiting) == 24
    story.wait("15m")
    got: list[str] = []
    pushes = 0
    while under_way(story):
        (push,) = under_way(story)
        assert push["again"] is (pushes == 0)
        got += [remark["text"] for remark in push["remarks"]]
        pushes += 1
        arrives(story)
    assert got == said
    assert pushes == 2
    assert (row(story).state, row(story).failures, row(story).sent.state) == ("in_step", 0, "resolved")  # type: ignore[union-attr]


def test_a_system_that_is_away_is_tried_for_ever_with_pauses_that_are_bounded() -> None:
    story = mirrored()
    pauses = []
    for _ in range(9):
        fails(story)
        one = row(story)
        assert one.next_try_at is not None
        pauses.append((one.next_try_at - story.now).total_seconds())
        story.now = one.next_try_at
        story.send("oncue.clock.advanced")
    assert pauses == [10, 30, 90, 270, 810, 900, 900, 900, 900]


@pytest.mark.parametrize(("told_s", "pause_s"), [(120.0, 120.0), (1.0, 10.0), (1e9, 3600.0), (None, 10.0)])
def test_a_pause_that_the_system_asks_for_is_kept_within_bounds(told_s: float | None, pause_s: float) -> None:
    story = mirrored()
    fails(story, retry_after_s=told_s, error_code="itsm.busy")
    one = row(story)
    assert one.next_try_at is not None
    assert (one.next_try_at - story.now).total_seconds() == pause_s


def test_a_mirror_that_fails_persistently_is_an_alert_until_the_last_ticket_is_in_step() -> None:
    story = mirrored()
    for _ in range(2):
        fails(story)
        story.wait("15m")
    assert story.of("alert.fired") == []
    fails(story)
    assert [one["title"] for one in story.of("alert.fired")] == ["The ticket mirror default/desk fails"]
    assert row(story).failing_since == story.now
    story.wait("15m")
    arrives(story)
    assert [one["resource"] for one in story.of("alert.resolved")] == ["ticket-mirror/default/desk"]
    assert story.state.cells["mirror"]["default/desk"].failing == 0


def test_the_alert_stands_as_long_as_one_of_several_tickets_fails() -> None:
    story = mirrored()
    story.send(CREATE, {"title": "Slow as well", "type": "incident"})
    for _ in range(3):
        for id in [id for id, one in story.state.effects.items() if one.kind == "itsm"]:
            story.result("failed", effect=id, error_code="itsm.unavailable", transient=True)
        story.wait("15m")
    assert len(story.of("alert.fired")) == 1
    first, second = [id for id, one in story.state.effects.items() if one.kind == "itsm"]
    story.result(effect=first, result={"remote": "abc"})
    assert story.of("alert.resolved") == []
    story.result(effect=second, result={"remote": "def"})
    assert len(story.of("alert.resolved")) == 1


def test_what_was_on_its_way_when_the_state_is_read_back_goes_on() -> None:
    story = mirrored(inbound=True)
    story.send(COMMENT, {"ticket": "TCK-1", "text": "waits"})
    again = Story()
    rows, cells = story.batch.entities.items(), story.batch.cells.items()
    again.state.load(
        [(kind, id, msgspec.json.encode(one)) for (kind, id), (one, live) in rows if live and kind in ENTITIES],
        [(kind, key, msgspec.msgpack.encode(one)) for (kind, key), one in cells if one is not None],
    )
    again.now, again.state.position = story.now, story.state.position
    for one in (story, again):
        one._ids = itertools.count(100)
        arrives(one)
    assert [fact.body for fact in again.newest] == [fact.body for fact in story.newest]
    assert [one["remarks"][0]["text"] for one in under_way(again)] == ["waits"]


def test_a_person_may_have_it_tried_at_once() -> None:
    story = mirrored()
    fails(story)
    assert under_way(story) == []
    assert story.send("oncue.command.mirror.retry", {"mirror": "desk"}) == {"tried": 1}
    assert len(under_way(story)) == 1
    assert story.send("oncue.command.mirror.retry", {"ticket": "TCK-1"}) == {"tried": 0}
    assert story.refused("oncue.command.mirror.retry", {"mirror": "other"}) == "mirror.not_found"
    story.wait("15m")
    assert len(under_way(story)) == 1


def test_a_mended_manifest_is_tried_at_once() -> None:
    story = mirrored()
    fails(story)
    story.apply("TicketMirror", "desk", {"system": "servicenow", "url": "https://other.example.com"})
    assert [one["url"] for one in under_way(story)] == ["https://other.example.com"]


@pytest.mark.parametrize(
    "other",
    [{"url": "https://other.example.com"}, {"system": "jira"}, {"with": {"project": "OPS"}}],
)
def test_a_mirror_that_leads_elsewhere_does_nothing_to_what_has_the_tickets_id_there(other: dict[str, Any]) -> None:
    story = mirrored(inbound=True)
    arrives(story)
    story.wait("1m")
    story.send(COMMENT, {"ticket": "TCK-1", "text": "Still slow"})
    old, asking = effect(story), effect(story, "pull")
    spec = {"system": "servicenow", "url": "https://desk.example.com", "inbound": True, **other}
    story.apply("TicketMirror", "desk", spec)
    (push,) = under_way(story)
    assert (push.get("remote"), push.get("before"), push["again"]) == (None, None, True)
    assert [one["text"] for one in push["remarks"]] == ["Still slow"]
    assert row(story).system == spec["system"]
    new = effect(story)
    story.send(
        "oncue.effect.result",
        {"effect": old, "attempt": 1, "outcome": "succeeded", "result": {"remote": "abc", "state": "1"}},
    )
    found = [{"remote": "abc", "state": "7", "means": "closed", "updated_at": story.now.isoformat()}]
    story.send(
        "oncue.effect.result",
        {"effect": asking, "attempt": 1, "outcome": "succeeded", "result": {"news": found, "cursor": "c2"}},
    )
    assert row(story).remote is None
    story.result(effect=new, result={"remote": "abc", "number": "OPS-1", "state": "open"})
    assert (row(story).remote, row(story).number, row(story).state) == ("abc", "OPS-1", "in_step")
    assert story.state.tickets["TCK-1"].state == "new"
    story.wait("6s")
    assert len(under_way(story, "pull")) == 1


def test_a_manifest_that_leads_where_it_did_leaves_tickets_as_they_are() -> None:
    story = mirrored()
    arrives(story)
    story.apply(
        "TicketMirror", "desk", {"system": "servicenow", "url": "https://desk.example.com", "types": ["incident"]}
    )
    assert (under_way(story), row(story).remote) == ([], "abc")


def test_a_ticket_that_is_as_it_was_once_before_is_another_version() -> None:
    story = mirrored()
    versions = []
    for state in ("in_progress", "resolved", "in_progress"):
        arrives(story)
        code = {"close_code": "solved"} if state == "resolved" else {}
        story.send(MOVE, {"ticket": "TCK-1", "state": state, **code})
        versions.append(under_way(story)[0]["version"])
    assert versions == [1, 2, 3]


def test_with_the_closing_of_a_ticket_its_mirror_ends_once_the_system_knows() -> None:
    story = mirrored()
    arrives(story)
    story.send(MOVE, {"ticket": "TCK-1", "state": "closed", "close_code": "solved"})
    assert under_way(story)[0]["ticket"]["state"] == "closed"
    fails(story)
    story.wait("15m")
    arrives(story)
    assert story.of("ticket_mirror.ended")[-1]["state"] == "ended"
    assert story.state.ticket_mirrors == {}


def test_what_a_mirror_that_is_gone_had_on_its_way_is_called_off_and_its_alert_ends() -> None:
    story = mirrored()
    for _ in range(3):
        fails(story)
        story.wait("15m")
    change = {"op": "delete", "kind": "TicketMirror", "namespace": "default", "name": "desk"}
    story.send("oncue.config.applied", {"changes": [change]})
    assert (story.state.ticket_mirrors, under_way(story), story.state.cells["mirror"]) == ({}, [], {})
    assert len(story.of("alert.resolved")) == 1
    story.send(COMMENT, {"ticket": "TCK-1", "text": "nobody hears"})
    assert under_way(story) == []


# what comes back


def inbound(**spec: Any) -> Story:
    story = mirrored(inbound=True, **spec)
    arrives(story)
    story.wait("2m")
    return story


def test_it_is_asked_what_is_new_from_where_it_was() -> None:
    story = inbound()
    assert under_way(story, "pull")[0]["cursor"] == "2026-03-01T02:55:00Z"
    news(story, cursor="later", more=True)
    story.wait("6s")
    assert under_way(story, "pull")[0]["cursor"] == "later"
    news(story)
    story.wait("6s")
    assert under_way(story, "pull") == []
    story.wait("1m")
    assert len(under_way(story, "pull")) == 1


def test_a_mirror_without_tickets_is_not_asked() -> None:
    story = Story()
    story.apply("TicketMirror", "desk", {"system": "servicenow", "url": "https://desk.example.com", "inbound": True})
    story.wait("1h")
    assert under_way(story, "pull") == []


def test_a_state_from_there_is_a_transition_here_and_does_not_go_back() -> None:
    story = inbound()
    news(story, {"state": "6", "means": "resolved", "by": "basis-2"})
    one = story.state.tickets["TCK-1"]
    assert (one.state, one.resolved_by) == ("resolved", "servicenow:basis-2")
    assert (under_way(story), row(story).state, row(story).remote_state) == ([], "in_step", "6")
    story.wait("2m")
    news(story, {"state": "6", "means": "resolved"})
    assert len(story.of("ticket.updated")) == 1


def test_our_own_change_is_no_news() -> None:
    story = inbound()
    story.send(MOVE, {"ticket": "TCK-1", "state": "resolved"})
    arrives(story, "6")
    news(story, {})  # asked before ours arrived: it still says 1
    assert story.state.tickets["TCK-1"].state == "resolved"
    story.wait("6s")
    assert under_way(story, "pull")[0]["cursor"] == "2026-03-01T02:55:00Z"
    news(story, {"state": "6", "means": "resolved"})
    assert (len(story.of("ticket.updated")), remarks(story)) == (1, [])


def test_a_remark_from_there_is_taken_once_and_does_not_go_back() -> None:
    story = inbound()
    remark = {"id": "n1", "by": "basis-2", "at": story.now.isoformat(), "text": "On it."}
    for _ in range(2):
        news(story, {"remarks": [remark]})
        story.wait("2m")
    assert remarks(story) == [("servicenow:basis-2", "On it.")]
    assert under_way(story) == []


def test_a_remark_from_one_system_goes_to_the_other() -> None:
    story = mirrored(inbound=True)
    arrives(story)
    story.apply("TicketMirror", "forge", {"system": "github", "url": "https://forge.example.com"})
    story.send("oncue.command.ticket.assign", {"ticket": "TCK-1", "assignee": "basis-1"})
    for one in [id for id, found in story.state.effects.items() if found.kind == "itsm"]:
        story.result(effect=one, result={"remote": "abc"})
    story.wait("2m")
    news(story, {"remarks": [{"id": "n1", "by": "basis-2", "at": story.now.isoformat(), "text": "On it."}]})
    assert [(one["mirror"], one["remarks"][0]["text"]) for one in under_way(story)] == [("default/forge", "On it.")]


@pytest.mark.parametrize(
    ("at", "state", "said"),
    [
        ("2026-03-01T03:01:00+00:00", "in_progress", "; TCK-1 went to in_progress at 2026-03-01T03:02:00Z, which is newer and stands."),
        ("2026-03-01T04:00:00+00:00", "resolved", "INC0001 went to '6' at 2026-03-01T04:00:00Z, which is newer and stands."),
    ],
)  # fmt: skip
def test_where_both_changed_the_newer_stands_and_the_other_is_remarked(at: str, state: str, said: str) -> None:
    story = inbound()
    story.send(MOVE, {"ticket": "TCK-1", "state": "in_progress"})
    fails(story)
    news(story, {"state": "6", "means": "resolved", "updated_at": at})
    assert story.state.tickets["TCK-1"].state == state
    assert remarks(story)[0][1].endswith(said)
    story.wait("15m")
    assert [one["ticket"]["state"] for one in under_way(story)] == ([state] if state == "in_progress" else [])


def test_a_state_that_stands_for_nothing_or_cannot_be_is_remarked() -> None:
    story = inbound()
    news(story, {"state": "99"})
    assert "stands for none of our states" in remarks(story)[0][1]
    assert story.state.tickets["TCK-1"].state == "new"


def test_a_system_that_cannot_be_asked_is_an_alert_and_asked_again() -> None:
    story = inbound()
    for _ in range(3):
        story.result("failed", effect=effect(story, "pull"), error_code="itsm.unauthorised", detail="status 401")
        story.wait("15m")
    (alert,) = story.of("alert.fired")
    assert alert["resource"] == "ticket-mirror/default/desk"
    news(story)
    assert len(story.of("alert.resolved")) == 1


@pytest.mark.parametrize(("type", "soon"), [("desk.issue.closed", True), ("desk.push", False)])
def test_an_event_that_it_hears_has_it_asked_soon(type: str, soon: bool) -> None:
    story = inbound(poll="10m", hears=["desk.issue*"])
    news(story)
    story.wait("1m")
    assert under_way(story, "pull") == []
    story.send(type)
    story.send(type)
    story.wait("6s")
    assert len(under_way(story, "pull")) == soon


def test_an_event_that_comes_while_it_is_asked_has_it_asked_again() -> None:
    story = inbound(poll="10m", hears=["desk.issue*"])
    story.send("desk.issue.closed")
    news(story)
    story.wait("6s")
    assert len(under_way(story, "pull")) == 1
    news(story)
    story.wait("1m")
    assert under_way(story, "pull") == []


def test_a_system_that_fails_is_not_asked_more_often_for_what_it_says() -> None:
    story = inbound(poll="10m", hears=["desk.*"])
    story.result("failed", effect=effect(story, "pull"), error_code="itsm.busy", retry_after_s=600.0)
    story.send("desk.issue.closed")
    story.wait("1m")
    assert under_way(story, "pull") == []


def test_what_was_over_and_is_open_again_there_goes_on_here() -> None:
    story = inbound()
    news(story, {"state": "6", "means": "resolved"})
    story.wait("2m")
    news(story, {"state": "1", "means": "new"})
    assert story.state.tickets["TCK-1"].state == "in_progress"
    (push,) = under_way(story) or [None]
    assert push is None


def test_more_remarks_than_can_wait_are_counted_and_said() -> None:
    story = mirrored()
    for number in range(520):
        story.send(COMMENT, {"ticket": "TCK-1", "text": f"remark {number}"})
    got: list[str] = []
    while under_way(story):
        got += [remark["text"] for remark in under_way(story)[0]["remarks"]]
        arrives(story)
    assert (len(got), got[499]) == (501, "remark 499")
    assert got[-1] == "20 more remarks were made meanwhile; they are in OnCue."
