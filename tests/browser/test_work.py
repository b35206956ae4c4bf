"""Work on incidents in the console: tasks, checklists, updates, the review; and the handover between two people."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe, said
from tests.server import Server, event, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

MANIFESTS = """
apiVersion: oncue/v1
kind: Runbook
metadata: {name: log-stalled}
spec:
  description: The log does not go on
  steps:
    - {title: See who holds it, text: "select * from m_locks"}
    - {title: End the session}
---
apiVersion: oncue/v1
kind: StatusTemplate
metadata: {name: begun}
spec: {text: "We look into ${incident.title}."}
"""


def sent(server: Server, path: str, body: Any = None, method: str = "POST") -> Any:
    answer = server.client.request(method, f"/api/v1{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def worked(server: Server) -> Server:
    applied = server.client.post("/api/v1/manifests", content=MANIFESTS, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text
    return server


def incident(server: Server, resource: str, **attributes: Any) -> str:
    server.emit(event(resource=resource, **attributes))
    found = eventually(lambda: server.items("alerts", resource=resource), what=f"an alert of {resource}")
    return str(found[0]["incident"])


def looked_at(page: Page, name: str) -> None:
    """A picture for people, where a folder for them is named."""
    folder = os.environ.get("ONCUE_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_people_work_on_an_incident_until_its_review(worked: Server, open_page: Open) -> None:
    id = incident(worked, "work-1", severity="critical", title="The log of work-1 stalls")
    problem = sent(
        worked, "/problems", {"title": "Locks are held too long", "workaround": "end the session", "incident": id}
    )
    page = open_page(worked, f"/incidents/{id}")
    expect(page.get_by_label(f"Known error {problem['id']}")).to_contain_text("Workaround: end the session")

    page.get_by_role("button", name="Task", exact=True).click()
    page.get_by_role("textbox", name="What is to be done").fill("Ask the owner of the session")
    page.get_by_role("textbox", name="Who", exact=True).fill("basis-2")
    page.get_by_role("button", name="Set task").click()
    page.get_by_role("checkbox", name="Done: Ask the owner of the session").click()
    expect(page.locator("#tasks")).to_contain_text("0 open of 1")

    page.get_by_role("combobox", name="Add the checklist of a runbook").click()
    page.get_by_role("option", name="log-stalled").click()
    page.get_by_role("checkbox", name="1. See who holds it").click()
    page.get_by_role("button", name="Skip: End the session").click()
    page.get_by_role("textbox", name="Why").fill("it ended by itself")
    page.get_by_role("dialog").get_by_role("button", name="Skip").click()
    expect(page.locator("#checklists")).to_contain_text("all done")
    expect(page.locator("#checklists")).to_contain_text("skipped by basis-1")

    page.get_by_role("button", name="Responder").click()
    page.get_by_role("textbox", name="Name").fill("basis-2")
    page.get_by_role("button", name="Give").click()
    expect(page.locator("#responders")).to_contain_text("basis-2")

    page.locator("#updates").get_by_role("button", name="Update").click()
    page.get_by_role("combobox", name="Template").click()
    page.get_by_role("option", name="begun").click()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#updates")).to_contain_text("We look into The log of work-1 stalls.")
    expect(page.locator("#updates")).to_contain_text("the next in")

    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_role("combobox", name="Priority").click()
    page.get_by_role("option", name="P4").click()
    page.get_by_role("textbox", name="Why").fill("nobody uses it at night")
    page.get_by_role("button", name="Save").click()
    eventually(lambda: worked.client.get(f"/api/v1/incidents/{id}").json()["priority"] == "P4", what="the priority")
    expect(page.get_by_text("set by user:basis-1: nobody uses it at night")).to_be_visible()
    assert not axe(page)
    looked_at(page, "incident-work-light")

    sent(worked, f"/incidents/{id}/resolve", {"note": "session ended", "cause": "software"})
    expect(page.locator("#review")).to_contain_text("session ended")
    page.get_by_role("button", name="Begin the review").click()
    expect(page.locator("#review")).to_contain_text("Until it was over")
    page.locator("#review").get_by_role("button", name="Write").click()
    page.get_by_role("textbox", name="Summary").fill("A session held a lock.")
    page.get_by_role("button", name="Save").click()
    page.locator("#review").get_by_role("button", name="Action").click()
    page.get_by_role("textbox", name="What is to be done").fill("Alert on long locks")
    page.get_by_role("button", name="Add action").click()
    expect(page.locator("#review")).to_contain_text("Alert on long locks")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("button", name="Take back to a draft")).to_be_visible()
    assert worked.client.get(f"/api/v1/incidents/{id}/review").json()["state"] == "published"
    assert not axe(page)
    looked_at(page, "incident-review-light")

    again = incident(worked, "work-2", title="The log of work-2 stalls")
    other = open_page(worked, f"/incidents/{again}", phone=True, dark=True)
    expect(other.locator("#similar")).to_contain_text("session ended")
    assert not axe(other)
    assert other.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    looked_at(other, "incident-work-phone-dark")


def test_someone_opens_an_incident_and_makes_a_known_error_of_another(worked: Server, open_page: Open) -> None:
    id = incident(worked, "known-1", title="The cache of known-1 is cold")
    page = open_page(worked, f"/incidents/{id}")
    page.get_by_role("button", name="Write problem").click()
    page.get_by_role("textbox", name="Workaround").fill("warm it by hand")
    page.get_by_role("dialog").get_by_role("button", name="Write problem").click()
    note = page.get_by_role("note").filter(has_text="warm it by hand")
    note.get_by_role("link").click()
    panel = page.get_by_role("complementary", name="Problem")
    expect(panel.get_by_role("link", name="The cache of known-1 is cold")).to_be_visible()
    assert not axe(page)
    looked_at(page, "problems-light")
    panel.get_by_role("button", name="Resolved").click()
    expect(panel.get_by_role("button", name="Open again")).to_be_visible()

    page = open_page(worked, "/incidents", phone=True, dark=True)
    page.get_by_role("button", name="Open incident").click()
    page.get_by_role("textbox", name="What is wrong").fill("Prices are wrong")
    assert not axe(page)
    page.get_by_role("dialog").get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text("it ends when a person resolves it")).to_be_visible()
    page.goto("/problems?state=all")
    expect(page.get_by_role("button", name="The cache of known-1 is cold")).to_be_visible()
    assert not axe(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    looked_at(page, "problems-phone-dark")


def test_many_incidents_are_acted_on_at_once(worked: Server, open_page: Open) -> None:
    ids = [incident(worked, f"many-{name}", title=f"Many of {name}") for name in ("one", "two", "three")]
    page = open_page(worked, "/incidents?q=Many")
    for id in ids:
        page.get_by_role("checkbox", name=f"Choose {id}").click()
    bar = page.get_by_role("region", name="Chosen incidents")
    expect(bar).to_contain_text("3 incidents chosen")
    assert not axe(page)
    looked_at(page, "incidents-bulk-light")
    bar.get_by_role("button", name="Assign").click()
    page.get_by_role("textbox", name="Name").fill("basis-2")
    page.get_by_role("dialog").get_by_role("button", name="Assign").click()
    expect(bar).to_have_count(0)
    assert {worked.client.get(f"/api/v1/incidents/{id}").json()["assignee"] for id in ids} == {"basis-2"}
    page.get_by_role("checkbox", name="Choose all that are shown").click()
    bar.get_by_role("button", name="Merge").click()
    page.get_by_role("dialog").get_by_role("button", name="Merge").click()
    expect(bar).to_have_count(0)
    merged = [worked.client.get(f"/api/v1/incidents/{id}").json()["merged_into"] for id in ids]
    assert merged == [None, ids[0], ids[0]]


def test_a_shift_hands_over_and_the_next_one_has_it(worked: Server, open_page: Open) -> None:
    id = incident(worked, "shift-1", title="Something for the next shift")
    sent(
        worked,
        f"/incidents/{id}/tasks",
        {"title": "Call back", "due_at": "2026-01-01T00:00:00Z", "assignee": "basis-2"},
    )
    page = open_page(worked, "/handover")
    expect(page.get_by_role("link", name="Something for the next shift")).to_be_visible()
    expect(page.get_by_text("Overdue tasks and actions")).to_be_visible()
    page.get_by_role("button", name="Hand over").click()
    page.get_by_label("What the next shift should know besides").fill("The vendor calls at nine")
    page.get_by_role("dialog").get_by_role("button", name="Hand over").click()
    expect(said(page, "The vendor calls at nine")).to_be_visible()
    expect(page.get_by_role("button", name="I have it")).to_have_count(0)
    assert not axe(page)
    looked_at(page, "handover-light")

    made = sent(worked, "/handovers", {"notes": "From the other shift"})
    other = open_page(worked, f"/handover?show={made['id']}", phone=True, dark=True)
    other.get_by_role("button", name="I have it").click()
    other.get_by_label("Remark").fill("Read it")
    other.get_by_role("dialog").get_by_role("button", name="I have it").click()
    expect(other.get_by_text("basis-1 has had it")).to_be_visible()
    assert not axe(other)
    assert other.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    looked_at(other, "handover-phone-dark")
    assert worked.client.get(f"/api/v1/handovers/{made['id']}").json()["remark"] == "Read it"
