"""What people do with incidents beside their alerts: given a story, when someone asks, then these facts and this state."""

from typing import Any

import msgspec
import pytest

from oncue.core.engine import Engine
from oncue.core.state import State
from tests.unit.story import Story, owned

COMMAND = "oncue.command."


@pytest.fixture
def story() -> Story:
    """An incident INC-1 of the service shop, with one alert, told to the owner."""
    story = Story()
    owned(story)
    story.apply("Channel", "status", {"type": "email", "with": {"to": ["shop-users@example.com"]}})
    story.apply(
        "Service",
        "shop",
        {"owner": "team:basis", "criticality": "high", "resources": ["db-*"], "audience": ["channel:status"]},
    )
    story.problem()
    assert [one["id"] for one in story.of("incident.opened")] == ["INC-1"]
    return story


def does(story: Story, command: str, data: dict[str, Any], actor: str = "user:basis-1") -> Any:
    return story.send(COMMAND + command, data, actor=actor)


def incident(story: Story, id: str = "INC-1") -> Any:
    return story.state.incidents[id]


def told(story: Story) -> list[tuple[str, str]]:
    """(channel, reason) of what was asked to be sent, in order."""
    asked = [one["payload"] for one in story.of("effect.requested") if one["kind"] == "notify"]
    return [(one["channel"].partition("/")[2], one["reason"]) for one in asked]


def reloaded(story: Story) -> None:
    """State looks the same after a restart."""
    state = State(story.state.identity)
    state.restore(story.state.dump())
    assert state.dump() == story.state.dump()
    story.state, story.engine = state, Engine(state)


# tasks


def test_a_task_is_set_given_done_and_taken_up_again(story: Story) -> None:
    task = does(
        story, "task.create", {"incident": "INC-1", "title": "free space", "due_at": "2026-03-01T06:00:00+02:00"}
    )
    assert (task["id"], task["state"], task["kind"], task["created_by"]) == ("TSK-1", "open", "task", "user:basis-1")
    assert story.state.tasks["TSK-1"].due_at.isoformat() == "2026-03-01T04:00:00+00:00"
    assert incident(story).tasks == ("TSK-1",)
    reloaded(story)
    assert does(story, "task.change", {"task": "TSK-1", "assignee": "basis-2", "due_at": None})["assignee"] == "basis-2"
    assert story.state.tasks["TSK-1"].due_at is None
    done = does(story, "task.turn", {"task": "TSK-1", "state": "done"}, actor="user:basis-2")
    assert (done["state"], done["ended_by"]) == ("done", "user:basis-2")
    assert story.refused(COMMAND + "task.turn", {"task": "TSK-1", "state": "done"}) == "task.state"
    assert story.refused(COMMAND + "task.change", {"task": "TSK-1", "title": "x"}) == "task.state"
    assert does(story, "task.turn", {"task": "TSK-1", "state": "open", "reason": "not yet"})["ended_by"] is None
    assert story.types()[-1] == "task.reopened"
    assert dict(story.facts[-1].refs) == {"incident": "INC-1"}


def test_tasks_of_a_closed_incident_are_settled_but_open_ones_can_still_be_done(story: Story) -> None:
    for title in ("one", "two"):
        does(story, "task.create", {"incident": "INC-1", "title": title})
    does(story, "task.turn", {"task": "TSK-1", "state": "done"})
    does(story, "incident.resolve", {"incident": "INC-1"})
    does(story, "incident.close", {"incident": "INC-1"})
    assert sorted(story.state.tasks) == ["TSK-2"]
    assert story.refused(COMMAND + "task.turn", {"task": "TSK-1", "state": "open"}) == "task.not_found"
    does(story, "task.turn", {"task": "TSK-2", "state": "cancelled", "reason": "no need"})
    assert not story.state.tasks


def test_an_incident_has_so_many_tasks_and_no_more(story: Story) -> None:
    for number in range(200):
        does(story, "task.create", {"incident": "INC-1", "title": f"task {number}"})
    assert story.refused(COMMAND + "task.create", {"incident": "INC-1", "title": "x"}) == "incident.full"
    assert len(story.state.tasks) == 200


# edited by hand


