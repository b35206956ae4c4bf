"""Inputs that must not be written down: a password's field to give them, and nothing but that they were given afterwards."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import axe
from tests.server import Server

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

PASSWORD = "correct-horse-battery"
WORKFLOW = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: set-password}
spec:
  inputs:
    type: object
    required: [account, password]
    properties:
      account: {type: string, title: Account}
      password: {type: string, title: New password, writeOnly: true, minLength: 8}
  self_service: {title: Set a password, by: [anyone]}
  steps:
    - {id: keep, set: {account: "${inputs.account}", password: "${inputs.password}"}}
    - {id: rest, wait: {for: 1h}}
"""
LOOKS: list[dict[str, Any]] = [{}, {"dark": True}, {"phone": True}]


@pytest.fixture(scope="module")
def taking(server: Server) -> Server:
    """The server with a workflow that takes a password."""
    applied = server.client.post("/api/v1/manifests", content=WORKFLOW)
    assert applied.status_code == 200, applied.text
    return server


def fill(form: Locator, password: str) -> None:
    """Type it where browsers neither show nor offer one that they know."""
    field = form.get_by_label("New password")
    expect(field).to_have_value("")
    expect(field).to_have_attribute("type", "password")
    expect(field).to_have_attribute("autocomplete", "new-password")
    field.fill(password)


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "phone"])
def test_a_password_is_typed_and_shown_nowhere_and_asked_for_again(
    taking: Server, open_page: Open, look: dict[str, Any]
) -> None:
    page = open_page(taking, "/workflows/default/set-password", **look)
    form = page.get_by_role("form", name="Start set-password")
    form.get_by_label("Account").fill("shop-1")
    fill(form, "short")
    form.get_by_role("button", name="Start run").click()
    expect(form.get_by_text("At least 8 characters")).to_be_visible()
    form.get_by_label("New password").fill(PASSWORD)
    assert not axe(page)
    form.get_by_role("button", name="Start run").click()
    expect(page).to_have_url(re.compile("/runs/run-"))
    expect(page.get_by_role("region", name="Inputs of the run")).to_contain_text('"password": "(hidden)"')
    expect(page.get_by_role("region", name="Variables of the run")).to_contain_text('"password": "(hidden)"')
    page.get_by_role("button", name="Run anew", exact=True).click()
    again = page.get_by_role("form", name="Run set-password anew")
    expect(again.get_by_label("Account")).to_have_value("shop-1")
    fill(again, "")
    again.get_by_role("button", name="Start another run").click()
    expect(again.get_by_text("Fill this in")).to_be_visible()
    assert not axe(page)
    assert PASSWORD not in page.content()
    assert "secret://run/" not in page.get_by_role("main").inner_text()


def test_who_asks_for_it_gives_a_password_and_reads_that_it_is_hidden(taking: Server, open_page: Open) -> None:
    page = open_page(taking, "/self-service/offers?ask=default/set-password", phone=True, dark=True)
    form = page.get_by_role("form", name="Ask for Set a password")
    form.get_by_label("Account").fill("shop-2")
    fill(form, PASSWORD)
    form.get_by_role("button", name="Run it").click()
    panel = page.get_by_role("complementary", name="Request")
    expect(panel).to_contain_text("(hidden)")
    assert "secret://run/" not in page.content()
