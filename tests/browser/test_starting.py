"""What starts workflows: by hand with a dry run before, by events, and by the clock."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe
from tests.server import Server, event, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

WORKFLOWS = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: look-around}
spec:
  inputs:
    type: object
    required: [hosts]
    properties:
      hosts: {type: array, title: Hosts, items: {type: string}, minItems: 1}
      big: {type: boolean, title: Also the big ones, default: false}
      nth: {type: integer, title: Which first, default: 0}
  triggers:
    - {id: resized, event: {types: [org.example.resized], severities: [major]}, with: {hosts: ["${event.resource}"]}}
    - {id: weekly, schedule: {cron: "0 3 * * MON-FRI", zone: Pacific/Chatham}, with: {hosts: [web-1]}}
    - {id: soon, schedule: {rrule: FREQ=DAILY, starts_at: "SOON"}, with: {hosts: [web-1]}}
    - {id: faulty, schedule: {rrule: FREQ=DAILY, starts_at: "SOON"}, with: {hosts: "${[1].filter(x, x > 1)}"}}
  steps:
    - {id: first, set: {name: "${inputs.hosts[inputs.nth]}"}}
    - {id: dump, if: inputs.big, emit: {type: org.example.dump}}
    - id: each
      for_each: {items: inputs.hosts, as: host}
      steps:
        - {id: look, uses: http.request, with: {url: "http://127.0.0.1:9/${host}_state"}, on_failure: continue}
    - {id: tell, if: "steps.each.failures > 0", emit: {type: org.example.told}}
---
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: nobody}
spec: {host: 127.0.0.1, port: 9, reason: Where nobody answers}
"""


@pytest.fixture(scope="module")
def clocked(server: Server) -> Server:
    """The server with a workflow whose schedules have just been due."""
    soon = (datetime.now(UTC) + timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%S")
    text = WORKFLOWS.replace("SOON", soon)
    applied = server.client.post("/api/v1/manifests", content=text, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text

    def were_due() -> bool:
        rows = {row["trigger"]: row for row in server.items("schedules")}
        return all(rows[name]["planned_at"] for name in ("soon", "faulty"))

    eventually(were_due, what="both schedules were due")
    return server


def _form(page: Page) -> Any:
    return page.get_by_role("form", name="Start look-around")


def test_a_dry_run_shows_what_would_be_done_and_the_run_starts_from_there(clocked: Server, open_page: Open) -> None:
    page = open_page(clocked, "/workflows/default/look-around")
    _form(page).get_by_role("button", name="Dry run").click()
    expect(_form(page).get_by_text("Fill this in")).to_be_visible()
    _form(page).get_by_label("Hosts").fill("web-1\nweb-2")
    before = len(clocked.items("runs"))
    _form(page).get_by_role("button", name="Dry run").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("3 steps run, 1 may run, 1 is skipped.")).to_be_visible()
    tree = dialog.get_by_role("list", name="What would be done")
    expect(tree).to_contain_text("Its condition is false: inputs.big")
    expect(tree).to_contain_text("GET http://127.0.0.1:9/web-2_state")
    expect(tree).to_contain_text("Depends on step each: steps.each.failures > 0")
    tree.get_by_text("What it takes").nth(1).click()
    expect(tree.get_by_role("region", name="What each[web-1]/look takes")).to_contain_text("web-1_state")
    assert len(clocked.items("runs")) == before, "nothing is started"
    assert not axe(page)
    dialog.get_by_role("button", name="Start run").click()
    expect(page).to_have_url(re.compile("/runs/run-"))
    expect(page.get_by_role("region", name="Inputs of the run")).to_contain_text("web-2")


def test_a_dry_run_names_the_step_that_would_fail(clocked: Server, open_page: Open) -> None:
    page = open_page(clocked, "/workflows/default/look-around", phone=True, dark=True)
    _form(page).get_by_label("Hosts").fill("web-1")
    _form(page).get_by_label("Which first").fill("7")
    _form(page).get_by_role("button", name="Dry run").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_contain_text("As it is, the run would fail at first")
    expect(dialog.get_by_role("button", name="Start it all the same")).to_be_in_viewport()
    assert not axe(page)
    dialog.get_by_role("button", name="Back").click()
    expect(_form(page).get_by_label("Which first")).to_have_value("7")


def test_a_workflow_says_what_starts_it_when_next_and_what_went_wrong(clocked: Server, open_page: Open) -> None:
    clocked.emit(event(type="org.example.resized", resource="vol-1"))
    eventually(
        lambda: any(run["trigger"].get("trigger") == "resized" for run in clocked.items("runs")), what="it was started"
    )
    page = open_page(clocked, "/workflows/default/look-around")
    triggers = page.get_by_role("list", name="Triggers")
    resized = triggers.get_by_role("listitem").filter(has_text="resized")
    expect(resized).to_contain_text("org.example.resized, major")
    expect(resized.get_by_role("link")).to_have_attribute("href", re.compile("^/runs/run-"))
    weekly = triggers.get_by_role("list", name="When weekly starts a run next")
    expect(weekly.get_by_role("listitem")).to_have_count(5)
    expect(weekly.get_by_role("listitem").first).to_contain_text("03:00 there")
    expect(triggers).to_contain_text("Mon to Fri at 03:00 0 3 * * MON-FRI")
    expect(triggers.locator(".notice")).to_have_count(1)
    expect(triggers.locator(".notice")).to_contain_text("workflow.inputs_invalid")
    assert not axe(page)


def test_all_schedules_stand_in_one_list_the_next_one_first(clocked: Server, open_page: Open) -> None:
    page = open_page(clocked, "/workflows")
    page.get_by_role("button", name="Schedules").click()
    rows = page.get_by_role("table", name="Schedules").get_by_role("row").filter(has=page.get_by_role("cell"))
    expect(rows).to_have_count(3)
    order = [row["trigger"] for row in clocked.items("schedules")]
    for index, trigger in enumerate(order):
        expect(rows.nth(index)).to_contain_text(f"trigger {trigger}")
    expect(rows.filter(has_text="trigger faulty")).to_contain_text("Not started")
    expect(rows.filter(has_text="trigger weekly")).to_contain_text("not yet")
    rows.filter(has_text="trigger soon").get_by_role("link", name=re.compile("^run-")).click()
    expect(page.get_by_role("heading", name="look-around")).to_be_visible()