def test_a_priority_set_by_hand_stands_until_it_is_taken_back(story: Story) -> None:
    assert incident(story).priority == "P2"
    does(story, "incident.edit", {"incident": "INC-1", "priority": "P4", "reason": "only the test shop"})
    assert incident(story).priority_reason == "set by user:basis-1: only the test shop"
    before = len(told(story))
    story.problem("critical", check="other")
    assert (incident(story).severity, incident(story).priority) == ("critical", "P4")
    assert len(told(story)) == before, "nobody is told of a higher priority that a person has set otherwise"
    does(story, "incident.edit", {"incident": "INC-1", "take_back": ["priority"]})
    assert incident(story).priority == "P1"
    assert told(story)[-1] == ("mail", "escalated")
    assert incident(story).edited == ()


def test_title_and_severity_set_by_hand_stand_too(story: Story) -> None:
    does(story, "incident.edit", {"incident": "INC-1", "title": "Shop is slow", "severity": "minor"})
    story.problem("critical", check="other", title="All is lost")
    one = incident(story)
    assert (one.title, one.severity, one.priority) == ("Shop is slow", "minor", "P3")
    reloaded(story)
    does(story, "incident.edit", {"incident": "INC-1", "take_back": ["severity", "title"]})
    one = incident(story)
    assert (one.title, one.severity, one.priority) == ("All is lost", "critical", "P1")


def test_an_edit_that_asks_nothing_is_refused(story: Story) -> None:
    assert story.refused(COMMAND + "incident.edit", {"incident": "INC-1"}) == "request.invalid"
    assert story.refused(COMMAND + "incident.edit", {"incident": "INC-1", "note": "x"}) == "incident.state"
    assert story.refused(COMMAND + "incident.edit", {"incident": "INC-9", "title": "x"}) == "incident.not_found"


# opened and reopened by hand


def test_an_incident_opened_by_hand_tells_the_owner_and_ends_by_hand(story: Story) -> None:
    story.clear()
    assert incident(story).state == "resolved"
    does(story, "incident.close", {"incident": "INC-1"})
    made = does(story, "incident.open", {"title": "Shop shows wrong prices", "service": "shop", "severity": "critical"})
    assert (made["id"], made["priority"], made["owner"], made["opened_by"]) == (
        "INC-2",
        "P1",
        "team:basis",
        "user:basis-1",
    )
    assert told(story)[-1] == ("mail", "first")
    story.problem()
    assert incident(story, "INC-2").alerts_firing == 1, "alerts about the same join it"
    story.clear()
    assert incident(story, "INC-2").state == "open", "a person said that it is one"
    does(story, "incident.resolve", {"incident": "INC-2", "note": "price list restored", "cause": "human"})
    one = incident(story, "INC-2")
    assert (one.state, one.resolution.note, one.resolution.cause, one.held_by) == (
        "resolved", "price list restored", "human", None,
    )  # fmt: skip


def test_an_incident_opened_by_hand_leaves_the_subject_to_the_one_that_has_it(story: Story) -> None:
    does(story, "incident.open", {"title": "Something else", "service": "shop"})
    assert story.state.incident_of[("default", "service:shop")] == "INC-1"


def test_an_incident_reopened_by_hand_stays_open_until_a_person_resolves_it(story: Story) -> None:
    story.clear()
    does(story, "incident.reopen", {"incident": "INC-1"})
    story.problem()
    story.clear()
    assert (incident(story).state, incident(story).held_by) == ("open", "user:basis-1")
    does(story, "incident.resolve", {"incident": "INC-1"})
    assert incident(story).state == "resolved"


def test_how_it_ended_can_be_said_afterwards(story: Story) -> None:
    story.clear()
    does(story, "incident.edit", {"incident": "INC-1", "note": "log files", "cause": "capacity"})
    assert (incident(story).resolution.note, incident(story).resolution.cause) == ("log files", "capacity")
    story.problem()
    assert incident(story).resolution is None, "it goes on"


# responders and links


def test_one_person_commands(story: Story) -> None:
    does(story, "incident.respond", {"incident": "INC-1", "name": "basis-1", "role": "commander"})
    does(story, "incident.respond", {"incident": "INC-1", "name": "basis-2", "role": "commander"})
    assert {one.name: one.role for one in incident(story).responders} == {
        "basis-1": "responder",
        "basis-2": "commander",
    }
    does(story, "incident.respond", {"incident": "INC-1", "name": "basis-1", "role": None})
    assert [one.name for one in incident(story).responders] == ["basis-2"]
    left = {"incident": "INC-1", "name": "basis-1", "role": None}
    assert story.refused(COMMAND + "incident.respond", left) == "request.invalid"
    assert story.types()[-1] == "incident.responders_changed"
    reloaded(story)


