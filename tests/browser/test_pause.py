"""The pause in the console: begun with a reason and an end, seen on every page while it holds, and ended."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe
from tests.server import Server, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


@pytest.fixture
def unpaused(server: Server) -> Iterator[Server]:
    yield server
    for pause in _paused(server):
        server.client.delete("/api/v1/pause", params={"namespace": pause})


def _paused(server: Server) -> list[str]:
    return [one["id"] for one in server.client.get("/api/v1/pauses").json()["items"]]


def test_a_namespace_is_paused_with_a_reason_and_resumed_from_any_page(unpaused: Server, open_page: Open) -> None:
    page = open_page(unpaused, "/runs")
    page.get_by_role("button", name="Pause policies").click()
    dialog = page.get_by_role("dialog")
    begin = dialog.get_by_role("button", name="Pause in default")
    expect(begin).to_be_disabled()
    dialog.get_by_label("Why").fill("db-1 is restored by hand")
    assert not axe(page)
    begin.click()
    banner = page.get_by_role("region", name="Paused")
    expect(banner).to_contain_text("No policy starts a run in default")
    expect(banner).to_contain_text("db-1 is restored by hand")
    expect(banner).to_contain_text("Paused by basis-1")
    for path in ("/", "/incidents", "/alerts", "/services", "/admin/people"):
        page.goto(path)
        expect(banner).to_be_visible()
    assert not axe(page)
    banner.get_by_role("button", name="Change").click()
    expect(dialog.get_by_label("Why")).to_have_value("db-1 is restored by hand")
    dialog.get_by_label("Why").fill("it takes longer")
    dialog.get_by_role("button", name="Change", exact=True).click()
    expect(banner).to_contain_text("it takes longer")
    banner.get_by_role("button", name="Resume").click()
    dialog.get_by_role("button", name="Resume").click()
    expect(banner).to_have_count(0)
    assert _paused(unpaused) == []


def test_a_pause_of_everything_shows_in_every_namespace_and_one_of_another_does_not(
    unpaused: Server, open_page: Open
) -> None:
    page = open_page(unpaused, "/policies?namespace=elsewhere", phone=True, dark=True)
    expect(page.get_by_role("button", name="Pause policies")).to_be_visible()
    body = {"reason": "the storage is moved"}
    for place in ("default", "*"):
        answer = unpaused.client.put("/api/v1/pause", params={"namespace": place}, json=body)
        assert answer.status_code == 200, answer.text
    banner = page.get_by_role("region", name="Paused")
    expect(banner).to_contain_text("No policy starts a run everywhere")
    expect(banner).not_to_contain_text("in default")
    assert not axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto("/alerts")
    expect(banner).to_contain_text("in default")
    eventually(lambda: len(_paused(unpaused)) == 2, what="both pauses")
