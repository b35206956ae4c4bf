"""One incident: what is behind it, what it reaches, who was told, and how people give it its shape."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe
from tests.server import Server, event, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

LANDSCAPE = """
apiVersion: oncue/v1
kind: Service
metadata: {name: payroll}
spec: {owner: "team:basis", criticality: critical, depends_on: [pay-app]}
---
apiVersion: oncue/v1
kind: Resource
metadata: {name: pay-app}
spec: {type: application, depends_on: [pay-db]}
---
apiVersion: oncue/v1
kind: Resource
metadata: {name: pay-db}
spec: {type: database, runs_on: [pay-host]}
---
apiVersion: oncue/v1
kind: Resource
metadata: {name: pay-host}
spec: {type: host}
"""


@pytest.fixture(scope="module")
def landscape(server: Server) -> Server:
    """The server, with a landscape of its own."""
    applied = server.client.post("/api/v1/manifests", content=LANDSCAPE, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text
    return server


@pytest.fixture(scope="module")
def fault(landscape: Server) -> str:
    """The id of an incident: a database fails, and what needs it."""
    found = [_incident(landscape, name, severity="critical") for name in ("pay-db", "pay-app")]
    assert found[0] == found[1]
    return found[0]


def _incident(server: Server, resource: str, **attributes: Any) -> str:
    server.emit(event(resource=resource, title=f"{resource} fails", **attributes))
    found = eventually(lambda: server.items("alerts", resource=resource), what=f"an alert of {resource}")
    return str(found[0]["incident"])


def test_suspects_stand_ranked_with_their_evidence_and_what_they_reach(
    landscape: Server, fault: str, open_page: Open
) -> None:
    page = open_page(landscape, f"/incidents/{fault}")
    suspects = page.get_by_role("list", name="Suspects").locator("> li")
    expect(suspects.nth(0)).to_contain_text(
        re.compile(r"pay-db.*explains 1 of 1 other.*Nothing that it needs fails", re.S)
    )
    expect(suspects.nth(1)).to_contain_text(re.compile(r"pay-app.*What it needs fails, too", re.S))
    drawing = page.get_by_role("group", name="What needs what in this incident")
    expect(drawing.get_by_label(re.compile(r"Resource pay-db: critical"))).to_be_visible()
    drawing.get_by_label(re.compile(r"Resource pay-app")).click()
    expect(page.get_by_text("suspect 2, 1 alert")).to_be_visible()
    expect(page.locator("#impact")).to_contain_text(re.compile(r"payroll.*critical.*at risk", re.S))
    expect(page.locator("#told")).to_contain_text(re.compile(r"Nobody was told.*no_addressee", re.S))
    assert not axe(page)


def test_an_incident_on_a_phone_tells_what_needs_what_as_an_outline(
    landscape: Server, fault: str, open_page: Open
) -> None:
    page = open_page(landscape, f"/incidents/{fault}", phone=True, dark=True)
    rows = page.get_by_role("list", name="What needs what in this incident").get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("pay-db")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not axe(page)


def test_alerts_are_split_off_and_merged_back_by_hand(landscape: Server, open_page: Open) -> None:
    home = _incident(landscape, "shape-1", service="shapes")
    assert _incident(landscape, "shape-2", service="shapes") == home
    page = open_page(landscape, f"/incidents/{home}")
    page.get_by_role("checkbox", name="Choose shape-2 fails").check()
    page.get_by_role("button", name="Split off").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("becomes a new incident, “shape-2 fails”")
    expect(dialog).to_contain_text("To take it back, merge the new incident into this one.")
    assert not axe(page)
    dialog.get_by_label("Why").fill("Another fault")
    dialog.get_by_role("button", name="Split off").click()
    expect(page.get_by_role("heading", name="shape-2 fails")).to_be_visible()
    made = page.url.rsplit("/", 1)[1]
    assert made != home
    page.goto(f"/incidents/{home}")
    page.get_by_role("button", name="Merge").click()
    dialog.get_by_label("Incident", exact=True).fill("shape-2")
    # What was found is there: the dialog does not move any more.
    expect(dialog.get_by_role("checkbox")).to_have_count(1)
    dialog.get_by_role("checkbox", name=f"{made} shape-2 fails").check()
    expect(dialog).to_contain_text(f"{made} closes and becomes part of {home}; 1 alert goes with it.")
    dialog.get_by_role("button", name=f"Merge into {home}").click()
    expect(page.get_by_text("1 incident became part of it")).to_be_visible()
    assert landscape.client.get(f"/api/v1/incidents/{made}").json()["merged_into"] == home


def test_alerts_move_to_another_incident_and_out_of_every_one(landscape: Server, open_page: Open) -> None:
    home = _incident(landscape, "move-1", service="moves")
    assert _incident(landscape, "move-2", service="moves") == home
    other = _incident(landscape, "elsewhere-1")
    page = open_page(landscape, f"/incidents/{home}")
    page.get_by_role("checkbox", name="Choose move-2 fails").check()
    page.get_by_role("button", name="Move …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("checkbox", name=f"{other} elsewhere-1 fails").check()
    dialog.get_by_role("button", name=f"Move to {other}").click()
    expect(page.get_by_text("1 alert went elsewhere")).to_be_visible()
    page.get_by_role("checkbox", name="Choose move-1 fails").check()
    page.get_by_role("button", name="Take out").click()
    expect(dialog).to_contain_text("Nothing that fires is left")
    dialog.get_by_role("button", name="Take out").click()
    expect(page.get_by_text("Resolved").first).to_be_visible()
    assert landscape.items("alerts", resource="move-2")[0]["incident"] == other
    assert landscape.items("alerts", resource="move-1")[0]["incident"] is None


def test_the_alerts_of_an_incident_are_snoozed_together(landscape: Server, open_page: Open) -> None:
    home = _incident(landscape, "doze-1", service="dozes")
    _incident(landscape, "doze-2", service="dozes")
    page = open_page(landscape, f"/incidents/{home}")
    expect(page.get_by_role("row").filter(has_text="doze-2 fails")).to_be_visible()
    page.get_by_role("button", name="Snooze").click()
    page.get_by_role("menuitem", name="For 4 hours").click()
    expect(page.get_by_role("table", name="Alerts of the incident").get_by_text("Quiet", exact=True)).to_have_count(2)