def test_links_are_addresses_or_ids(story: Story) -> None:
    for target in ("https://wiki.example/shop", "TCK-4", "CHG0012-3"):
        does(story, "incident.link", {"incident": "INC-1", "target": target, "title": "x"})
    for target in ("javascript:alert(1)", "nothing", "http:// a"):
        assert story.refused(COMMAND + "incident.link", {"incident": "INC-1", "target": target}) == "request.invalid"
    does(story, "incident.unlink", {"incident": "INC-1", "target": "TCK-4"})
    assert [one.target for one in incident(story).links] == ["https://wiki.example/shop", "CHG0012-3"]


def test_what_was_done_in_a_merged_incident_goes_on_in_the_other(story: Story) -> None:
    story.apply("Runbook", "disk", {"steps": [{"title": "look"}]})
    story.problem(resource="app-7")
    does(story, "task.create", {"incident": "INC-2", "title": "call the vendor"})
    does(story, "incident.link", {"incident": "INC-2", "target": "TCK-9"})
    does(story, "incident.respond", {"incident": "INC-2", "name": "basis-3"})
    does(story, "checklist.add", {"incident": "INC-2", "runbook": "disk"})
    does(story, "incident.promise", {"incident": "INC-2", "next_update_in_s": 1800})
    does(story, "incident.merge", {"incident": "INC-1", "incidents": ["INC-2"]})
    one = incident(story)
    assert (one.tasks, one.checklists, one.links[0].target, one.responders[0].name) == (
        ("TSK-1",), ("CHK-1",), "TCK-9", "basis-3",
    )  # fmt: skip
    assert story.state.tasks["TSK-1"].incident == story.state.checklists["CHK-1"].incident == "INC-1"
    assert one.updates.every_s == 1800.0
    assert set(story.state.timers.by_key) >= {"incident.update/INC-1"}
    assert "incident.update/INC-2" not in story.state.timers.by_key
    reloaded(story)
    does(story, "incident.resolve", {"incident": "INC-1"})
    does(story, "incident.close", {"incident": "INC-1"})
    assert not story.state.checklists


def test_an_incident_takes_the_service_of_a_later_alert() -> None:
    story = Story()
    story.problem(resource="app-1")
    assert incident(story).service is None
    story.problem(resource="app-1", check="other", service="shop")
    assert (incident(story).service, incident(story).resource) == ("shop", None)


def test_an_alert_that_came_back_quietly_is_counted_once(story: Story) -> None:
    story.clear()
    matchers = [{"name": "resource", "value": "db-1"}]
    hour = {"starts_at": "2026-03-01T03:00:00Z", "ends_at": "2026-03-01T04:00:00Z"}
    silence = does(story, "silence.set", {"matchers": matchers, **hour, "comment": "x", "created_by": "basis-1"})
    story.problem()
    assert (incident(story).state, incident(story).alerts_total) == ("resolved", 1)
    reloaded(story)
    does(story, "silence.expire", {"silence": silence["id"]})
    assert (incident(story).state, incident(story).alerts_firing, incident(story).alerts_total) == ("open", 1, 1)
    assert len(story.of("incident.alert_added")) == 1


def test_a_response_sees_an_incident_of_which_people_were_told(story: Story) -> None:
    story.apply(
        "Policy", "note", {"match": {"types": ["job.*"]}, "respond": [{"ticket": {"title": "about ${incident.title}"}}]}
    )
    story.problem(type="job.failed")
    assert story.of("ticket.created")[-1]["title"] == f"about {incident(story).title}"


# status updates


def test_an_update_goes_to_the_audience_of_the_service(story: Story) -> None:
    update = does(story, "incident.update", {"incident": "INC-1", "text": "We look into it."})
    assert update["audience"] == ("channel:status",)
    assert told(story)[-1] == ("status", "message")
    asked = story.of("effect.requested")[-1]["payload"]["message"]
    assert asked["summary"] == "We look into it."
    assert story.of("incident.status_updated")[-1]["text"] == "We look into it."


