"""The SAP examples: each documented event makes of the shipped policies what the page says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from oncue import manifests
from tests.docs.test_how_to_sources import blocks, run
from tests.server import ROOT, Server
from tests.unit.story import Story

PAGE = ROOT / "docs" / "how-to" / "sap-events.md"
EXAMPLES = ROOT / "examples" / "sap"
EVENTS: list[dict[str, Any]] = [
    json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
]
TYPES = re.findall(r"^\| `(sap\.[a-z.]+)` ", PAGE.read_text(), re.MULTILINE)
TITLES = {
    "sap.job.failed": "Job Z_BILLING_NIGHT failed on PRD",
    "sap.job.late": "Job Z_MRP on PRD has not begun after 25 min",
    "sap.job.long": "Job Z_CLOSE on PRD still runs after 190 min",
    "sap.update.error": "Update of VA01 by CLERK-1 failed on PRD",
    "sap.lock.old": "Lock on VBAK by CLERK-1 for 300 min on PRD",
    "sap.spool.error": "Spool request 30211 fails on LP01 of PRD",
    "sap.certificate.expiring": "Certificate CN=prd.example.com of PRD expires in 21 days",
}


def documents(path: Path) -> list[manifests.Document]:
    found, problems = manifests.load(manifests.parse_yaml(path.read_text("utf-8"), path.name))
    assert problems == []
    return found


@pytest.fixture
def story() -> Story:
    """An engine with all that `oncue apply -f examples/sap` applies, but for the monitors."""
    found = Story()
    changes = [
        {"op": "apply", "kind": one.kind, "namespace": "default", "name": one.name, "spec": one.source.value["spec"]}
        for name in ("10-landscape.yaml", "30-policies.yaml", "40-workflows.yaml")
        for one in documents(EXAMPLES / name)
    ]
    found.send("oncue.config.applied", {"changes": changes})
    return found


def send(story: Story, event: dict[str, Any], **changed: Any) -> None:
    given = {name: value for name, value in {**event, **changed}.items() if name not in ("specversion", "id", "source")}
    story.send(given.pop("type"), given.pop("data"), **given)


def test_every_documented_type_has_an_example_and_the_examples_are_whole() -> None:
    assert sorted(TYPES) == sorted(event["type"] for event in EVENTS)
    documents(EXAMPLES / "20-monitors.yaml")


@pytest.mark.parametrize("event", [one for one in EVENTS if one["type"] in TITLES], ids=lambda one: one["type"])
def test_an_event_becomes_an_alert_that_says_what_happened_and_its_recovery_ends_it(
    story: Story, event: dict[str, Any]
) -> None:
    send(story, event)
    (alert,) = story.of("alert.fired")
    assert (alert["title"], alert["service"]) == (TITLES[event["type"]], "sap-prd")
    if "limit" in event["data"]:
        assert (alert["crossing"]["value"], alert["crossing"]["limit"]) == (
            event["data"]["value"],
            event["data"]["limit"],
        )
    assert [one["outcome"] for one in story.of("policy.fired")] == ["fired"]
    assert story.of("policy.failed") == []
    send(story, event, severity="clear")
    assert "alert.resolved" in story.new()


@pytest.mark.parametrize("type", ["sap.idoc.error", "sap.rfc.stuck"])
def test_what_is_stuck_for_five_minutes_is_worth_a_ticket(story: Story, type: str) -> None:
    event = next(one for one in EVENTS if one["type"] == type)
    send(story, event)
    assert story.of("ticket.created") == []
    story.wait("6m")
    assert len(story.of("ticket.created")) == 1
    send(story, event, severity="clear")
    assert story.of("alert.resolved")


def test_one_dump_is_no_alert_and_five_alike_are(story: Story) -> None:
    dump = next(one for one in EVENTS if one["type"] == "sap.dump")
    for _ in range(4):
        send(story, dump)
    assert story.of("alert.fired") == []
    send(story, dump)
    (alert,) = story.of("alert.fired")
    assert alert["title"] == "TSV_TNEW_PAGE_ALLOC_FAILED in Z_OPEN_ORDERS again and again on PRD"
    assert story.of("ticket.created")[0]["type"] == "problem"
    story.wait("11m")
    assert story.of("alert.resolved")


def test_a_slow_dialog_is_looked_into(story: Story) -> None:
    data = {"value": 3200, "limit": 3000, "unit": "ms", "metric": "sap.dialog.response_time"}
    story.problem(type="sap.dialog.response_time", resource="prdpas_PRD_00", service="sap-prd", data=data)
    (run,) = story.of("run.started")
    assert run["workflow"] == "sap-look"
    busy = [{"program": "Z_OPEN_ORDERS", "typ": "DIA"}]
    story.result(result={"matched": 1, "total": 16, "rows": busy}, effect=effect_of(story, "ABAPGetWPTable"))
    story.result(result={"rows": [{"typ": "ABAP/DIA", "now": 28}]}, effect=effect_of(story, "GetQueueStatistic"))
    assert story.of("incident.commented")[0]["text"] == (
        "prdpas_PRD_00: 1 of 16 work processes are busy (Z_OPEN_ORDERS); requests wait in: ABAP/DIA."
    )


def effect_of(story: Story, method: str) -> str:
    return next(id for id, one in story.state.effects.items() if one.payload.get("method") == method)


def test_the_commands_of_the_page_on_events_raise_an_alert_and_end_it(oncue_server: Server, tmp_path: Path) -> None:
    curl, emit = blocks("sap-events.md", "sh")
    assert '"accepted":1' in run(oncue_server, tmp_path, curl)
    (alert,) = oncue_server.items("alerts", state="firing")
    assert (alert["resource"], alert["labels"]) == ("PRD/job", {"sid": "PRD"})
    run(oncue_server, tmp_path, emit)
    assert oncue_server.items("alerts", state="firing") == []


def test_the_examples_apply_to_a_real_server(oncue_server: Server) -> None:
    done = oncue_server.cli("apply", "-f", str(EXAMPLES), "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
