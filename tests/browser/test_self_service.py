"""Self-service in the console: someone who may start no runs asks, others agree, and all see what came of it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, axe
from tests.server import Server

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

WORKFLOWS = """
apiVersion: oncue/v1
kind: Team
metadata: {name: storage, namespace: desk}
spec: {members: [storage-1]}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: extend, namespace: desk, description: Makes the volume of a host larger}
spec:
  inputs:
    type: object
    required: [host, size, force]
    properties:
      host: {type: string, title: Which host, pattern: "^[a-z0-9-]+$"}
      size: {type: integer, title: How many GB, minimum: 1}
      force: {type: boolean}
  self_service:
    title: Extend a volume
    by: [anyone]
    inputs: {size: {maximum: 50}}
    fixed: {force: false}
    approvals: [{stage: storage, by: ["team:storage"]}]
  outputs: {room: "inputs.size * 2"}
  steps:
    - {id: grow, title: Grow the volume, set: {done: "1"}}
    - {id: wait, title: Wait for the host, wait: {event: {types: [org.example.seen], resource: "${inputs.host}"}}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: clean, namespace: desk}
spec:
  self_service: {title: Free disk space, by: [anyone], limit: {count: 1, within: 1h}}
  steps: [{id: note, set: {done: "1"}}]
"""
PEOPLE = {"shop-1": "viewer", "shop-2": "viewer", "storage-1": "approver"}


@pytest.fixture(scope="module")
def desk(server: Server) -> Server:
    """The server with what is offered there, and people who ask and agree."""
    applied = server.client.post("/api/v1/manifests", content=WORKFLOWS, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text
    places = [(name, role, "desk") for name, role in PEOPLE.items()]
    for name, role, namespace in (*places, ("guest-1", "viewer", "elsewhere"), ("author-1", "editor", "elsewhere")):
        body = {"name": name, "password": PASSWORD, "bindings": [{"role": role, "namespace": namespace}]}
        assert server.client.post("/api/v1/users", json=body).status_code == 201
    return server


def _ask(page: Page, host: str, size: str = "20", reason: str = "") -> str:
    """Ask for a larger volume; gives the request's id."""
    page.get_by_role("link", name="Extend a volume", exact=True).click()
    form = page.get_by_role("form", name="Ask for Extend a volume")
    form.get_by_label("Which host").fill(host)
    form.get_by_label("How many GB").fill(size)
    form.get_by_label("Reason").fill(reason)
    form.get_by_role("button", name="Ask for it").click()
    expect(page).to_have_url(re.compile(r"/self-service/requests\?show=REQ-\d+"))
    return page.url.rpartition("=")[2]


def test_a_viewer_asks_another_agrees_and_the_request_shows_each_step_and_what_came_of_it(
    desk: Server, open_page: Open
) -> None:
    page = open_page(desk, "/", who="shop-1")
    page.get_by_role("link", name="Self-service").click()
    page.get_by_role("link", name="Extend a volume", exact=True).click()
    form = page.get_by_role("form", name="Ask for Extend a volume")
    expect(page.get_by_role("complementary", name="Ask")).to_contain_text("team storage")
    expect(form.get_by_label("Force")).to_have_count(0)
    form.get_by_label("Which host").fill("web-1")
    form.get_by_label("How many GB").fill("60")
    form.get_by_role("button", name="Ask for it").click()
    expect(form.get_by_text("At most 50")).to_be_visible()
    assert not axe(page)
    id = _ask(page, "web-1", reason="Quarter end")
    panel = page.get_by_role("complementary", name="Request")
    expect(panel.get_by_text("Waiting for approval: team storage, 0 of 1 agreed")).to_be_visible()
    expect(panel).to_contain_text("Quarter end")

    other = open_page(desk, "/approvals", who="storage-1")
    other.get_by_role("link", name=re.compile("Extend a volume: host web-1, size 20")).click()
    expect(other.get_by_text("then the request ends")).to_be_visible()
    expect(other.get_by_role("link", name=id)).to_be_visible()
    other.get_by_label("Reason, kept in the journal with your name").fill("There is room")
    other.get_by_role("button", name="Approve", exact=True).click()
    expect(other.get_by_text("storage-1 approved")).to_be_visible()

    steps = panel.get_by_role("list", name="Steps")
    expect(steps.get_by_role("listitem").filter(has_text="Grow the volume")).to_contain_text("Succeeded")
    expect(steps.get_by_role("listitem").filter(has_text="Wait for the host")).to_contain_text("Waiting")
    expect(panel.get_by_text("Waiting for an event: Wait for the host")).to_be_visible()
    expect(page.get_by_role("link", name="Requests, 1 under way")).to_be_visible()
    desk.emit(
        {"specversion": "1.0", "id": "seen", "source": "/test", "type": "org.example.seen", "resource": "web-1",
         "namespace": "desk"}
    )  # fmt: skip
    expect(steps.get_by_role("listitem").filter(has_text="Wait for the host")).to_contain_text("Succeeded")
    expect(panel.locator("dl").first).to_contain_text("Room40")
    expect(panel.get_by_text("There is room")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text=id)).to_contain_text("Succeeded")
    assert not axe(page)
    panel.get_by_role("link", name=re.compile("^run-")).click()
    expect(page.get_by_role("heading", name="extend")).to_be_visible()
    expect(page.locator(".page-head").get_by_role("link", name=id)).to_be_visible()


