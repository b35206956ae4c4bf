"""Changes in the console: written down and ended by hand, and shown where something failed soon after."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe, incident_of
from tests.server import Server, event, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

MANIFESTS = """
apiVersion: oncue/v1
kind: Resource
metadata: {name: disk-array-1}
spec: {type: storage}
---
apiVersion: oncue/v1
kind: Resource
metadata: {name: ledger-1}
spec: {type: database, depends_on: [disk-array-1]}
---
apiVersion: oncue/v1
kind: MaintenanceWindow
metadata: {name: nightly-patches}
spec:
  description: Hosts get their patches
  matchers: [{name: resource, value: "night-.*", is_regex: true}]
  starts_at: "2026-01-01T02:00"
  rrule: FREQ=DAILY
  duration: 30m
"""


@pytest.fixture(scope="module")
def landscape(server: Server) -> Server:
    applied = server.client.post("/api/v1/manifests", content=MANIFESTS, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text
    return server


def _change(server: Server, title: str, **asked: Any) -> str:
    answer = server.client.post("/api/v1/change-records", json={"title": title, **asked})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _state(server: Server, id: str) -> str:
    return str(server.client.get(f"/api/v1/change-records/{id}").json()["state"])


def test_a_change_is_begun_and_ended_by_hand(landscape: Server, open_page: Open) -> None:
    page = open_page(landscape, "/changes/reported")
    page.get_by_role("button", name="A change begins").click()
    dialog = page.get_by_role("dialog")
    begin = dialog.get_by_role("button", name="It begins now")
    dialog.get_by_label("What is changed").fill("New firmware")
    expect(begin).to_be_disabled()
    dialog.get_by_label("Resources").fill("switch-1, switch-2")
    dialog.get_by_label("More about it").fill("wiki")
    expect(begin).to_be_disabled()
    dialog.get_by_label("More about it").fill("https://wiki.example.com/firmware")
    dialog.get_by_label("Its value").fill("switch-1")
    expect(dialog.get_by_text("No alert that fires now")).to_be_visible()
    assert not axe(page)
    begin.click()
    row = page.get_by_role("table", name="Changes").get_by_role("row").filter(has_text="New firmware")
    expect(row).to_contain_text("Running")
    row.get_by_role("link").click()
    panel = page.get_by_role("complementary", name="Change")
    expect(panel.get_by_role("link", name="switch-2")).to_be_visible()
    expect(panel.get_by_role("link", name="https://wiki.example.com/firmware")).to_have_attribute(
        "rel", re.compile("noop")
    )
    expect(panel.get_by_role("heading", name="Keeps quiet what it is expected to cause")).to_be_visible()
    assert not axe(page)
    made = landscape.items("change-records", resource="switch-2")[0]
    assert (made["by"], made["expects"][0]["value"]) == ("user:basis-1", "switch-1")
    panel.get_by_role("button", name="It failed").click()
    page.get_by_role("dialog").get_by_role("button", name="It failed").click()
    expect(panel.get_by_text("Failed", exact=True)).to_be_visible()
    expect(panel.get_by_role("button", name="It failed")).to_have_count(0)
    assert _state(landscape, made["id"]) == "failed"


def test_an_incident_leads_to_the_change_before_it_and_the_change_to_the_incident(
    landscape: Server, open_page: Open
) -> None:
    change = _change(landscape, "Controller replaced", resources=["disk-array-1"], kind="patch")
    landscape.emit(event(title="Ledger does not answer", resource="ledger-1", severity="critical"))
    incident = incident_of(landscape, "Ledger does not answer")
    page = open_page(landscape, f"/incidents/{incident}")
    card = page.get_by_role("region", name="Changed soon before")
    expect(card).to_contain_text("Controller replaced")
    expect(page.get_by_role("list", name="Suspects").get_by_role("link", name=change)).to_be_visible()
    assert not axe(page)
    card.get_by_role("link").click()
    panel = page.get_by_role("complementary", name="Change")
    expect(panel.get_by_role("link", name=incident)).to_be_visible()
    expect(panel.get_by_text("Ledger does not answer")).to_be_visible()
    panel.get_by_role("link", name="disk-array-1").click()
    expect(page.get_by_role("heading", name="disk-array-1")).to_be_visible()
    here = page.get_by_role("region", name="Changes", exact=True)
    expect(here).to_contain_text("followed by 1 incident")
    here.get_by_role("link", name="All of them").click()
    expect(page).to_have_url(re.compile(r"/changes/reported\?.*resource=disk-array-1"))
    expect(page.get_by_role("table", name="Changes").get_by_role("row").filter(has_text=change)).to_be_visible()


def test_changes_are_narrowed_by_what_is_in_the_address(landscape: Server, open_page: Open) -> None:
    _change(landscape, "Over long ago", resources=["narrow-1"], ended_at="2026-01-01T00:00:00Z")
    _change(landscape, "Runs still", services=["narrow"], resources=["narrow-2"])
    page = open_page(landscape, "/changes/reported?state=running&service=narrow")
    table = page.get_by_role("table", name="Changes")
    expect(table.get_by_role("row").filter(has_text="Runs still")).to_be_visible()
    expect(table.get_by_role("row")).to_have_count(2)
    page.goto("/changes/reported?state=over&resource=narrow-1")
    expect(table.get_by_role("row").filter(has_text="Over long ago")).to_be_visible()
    page.get_by_role("button", name="Planned").click()
    planned = page.get_by_role("table", name="Planned work")
    expect(planned.get_by_role("link", name="nightly-patches").first).to_be_visible()
    assert not axe(page)


def test_an_alert_that_a_change_is_expected_to_cause_leads_to_it(landscape: Server, open_page: Open) -> None:
    expects = [{"name": "resource", "value": "awaited-1"}]
    change = _change(landscape, "Restart", resources=["awaited-1"], expects=expects)
    landscape.emit(event(title="Is restarted", resource="awaited-1"))
    alert = eventually(lambda: landscape.items("alerts", resource="awaited-1"), what="the alert")[0]["id"]
    page = open_page(landscape, f"/alerts/{alert}")
    panel = page.get_by_role("complementary", name="Alert")
    expect(panel.get_by_text("A change is expected to cause it")).to_be_visible()
    panel.get_by_role("link", name="The change", exact=True).click()
    expect(page).to_have_url(re.compile(f"/changes/reported/{change}"))


def test_a_handover_names_the_changes_of_the_shift(landscape: Server, open_page: Open) -> None:
    change = _change(landscape, "Certificates renewed", resources=["gate-1"])
    page = open_page(landscape, "/handover")
    expect(page.get_by_role("heading", name="Changes, under way or made")).to_be_visible()
    page.get_by_role("link", name="Certificates renewed").click()
    expect(page).to_have_url(re.compile(f"/changes/reported/{change}"))


def test_changes_on_a_phone(landscape: Server, open_page: Open) -> None:
    _change(landscape, "On the go", resources=["phone-1"])
    page = open_page(landscape, "/changes/reported", phone=True, dark=True)
    page.get_by_role("link", name="On the go").click()
    expect(page.get_by_role("heading", name="On the go")).to_be_visible()
    assert not axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
