"""Every page for everyone: on a phone, in both themes, by the rules of WCAG 2.2 AA; and through a restart."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe, incident_of
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
    "/services",
    "/services/default/service:orders",
    "/quiet/silences",
    "/changes",
    "/changes/calendar",
    "/changes/reported",
    "/quiet/windows",
    "/quiet/inhibitions",
    "/policies",
    "/policies/default/stalled-log",
    "/approvals",
    "/workflows",
    "/workflows/new",
    "/workflows/default/note-it",
    "/workflows?view=schedules",
    "/self-service/offers",
    "/self-service/requests",
    "/runs",
    "/runs/{run}",
    "/tickets",
    "/tickets/{ticket}",
    "/on-call",
    "/me/notifications",
    "/integrations/sources",
    "/integrations/monitors",
    "/integrations/sap",
    "/integrations/channels",
    "/integrations/subscriptions",
    "/integrations/mailbox",
    "/integrations/dead-letters",
    "/admin/people",
    "/admin/tokens",
    "/admin/secrets",
    "/admin/audit",
    "/admin/server",
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


def test_axe_finds_nothing_on_any_page(server: Server, things: dict[str, str], open_page: Open) -> None:
    page = open_page(server, "/")
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


def test_every_page_fits_a_phone_and_is_legible_in_the_dark(
    server: Server, things: dict[str, str], open_page: Open
) -> None:
    page = open_page(server, "/", phone=True, dark=True)
    wrong = {}
    for path in PATHS:
        page.goto(path.format(**things))
        _settled(page)
        width = page.evaluate(
            "Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('.page')].map(e => e.scrollWidth))"
        )
        if width > 390:
            wrong[path] = [f"{width} wide"]
        if illegible := axe(page, only="color-contrast"):
            wrong[path] = illegible
    assert not wrong


def test_an_incident_is_acknowledged_on_a_phone(server: Server, open_page: Open) -> None:
    server.emit(event(title="Seen on the phone", resource="phone-1", severity="critical"))
    page = open_page(server, "/", phone=True)
    page.get_by_role("navigation", name="Main, phone").get_by_role("link", name="Incidents").tap()
    page.get_by_role("link", name=re.compile("Seen on the phone")).tap()
    button = page.get_by_role("button", name="Acknowledge", exact=True)
    expect(button).to_be_visible()
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    button.tap()
    expect(page.get_by_text("by basis-1").first).to_be_visible()


def test_a_story_is_an_outline_on_a_phone(server: Server, things: dict[str, str], open_page: Open) -> None:
    page = open_page(server, f"/events/{things['position']}/story", phone=True)
    page.get_by_role("button", name=re.compile("stalled-log")).tap()
    expect(page.get_by_role("link", name="Open the policy")).to_be_visible()


def test_filters_open_on_a_phone_and_show_their_whole_text(server: Server, open_page: Open) -> None:
    page = open_page(server, "/incidents", phone=True)
    expect(page.get_by_placeholder("Changed within")).to_be_hidden()
    page.get_by_role("button", name="Filters").tap()
    field = page.get_by_placeholder("Changed within")
    expect(field).to_be_visible()
    cut_off = field.evaluate(
        "e => { const c = document.createElement('canvas').getContext('2d'); const s = getComputedStyle(e); c.font = s.font;"
        " return c.measureText(e.placeholder).width + parseFloat(s.paddingLeft) + parseFloat(s.paddingRight) > e.clientWidth }"
    )
    assert not cut_off


def test_a_comment_grows_with_its_text_and_leaves_by_the_keyboard(server: Server, open_page: Open) -> None:
    server.emit(event(title="To be commented on", resource="comment-1"))
    page = open_page(server, f"/incidents/{incident_of(server, 'To be commented on')}")
    box = page.get_by_label("Comment", exact=True)
    small = box.bounding_box()
    box.fill("First line\nSecond line\nThird line")
    large = box.bounding_box()
    assert small is not None
    assert large is not None
    assert large["height"] > small["height"] + 30
    box.press("Control+Enter")
    expect(page.locator(".said").get_by_text("Second line")).to_be_visible()
    expect(box).to_have_value("")


def test_the_keyboard_explains_itself(server: Server, open_page: Open) -> None:
    page = open_page(server, "/")
    expect(page.get_by_role("navigation", name="Main", exact=True)).to_be_visible()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Go to the page’s search")).to_be_visible()
    assert not axe(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page.get_by_role("heading", name="Workflows")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search names and descriptions")).to_be_focused()


def test_the_chosen_namespace_narrows_every_figure(server: Server, open_page: Open) -> None:
    server.emit(
        event(title="Elsewhere only", resource="else-1", namespace="elsewhere", service="far", severity="critical")
    )
    incident_of(server, "Elsewhere only")
    page = open_page(server, "/?namespace=elsewhere")
    expect(page.get_by_role("heading", name="far: Elsewhere only")).to_be_visible()
    expect(page.get_by_text("1 incident open")).to_be_visible()
    expect(page.get_by_text("1 service, 1 not well")).to_be_visible()
    expect(page.locator(".rail").get_by_role("link", name="Alerts 1")).to_be_visible()


def test_an_open_page_outlives_a_restart_of_the_server(server: Server, open_page: Open) -> None:
    page = open_page(server, "/")
    expect(page.locator(".live[data-state=live]")).to_be_visible()
    server.stop()
    expect(page.locator(".live[data-state=lost]")).to_be_visible()
    server.start()
    expect(page.locator(".live[data-state=live]")).to_be_visible(timeout=30_000)
    server.emit(event(title="After the restart", resource="restart-1"))
    expect(page.get_by_role("link", name="After the restart").first).to_be_visible()


def test_the_current_part_of_a_page_is_in_view_on_a_phone(server: Server, open_page: Open) -> None:
    page = open_page(server, "/integrations/dead-letters", phone=True)
    current = page.get_by_role("navigation", name="Integrations").get_by_role("link", name="Dead letters")
    expect(current).to_be_in_viewport(ratio=0.9)


def test_the_focus_shows_on_whatever_has_it(server: Server, open_page: Open) -> None:
    page = open_page(server, "/alerts")
    expect(page.get_by_role("heading", name="Alerts")).to_be_visible()
    rings = set()
    for _ in range(16):
        page.keyboard.press("Tab")
        rings.add(page.evaluate("getComputedStyle(document.activeElement).boxShadow"))
    assert len(rings) == 1 and rings != {"none"}, rings
