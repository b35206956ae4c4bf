"""Quiet, and the shape of incidents: why an alert calls nobody, until when, and why it is where it is."""

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

MANIFESTS = """
apiVersion: oncue/v1
kind: MaintenanceWindow
metadata: {name: database-patches, owner: "team:basis"}
spec:
  description: The database hosts get their patches
  matchers: [{name: resource, value: "patched-.*", is_regex: true}]
  starts_at: "2036-03-02T22:00"
  rrule: FREQ=MONTHLY;BYDAY=1SU
  duration: 4h
  zone: Europe/Berlin
---
apiVersion: oncue/v1
kind: MaintenanceWindow
metadata: {name: laboratory}
spec:
  description: The laboratory may fail at any time
  matchers: [{name: resource, value: "laboratory-.*", is_regex: true}]
  starts_at: "2026-01-01T00:00"
  rrule: FREQ=DAILY
  duration: 25h
---
apiVersion: oncue/v1
kind: Inhibition
metadata: {name: rack-without-power}
spec:
  description: Without power, that a host is down says nothing new
  source: [{name: type, value: rack.power.lost}]
  target: [{name: type, value: host.down}]
  equal: [rack]
---
apiVersion: oncue/v1
kind: Resource
metadata: {name: store-1}
spec: {type: database}
---
apiVersion: oncue/v1
kind: Resource
metadata: {name: shop-1}
spec: {type: application, depends_on: [store-1]}
"""