def test_an_update_is_made_of_a_template(story: Story) -> None:
    story.apply("StatusTemplate", "begun", {"text": "We look into ${incident.title} since ${incident.opened_at}."})
    update = does(story, "incident.update", {"incident": "INC-1", "template": "begun", "audience": []})
    assert update["text"] == f"We look into {incident(story).title} since 2026-03-01T03:00:00Z."
    assert update["unreached"] == "it has no audience"
    missing = {"incident": "INC-1", "template": "other"}
    assert story.refused(COMMAND + "incident.update", missing) == "status_template.not_found"
    assert story.refused(COMMAND + "incident.update", {"incident": "INC-1"}) == "request.invalid"


def test_a_promised_update_that_does_not_come_is_reminded_of_once_a_period(story: Story) -> None:
    does(story, "incident.update", {"incident": "INC-1", "text": "x", "next_update_in_s": 1800})
    before = len(told(story))
    story.wait("29m")
    assert len(told(story)) == before
    story.wait("1m")
    assert told(story)[before:] == [("mail", "update_due")], "those who know of the incident, not the audience"
    story.wait("29m")
    assert len(told(story)) == before + 1
    reloaded(story)
    story.wait("1m")
    assert told(story)[before:] == [("mail", "update_due")] * 2
    assert incident(story).updates.missed == 2
    does(story, "incident.update", {"incident": "INC-1", "text": "y"})
    assert (incident(story).updates.missed, incident(story).updates.every_s) == (0, 1800.0)
    before = len(told(story))
    story.wait("20m")
    story.clear()
    story.wait("2h")
    assert "update_due" not in [reason for _, reason in told(story)[before:]], "the incident is over"
    assert incident(story).updates is None


def test_who_speaks_to_stakeholders_is_reminded_by_their_own_ways(story: Story) -> None:
    story.apply("Channel", "pager", {"type": "email", "with": {"to": ["basis-2@example.com"]}})
    story.apply("Person", "basis-2", {"default": [{"channel": "pager"}]})
    for name, role in (("basis-1", "commander"), ("basis-2", "communications")):
        does(story, "incident.respond", {"incident": "INC-1", "name": name, "role": role})
    does(story, "incident.promise", {"incident": "INC-1", "next_update_in_s": 600})
    before = len(told(story))
    story.wait("10m")
    assert told(story)[before:] == [("pager", "update_due")]


def test_a_promise_is_taken_back(story: Story) -> None:
    does(story, "incident.promise", {"incident": "INC-1", "next_update_in_s": 600})
    does(story, "incident.promise", {"incident": "INC-1", "next_update_in_s": 0})
    story.wait("1h")
    assert "incident.update_due" not in story.types()
    too_soon = {"incident": "INC-1", "next_update_in_s": 5}
    assert story.refused(COMMAND + "incident.promise", too_soon) == "request.invalid"


# checklists


def test_an_alert_that_names_a_runbook_brings_its_steps() -> None:
    story = Story()
    story.apply("Runbook", "disk-full", {"steps": [{"title": "look", "text": "df -h"}, {"title": "free"}]})
    story.apply("Policy", "disk", {"match": {"types": ["disk.*"]}, "alert": {"runbook": "runbook:disk-full"}})
    story.problem()
    story.problem(check="other")
    assert incident(story).checklists == ("CHK-1",)
    checklist = story.state.checklists["CHK-1"]
    assert ([item.title for item in checklist.items], checklist.added_by) == (["look", "free"], "system")
    does(story, "checklist.mark", {"checklist": "CHK-1", "step": 1, "state": "done"})
    assert story.types()[-1] == "checklist.ticked"
    assert (checklist.items[0].by, checklist.state) == ("user:basis-1", "open")
    skip: dict[str, Any] = {"checklist": "CHK-1", "step": 2, "state": "skipped"}
    assert story.refused(COMMAND + "checklist.mark", skip) == "request.invalid", "a reason is needed"
    does(story, "checklist.mark", {**skip, "reason": "nothing to free"})
    assert checklist.state == "done"
    does(story, "checklist.mark", {"checklist": "CHK-1", "step": 1, "state": "open"})
    assert (checklist.items[0].by, checklist.state) == (None, "open")
    for step in (0, 3):
        wrong = {"checklist": "CHK-1", "step": step, "state": "done"}
        assert story.refused(COMMAND + "checklist.mark", wrong) == "request.invalid"
    reloaded(story)


