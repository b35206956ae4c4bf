"""Configuration that is changed by changes alone: refused in an editor, proposed there, agreed to by another, and brought back."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NAME, PASSWORD, axe
from tests.server import Server, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

PLACE = "guarded"
AGREES = "cab-9"
POLICY = """apiVersion: oncue/v1
kind: Policy
metadata: {name: flaps}
spec:
  # Few members are left: somebody looks into it.
  match: {types: [net.flap], where: "event.data.members < 2"}
  alert: {title: "Flap of ${event.resource}"}
"""
PROTECTED = (
    POLICY
    + """---
apiVersion: oncue/v1
kind: Team
metadata: {name: cab}
spec: {members: [cab-9], channels: []}
---
apiVersion: oncue/v1
kind: ChangeRule
metadata: {name: four-eyes}
spec:
  configuration: by_change
  approvals: [{by: ["team:cab"]}]
"""
)


@pytest.fixture(scope="module")
def guarded(server: Server) -> Server:
    """The server with a protected namespace, and one who agrees to what is proposed there."""
    yaml = {"Content-Type": "application/yaml"}
    applied = server.client.post(f"/api/v1/manifests?namespace={PLACE}", content=PROTECTED, headers=yaml)
    assert applied.status_code == 200, applied.text
    person = {"name": AGREES, "bindings": [{"role": "operator", "namespace": PLACE}], "password": PASSWORD}
    made = server.client.post("/api/v1/users", json=person)
    assert made.status_code == 201, made.text
    return server


def looked_at(page: Page, name: str) -> None:
    """A picture for people, where a folder for them is named."""
    if folder := os.environ.get("ONCUE_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def _where(server: Server) -> str:
    found: dict[str, Any] = server.client.get(f"/api/v1/manifests/Policy/{PLACE}/flaps").json()
    return str(found["spec"]["match"]["where"])


def _narrow(page: Page) -> None:
    """Edit the policy's text in its editor, up to the question whether to apply it."""
    page.get_by_role("button", name="Edit").click()
    page.locator(".yaml-editor").get_by_text("members < 2").click()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    line = str(page.evaluate("getSelection().toString()"))
    assert "members < 2" in line
    page.keyboard.insert_text(line.replace("members < 2", "members < 4"))
    page.get_by_role("button", name="Review and save").click()


def _agree(open_page: Open, server: Server, change: str) -> None:
    other = open_page(server, f"/changes/{change}", who=AGREES)
    other.get_by_role("button", name="Approve").click()
    expect(other.get_by_text("It succeeded", exact=True)).to_be_visible()


def test_a_protected_policy_is_proposed_agreed_to_taken_and_brought_back(guarded: Server, open_page: Open) -> None:
    page = open_page(guarded, f"/policies/{PLACE}/flaps", who=NAME)
    _narrow(page)
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog.get_by_role("alert")).to_contain_text(f"the ChangeRule four-eyes protects {PLACE}")
    expect(dialog.get_by_role("button", name="Apply")).to_have_count(0)
    propose = dialog.get_by_role("button", name="Propose as a change")
    expect(propose).to_be_disabled()
    dialog.get_by_label("Why it is needed").fill("Three members are few, too")
    assert not axe(page)
    looked_at(page, "propose")
    propose.click()

    expect(page).to_have_url(re.compile(r"/changes/CHG-\d+$"))
    change = page.url.rsplit("/", 1)[-1]
    card = page.get_by_role("region", name="Configuration")
    edited = card.get_by_role("region", name=f"Policy/{PLACE}/flaps: updated")
    difference = edited.get_by_role("textbox", name=f"What it does to Policy/{PLACE}/flaps")
    expect(difference.locator(".cm-deletedChunk")).to_contain_text("members < 2")
    expect(difference.locator(".cm-changedLine")).to_contain_text("members < 4")
    expect(difference).to_contain_text("# Few members are left")
    expect(page.get_by_role("region", name="Waves")).to_have_count(0)
    expect(page.get_by_role("button", name="Cancel change")).to_be_visible()
    expect(page.get_by_role("button", name="Edit")).to_have_count(0)
    expect(page.get_by_role("button", name="Propose the way back")).to_have_count(0)
    assert not axe(page)
    looked_at(page, "proposed")
    assert _where(guarded) == "event.data.members < 2"

    _agree(open_page, guarded, change)
    eventually(lambda: _where(guarded) == "event.data.members < 4", what="the policy to be taken")
    page.get_by_role("button", name="Propose the way back").click()
    dialog.get_by_label("Why it is to be as it was").fill("They are enough")
    dialog.get_by_role("button", name="Propose the way back").click()
    expect(page.get_by_role("heading", name=f"Back to what was before {change}")).to_be_visible()
    expect(page).not_to_have_url(re.compile(f"/{change}$"))
    expect(difference.locator(".cm-deletedChunk")).to_contain_text("members < 4")
    expect(difference.locator(".cm-changedLine")).to_contain_text("members < 2")
    _agree(open_page, guarded, page.url.rsplit("/", 1)[-1])
    eventually(lambda: _where(guarded) == "event.data.members < 2", what="the policy to be as it was")


def test_a_source_is_proposed_from_its_form_and_what_it_creates_fits_on_a_phone(
    guarded: Server, open_page: Open
) -> None:
    page = open_page(guarded, f"/integrations/sources?add=grafana&namespace={PLACE}")
    page.get_by_role("button", name="Apply as it stands").click()
    page.get_by_label("Why it is needed").fill("Another sender")
    page.get_by_role("button", name="Propose as a change").click()
    expect(page).to_have_url(re.compile(r"/changes/CHG-\d+"))
    expect(page.get_by_role("region", name="Configuration")).to_contain_text("created")

    phone = open_page(guarded, page.url.removeprefix(guarded.url), phone=True, dark=True)
    created = phone.get_by_role("region", name=f"Source/{PLACE}/grafana: created")
    expect(created.get_by_role("textbox")).to_contain_text("kind: Source")
    assert not axe(phone)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    looked_at(phone, "phone")
    dark = open_page(guarded, page.url.removeprefix(guarded.url), dark=True)
    expect(dark.get_by_role("region", name="Configuration").get_by_role("textbox")).to_contain_text("kind: Source")
    looked_at(dark, "dark")
