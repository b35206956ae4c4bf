"""Subscriptions in the engine: where they begin, who moves them, and what reports change."""

from typing import Any

import msgspec
import pytest

from oncue.core.state import State
from oncue.core.subscription import Progress
from tests.unit.story import Story

WEBHOOK = {"webhook": {"url": "https://erp.example.com/events"}}
ID = "default/erp"


def progress(story: Story, id: str = ID) -> Progress:
    found: Progress = story.state.cells["subscription"][id]
    return found


def applied(**spec: Any) -> Story:
    story = Story()
    story.problem()
    story.apply("Subscription", "erp", {**WEBHOOK, **spec})
    return story


def report(story: Story, **more: Any) -> Any:
    known = progress(story)
    return story.send(
        "oncue.subscription.progressed",
        {"reports": [{"id": ID, "epoch": known.epoch, "settled": known.settled, **more}]},
    )


def letter(position: int, **more: Any) -> dict[str, Any]:
    return {"event_position": position, "event_id": f"e{position}", "type": "disk.full", "state": "waiting",
            "code": "webhook.status", "detail": "status 400", **more}  # fmt: skip


def stored(story: Story) -> list[dict[str, Any]]:
    return [
        msgspec.json.decode(msgspec.json.encode(entity))
        for (kind, _), (entity, _) in sorted(story.batch.entities.items())
        if kind == "undelivered"
    ]


def test_it_begins_now_unless_it_says_otherwise() -> None:
    story = applied()
    assert progress(story).settled == story.state.position
    assert progress(applied(**{"from": "earliest"})).settled == 0
    assert progress(applied(**{"from": "0-1"})).settled == 1
    assert progress(applied(**{"from": "0-999999"})).settled <= story.state.position


def test_a_report_moves_it_and_is_no_news() -> None:
    story = applied()
    story.problem()
    assert report(story, settled=story.state.position, delivered=2) == {"taken": 1}
    assert (progress(story).settled, progress(story).delivered) == (story.state.position - 1, 2)
    assert story.new() == []


def test_a_report_never_moves_it_back_or_beyond_the_journal() -> None:
    story = applied()
    before = progress(story).settled
    report(story, settled=0)
    assert progress(story).settled == before
    report(story, settled=10**9)
    assert progress(story).settled == story.state.position


def test_failing_and_well_again_are_told_once_each() -> None:
    story = applied()
    report(story, state="failing", error_code="timeout", detail="no answer within 10 s")
    assert story.new() == ["subscription.changed"]
    since = progress(story).since
    story.skip("1m")
    report(story, state="failing", error_code="timeout", detail="no answer within 10 s")
    assert (story.new(), progress(story).since) == ([], since)
    report(story)
    assert story.new() == ["subscription.changed"]
    assert (progress(story).state, progress(story).error_code) == ("active", None)


def test_what_was_on_its_way_before_a_seek_does_not_undo_it() -> None:
    story = applied()
    old = progress(story)
    story.problem()
    story.send("oncue.command.subscription.seek", {"subscription": "erp", "position": "0-1"})
    assert progress(story).settled == 1
    late = {"id": ID, "epoch": old.epoch, "settled": story.state.position, "letters": [letter(2)]}
    assert story.send("oncue.subscription.progressed", {"reports": [late]}) == {"taken": 0}
    assert (progress(story).settled, progress(story).dead, story.new()) == (1, 0, [])


def test_pause_and_resume_keep_the_place_and_resume_asks_the_address_again() -> None:
    story = applied()
    report(story, consented=1, per_minute=120.0)
    place = progress(story).settled
    story.send("oncue.command.subscription.pause", {"subscription": "erp"})
    assert progress(story).paused
    story.send("oncue.command.subscription.resume", {"subscription": "erp"})
    assert (progress(story).paused, progress(story).consented, progress(story).settled) == (False, 0, place)
    assert [told["reason"] for told in story.of("subscription.changed")] == ["paused by system", "resumed by system"]


def test_a_consumer_that_wants_no_more_is_sent_to_again_only_when_resumed() -> None:
    story = applied()
    report(story, state="stopped", error_code="webhook.gone", detail="status 410")
    assert progress(story).state == "stopped"
    story.send("oncue.command.subscription.resume", {"subscription": "erp"})
    assert progress(story).state == "active"


def test_applying_it_anew_keeps_its_place_and_raises_the_epoch() -> None:
    story = applied()
    before = progress(story)
    story.problem()
    story.apply("Subscription", "erp", {**WEBHOOK, "events": "both", "from": "earliest"})
    after = progress(story)
    assert (after.settled, after.epoch, after.generation) == (before.settled, before.epoch + 1, 2)