def test_a_runbook_that_is_named_must_be_there_and_a_plain_text_need_not() -> None:
    story = Story()
    named = {"match": {"types": ["disk.*"]}, "alert": {"runbook": "runbook:nothing"}}
    change = {"op": "apply", "kind": "Policy", "namespace": "default", "name": "disk", "spec": named}
    assert story.refused("oncue.config.applied", {"changes": [change]}) == "manifest.reference_unknown"
    story.apply("Policy", "disk", {"match": {"types": ["disk.*"]}, "alert": {"runbook": "see the wiki"}})
    story.problem()
    assert incident(story).checklists == ()


def test_the_steps_stay_as_they_were_when_the_runbook_changes(story: Story) -> None:
    story.apply("Runbook", "disk", {"steps": [{"title": "look"}]})
    does(story, "checklist.add", {"incident": "INC-1", "runbook": "disk"})
    story.apply("Runbook", "disk", {"steps": [{"title": "run"}]})
    assert story.state.checklists["CHK-1"].items[0].title == "look"
    again = {"incident": "INC-1", "runbook": "disk"}
    assert story.refused(COMMAND + "checklist.add", again) == "request.invalid"
    again["runbook"] = "other"
    assert story.refused(COMMAND + "checklist.add", again) == "runbook.not_found"


# problems


def matcher(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "value": value}


def test_a_new_incident_says_which_known_error_it_is(story: Story) -> None:
    asked = {"title": "Logs fill the disk", "workaround": "rotate by hand", "matchers": [matcher("resource", "app-1")]}
    problem = does(story, "problem.create", asked)
    assert (problem["id"], problem["state"]) == ("PRB-1", "known_error")
    reloaded(story)
    story.problem(resource="app-1", service="shop")
    new = story.state.incidents[story.state.alert_of[("default", _newest(story))].incident]
    assert new.known_errors == ("PRB-1",)
    details = story.of("effect.requested")[-1]["payload"]["message"]["details"]
    if new.id != "INC-1":
        assert ["Known error", "PRB-1: Logs fill the disk. Workaround: rotate by hand"] in details
    assert story.state.problems["PRB-1"].incidents_total == 1
    story.problem(resource="app-2")
    assert story.state.problems["PRB-1"].incidents_total == 1


def _newest(story: Story) -> str:
    return str(story.of("alert.fired")[-1]["fingerprint"])


def test_a_problem_made_of_an_incident_knows_its_alerts_again() -> None:
    story = Story()
    owned(story)
    story.problem(resource="app-1", service="shop")
    does(story, "problem.create", {"title": "It comes again", "incident": "INC-1"})
    assert incident(story).known_errors == ("PRB-1",)
    does(story, "problem.change", {"problem": "PRB-1", "workaround": "restart it"})
    assert story.state.problems["PRB-1"].state == "known_error"
    story.clear(resource="app-1", service="shop")
    does(story, "incident.close", {"incident": "INC-1"})
    story.wait("1h")
    story.problem(resource="app-1", service="shop")
    assert incident(story, "INC-2").known_errors == ("PRB-1",)
    details = story.of("effect.requested")[-1]["payload"]["message"]["details"]
    assert ["Known error", "PRB-1: It comes again. Workaround: restart it"] in details
    assert story.state.problems["PRB-1"].incidents == ("INC-1", "INC-2")
    does(story, "problem.take", {"problem": "PRB-1", "incident": "INC-2"})
    assert (incident(story, "INC-2").known_errors, story.state.problems["PRB-1"].incidents_total) == ((), 1)


def test_what_a_person_ruled_out_is_not_found_again(story: Story) -> None:
    does(story, "problem.create", {"title": "x", "matchers": [matcher("service", "shop")]})
    story.problem(check="other")
    assert incident(story).known_errors == ("PRB-1",)
    does(story, "problem.take", {"problem": "PRB-1", "incident": "INC-1"})
    story.problem(check="third")
    assert (incident(story).known_errors, incident(story).ruled_out) == ((), ("PRB-1",))
    does(story, "problem.put", {"problem": "PRB-1", "incident": "INC-1"})
    assert (incident(story).known_errors, incident(story).ruled_out) == (("PRB-1",), ())


