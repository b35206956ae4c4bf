"""Facets of alerts: counted over all that the filters find; a click narrows the list, and the address keeps it."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import axe
from tests.server import Server, event, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
ALERTS = 250
"""More than two pages of the list."""


@pytest.fixture(scope="module")
def crowd(server: Server) -> Server:
    events = [
        event(id=f"facet-{n}", title=f"Facet {n}", resource=f"crowd-{n}", service=f"crowd-{n % 7}",
              severity="critical" if n % 5 == 0 else "minor", type="crowd.alert", namespace="crowd")
        for n in range(ALERTS)
    ]  # fmt: skip
    made = server.client.post(
        "/api/v1/events", content=json.dumps(events), headers={"Content-Type": "application/cloudevents-batch+json"}
    )
    assert made.json()["accepted"] == ALERTS, made.text

    def all_there() -> bool:
        return bool(server.client.get("/api/v1/alerts/facets?namespace=crowd").json()["total"] == ALERTS)

    eventually(all_there, what="all alerts")
    return server


def _value(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name="Narrow to").get_by_role("button", name=name, exact=True)


def test_values_are_counted_over_everything_and_narrow_the_list(crowd: Server, open_page: Open) -> None:
    page = open_page(crowd, "/alerts?namespace=crowd")
    expect(_value(page, "Critical 50")).to_be_visible()
    expect(_value(page, "Minor 200")).to_be_visible()
    expect(page.get_by_text(f"100 of {ALERTS} shown")).to_be_visible()
    assert not axe(page)
    page.get_by_role("button", name="more values of Service").click()
    page.get_by_role("menuitem", name="crowd-6 35").click()
    expect(page).to_have_url(re.compile("service=crowd-6"))
    expect(page.get_by_text("35 in all")).to_be_visible()
    _value(page, "Critical 7").click()
    expect(page.get_by_text("7 in all")).to_be_visible()
    page.reload()
    pressed = _value(page, "Critical 7")
    expect(pressed).to_have_attribute("aria-pressed", "true")
    pressed.click()
    expect(page.get_by_text("35 in all")).to_be_visible()


def test_quiet_ones_are_found_by_their_reason_and_acknowledged_ones_by_their_state(
    crowd: Server, open_page: Open
) -> None:
    silence = {"matchers": [{"name": "service", "value": "crowd-3"}], "comment": "work", "namespace": "crowd"}
    times = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"}
    set_ = crowd.client.post("/api/v1/silences", json={**silence, **times})
    assert set_.is_success, set_.text
    taken = crowd.items("alerts", namespace="crowd", service="crowd-1")[:4]
    for one in taken:
        assert crowd.client.post(f"/api/v1/alerts/{one['id']}/acknowledge", json={}).is_success
    hushed = len(crowd.items("alerts", namespace="crowd", service="crowd-3"))
    page = open_page(crowd, "/alerts?namespace=crowd", dark=True)
    expect(_value(page, f"Quiet {hushed}")).to_be_visible()
    assert not axe(page)
    _value(page, "Acknowledged 4").click()
    expect(page.get_by_text("4 in all")).to_be_visible()
    _value(page, "Acknowledged 4").click()
    _value(page, f"Quiet {hushed}").click()
    expect(page.get_by_text(f"{hushed} in all")).to_be_visible()
    page.goto("/alerts?namespace=crowd&reason=silenced")
    expect(_value(page, f"Silenced {hushed}")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text(f"{hushed} in all")).to_be_visible()
