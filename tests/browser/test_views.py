"""Every page for everyone: on a phone, in both themes, by the rules of WCAG 2.2 AA; and through a restart."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe, incident_of, prepare
from tests.server import Server, event

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

PATHS = (
    "/",
    "/incidents",
    "/incidents/{incident}",
    "/alerts",
    "/alerts/{alert}",
    "/events",
    "/events/{position}",
    "/events/{position}/story",
    "/silences",
    "/policies",
    "/policies/default/stalled-log",
    "/runs",
    "/runs/{run}",
    "/tickets",
    "/tickets/{ticket}",
    "/integrations/sources",
    "/integrations/monitors",
    "/integrations/channels",
    "/integrations/mailbox",
    "/integrations/dead-letters",
    "/admin/people",
    "/admin/tokens",
    "/admin/secrets",
    "/admin/audit",
)


@pytest.fixture(scope="module")
def things(server: Server) -> dict[str, str]:
    """Ids to put into addresses, of one story that touches every kind."""
    server.emit(
        event(title="Log stalls", type="db.log.stalled", resource="erp-1", severity="critical", labels='{"sid":"P01"}'),
        event(title="A minor thing", severity="minor", resource="host-2"),
        event(title="A warning", severity="warning", resource="host-3"),
        event(severity="dreadful"),
    )
    incident = incident_of(server, "Log stalls")

    def newest(path: str, **query: str) -> dict[str, str]:
        return server.items(path, **query)[0]

    return {
        "incident": incident,
        "alert": newest("alerts", type="db.log.stalled")["id"],
        "position": newest("events", type="db.log.stalled")["position"],
        "run": newest("runs")["id"],
        "ticket": newest("tickets")["id"],
    }


def _settled(page: Page) -> None:
    expect(page.locator("h1").first).to_be_visible()
    expect(page.get_by_text(re.compile(r"^(Reading|Drawing)\b"))).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_on_any_page(server: Server, things: dict[str, str], open_page: Open, dark: bool) -> None:
    page = open_page(server, "/", dark=dark)
    found = {}
    for path in PATHS:
        page.goto(path.format(**things))
        _settled(page)
        if violations := axe(page):
            found[path] = violations
    assert not found


def test_axe_finds_nothing_on_the_sign_in_page(server: Server, open_page: Open) -> None:
    page = open_page(server, "/sign-in", signed_in=False)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert not axe(page)


def test_no_page_is_wider_than_a_phone(server: Server, things: dict[str, str], open_page: Open) -> None:
    page = open_page(server, "/", phone=True)
    too_wide = []
    for path in PATHS:
        page.goto(path.format(**things))
        _settled(page)
        width = page.evaluate(
            "Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('.page')].map(e => e.scrollWidth))"
        )
        if width > 390:
            too_wide.append(f"{path}: {width}")
    assert not too_wide


def test_an_incident_is_acknowledged_on_a_phone(server: Server, open_page: Open) -> None:
    server.emit(event(title="Seen on the phone", resource="phone-1", severity="critical"))
    page = open_page(server, "/", phone=True)
    page.get_by_role("navigation", name="Main, phone").get_by_role("link", name="Incidents").tap()
    page.get_by_role("link", name=re.compile("Seen on the phone")).tap()
    button = page.get_by_role("button", name="Acknowledge")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    button.tap()
    expect(page.get_by_text("by basis-1").first).to_be_visible()


def test_an_open_page_outlives_a_restart_of_the_server(fresh_server: Server, open_page: Open) -> None:
    prepare(fresh_server)
    page = open_page(fresh_server, "/")
    expect(page.locator(".live[data-state=live]")).to_be_visible()
    fresh_server.stop()
    expect(page.locator(".live[data-state=lost]")).to_be_visible()
    fresh_server.start()
    expect(page.locator(".live[data-state=live]")).to_be_visible(timeout=30_000)
    fresh_server.emit(event(title="After the restart", resource="restart-1"))
    expect(page.get_by_role("link", name="After the restart").first).to_be_visible()
