"""Calling people, in the console: an incident's escalation, what one does about it, and how long is left."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe
from tests.server import Server, event, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

MANIFESTS = """
apiVersion: oncue/v1
kind: Channel
metadata: {name: desk}
spec: {type: email, with: {to: [desk@localhost]}}
---
apiVersion: oncue/v1
kind: Channel
metadata: {name: basis-1-mail}
spec: {type: email, with: {to: [basis-1@localhost]}}
---
apiVersion: oncue/v1
kind: Person
metadata: {name: basis-2}
spec:
  title: Basis, second line
  default: [{channel: basis-1-mail}]
  important: [{channel: basis-1-mail}, {channel: desk, after: 2m}]
  quiet_hours: daily 22:00-07:00 Europe/Berlin
---
apiVersion: oncue/v1
kind: EscalationPolicy
metadata: {name: rota}
spec:
  description: Nights and weekends
  levels:
    - {tell: ["channel:desk"], wait: 50m}
    - {tell: ["user:basis-2"], wait: 10m}
  branches:
    - {priorities: [P5], levels: [{tell: ["channel:desk"]}]}
  acknowledge_timeout: 4h
  targets: {P1: {respond: 45m, resolve: 4h}, P2: {respond: 45m, resolve: 4h}, P3: {respond: 45m, resolve: 4h}}
