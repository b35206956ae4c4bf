"""What is found out about an alert after it began is added to it, counts from then on, and lasts as long as the alert."""

from typing import Any

import msgspec
import pytest

from oncue.core.alert import Alert
from oncue.core.enrichment import LABELS, NOTES
from tests.unit.story import Story, owned


@pytest.fixture
def story() -> Story:
    found = Story()
    owned(found)
    found.problem(labels=msgspec.json.encode({"room": "R1"}).decode())
    return found


def alert_of(story: Story, resource: str = "db-1") -> Alert:
    (found,) = [one for one in story.state.alerts.values() if one.resource == resource]
    return found


def enrich(story: Story, **given: Any) -> dict[str, Any]:
    data = {"alert": alert_of(story).id, **given}
    found: dict[str, Any] = story.send("oncue.command.alert.enrich", data, actor="user:basis-1")
    return found


def silenced(story: Story, name: str, value: str) -> None:
    body = {"matchers": [{"name": name, "value": value}], "starts_at": "2026-03-01T00:00:00Z"}
    story.send("oncue.command.silence.set", {**body, "ends_at": "2026-03-02T00:00:00Z", "comment": "x"})


def test_what_is_added_is_there_with_who_added_it(story: Story) -> None:
    link = {"url": "https://cmdb.example.com/db-1", "title": "CMDB"}
    enrich(story, labels={"rack": "r7"}, annotations={"owner": "dba"}, links=[link], note="Its disk was swapped.")
    alert = alert_of(story)
    assert alert.labels == {"room": "R1", "rack": "r7"}
    assert alert.annotations["owner"] == "dba"
    assert alert.enriched is not None
    assert (
        alert.enriched.labels["rack"].by == alert.enriched.notes[0].by == alert.enriched.links[0].by == "user:basis-1"
    )
    assert story.new() == ["alert.enriched"]


def test_what_is_known_already_is_no_news(story: Story) -> None:
    for _ in range(2):
        enrich(story, labels={"rack": "r7"}, links=[{"url": "https://cmdb.example.com/"}], note="n")
    assert story.new() == []


def test_a_label_that_is_added_makes_a_silence_hold(story: Story) -> None:
    silenced(story, "rack", "r7")
    enrich(story, labels={"rack": "r7"})
    assert [one.reason for one in alert_of(story).quiet] == ["silenced"]
    assert "alert.quieted" in story.new()


def test_an_alert_that_a_silence_no_longer_holds_for_is_told_of(story: Story) -> None:
    silenced(story, "resource", "db-2")
    silenced(story, "room", "R1")
    enrich(story, labels={"room": "R2"})
    assert alert_of(story).quiet == ()
    other = Story()
    owned(other)
    silenced(other, "room", "R1")
    other.problem(labels=msgspec.json.encode({"room": "R1"}).decode())
    assert other.of("incident.opened") == []
    enrich(other, labels={"room": "R2"})
    assert len(other.of("incident.opened")) == 1


def test_a_label_that_is_added_makes_an_inhibition_hold(story: Story) -> None:
    story.apply("Inhibition", "rack", {
        "source": [{"name": "type", "value": "rack.down"}], "target": [{"name": "type", "value": "disk.full"}],
        "equal": ["rack"],
    })  # fmt: skip
    story.problem(type="rack.down", resource="rack-7", labels=msgspec.json.encode({"rack": "r7"}).decode())
    assert alert_of(story).quiet == ()
    enrich(story, labels={"rack": "r7"})
    assert [one.reason for one in alert_of(story).quiet] == ["inhibited"]
    enrich(story, labels={"rack": ""})
    assert alert_of(story).quiet == ()


def test_it_survives_repeats_changes_of_severity_and_a_return(story: Story) -> None:
    enrich(story, labels={"rack": "r7"}, note="n")
    labels = msgspec.json.encode({"room": "R1"}).decode()
    story.problem(labels=labels)
    story.problem("critical", labels=labels)
    assert alert_of(story).labels == {"room": "R1", "rack": "r7"}
    story.clear()
    story.wait("1m")
    story.problem(labels=labels)
    assert alert_of(story).labels == {"room": "R1", "rack": "r7"}


def test_the_next_alert_of_the_condition_begins_without(story: Story) -> None:
    enrich(story, labels={"rack": "r7"})
    story.clear()
    story.wait("11m")
    story.problem()
    assert (alert_of(story).labels, alert_of(story).enriched) == ({}, None)


def test_what_lay_over_the_alerts_own_label_can_be_taken_back(story: Story) -> None:
    enrich(story, labels={"room": "R2"}, annotations={"owner": "dba"})
    assert alert_of(story).labels == {"room": "R2"}
    story.problem("critical", labels=msgspec.json.encode({"room": "R3"}).decode())
    assert alert_of(story).labels == {"room": "R2"}
    enrich(story, labels={"room": ""}, annotations={"owner": ""})
    assert (alert_of(story).labels, alert_of(story).enriched) == ({"room": "R3"}, None)
    assert "owner" not in alert_of(story).annotations