def test_an_event_that_is_not_taken_becomes_a_dead_letter_that_is_told() -> None:
    story = applied()
    report(story, settled=2, letters=[letter(1, attempts=8)])
    assert story.new() == ["subscription.dead_lettered"]
    (kept,) = stored(story)
    assert (kept["id"], kept["state"], kept["attempts"]) == (f"{ID}/1", "waiting", 8)
    assert progress(story).dead == 1


def test_a_redriven_letter_is_settled_once_and_counted_once() -> None:
    story = applied()
    report(story, letters=[letter(1)])
    asked = {"subscription": "erp", "letters": stored(story)}
    assert story.send("oncue.command.subscription.redrive", asked)["redriven"] == 1
    assert progress(story).redrive == (1,)
    assert stored(story)[0]["state"] == "redriving"
    report(story, letters=[letter(1, state="delivered", code="", detail="")], delivered=1)
    assert progress(story).redrive == ()
    assert (progress(story).dead, progress(story).delivered) == (1, 1)
    assert stored(story)[0]["state"] == "delivered"
    assert story.types().count("subscription.redriven") == 2


def test_letters_of_another_subscription_are_not_redriven() -> None:
    story = applied()
    story.apply("Subscription", "crm", WEBHOOK)
    report(story, letters=[letter(1)])
    asked = {"subscription": "crm", "letters": stored(story)}
    assert story.send("oncue.command.subscription.redrive", asked)["redriven"] == 0


def test_too_many_redriven_at_once_are_refused_by_name() -> None:
    story = applied()
    report(story, letters=[letter(number) for number in range(1, 1002)])
    asked = {"subscription": "erp", "letters": stored(story)}
    assert story.refused("oncue.command.subscription.redrive", asked) == "subscription.busy"
    assert progress(story).redrive == ()


def test_what_was_past_retention_is_a_gap_with_a_name() -> None:
    story = applied()
    report(story, gaps=[(3, 9)])
    assert story.new() == ["subscription.gap"]
    assert (story.of("subscription.gap")[0]["first"], story.of("subscription.gap")[0]["last"]) == ("0-3", "0-9")
    assert progress(story).gaps == 1


def test_the_consumer_of_a_stream_moves_it_forwards_only() -> None:
    story = Story()
    story.apply("Subscription", "erp", {"from": "earliest"})
    story.problem()
    story.send("oncue.command.subscription.acknowledge", {"subscription": "erp", "position": "0-2"})
    story.send("oncue.command.subscription.acknowledge", {"subscription": "erp", "position": "0-1"})
    assert progress(story).settled == 2
    asked = {"subscription": "erp", "position": "0-99999"}
    assert story.refused("oncue.command.subscription.acknowledge", asked) == "request.invalid"


@pytest.mark.parametrize(
    ("command", "data", "code"),
    [
        ("pause", {"subscription": "crm"}, "subscription.not_found"),
        ("seek", {"subscription": "erp", "position": "yesterday"}, "request.cursor_invalid"),
        ("acknowledge", {"subscription": "erp", "position": "0-1"}, "subscription.not_stream"),
    ],
)
def test_what_makes_no_sense_is_refused(command: str, data: dict[str, Any], code: str) -> None:
    assert applied().refused(f"oncue.command.subscription.{command}", data) == code


@pytest.mark.parametrize("command", ["redrive", "pause", "resume"])
def test_a_stream_is_read_and_so_neither_paused_nor_redriven(command: str) -> None:
    story = Story()
    story.apply("Subscription", "erp", {})
    asked = {"subscription": "erp", "letters": []}
    assert story.refused(f"oncue.command.subscription.{command}", asked) == "subscription.is_stream"
    change = {"op": "apply", "kind": "Subscription", "namespace": "default", "name": "x", "spec": {"paused": True}}
    assert story.refused("oncue.config.applied", {"changes": [change]}) == "manifest.invalid"


def test_a_deleted_one_is_gone_and_late_reports_change_nothing() -> None:
    story = applied()
    old = progress(story)
    story.send(
        "oncue.config.applied",
        {"changes": [{"op": "delete", "kind": "Subscription", "namespace": "default", "name": "erp"}]},
    )
    assert ID not in story.state.cells["subscription"]
    late = {"id": ID, "epoch": old.epoch, "settled": 1}
    assert story.send("oncue.subscription.progressed", {"reports": [late]}) == {"taken": 0}


def test_the_place_looks_the_same_after_a_reload() -> None:
    story = applied()
    report(story, state="failing", error_code="timeout", detail="slow", letters=[letter(1)], consented=1, per_minute=60)
    story.send("oncue.command.subscription.redrive", {"subscription": "erp", "letters": stored(story)})
    again = State(story.state.identity)
    again.restore(story.state.dump())
    assert again.cells["subscription"] == story.state.cells["subscription"]
    assert again.digest() == story.state.digest()
