"""Very many open alerts: the list shows its first rows at once, and goes on as one scrolls.

Twenty thousand with every change; a hundred thousand, which take two minutes of processor to send and verify, with `make soak`.
"""

import json
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.server import Server, event

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

BATCH = 2_000
TIMES_SLOWER = 3
"""How much longer the first row may take than a page without rows, on the same machine in the same minute."""


@pytest.fixture(scope="module", params=[20_000, pytest.param(100_000, marks=pytest.mark.soak)])
def alerts(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def crowded(server: Server, alerts: int) -> Server:
    for first in range(0, alerts, BATCH):
        events = [
            event(id=f"many-{n}", title=f"Alert {n}", resource=f"host-{n}", service=f"service-{n % 50}", data=None)
            for n in range(first, first + BATCH)
        ]
        answer = server.client.post(
            "/api/v1/events",
            content=json.dumps(events),
            headers={"Content-Type": "application/cloudevents-batch+json"},
        )
        assert answer.json()["accepted"] == BATCH, answer.text
    return server


def shown_within_s(page: Page, path: str, what: Locator) -> float:
    begun_at = time.monotonic()
    page.goto(path, wait_until="commit")
    expect(what).to_be_visible()
    return time.monotonic() - begun_at


def test_the_list_shows_its_first_row_at_once_and_scrolls_on(crowded: Server, alerts: int, open_page: Open) -> None:
    page = open_page(crowded, "/quiet/silences")
    page.add_init_script(
        "window.longest = 50; new PerformanceObserver(list => { for (const task of list.getEntries())"
        " window.longest = Math.max(window.longest, task.duration) }).observe({type: 'longtask', buffered: true})"
    )
    few_s = shown_within_s(page, "/quiet/silences", page.get_by_role("heading", name="Quiet", exact=True))
    few_ms = page.evaluate("window.longest")
    many_s = shown_within_s(page, "/alerts", page.get_by_role("link", name=f"Alert {alerts - 1}"))
    assert many_s < TIMES_SLOWER * few_s

    table = page.get_by_role("table", name="Alerts")
    scroller = page.locator(".table-scroll")
    for shown in (200, 300, 400):
        scroller.evaluate("e => e.scrollTo(0, e.scrollHeight)")
        expect(table).to_have_attribute("aria-rowcount", str(shown))
    assert table.get_by_role("row").count() < 100
    scroller.evaluate("e => e.scrollTo(0, 250 * 44)")
    expect(page.get_by_role("link", name=f"Alert {alerts - 251}", exact=True)).to_be_visible()
    # A list that drew all its rows would hold the page up for seconds.
    assert page.evaluate("window.longest") < max(1_000, 2 * TIMES_SLOWER * few_ms)


def test_a_filter_finds_one_among_them_all(crowded: Server, open_page: Open) -> None:
    page = open_page(crowded, "/alerts?resource=host-4711")
    expect(page.get_by_role("link", name="Alert 4711", exact=True)).to_be_visible()
    expect(page.get_by_text("1 in all")).to_be_visible()


def test_now_counts_them_all(crowded: Server, alerts: int, open_page: Open) -> None:
    page = open_page(crowded, "/")
    expect(page.locator(".rail").get_by_role("link", name=f"Alerts {alerts:,}")).to_be_visible()