def test_of_an_alert_that_is_over_more_can_be_said_until_it_is_forgotten(story: Story) -> None:
    story.clear()
    enrich(story, note="The disk was swapped.")
    gone = alert_of(story).id
    story.wait("11m")
    assert story.refused("oncue.command.alert.enrich", {"alert": gone, "note": "n"}) == "alert.not_found"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"note": "  "},
        {"links": [{"url": "javascript:alert(1)"}]},
        {"links": [{"url": "https://" + "x" * 2000}]},
        {"labels": {"": "x"}},
        {"labels": {"rack": "x" * 256}},
        {"note": "x" * 4001},
        {"lables": {"rack": "r7"}},
    ],
)  # fmt: skip
def test_what_says_nothing_or_too_much_is_refused(story: Story, given: dict[str, Any]) -> None:
    data = {"alert": alert_of(story).id, **given}
    assert story.refused("oncue.command.alert.enrich", data) == "request.invalid"


def test_what_is_added_is_bounded(story: Story) -> None:
    enrich(story, labels={f"l{n}": "x" for n in range(LABELS)})
    data = {"alert": alert_of(story).id, "labels": {"more": "x"}}
    assert story.refused("oncue.command.alert.enrich", data) == "alert.enriched_full"
    for n in range(NOTES + 3):
        enrich(story, note=f"note {n}")
    enriched = alert_of(story).enriched
    assert enriched is not None
    assert [one.text for one in enriched.notes] == [f"note {n}" for n in range(3, NOTES + 3)]


def test_messages_have_what_was_found_out(story: Story) -> None:
    enrich(
        story, labels={"rack": "r7"}, links=[{"url": "https://cmdb.example.com/db-1", "title": "CMDB"}], note="Swapped."
    )
    story.problem("critical", labels=msgspec.json.encode({"room": "R1"}).decode())
    message = story.of("effect.requested")[-1]["payload"]["message"]
    assert ["rack", "r7"] in message["details"]
    assert ["CMDB", "https://cmdb.example.com/db-1"] in message["details"]
    assert ["Note", "Swapped. (user:basis-1)"] in message["details"]


# by a workflow

LONG = {"type": "object", "properties": {"long": {"type": "string"}}}

ASK = {"id": "ask", "uses": "http.request", "with": {"url": "https://cmdb.example.com/"},
       "outputs": {"rack": "result.json.rack", "units": "result.json.units"}}  # fmt: skip
ADD = {"id": "add", "uses": "alert.enrich",
       "with": {"labels": {"rack": "${steps.ask.outputs.rack}", "units": "${steps.ask.outputs.units}"},
                "note": "From the CMDB."}}  # fmt: skip


def looked_up(story: Story, *steps: dict[str, Any]) -> None:
    story.apply("Workflow", "look-up", {"steps": list(steps)})
    spec = {"match": {"types": ["host.down"]}, "respond": [{"run": {"workflow": "look-up", "with": {}}}]}
    story.apply("Policy", "look-up", spec)
    story.problem(type="host.down", resource="db-7")


def test_a_run_adds_what_it_found_to_the_alert_that_started_it(story: Story) -> None:
    looked_up(story, ASK, ADD)
    (effect,) = [id for id, one in story.state.effects.items() if one.kind == "action"]
    story.result(effect=effect, result={"json": {"rack": "r7", "units": 2}})
    alert = alert_of(story, "db-7")
    (run,) = story.of("run.succeeded")
    assert alert.labels == {"rack": "r7", "units": "2"}
    assert alert.enriched is not None
    assert alert.enriched.labels["rack"].by == f"run:{run['id']}"
    (added,) = [one for one in story.of("step.succeeded") if one["address"] == "add"]
    assert added["result"] == {"alert": alert.id, "changed": True}


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"alert": "al-nothing", "note": "n"}, "alert.not_found"),
        ({}, "request.invalid"),
        ({"labels": {"rack": "${inputs.long}"}}, "request.invalid"),
        ({"labels": {"rack": "${inputs.nothing}"}}, "expression.failed"),
    ],
)
def test_a_run_that_cannot_says_why(story: Story, inputs: dict[str, Any], code: str) -> None:
    step = {"id": "add", "uses": "alert.enrich", "with": inputs}
    story.apply("Workflow", "w", {"inputs": LONG, "steps": [step]})
    run = {"workflow": "w", "with": {"long": "x" * 300}}
    story.apply("Policy", "p", {"match": {"types": ["a.b"]}, "respond": [{"run": run}]})
    story.problem(type="a.b", resource="db-3")
    assert story.of("step.failed")[-1]["error_code"] == code


def test_a_run_without_an_alert_must_name_one(story: Story) -> None:
    story.apply("Workflow", "w", {"steps": [{"id": "add", "uses": "alert.enrich", "with": {"note": "n"}}]})
    story.send("oncue.command.run.start", {"workflow": "w", "inputs": {}})
    assert story.of("step.failed")[-1]["reason"] == "alert.not_found: the run has no alert"


def test_a_run_does_not_reach_into_another_namespace(story: Story) -> None:
    alert_of(story).namespace = "other"
    step = {"id": "add", "uses": "alert.enrich", "with": {"alert": alert_of(story).id, "note": "n"}}
    story.apply("Workflow", "w", {"steps": [step]})
    story.send("oncue.command.run.start", {"workflow": "w", "inputs": {}})
    assert story.of("step.failed")[-1]["error_code"] == "alert.not_found"