@pytest.fixture(scope="module")
def quiet(server: Server) -> Server:
    """The server with windows, an inhibition, and a landscape."""
    applied = server.client.post("/api/v1/manifests", content=MANIFESTS, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text
    return server


def _alert(server: Server, resource: str, **attributes: Any) -> str:
    """The id of a new alert of this resource."""
    server.emit(event(resource=resource, **attributes))
    found = eventually(lambda: server.items("alerts", resource=resource), what=f"an alert of {resource}")
    return str(found[0]["id"])


def _quiet(server: Server, alert: str) -> list[str]:
    return [reason["reason"] for reason in server.client.get(f"/api/v1/alerts/{alert}").json()["quiet"]]


def test_a_window_shows_when_it_opens_next_and_what_it_would_keep_quiet(quiet: Server, open_page: Open) -> None:
    _alert(quiet, "patched-1", title="Fires before the patches")
    page = open_page(quiet, "/quiet/windows")
    table = page.get_by_role("table", name="Maintenance windows")
    expect(table.get_by_role("row").filter(has_text="database-patches")).to_contain_text(re.compile("Opens .* for 4 h"))
    expect(table.get_by_role("row").filter(has_text="laboratory")).to_contain_text("Open until")
    table.get_by_role("button", name="database-patches").click()
    panel = page.get_by_role("complementary", name="Maintenance window")
    expect(panel.get_by_role("list", name="Next occurrences").get_by_role("listitem")).to_have_count(10)
    expect(panel.get_by_role("link", name="Fires before the patches")).to_be_visible()
    expect(panel.get_by_label("database-patches as YAML")).to_contain_text("FREQ=MONTHLY;BYDAY=1SU")
    following = quiet.client.get("/api/v1/maintenance-windows/default/database-patches").json()["next"][0]["starts_at"]
    shown = panel.get_by_role("list", name="Next occurrences").locator("time").first.get_attribute("datetime")
    assert shown == following
    assert page.url.endswith("/quiet/windows?show=default%2Fdatabase-patches")


def test_an_open_window_is_named_by_the_alert_that_it_keeps_quiet(quiet: Server, open_page: Open) -> None:
    page = open_page(quiet, f"/alerts/{_alert(quiet, 'laboratory-1')}")
    panel = page.get_by_role("complementary", name="Alert")
    expect(panel.get_by_text("A maintenance window is open")).to_be_visible()
    panel.get_by_role("link", name="default/laboratory").click()
    expect(page.get_by_role("complementary", name="Maintenance window")).to_contain_text("The laboratory may fail")


def test_an_inhibited_alert_leads_to_the_one_that_explains_it(quiet: Server, open_page: Open) -> None:
    labels = '{"rack":"r7"}'
    _alert(quiet, "rack-7", type="rack.power.lost", title="Rack r7 has no power", severity="critical", labels=labels)
    host = _alert(quiet, "web-3", type="host.down", title="web-3 is down", labels=labels)
    page = open_page(quiet, "/quiet/inhibitions")
    row = page.get_by_role("row").filter(has_text="rack-without-power")
    expect(row).to_contain_text("1 now")
    page.goto(f"/alerts/{host}")
    panel = page.get_by_role("complementary", name="Alert")
    expect(panel.get_by_text("Another alert that fires explains it")).to_be_visible()
    panel.get_by_role("link", name="That alert").click()
    expect(panel.get_by_role("heading", name="Rack r7 has no power")).to_be_visible()


def test_an_alert_is_snoozed_from_its_page_and_the_snooze_taken_back(quiet: Server, open_page: Open) -> None:
    alert = _alert(quiet, "snoozed-1", title="May wait until the morning")
    page = open_page(quiet, f"/alerts/{alert}")
    panel = page.get_by_role("complementary", name="Alert")
    panel.get_by_role("button", name="Snooze", exact=True).click()
    expect(page.get_by_role("menuitem", name="Until tomorrow 08:00")).to_be_visible()
    assert not axe(page)
    page.get_by_role("menuitem", name="For 4 hours").click()
    expect(panel.get_by_text("basis-1 snoozed it")).to_be_visible()
    until = quiet.client.get(f"/api/v1/alerts/{alert}").json()["quiet"][0]["until"]
    left = datetime.fromisoformat(until) - datetime.now(UTC)
    assert timedelta(hours=3, minutes=55) < left <= timedelta(hours=4)
    panel.get_by_role("button", name="Unsnooze").click()
    expect(panel.get_by_role("heading", name="Why it is quiet")).to_have_count(0)
    assert _quiet(quiet, alert) == []


def test_a_duplicate_is_put_to_the_alert_that_is_enough_and_taken_back(quiet: Server, open_page: Open) -> None:
    alert = _alert(quiet, "twice-2", title="Seen by the other monitor")
    other = _alert(quiet, "twice-1", title="Seen by the first monitor")
    panel = open_page(quiet, f"/alerts/{alert}").get_by_role("complementary", name="Alert", exact=True)
    page = panel.page
    panel.get_by_role("button", name="Duplicate of").click()
    dialog = page.get_by_role("dialog", name="Which alert is enough?")
    expect(dialog.get_by_role("button", name="It is a duplicate")).to_be_disabled()
    dialog.get_by_role("combobox", name="The other alert").fill("first moni")
    page.get_by_role("option", name="Seen by the first monitor (twice-1)").click()
    dialog.get_by_role("textbox", name="Why").fill("two agents")
    assert not axe(page)
    dialog.get_by_role("button", name="It is a duplicate").click()
    expect(dialog).to_have_count(0)
    expect(panel).to_contain_text("Another alert is about the same thing")
    expect(panel.get_by_role("link", name="That alert")).to_have_attribute("href", re.compile(f"/alerts/{other}"))
    panel.get_by_role("button", name="No duplicate").click()
    expect(panel).not_to_contain_text("Another alert is about the same thing")


def test_a_snooze_until_a_date_keeps_its_reason(quiet: Server, open_page: Open) -> None:
    alert = _alert(quiet, "snoozed-2")
    page = open_page(quiet, f"/alerts/{alert}")
    page.get_by_role("button", name="Snooze", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("another time")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Until").fill("2020-01-01T08:00")
    expect(dialog.get_by_text("This is over already")).to_be_visible()
    expect(dialog.get_by_role("button", name="Snooze")).to_be_disabled()
    later = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT08:00")
    dialog.get_by_label("Until").fill(later)
    dialog.get_by_label("Why").fill("The part is on its way")
    dialog.get_by_role("button", name="Snooze until").click()
    expect(page.get_by_text(re.compile(r"^The part is on its way\."))).to_be_visible()


def test_what_a_person_found_out_is_added_on_the_alerts_page(quiet: Server, open_page: Open) -> None:
    alert = _alert(quiet, "found-1", title="Whose is it")
    page = open_page(quiet, f"/alerts/{alert}")
    panel = page.get_by_role("complementary", name="Alert")
    panel.get_by_role("button", name="Add", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Add", exact=True)).to_be_disabled()
    dialog.get_by_label("Note").fill("Its disk was swapped")
    dialog.get_by_label("Link").fill("https://cmdb.example.com/found-1")
    dialog.get_by_label("Labels").fill("rack")
    expect(dialog.get_by_text("Write name=value, with commas between")).to_be_visible()
    dialog.get_by_label("Labels").fill("rack=r7, owner=dba")
    assert not axe(page)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(panel.get_by_role("link", name="https://cmdb.example.com/found-1")).to_be_visible()
    expect(panel.get_by_text("basis-1 found out more")).to_be_visible()
    labels = quiet.client.get(f"/api/v1/alerts/{alert}").json()["labels"]
    assert labels == {"rack": "r7", "owner": "dba"}
    assert not axe(page)


def test_an_alerts_past_is_drawn_and_told_as_a_table(quiet: Server, open_page: Open) -> None:
    def measured(severity: str, value: int) -> str:
        return _alert(quiet, "past-1", severity=severity, data={"value": value, "limit": 80, "unit": "%"})

    alert = measured("warning", 85)
    assert measured("critical", 97) == alert
    page = open_page(quiet, f"/alerts/{alert}")
    expect(page.get_by_role("img", name="From warning to critical in 2 changes")).to_be_visible()
    page.get_by_text("2 changes as a table").click()
    table = page.get_by_role("table", name="Changes of the alert")
    expect(table.get_by_role("row")).to_contain_text(["Since", "Critical97 %", "Warning85 %"])
    assert not axe(page)


def test_the_parts_of_quiet_are_reached_and_read_by_the_keyboard(quiet: Server, open_page: Open) -> None:
    page = open_page(quiet, "/")
    expect(page.get_by_role("navigation", name="Main", exact=True)).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("q")
    parts = page.get_by_role("navigation", name="Quiet")
    expect(parts.get_by_role("link", name="Silences")).to_have_attribute("aria-current", "page")
    parts.get_by_role("link", name="Silences").focus()
    page.keyboard.press("Tab")
    expect(parts.get_by_role("link", name="Maintenance windows")).to_be_focused()
    page.keyboard.press("Enter")
    row = page.get_by_role("row").filter(has_text="laboratory")
    expect(row).to_be_visible()
    page.get_by_role("table", name="Maintenance windows").get_by_role("row").nth(1).focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("complementary", name="Maintenance window")
    expect(panel).to_be_visible()
    expect(panel.get_by_text(re.compile(r"\bYAML\b"))).to_be_visible()
    assert not axe(page)
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)


def test_a_silence_shows_what_it_is_about_while_it_is_written_and_is_changed(quiet: Server, open_page: Open) -> None:
    _alert(quiet, "written-1", title="About to be silenced")
    page = open_page(quiet, "/quiet/silences")
    page.get_by_role("button", name="New silence").click()
    dialog = page.get_by_role("dialog")
    about = dialog.get_by_role("region", name="What it is about")
    expect(about).to_contain_text("Fill the matchers in")
    dialog.get_by_label("Value").fill("nothing-like-it")
    expect(about).to_contain_text("No alert that fires now")
    dialog.get_by_label("Value").fill("written-1")
    expect(about.get_by_role("link", name="About to be silenced")).to_be_visible()
    assert not axe(page)
    dialog.get_by_label("Why").fill("It is written")
    dialog.get_by_role("button", name="Silence", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("row").filter(has_text="It is written")).to_contain_text("1")
    silence = quiet.items("silences")[0]
    page.goto(f"/silences?id={silence['id']}")
    panel = page.get_by_role("complementary", name="Silence")
    expect(panel.get_by_role("link", name="About to be silenced")).to_be_visible()
    panel.get_by_role("button", name="Change").click()
    dialog.get_by_label("Why").fill("It is written anew")
    dialog.get_by_role("button", name="Change").click()
    expect(panel.get_by_role("heading", name="It is written anew")).to_be_visible()
    changed = quiet.client.get(f"/api/v1/silences/{silence['id']}").json()
    assert (changed["comment"], changed["ends_at"]) == ("It is written anew", silence["ends_at"])


def test_an_incident_says_of_each_alert_why_it_is_there(quiet: Server, open_page: Open) -> None:
    symptom = _alert(quiet, "shop-1", title="The shop answers slowly")
    cause = _alert(quiet, "store-1", title="The store answers slowly", severity="critical")
    found = [quiet.client.get(f"/api/v1/alerts/{alert}").json()["incident"] for alert in (symptom, cause)]
    assert found[0] is not None and found[0] == found[1]
    page = open_page(quiet, f"/incidents/{found[0]}")
    rows = page.get_by_role("table", name="Alerts of the incident").get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text(
        re.compile(r"The store answers slowly.*cause.*downstream.*is needed by", re.DOTALL)
    )
    expect(rows.nth(2)).to_contain_text(re.compile(r"The shop answers slowly.*first", re.DOTALL))
    expect(page.get_by_text("1 cause, 1 related")).to_be_visible()
    assert not axe(page)
    away = quiet.client.post(f"/api/v1/incidents/{found[0]}/move", json={"alerts": [symptom], "reason": "Not the same"})
    assert away.status_code == 200, away.text
    expect(rows).to_have_count(2)
    page.get_by_text("1 alert went elsewhere").click()
    expect(page.get_by_role("list", name="Alerts that went elsewhere")).to_contain_text("Not the same")


def test_incidents_that_became_one_lead_to_each_other(quiet: Server, open_page: Open) -> None:
    alerts = [_alert(quiet, name, title=f"About {name}") for name in ("apart-1", "apart-2")]
    into, other = (quiet.client.get(f"/api/v1/alerts/{alert}").json()["incident"] for alert in alerts)
    assert into != other
    page = open_page(quiet, f"/incidents/{other}")
    expect(page.locator(".live[data-state=live]")).to_be_visible()
    merged = quiet.client.post(f"/api/v1/incidents/{into}/merge", json={"incidents": [other], "reason": "One fault"})
    assert merged.status_code == 200, merged.text
    page.get_by_role("note").get_by_role("link", name=into, exact=True).click()
    expect(page.get_by_role("heading", name="About apart-1")).to_be_visible()
    expect(page.get_by_text("1 incident became part of it")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="About apart-2")).to_contain_text("One fault")
    page.get_by_role("link", name=other, exact=True).click()
    expect(page.get_by_text("Work goes on there.")).to_be_visible()
