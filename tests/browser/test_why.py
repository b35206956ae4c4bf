"""Why nobody is told, in one sentence; and how available a service was."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe, incident_of
from tests.server import Server, event, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


def _silenced(server: Server, resource: str) -> None:
    now = datetime.now(UTC)
    times = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(hours=4)).isoformat()}
    body = {"matchers": [{"name": "resource", "value": resource}], "comment": "It is repaired", **times}
    answer = server.client.post("/api/v1/silences", json=body)
    assert answer.is_success, answer.text


def _alert(server: Server, resource: str, **attributes: Any) -> str:
    server.emit(event(resource=resource, **attributes))
    found = eventually(lambda: server.items("alerts", resource=resource), what=f"an alert of {resource}")
    return str(found[0]["id"])


def test_an_incident_says_that_all_that_fires_in_it_is_quiet_and_until_when(server: Server, open_page: Open) -> None:
    _alert(server, "hushed-2", title="Becomes quiet later")
    page = open_page(server, f"/incidents/{incident_of(server, 'Becomes quiet later')}")
    card = page.get_by_role("region", name="Who is called")
    expect(card).to_contain_text("Nobody was told: no service with an owner is concerned")
    _silenced(server, "hushed-2")
    expect(card).to_contain_text("Nobody is told now: the alert that fires is silenced, until")
    assert not axe(page)


def test_an_alert_with_several_reasons_says_when_the_last_of_them_ends(server: Server, open_page: Open) -> None:
    alert = _alert(server, "hushed-3")
    _silenced(server, "hushed-3")
    until = (datetime.now(UTC) + timedelta(hours=8)).isoformat()
    answer = server.client.post(f"/api/v1/alerts/{alert}/snooze", json={"until": until})
    assert answer.status_code == 200, answer.text
    page = open_page(server, f"/alerts/{alert}")
    said = page.get_by_text("Nobody is told before")
    expect(said).to_be_visible()
    snoozed = server.client.get(f"/api/v1/alerts/{alert}").json()["quiet"][-1]
    assert snoozed["reason"] == "snoozed"
    expect(said.locator("time")).to_have_attribute("datetime", snoozed["until"])


def test_a_service_says_how_available_it_was_and_what_is_left_of_its_budget(server: Server, open_page: Open) -> None:
    manifest = """
apiVersion: oncue/v1
kind: Service
metadata: {name: counter}
spec: {owner: "team:basis", resources: [till-1], objective: {availability: 99.5, window: 7d}}
"""
    applied = server.client.post("/api/v1/manifests", content=manifest, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text
    _alert(server, "till-1", title="The till is down", severity="critical", service="counter")
    path = "/api/v1/services/default/counter/availability"
    eventually(lambda: server.client.get(path).json()["down"], what="its downtime")
    page = open_page(server, "/services/default/service:counter")
    card = page.get_by_role("region", name="Availability")
    expect(card).to_contain_text("Down now")
    expect(card).to_contain_text("Objective 99.5 %")
    expect(card.get_by_role("list", name="Outages").get_by_role("link", name="its alert")).to_be_visible()
    assert card.get_by_role("list", name="The last 30 days, the oldest first").get_by_role("listitem").count() >= 30
    assert not axe(page)