def test_a_rejection_says_by_whom_and_why_where_messages_lead(desk: Server, open_page: Open) -> None:
    page = open_page(desk, "/self-service", who="shop-1")
    id = _ask(page, "web-2")
    other = open_page(desk, "/approvals", who="storage-1")
    other.get_by_role("link", name=re.compile("Extend a volume: host web-2")).click()
    other.get_by_role("link", name=id).click()
    panel = other.get_by_role("complementary", name="Request")
    expect(panel.get_by_role("button", name="Withdraw")).to_have_count(0)
    panel.get_by_role("link", name=re.compile(r"^APR-\d+$")).click()
    other.get_by_label("Reason, kept in the journal with your name").fill("Not tonight")
    other.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("row").filter(has_text=id)).to_contain_text("by storage-1: Not tonight")
    page.goto(f"/self-service?show={id}")
    expect(page.get_by_text("Rejected by storage-1: Not tonight")).to_be_visible()


def test_a_request_is_withdrawn_with_a_reason(desk: Server, open_page: Open) -> None:
    page = open_page(desk, "/self-service", who="shop-1")
    id = _ask(page, "web-3")
    page.get_by_role("button", name="Withdraw").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason, kept in the journal with your name").fill("Solved otherwise")
    dialog.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("Withdrawn: Solved otherwise")).to_be_visible()
    expect(page.get_by_role("button", name="Withdraw")).to_have_count(0)
    assert desk.client.get(f"/api/v1/requests/{id}").json()["approving"]["state"] == "cancelled"


def test_what_is_refused_is_said_at_the_form_with_what_to_do(desk: Server, open_page: Open) -> None:
    page = open_page(desk, "/self-service/offers?ask=desk/clean", who="shop-2", phone=True, dark=True)
    expect(page.get_by_text("once within 1h, for each person")).to_be_visible()
    page.get_by_role("button", name="Run it").click()
    panel = page.get_by_role("complementary", name="Request")
    expect(panel.get_by_text("Succeeded").first).to_be_visible()
    assert not axe(page)
    page.goto("/self-service/offers?ask=desk/clean")
    page.get_by_role("button", name="Run it").click()
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("You asked for it too often")
    expect(refusal).to_contain_text("Wait until the time is over")
    assert not axe(page)
    page.goto("/self-service/offers?ask=desk/hidden")
    expect(page.get_by_text("That is not offered to you")).to_be_visible()


def test_whoever_sees_runs_sees_what_everyone_asked_for(desk: Server, open_page: Open) -> None:
    id = _ask(open_page(desk, "/self-service", who="shop-1"), "web-4")
    page = open_page(desk, "/self-service/requests")
    expect(page.get_by_text("You asked for nothing yet")).to_be_visible()
    page.get_by_role("button", name="Everyone’s").click()
    row = page.get_by_role("row").filter(has_text=id)
    expect(row).to_contain_text("shop-1")
    expect(row).to_contain_text("team storage, 0 of 1 agreed")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search, or run a command").fill(id.lower())
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="Request")).to_contain_text("web-4")


def test_where_nothing_is_offered_it_says_what_to_do(desk: Server, open_page: Open) -> None:
    page = open_page(desk, "/self-service", who="guest-1")
    expect(page.get_by_text("Ask those who run your systems")).to_be_visible()
    page = open_page(desk, "/self-service", who="author-1")
    expect(page.get_by_role("region", name="Example")).to_contain_text("self_service:")
    with page.expect_popup() as handbook:
        page.get_by_role("link", name="All of it, step by step").click()
    expect(handbook.value.get_by_role("heading", name="Offer workflows to others")).to_be_visible()
