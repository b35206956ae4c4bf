"""A policy writes down that what it met is a change."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncue import manifests
from oncue.rehearsal.run import Result, run
from tests.unit.story import Story

PUSHED = {"title": "Configuration of ${event.resource} by ${event.data.user}", "kind": "configuration",
          "by": "${event.data.user}", "link": "https://wiki.example.com/${event.resource}"}  # fmt: skip


def policy(change: dict[str, Any], types: str = "syslog.message", **more: Any) -> dict[str, Any]:
    return {"match": {"types": [types]}, "respond": [{"change": change}], **more}


@pytest.fixture
def story() -> Story:
    return Story()


def said(story: Story, user: str = "basis-1", **attributes: Any) -> None:
    story.send("syslog.message", {"user": user}, resource="switch-1", source="/in/syslog", **attributes)


def test_a_message_becomes_a_change_on_record(story: Story) -> None:
    story.apply("Policy", "pushed", policy(PUSHED))
    said(story)
    (record,) = story.state.change_records.values()
    assert (record.title, record.kind, record.by, record.resources, record.state) == (
        "Configuration of switch-1 by basis-1", "configuration", "basis-1", ("switch-1",), "succeeded",
    )  # fmt: skip
    assert (record.links[0].url, record.source) == ("https://wiki.example.com/switch-1", "policy:default/pushed")
    (decision,) = story.of("policy.fired")
    assert decision["change_records"] == [record.id]


def test_an_incident_that_begins_soon_after_names_it(story: Story) -> None:
    story.apply("Policy", "pushed", policy(PUSHED))
    said(story)
    story.wait("2m")
    story.problem(resource="switch-1")
    (incident,) = story.state.incidents.values()
    assert list(incident.changes) == list(story.state.change_records)


def test_what_is_not_said_is_the_events(story: Story) -> None:
    story.apply("Policy", "pushed", policy({}))
    said(story, service="network", title="Configured from console")
    (record,) = story.state.change_records.values()
    assert (record.title, record.by, record.kind) == ("Configured from console", "/in/syslog", "change")
    assert (record.resources, record.services) == (("switch-1",), ("network",))


def test_a_beginning_and_its_end_are_one_change(story: Story) -> None:
    key = "reload ${event.resource}"
    story.apply("Policy", "begins", policy({"state": "started", "key": key, "lasts": "10m"}, "net.reload.begins"))
    story.apply("Policy", "ends", policy({"state": "finished", "key": key, "outcome": "failed"}, "net.reload.ends"))
    story.send("net.reload.begins", {}, resource="switch-1")
    (record,) = story.state.change_records.values()
    assert (record.state, (record.until - record.started_at).total_seconds()) == ("running", 600)
    story.wait("3m")
    story.send("net.reload.ends", {}, resource="switch-1")
    assert (record.state, len(story.state.change_records)) == ("failed", 1)


def test_places_are_rendered_each_for_itself(story: Story) -> None:
    places = {"resources": ["${event.resource}", "${event.data.user}-host"], "services": ["network"]}
    story.apply("Policy", "pushed", policy(places))
    said(story)
    (record,) = story.state.change_records.values()
    assert (record.resources, record.services) == (("switch-1", "basis-1-host"), ("network",))


@pytest.mark.parametrize("change", [{"title": "${event.data.nothing}"}, {"link": "javascript:${event.data.user}"}])
def test_what_cannot_be_written_is_said_by_the_decision(story: Story, change: dict[str, Any]) -> None:
    story.apply("Policy", "pushed", policy(change))
    said(story)
    assert story.state.change_records == {}
    (decision,) = story.of("policy.failed")
    assert decision["reason"] == "response_failed"


def test_it_is_within_the_policys_limits(story: Story) -> None:
    story.apply("Policy", "pushed", policy(PUSHED, limits={"cooldown": "10m"}))
    for _ in range(3):
        said(story)
    assert len(story.state.change_records) == 1


@pytest.mark.parametrize(
    ("respond", "detail"),
    [
        ({"change": {}, "ticket": {}}, "give exactly one of run, ticket and change"),
        ({}, "give exactly one of run, ticket and change"),
        ({"change": {"state": "started", "lasts": "30d"}}, "it is more than 7 days"),
        ({"change": {"state": "started", "lasts": "0s"}}, "it must be more than 0"),
        ({"change": {"title": "${event.}"}}, ""),
        ({"change": {"lasts": "1h"}}, "only what is started lasts"),
        ({"change": {"state": "finished"}}, "without a key nothing that runs is found: a change of its own is written"),
    ],
)  # fmt: skip
def test_what_does_not_hold_together_is_found_before(respond: dict[str, Any], detail: str) -> None:
    spec = {"match": {"types": ["x"]}, "respond": [respond]}
    document = {"apiVersion": "oncue/v1", "kind": "Policy", "metadata": {"name": "x"}, "spec": spec}
    _, problems = manifests.check(manifests.Parsed(document, {}, {}))
    assert any(detail in one.detail for one in problems), problems


@pytest.mark.parametrize(("title", "passes"), [("switch-1 was configured", True), ("switch-2 was configured", False)])
def test_a_policy_test_can_expect_it(tmp_path: Path, title: str, passes: bool) -> None:
    spec = policy({"title": "${event.resource} was configured"})
    manifest = {"apiVersion": "oncue/v1", "kind": "Policy", "metadata": {"name": "pushed"}, "spec": spec}
    expected = {"change_records": [{"title": title, "state": "succeeded", "resources": ["switch-1"]}]}
    given = [{"at": "0s", "event": {"type": "syslog.message", "resource": "switch-1"}}]
    test = {"cases": [{"name": "a push is on record", "given": given, "expect": expected}]}
    document = {"apiVersion": "oncue/v1", "kind": "Test", "metadata": {"name": "x"}, "spec": test}
    (tmp_path / "policies.yaml").write_bytes(msgspec.json.encode(manifest))
    (tmp_path / "x.test.yaml").write_bytes(msgspec.json.encode(document))
    (result,) = run([tmp_path])
    assert isinstance(result, Result), result
    assert (not result.wrong) is passes