def test_of_two_commanders_of_merged_incidents_one_goes_on(story: Story) -> None:
    story.problem(resource="app-7")
    for id, name in (("INC-1", "basis-1"), ("INC-2", "basis-2")):
        does(story, "incident.respond", {"incident": id, "name": name, "role": "commander"})
    does(story, "incident.merge", {"incident": "INC-1", "incidents": ["INC-2"]})
    assert {one.name: one.role for one in incident(story).responders} == {
        "basis-1": "commander",
        "basis-2": "responder",
    }


def test_a_problem_that_is_resolved_watches_no_more(story: Story) -> None:
    does(story, "problem.create", {"title": "x", "matchers": [matcher("resource", "app-1")]})
    does(story, "problem.transition", {"problem": "PRB-1", "state": "resolved"})
    assert not story.state.known
    story.problem(resource="app-1")
    assert story.state.problems["PRB-1"].incidents_total == 0
    does(story, "problem.transition", {"problem": "PRB-1", "state": "closed"})
    assert not story.state.problems
    assert story.refused(COMMAND + "problem.transition", {"problem": "PRB-1", "state": "open"}) == "problem.not_found"
    everything = {"title": "x", "matchers": [{"name": "resource", "value": ".*", "is_regex": True}]}
    assert story.refused(COMMAND + "problem.create", everything) == "silence.invalid"


# reviews


def test_a_review_is_drafted_written_published_and_its_actions_stay_open(story: Story) -> None:
    begin = {"incident": "INC-1", "title": "t", "service": "shop", "priority": "P2", "drawn": {"durations": {"a": 1.0}}}
    assert story.refused(COMMAND + "review.begin", begin) == "incident.state"
    story.clear()
    assert does(story, "review.begin", begin)["state"] == "draft"
    assert story.refused(COMMAND + "review.begin", begin) == "review.state"
    does(story, "review.write", {"review": "INC-1", "sections": {"summary": "The disk was full."}})
    assert story.refused(COMMAND + "review.write", {"review": "INC-1", "sections": {"x": ""}}) == "request.invalid"
    action = does(story, "task.create", {"incident": "INC-1", "title": "watch growth", "action": True})
    assert (action["kind"], story.state.reviews["INC-1"].actions) == ("action", ("TSK-1",))
    does(story, "incident.close", {"incident": "INC-1"})
    does(story, "review.publish", {"review": "INC-1"})
    reloaded(story)
    written = {"review": "INC-1", "sections": {"summary": "y"}}
    assert story.refused(COMMAND + "review.write", written) == "review.state"
    does(story, "review.withdraw", {"review": "INC-1"})
    does(story, "review.write", written)
    does(story, "review.publish", {"review": "INC-1"})
    story.wait("31d")
    assert not story.state.reviews
    assert sorted(story.state.tasks) == ["TSK-1"], "an action stays until it is done"
    does(story, "task.turn", {"task": "TSK-1", "state": "done"})
    assert not story.state.tasks


# handovers


def test_a_handover_is_confirmed_by_someone_else(story: Story) -> None:
    span = {"since": "2026-03-01T00:00:00Z", "until": "2026-03-01T16:00:00Z"}
    made = does(story, "handover.create", {"team": None, **span, "drawn": {"incidents": ["INC-1"]}, "notes": "quiet"})
    assert (made["id"], made["state"]) == ("HND-1", "open")
    does(story, "handover.note", {"handover": "HND-1", "notes": "not so quiet"})
    reloaded(story)
    own = story.feed(
        msgspec.json.encode(
            {"specversion": "1.0", "id": "own", "source": "/t", "type": COMMAND + "handover.confirm",
             "data": {"handover": "HND-1"}}
        ),
        story.now, actor="user:basis-1",
    )  # fmt: skip
    assert own is not None and own.code == "handover.own"
    done = does(story, "handover.confirm", {"handover": "HND-1", "remark": "got it"}, actor="user:basis-2")
    assert (done["state"], done["confirmed_by"], done["notes"]) == ("confirmed", "user:basis-2", "not so quiet")
    assert not story.state.handovers
    backwards = {"team": None, "since": span["until"], "until": span["since"], "drawn": {}}
    assert story.refused(COMMAND + "handover.create", backwards) == "request.invalid"
