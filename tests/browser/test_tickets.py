"""The panel of a ticket: of a change and of an incident, with what was said, its links, and its counterparts elsewhere."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe, prepare, said
from tests.itsm.system import Request, Response, System
from tests.server import Server, event, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

MANIFESTS = """
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: here}
spec: {host: 127.0.0.1, reason: the system beside us}
---
apiVersion: oncue/v1
kind: TicketMirror
metadata: {name: desk}
spec:
  system: webhook
  url: URL/desk
  with: {token: "secret://desk", secret: "secret://desk-key"}
---
apiVersion: oncue/v1
kind: TicketMirror
metadata: {name: archive}
spec:
  system: webhook
  url: URL/archive
  with: {token: "secret://desk", secret: "secret://desk-key"}
---
apiVersion: oncue/v1
kind: ChangeTemplate
metadata: {name: rotate}
spec:
  description: Rotate the keys
  type: standard
  targets: {names: [web-1]}
  steps: [{id: rotate, set: {place: "${target}"}}]
"""

NAMES = ("desk", "archive")


class Desks(System):
    """Two ticket systems: the desk takes what it is told, the archive refuses all of it."""

    def answer(self, request: Request) -> Response:
        if request.path.startswith("/archive"):
            return Response(403, "the project is read-only")
        return Response(200, {"id": "R1", "number": "REC-1", "url": f"{self.url}/R1", "state": "open"})


@pytest.fixture(scope="module")
def desks() -> Iterator[Desks]:
    with Desks() as running:
        yield running


@pytest.fixture(scope="module")
def server(oncue_server: Server, desks: Desks) -> Server:
    prepare(oncue_server)
    for name in ("desk", "desk-key"):
        assert oncue_server.cli("secret", "set", name, stdin="not-to-be-seen").returncode == 0
    applied = oncue_server.client.post("/api/v1/manifests", content=MANIFESTS.replace("URL", desks.url))
    assert applied.status_code == 200, applied.text
    return oncue_server


def answered(response: Any) -> dict[str, Any]:
    assert response.status_code in (200, 201), response.text
    return dict(response.json())


def of_incident(server: Server) -> str:
    """The ticket of an incident, with a comment, a link, and both counterparts."""
    server.emit(event(title="Log stalls", type="db.log.stalled", resource="erp-1", severity="critical"))
    found = eventually(lambda: server.items("tickets", type="incident", q="Stalled log on erp-1"), what="its ticket")
    ticket = str(found[0]["id"])
    link = {"target": "https://wiki.example.org/log", "title": "How to free a log"}
    answered(server.client.post(f"/api/v1/tickets/{ticket}/links", json=link))
    answered(server.client.post(f"/api/v1/tickets/{ticket}/comments", json={"text": "The disk is **not** full"}))

    def settled() -> bool:
        rows = answered(server.client.get(f"/api/v1/tickets/{ticket}/mirrors"))["items"]
        desk, archive = (next((one for one in rows if one["mirror"] == f"default/{name}"), None) for name in NAMES)
        return bool(desk and archive and desk["state"] == "in_step" and archive["error_code"] == "itsm.forbidden")

    eventually(settled, what="one counterpart in step, and one that is refused")
    return ticket


@pytest.fixture(scope="module")
def ticket(server: Server) -> str:
    return of_incident(server)


def test_the_ticket_of_an_incident_has_what_was_said_and_where_it_is_mirrored(
    server: Server, desks: Desks, ticket: str, open_page: Open
) -> None:
    page = open_page(server, f"/tickets/{ticket}")
    panel = page.get_by_role("complementary", name="Ticket")
    expect(panel.get_by_role("heading", name="Stalled log on erp-1")).to_be_visible()
    expect(panel.get_by_role("link", name=re.compile(r"^INC-\d+"))).to_be_visible()
    expect(panel.get_by_role("link", name="How to free a log")).to_have_attribute(
        "href", "https://wiki.example.org/log"
    )
    expect(panel.get_by_text("The disk is **not** full")).to_be_visible()
    elsewhere = panel.get_by_role("region", name="In other systems")
    desk, archive = (elsewhere.get_by_role("listitem").filter(has_text=name) for name in NAMES)
    expect(desk).to_contain_text("In step")
    expect(desk.get_by_role("link", name="REC-1")).to_be_visible()
    expect(archive).to_contain_text(re.compile("Not through yet|Failing"))
    expect(archive).to_contain_text("the project is read-only")
    expect(archive).to_contain_text(re.compile(r"tried (once|\d+ times), next try"))
    expect(archive).to_contain_text("itsm.forbidden")
    asked = len(desks.asked("POST", "/archive"))
    archive.get_by_role("button", name="Try now").click()
    eventually(lambda: len(desks.asked("POST", "/archive")) > asked, what="it is tried again")
    expect(desk.get_by_role("button", name="Try now")).to_have_count(0)
    assert not axe(page)
    panel.get_by_label("Comment", exact=True).fill("Freed by hand")
    panel.get_by_role("button", name="Comment").click()
    expect(said(panel, "Freed by hand")).to_be_visible()
    panel.get_by_role("button", name="Begin work").click()
    expect(panel.get_by_role("button", name="Resolve")).to_be_visible()


def test_the_ticket_of_a_change_leads_to_it_and_tells_its_trail(server: Server, open_page: Open) -> None:
    change = answered(server.client.post("/api/v1/changes", json={"template": "rotate", "reason": "They are old"}))
    answered(server.client.post(f"/api/v1/changes/{change['id']}/start"))
    path = f"/api/v1/changes/{change['id']}"
    eventually(lambda: answered(server.client.get(path))["state"] == "closed", what="it is closed")
    page = open_page(server, f"/tickets/{change['ticket']}")
    panel = page.get_by_role("complementary", name="Ticket")
    expect(panel.get_by_text("They are old")).to_be_visible()
    expect(panel.get_by_text("wave-1, web-1: succeeded")).to_be_visible()
    expect(panel.get_by_text("Successful", exact=True).first).to_be_visible()
    assert not axe(page)
    panel.get_by_role("link", name=change["id"], exact=True).click()
    expect(page).to_have_url(re.compile(f"/changes/{change['id']}$"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_panel_on_a_phone(server: Server, ticket: str, open_page: Open, dark: bool) -> None:
    page = open_page(server, f"/tickets/{ticket}", phone=True, dark=dark)
    expect(page.get_by_role("region", name="In other systems")).to_contain_text("read-only")
    assert not axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
