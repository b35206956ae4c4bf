"""Policies: tried on an event, edited with the schema's help, saved by one person at a time, and taken back."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe
from tests.server import Server, event, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

POLICY = """apiVersion: oncue/v1
kind: Policy
metadata: {name: flaps, review_by: "2027-05-01"}
spec:
  match: {types: [net.flap], where: "event.data.members < 2"}
  alert: {title: "Flap of ${event.resource}"}
"""


@pytest.fixture(scope="module")
def written(server: Server) -> Server:
    """The server with a policy, and an event that it narrowly does not take."""
    applied = server.client.post("/api/v1/manifests", content=POLICY, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text
    server.emit(event(type="net.flap", resource="sw-1", title="Po1 flaps", data={"members": 3}))
    eventually(lambda: server.items("alerts", type="net.flap"), what="the alert")
    return server


def _replace(page: Page, before: str, after: str) -> None:
    """Change the editor's text where `before` stands in one line."""
    page.locator(".yaml-editor").get_by_text(before).click()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    line = page.evaluate("getSelection().toString()")
    assert before in line, line
    page.keyboard.insert_text(line.replace(before, after))


def test_a_policy_is_tried_edited_saved_and_taken_back(written: Server, open_page: Open) -> None:
    page = open_page(written, "/policies/default/flaps")
    page.get_by_role("button", name="Try it").click()
    clauses = page.get_by_role("table", name="Clauses of default/flaps")
    expect(clauses.locator("tr.decides")).to_contain_text(re.compile("where.*event.data.members is 3", re.S))
    assert not axe(page)

    page.get_by_role("button", name="Edit").click()
    editor = page.get_by_role("textbox", name="The policy flaps as YAML")
    expect(editor).to_contain_text("review_by")
    expect(page.get_by_text("nothing wrong")).to_be_visible()
    _replace(page, "members < 2", "membrs <")
    expect(page.get_by_role("button", name="Fix 1 error to save")).to_be_disabled()
    expect(page.get_by_text("expression.invalid")).to_be_visible()
    _replace(page, "membrs <", "members < 4")
    expect(page.get_by_text("as edited")).to_be_visible()
    expect(page.locator("#try")).to_contain_text(re.compile("Fires.*In force now: does not fire", re.S))
    expect(page.locator("#try")).to_contain_text("An alert: Flap of sw-1, major")
    assert not axe(page)

    page.get_by_role("button", name="Review and save").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("textbox", name="What changes")).to_contain_text("members < 4")
    dialog.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("gen 2, since")).to_be_visible()
    kept = written.client.get("/api/v1/manifests/Policy/default/flaps").json()
    assert (kept["spec"]["match"]["where"], kept["review_by"]) == ("event.data.members < 4", "2027-05-01")

    page.get_by_role("button", name="Take back to this").click()
    expect(page.get_by_text("with the text of gen 1")).to_be_visible()
    page.get_by_role("button", name="Review and save").click()
    dialog.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("gen 3, since")).to_be_visible()
    kept = written.client.get("/api/v1/manifests/Policy/default/flaps").json()
    assert kept["spec"]["match"]["where"] == "event.data.members < 2"


def test_what_another_person_saved_meanwhile_is_not_overwritten(written: Server, open_page: Open) -> None:
    text = POLICY.replace("name: flaps", "name: shared")
    headers = {"Content-Type": "application/yaml"}
    assert written.client.post("/api/v1/manifests", content=text, headers=headers).status_code == 200
    page = open_page(written, "/policies/default/shared?edit=1")
    expect(page.get_by_role("textbox", name="The policy shared as YAML")).to_be_visible()
    _replace(page, "members < 2", "members < 5")
    other = text.replace("members < 2", "members < 9")
    assert written.client.post("/api/v1/manifests", content=other, headers=headers).status_code == 200
    expect(page.get_by_text("It was changed meanwhile")).to_be_visible()
    page.get_by_role("button", name="Review and save").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog.get_by_role("alert")).to_contain_text("manifest.changed_meanwhile")
    dialog.get_by_role("button", name="Back to the text").click()
    page.get_by_role("button", name="Go on from generation 2").click()
    page.get_by_role("button", name="Review and save").click()
    dialog.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("gen 3, since")).to_be_visible()


def test_a_new_policy_is_completed_from_the_schema(written: Server, open_page: Open) -> None:
    page = open_page(written, "/policies/new")
    editor = page.get_by_role("textbox", name="The policy my-policy as YAML")
    editor.click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("  ")
    page.keyboard.press("Control+Space")
    expect(page.get_by_role("option", name=re.compile("condition"))).to_be_visible()
    # As fast as people type: for 75 ms after its list has come up, the editor takes Enter for a new line.
    page.keyboard.type("skip", delay=25)
    page.keyboard.press("Enter")
    page.keyboard.insert_text("[\"event.resource == 'lab'\"]")
    expect(page.get_by_text("nothing wrong")).to_be_visible()
    page.get_by_role("button", name="Review and save").click()
    page.get_by_role("dialog").get_by_role("button", name="Apply").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("heading", name="my-policy", exact=True)).to_be_visible()
    kept = written.client.get("/api/v1/manifests/Policy/default/my-policy").json()
    assert (kept["spec"]["skip_when"], kept["spec"]["mode"]) == (["event.resource == 'lab'"], "observe")


def test_every_policy_is_tried_on_an_event_that_one_writes(written: Server, open_page: Open) -> None:
    page = open_page(written, "/policies/try", phone=True, dark=True)
    page.get_by_label("Or write one as JSON").fill('{"type": "net.flap", "resource": "sw-9", "data": {"members": 1}}')
    page.get_by_role("button", name="Try on this").click()
    expect(page.locator("#try")).to_contain_text(re.compile("default/flaps.*Fires", re.S))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not axe(page)


def test_an_alert_says_why_people_were_told_or_not(written: Server, open_page: Open) -> None:
    alert = written.items("alerts", type="net.flap")[0]["id"]
    page = open_page(written, f"/alerts/{alert}")
    page.get_by_text("Why was I told, or not?").click()
    expect(page.get_by_role("list", name="Reasons")).to_contain_text("It belongs to INC-")
    assert not axe(page)


def test_a_decision_leads_to_the_change_that_it_put_on_record(server: Server, open_page: Open) -> None:
    manifest = (
        "apiVersion: oncue/v1\nkind: Policy\nmetadata: {name: pushed}\nspec:\n  match: {types: [net.configured]}\n"
        "  respond: [{change: {title: 'Configuration of ${event.resource}', kind: configuration}}]\n"
    )
    applied = server.client.post("/api/v1/manifests", content=manifest, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text
    server.emit(event(type="net.configured", resource="sw-9", severity=None))
    (decision,) = eventually(lambda: server.items("decisions", policy="default/pushed"), what="the decision")
    (record,) = decision["change_records"]
    page = open_page(server, "/policies/default/pushed")
    page.get_by_role("link", name=record, exact=True).click()
    expect(page.get_by_text("Configuration of sw-9").first).to_be_visible()
