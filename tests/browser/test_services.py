"""Services: how each is, what it needs and what needs it, and the map of it all."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe
from tests.server import Server, event, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

SHOPS = 40
"""Parts of each rack; two racks are more than the map draws one by one."""


def _landscape() -> str:
    documents = [
        "kind: Service\nmetadata: {name: retail}\nspec: {owner: 'team:basis', criticality: high, depends_on: [till]}",
        "kind: Resource\nmetadata: {name: till}\nspec: {type: application, depends_on: [ledger, gone]}",
        "kind: Resource\nmetadata: {name: ledger}\nspec: {type: database, runs_on: [h0-1]}",
        "kind: MaintenanceWindow\nmetadata: {name: ledger-patches}\nspec: {matchers: [{name: resource, value: 'led.*', "
        "is_regex: true}], starts_at: '2036-01-01T00:00', rrule: FREQ=DAILY, duration: 1h}",
        *(f"kind: Resource\nmetadata: {{name: rack-{rack}}}\nspec: {{type: rack}}" for rack in range(4)),
        *(
            f"kind: Resource\nmetadata: {{name: h{rack}-{host}}}\nspec: {{type: host, part_of: [rack-{rack}]}}"
            for rack in range(4)
            for host in range(SHOPS)
        ),
    ]
    return "\n---\n".join(f"apiVersion: oncue/v1\n{document}" for document in documents)


@pytest.fixture(scope="module")
def landscape(server: Server) -> Server:
    """The server with a landscape that is too large to be drawn place by place, and a fault in it."""
    applied = server.client.post(
        "/api/v1/manifests", content=_landscape(), headers={"Content-Type": "application/yaml"}
    )
    assert applied.status_code == 200, applied.text
    server.emit(
        event(resource="ledger", title="The ledger is locked", severity="critical"),
        event(resource="h1-3", title="No fan turns", severity="minor"),
    )
    eventually(lambda: server.items("alerts", resource="h1-3"), what="the alerts")
    return server


def test_a_service_says_how_it_is_and_leads_to_what_it_needs(landscape: Server, open_page: Open) -> None:
    page = open_page(landscape, "/services")
    page.get_by_role("link", name="retail").click()
    expect(page.get_by_role("heading", name="retail")).to_be_visible()
    expect(page.get_by_text("team basis")).to_be_visible()
    drawing = page.get_by_role("group", name="What retail needs and what needs it")
    expect(drawing.get_by_label(re.compile("Resource ledger: critical"))).to_be_visible()
    page.get_by_role("button", name="3", exact=True).click()
    page.locator(".moving-row").get_by_role("link", name="h0-1").wait_for()
    page.locator(".moving-row").get_by_role("link", name="till", exact=True).click()
    expect(page.get_by_text("gone is not there")).to_be_visible()
    page.locator(".moving-row").get_by_role("link", name="ledger", exact=True).click()
    expect(page.get_by_role("table", name="Alerts that fire")).to_contain_text("The ledger is locked")
    expect(page.get_by_role("table", name="Incidents")).to_contain_text("The ledger is locked")
    expect(page.get_by_role("link", name="ledger-patches")).to_be_visible()
    assert not axe(page)


def test_the_map_is_folded_shows_what_fails_first_and_unfolds(landscape: Server, open_page: Open) -> None:
    page = open_page(landscape, "/services?view=map")
    expect(page.get_by_text("places, drawn as")).to_be_visible()
    drawing = page.get_by_role("group", name="Map of what needs what")
    drawing.get_by_label(re.compile("Resource rack-1: minor, 40 places in it, 1 fail")).click()
    assert not axe(page)
    page.get_by_role("button", name="Unfold 40").click()
    expect(drawing.get_by_label(re.compile("Resource h1-3: minor"))).to_be_visible()
    page.get_by_role("combobox", name="Find a place").fill("till")
    expect(page.get_by_role("option", name="till")).to_be_visible()
    page.keyboard.press("Enter")
    expect(drawing.get_by_label(re.compile("Resource ledger: critical"))).to_be_visible()
    expect(drawing.get_by_label(re.compile("Resource rack-1:"))).to_have_count(0)
    assert "focus=resource%3Atill" in page.url
    page.get_by_role("button", name="The whole map").click()
    page.get_by_role("button", name="Every place").click()
    expect(drawing.get_by_label(re.compile("Resource h1-3: minor"))).to_be_visible()


def test_everything_is_a_list_and_a_phone_has_the_map_as_one(landscape: Server, open_page: Open) -> None:
    page = open_page(landscape, "/services?view=map", phone=True, dark=True)
    expect(page.get_by_role("list", name="Places on the map").get_by_role("listitem").first).to_contain_text("ledger")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not axe(page)
    page.goto("/services?view=resources&q=h1-3")
    expect(page.get_by_role("link", name=re.compile("^h1-3 "))).to_be_visible()
    page.goto("/services/default/resource:known-from-alerts-alone")
    expect(page.get_by_text("No manifest declares it")).to_be_visible()
    assert not axe(page)
