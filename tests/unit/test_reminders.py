"""Before quiet ends, whoever made it is told once, with how many firing alerts will be heard then."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.unit.story import Story, owned


@pytest.fixture
def story() -> Story:
    """A person can be told, and two alerts fire."""
    found = Story()
    owned(found)
    found.apply("Channel", "own", {"type": "email", "with": {"to": ["basis-1@example.com"]}})
    found.apply("Person", "basis-1", {"default": [{"channel": "own"}]})
    found.problem(resource="db-1")
    found.problem(resource="db-2")
    return found


def silence(story: Story, lasts: str = "1h", **more: Any) -> str:
    hours = {"1h": 1, "2h": 2, "5h": 5}
    length = timedelta(minutes=4) if lasts == "4m" else timedelta(hours=hours[lasts])
    body: dict[str, Any] = {
        "matchers": [{"name": "resource", "value": "db-1"}], "starts_at": story.now, "ends_at": story.now + length,
        "comment": "Disks are swapped", "created_by": "basis-1", **more,
    }  # fmt: skip
    return str(story.send("oncue.command.silence.set", msgspec.to_builtins(body))["id"])


def told(story: Story) -> list[dict[str, Any]]:
    return [
        one["payload"]["message"]
        for one in story.of("effect.requested")
        if one["kind"] == "notify" and one["payload"]["reason"] == "message"
    ]


def test_whoever_made_a_silence_is_told_before_it_ends(story: Story) -> None:
    id = silence(story)
    story.wait("53m")
    assert told(story) == []
    story.wait("1m")
    (message,) = told(story)
    assert message["title"] == "The silence for resource=db-1 ends at 2026-03-01 04:00 UTC"
    assert message["summary"] == "One alert that it is about fires now, and will be heard then."
    assert message["details"][0] == ["Because", "Disks are swapped"]
    (fact,) = story.of("silence.expiring")
    assert (fact["id"], fact["by"], fact["firing"], fact["heard"], fact["told"]) == (
        id,
        "basis-1",
        1,
        1,
        ["default/own"],
    )
    story.wait("10m")
    assert len(told(story)) == 1


@pytest.mark.parametrize(
    ("lasts", "given", "after"),
    [("1h", None, "54m"), ("5h", None, "4h45m"), ("1h", 600, "50m"), ("1h", 0, None), ("4m", None, None),
     ("1h", 7200, None), ("4m", 60, "3m")],
)  # fmt: skip
def test_how_long_before_is_as_asked_or_usual(story: Story, lasts: str, given: float | None, after: str | None) -> None:
    id = silence(story, lasts, **({} if given is None else {"remind_before_s": given}))
    timer = story.state.timers.by_key.get(f"quiet.remind/silence/{id}")
    if after is None:
        assert timer is None
    else:
        assert timer is not None
        story.wait(after)
        assert len(told(story)) == 1


def test_what_is_quiet_for_another_reason_too_is_not_said_to_be_heard(story: Story) -> None:
    silence(story)
    silence(story, "2h", comment="longer", remind_before_s=0)
    story.wait("54m")
    (fact,) = story.of("silence.expiring")
    assert (fact["firing"], fact["heard"]) == (1, 0)
    assert "another reason" in told(story)[0]["summary"]


def test_a_silence_that_is_prolonged_reminds_before_its_new_end(story: Story) -> None:
    id = silence(story, remind_before_s=600)
    story.wait("40m")
    silence(story, "1h", id=id)
    story.wait("30m")
    assert told(story) == []
    story.wait("20m")
    assert len(told(story)) == 1
    silence(story, "1h", id=id)
    story.wait("50m")
    assert len(told(story)) == 2


def test_a_changed_comment_does_not_remind_anew(story: Story) -> None:
    id = silence(story)
    story.wait("55m")
    ends_at = story.state.silences[id].ends_at
    silence(story, id=id, comment="Almost done", ends_at=ends_at)
    story.wait("4m")
    assert len(told(story)) == 1


def test_a_silence_that_is_ended_by_hand_does_not_remind(story: Story) -> None:
    id = silence(story)
    story.send("oncue.command.silence.expire", {"silence": id})
    story.wait("2h")
    assert (told(story), story.of("silence.expiring")) == ([], [])


def test_after_an_absence_past_the_end_nobody_is_reminded(story: Story) -> None:
    silence(story)
    story.wait("3h")
    assert (told(story), story.of("silence.expiring")) == ([], [])


def test_of_someone_who_cannot_be_told_it_is_a_fact_alone(story: Story) -> None:
    silence(story, created_by="someone else")
    story.wait("54m")
    assert told(story) == []
    assert story.of("silence.expiring")[0]["told"] == []
    assert story.of("notification.skipped") == []


def test_nobody_is_woken_for_a_reminder(story: Story) -> None:
    story.apply("Person", "basis-1", {"default": [{"channel": "own"}], "quiet_hours": "daily 00:00-06:00 UTC"})
    silence(story)
    story.wait("54m")
    assert told(story) == [], "it would be told after the end"
    silence(story, "5h", comment="other", remind_before_s=7200)
    story.wait("3h")
    (fact,) = story.of("silence.expiring")[1:]
    assert fact["told"] == ["default/own"]


# snoozes


def snooze(story: Story, resource: str, **more: Any) -> None:
    (alert,) = [one for one in story.state.alerts.values() if one.resource == resource]
    data = {"alert": alert.id, "until": (story.now + timedelta(hours=1)).isoformat(), **more}
    story.send("oncue.command.alert.snooze", data, actor="user:basis-1")


def test_whoever_snoozed_alerts_is_told_once_of_all_of_them(story: Story) -> None:
    snooze(story, "db-1", reason="later")
    snooze(story, "db-2", reason="later")
    story.wait("54m")
    (message,) = told(story)
    assert message["title"].startswith("The snooze of 2 alerts ends at ")
    story.wait("5m")
    assert len(told(story)) == 1


def test_whoever_snoozed_by_a_token_of_theirs_is_told(story: Story) -> None:
    (alert,) = [one for one in story.state.alerts.values() if one.resource == "db-1"]
    data = {"alert": alert.id, "until": (story.now + timedelta(hours=1)).isoformat(), "by": "user:basis-1"}
    story.send("oncue.command.alert.snooze", data, actor="token:own")
    assert [one.by for one in alert.quiet] == ["user:basis-1"]
    story.wait("54m")
    assert len(told(story)) == 1


def test_a_snooze_that_is_taken_back_or_over_does_not_remind(story: Story) -> None:
    snooze(story, "db-1")
    snooze(story, "db-2", remind_before_s=0)
    (alert,) = [one.id for one in story.state.alerts.values() if one.resource == "db-1"]
    story.send("oncue.command.alert.unsnooze", {"alert": alert})
    story.wait("2h")
    assert story.of("alert.snooze_expiring") == []


def test_an_alert_that_is_over_does_not_remind(story: Story) -> None:
    snooze(story, "db-1")
    story.clear("db-1")
    story.wait("54m")
    assert story.of("alert.snooze_expiring") == []


def test_a_snoozed_incident_reminds_once(story: Story) -> None:
    (incident,) = {one.incident for one in story.state.alerts.values()}
    until = (story.now + timedelta(hours=1)).isoformat()
    snooze(story, "db-1")
    data = {"incident": incident, "until": until, "reason": "later"}
    story.send("oncue.command.incident.snooze", data, actor="user:basis-1")
    story.wait("54m")
    (message,) = told(story)
    assert message["summary"] == "2 alerts that it is about fire now, and will be heard then."
    assert story.of("alert.snooze_expiring") == []


def test_a_time_before_that_is_none_is_refused(story: Story) -> None:
    body = {"matchers": [{"name": "resource", "value": "x"}], "starts_at": "2026-03-01T03:00:00Z",
            "ends_at": "2026-03-01T04:00:00Z", "remind_before_s": -1}  # fmt: skip
    assert story.refused("oncue.command.silence.set", body) == "silence.invalid"


# windows

WINDOW = {"matchers": [{"name": "resource", "value": "db-1"}], "starts_at": "2026-03-01T03:00", "duration": "1h",
          "description": "Patches"}  # fmt: skip


@pytest.mark.parametrize("owner", ["user:basis-1", None])
def test_the_owner_of_a_window_or_who_applied_it_is_told(story: Story, owner: str | None) -> None:
    change = {"op": "apply", "kind": "MaintenanceWindow", "namespace": "default", "name": "patches", "spec": WINDOW}
    actor = "user:basis-1" if owner is None else "user:someone"
    story.send("oncue.config.applied", {"changes": [{**change, "owner": owner}]}, actor=actor)
    story.wait("54m")
    assert [one["title"] for one in told(story)] == [
        "The maintenance window default/patches ends at 2026-03-01 04:00 UTC"
    ]
    (fact,) = story.of("maintenance.expiring")
    assert (fact["id"], fact["firing"], fact["detail"]) == ("default/patches", 1, "Patches")


def test_a_window_that_opens_every_day_reminds_only_if_it_says_so(story: Story) -> None:
    daily = {**WINDOW, "rrule": "FREQ=DAILY"}
    story.apply("MaintenanceWindow", "a", daily, owner="user:basis-1")
    story.apply("MaintenanceWindow", "b", {**daily, "remind_before": "10m"}, owner="user:basis-1")
    story.wait("50m")
    story.wait("23h10m")
    story.wait("50m")
    assert [one["id"] for one in story.of("maintenance.expiring")] == ["default/b", "default/b"]


def test_a_window_that_opens_again_before_it_closes_does_not_remind(story: Story) -> None:
    often = {**WINDOW, "rrule": "FREQ=DAILY", "duration": "25h", "remind_before": "10m"}
    story.apply("MaintenanceWindow", "a", often, owner="user:basis-1")
    story.wait("24h50m")
    assert story.of("maintenance.expiring") == []


def test_a_window_that_is_deleted_does_not_remind(story: Story) -> None:
    story.apply("MaintenanceWindow", "a", WINDOW, owner="user:basis-1")
    change = {"op": "delete", "kind": "MaintenanceWindow", "namespace": "default", "name": "a"}
    story.send("oncue.config.applied", {"changes": [change]})
    story.wait("54m")
    assert story.of("maintenance.expiring") == []