---
apiVersion: oncue/v1
kind: EscalationPolicy
metadata: {name: short}
spec: {levels: [{tell: ["channel:desk"], wait: 1s}]}
---
apiVersion: oncue/v1
kind: Service
metadata: {name: calls}
spec: {owner: "team:basis", criticality: high, escalation: rota}
---
apiVersion: oncue/v1
kind: Service
metadata: {name: hastes}
spec: {owner: "team:basis", criticality: high, escalation: short}
"""


@pytest.fixture(scope="module")
def calling(server: Server) -> Server:
    applied = server.client.post("/api/v1/manifests", content=MANIFESTS, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text
    return server


def incident(server: Server, resource: str, **attributes: Any) -> str:
    server.emit(event(resource=resource, severity="critical", title=f"{resource} fails", **attributes))
    found = eventually(lambda: server.items("alerts", resource=resource), what=f"an alert of {resource}")
    return str(found[0]["incident"])


def looked_at(page: Page, name: str) -> None:
    """A picture for people, where a folder for them is named."""
    folder = os.environ.get("ONCUE_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_an_incident_says_who_is_called_and_who_is_next(calling: Server, open_page: Open) -> None:
    id = incident(calling, "call-1", service="calls")
    page = open_page(calling, f"/incidents/{id}")
    panel = page.locator("#called")
    expect(panel).to_contain_text("Level 1 of 2 was told")
    expect(panel).to_contain_text("Unless someone acknowledges, level 2 of 2, user:basis-2, is told")
    expect(panel.get_by_role("list", name="Levels of rota").get_by_role("listitem")).to_have_count(2)
    left = panel.locator(".left")
    expect(left).to_have_text(re.compile(r"^\d+ m \d+ s$"))
    first = left.inner_text()
    expect(left).not_to_have_text(first)
    expect(page.get_by_text(re.compile(r"Acknowledge in \d+ m"))).to_be_visible()
    assert not axe(page)
    looked_at(page, "called-light")

    page.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(panel).to_contain_text("Stopped: basis-1 acknowledged it")
    expect(panel).to_contain_text("If it is not over, it is open again and level 1, channel:desk, is told")
    expect(page.get_by_text(re.compile(r"Acknowledge in \d+ m"))).to_have_count(0)
    page.get_by_role("button", name="Give back").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("channel:desk (level 1 of rota) is told at once")
    assert not axe(page)
    dialog.get_by_role("textbox").fill("My shift is over")
    dialog.get_by_role("button", name="Give back").click()
    expect(panel).to_contain_text("Level 1 of 2 was told")
    assert calling.client.get(f"/api/v1/incidents/{id}").json()["state"] == "open"


def test_more_people_are_called_and_what_happens_is_said_before(calling: Server, open_page: Open) -> None:
    id = incident(calling, "call-2", service="calls")
    page = open_page(calling, f"/incidents/{id}", dark=True)
    panel = page.locator("#called")
    panel.get_by_role("button", name="Escalate").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Level 2 of 2 of rota is told now: user:basis-2.")
    assert not axe(page)
    looked_at(page, "escalate-dark")
    dialog.get_by_role("button", name="Call them now").click()
    expect(dialog).to_have_count(0)
    expect(panel).to_contain_text("Level 2 of 2 was told")
    expect(panel).to_contain_text("Nobody comes after")

    panel.get_by_role("button", name="Escalate").click()
    expect(dialog).to_contain_text("choose whom to call")
    expect(dialog.get_by_role("button", name="Call them now")).to_be_disabled()
    dialog.get_by_role("combobox", name="Person, team, channel or policy").click()
    page.get_by_role("option", name="basis-2 (Basis, second line)").click()
    expect(dialog).to_contain_text("basis-2 is told by basis-1-mail")
    dialog.get_by_role("button", name="Call them now").click()
    expect(dialog).to_have_count(0)
    eventually(
        lambda: [f for f in calling.items(f"incidents/{id}/timeline") if f["type"] == "oncue.incident.escalated"][1:],
        what="both escalations by hand",
    )


def test_a_snoozed_incident_says_until_when_and_what_is_exhausted_is_loud(calling: Server, open_page: Open) -> None:
    id = incident(calling, "call-3", service="hastes")
    page = open_page(calling, f"/incidents/{id}", phone=True)
    panel = page.locator("#called")
    expect(panel.get_by_role("alert")).to_contain_text("Everyone was told, and nobody has acknowledged")
    assert not axe(page)
    looked_at(page, "exhausted-phone")
    listed = open_page(calling, "/incidents")
    expect(listed.get_by_role("row").filter(has_text="call-3 fails").get_by_text("exhausted")).to_be_visible()
    page.get_by_role("button", name="Snooze").click()
    page.get_by_role("menuitem", name="For 4 hours").click()
    expect(panel).to_contain_text("Snoozed until")
    assert calling.client.get(f"/api/v1/incidents/{id}").json()["snoozed_until"] is not None
    eventually(lambda: [a for a in calling.items("alerts", resource="call-3") if a["quiet"]], what="a snoozed alert")
    panel.get_by_role("button", name="Unsnooze").click()
    expect(panel).not_to_contain_text("Snoozed until")
    eventually(lambda: not any(a["quiet"] for a in calling.items("alerts", resource="call-3")), what="nothing quiet")


def test_the_on_call_page_shows_policies_and_tries_channels(calling: Server, open_page: Open) -> None:
    page = open_page(calling, "/")
    expect(page.get_by_role("navigation", name="Main", exact=True)).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("o")
    expect(page.get_by_role("list", name="Levels of rota").get_by_role("listitem")).to_have_count(2)
    expect(page.get_by_text("All else: basis-1-mail, not daily 22:00-07:00 Europe/Berlin")).to_be_visible()
    page.get_by_role("button", name="Test desk").click()
    expect(page.get_by_text("It got through")).to_be_visible()
    assert not axe(page)
    looked_at(page, "on-call-light")


def test_a_plan_follows_the_priority_and_the_instant(calling: Server, open_page: Open) -> None:
    page = open_page(calling, "/on-call", dark=True, phone=True)
    page.get_by_role("link", name="Plan of rota").click()
    plan = page.get_by_role("list", name="Who is told when")
    expect(plan.get_by_role("listitem")).to_have_count(2)
    expect(plan.get_by_role("listitem").nth(1)).to_contain_text("+50 m")
    expect(page.get_by_text("No branch fits")).to_be_visible()
    page.get_by_role("button", name="P3").click()
    page.get_by_label("It opens at").fill("2027-05-01T02:00")
    expect(plan.get_by_role("listitem").nth(1)).to_contain_text("for user:basis-2, +")
    page.get_by_role("button", name="P5").click()
    expect(page.get_by_text("Branch 1 of 1, for P5.")).to_be_visible()
    expect(plan.get_by_role("listitem")).to_have_count(1)
    assert not axe(page)
    looked_at(page, "plan-dark-phone")


def test_people_say_themselves_how_they_are_told(calling: Server, open_page: Open) -> None:
    page = open_page(calling, "/")
    page.get_by_role("button", name=re.compile("signed in as basis-1")).click()
    page.get_by_role("menuitem", name="My notifications").click()
    expect(page.get_by_text("You have not said yet how to tell you")).to_be_visible()
    page.get_by_role("button", name="Add a channel to: What cannot wait").click()
    page.get_by_role("button", name="Add a channel to: What cannot wait").click()
    page.get_by_role("textbox", name="After").nth(1).fill("soon")
    page.get_by_role("textbox", name="When you are told of nothing that can wait").fill(
        "daily 22:00-07:00 Europe/Berlin"
    )
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("textbox", name="After").nth(1).fill("2m")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved: it holds from now on.")).to_be_visible()
    assert not axe(page)
    looked_at(page, "me-light")
    spec = calling.client.get("/api/v1/manifests/Person/default/basis-1").json()["spec"]
    assert [rung["after"] for rung in spec["important"]] == ["0s", "2m"]
    assert spec["quiet_hours"] == "daily 22:00-07:00 Europe/Berlin"
    page.get_by_role("button", name=re.compile("^Test ")).first.click()
    expect(page.get_by_text("It got through")).to_be_visible()
