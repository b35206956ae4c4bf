"""What steps tell, in the console: as it comes, of one step or of all, found, taken away and erased."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import telling
from tests.browser.conftest import axe, prepare
from tests.server import Server, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

WORKFLOWS = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: tell}
spec:
  inputs:
    type: object
    required: [do]
    properties: {do: {type: string}, gate: {type: string}}
  steps:
    - id: first
      uses: test.tell
      with: {do: "${inputs.do}", gate: "${has(inputs.gate) ? inputs.gate : ''}"}
      timeout: 10m
    - id: hosts
      for_each: {items: [h1, h2], as: host}
      steps: [{id: reach, uses: test.tell, with: {do: "${host}"}}]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose workflow tells what a test wants to see."""
    base = tmp_path_factory.mktemp("telling")
    with Server(base / "data", variables=telling.install(base / "site")) as server:
        prepare(server)
        applied = server.client.post("/api/v1/manifests", content=WORKFLOWS)
        assert applied.status_code == 200, applied.text
        yield server
    server.verify()


def _start(server: Server, **inputs: str) -> str:
    answer = server.client.post("/api/v1/runs", json={"workflow": "tell", "inputs": inputs})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _started(server: Server, **inputs: str) -> str:
    """The id of a new run that has ended well."""
    run = _start(server, **inputs)
    eventually(lambda: server.client.get(f"/api/v1/runs/{run}").json()["state"] == "succeeded", what="the run's end")
    return run


def _write(file: Path, *lines: str) -> None:
    with file.open("a") as open_file:
        open_file.write("".join(f"{line}\n" for line in lines))


def test_lines_and_progress_show_while_the_step_works(server: Server, open_page: Open, tmp_path: Path) -> None:
    book = tmp_path / "book"
    book.touch()
    run = _start(server, do="read aloud", gate=str(book))
    page = open_page(server, f"/runs/{run}")
    panel = page.get_by_role("region", name="Step first")
    log = panel.get_by_role("log", name="Lines of first")
    expect(log).to_contain_text("begun")
    _write(book, "copying /data", "err: /data/lost+found is left out")
    expect(log).to_contain_text("copying /data")
    expect(log.locator(".err")).to_contain_text(re.compile(r"err.*lost\+found"))
    _write(book, "40% copying the second half")
    bar = panel.get_by_role("progressbar", name="How far first is")
    expect(bar).to_have_attribute("aria-valuenow", "40")
    expect(panel.get_by_text("copying the second half")).to_be_visible()
    expect(panel.get_by_text("3 lines so far")).to_be_visible()
    assert not axe(page)
    _write(book, "end")
    expect(panel.get_by_text("4 lines, complete")).to_be_visible()


def test_whoever_reads_further_up_is_not_moved_and_told_of_what_came(
    server: Server, open_page: Open, tmp_path: Path
) -> None:
    book = tmp_path / "book"
    _write(book, *(f"line {number}" for number in range(300)))
    run = _start(server, do="read aloud", gate=str(book))
    page = open_page(server, f"/runs/{run}")
    log = page.get_by_role("log", name="Lines of first")
    log.scroll_into_view_if_needed()
    expect(log.get_by_text("line 299", exact=True)).to_be_in_viewport()
    log.hover()
    page.mouse.wheel(0, -1500)
    expect(page.get_by_role("button", name="To the end")).to_be_visible()
    expect(log.get_by_text("line 299", exact=True)).not_to_be_in_viewport()
    at = log.evaluate("box => box.scrollTop")
    _write(book, "line 300", "line 301")
    page.get_by_role("button", name="2 new lines").wait_for()
    assert log.evaluate("box => box.scrollTop") == at
    page.get_by_role("button", name="2 new lines").click()
    expect(log.get_by_text("line 301", exact=True)).to_be_in_viewport()
    _write(book, "line 302")
    expect(log.get_by_text("line 302", exact=True)).to_be_in_viewport()
    _write(book, "end")


def test_a_long_log_is_drawn_in_part_searched_and_downloaded_whole(server: Server, open_page: Open) -> None:
    run = _started(server, do="flood")
    lines = server.client.get(f"/api/v1/runs/{run}/log", params={"step": "first", "limit": 5000}).json()["items"]
    assert len(lines) > 2_000
    page = open_page(server, f"/runs/{run}?step=first")
    panel = page.get_by_role("region", name="Step first")
    expect(panel.get_by_text(f"{len(lines):,} lines, complete")).to_be_visible()
    assert panel.locator(".log-line").count() < 100
    with page.expect_download() as download:
        panel.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"tell-{run}-first.log"
    saved = download.value.path().read_text().splitlines()
    assert [line.split("  ", 1)[1] for line in saved] == [line["text"] for line in lines]
    wanted = [line["text"] for line in lines if "1234 x" in line["text"]]
    panel.get_by_label("Find in the log of first").fill("1234 X")
    expect(panel.get_by_text(f"{len(wanted)} of {len(lines):,} lines")).to_be_visible()
    expect(panel.locator(".told")).to_have_text(wanted)


def test_the_log_of_the_whole_run_says_whose_line_each_is(server: Server, open_page: Open) -> None:
    run = _started(server, do="nothing")
    page = open_page(server, f"/runs/{run}")
    page.get_by_role("navigation", name="Parts of the run").get_by_role("button", name="Log").click()
    log = page.get_by_role("log", name=f"Lines of the run {run}")
    expect(log.locator(".log-line")).to_have_count(6)
    expect(page).to_have_url(re.compile("view=log"))
    assert not axe(page)
    log.get_by_role("button", name="hosts[h2]/reach").first.click()
    panel = page.get_by_role("region", name="Step hosts[h2]/reach")
    expect(panel.get_by_role("log")).to_contain_text("ended")
    page.get_by_role("group", name="Steps", exact=True).get_by_role(
        "button", name=re.compile("^hosts Succeeded")
    ).click()
    expect(page.get_by_role("log", name="Lines of hosts").locator(".log-line")).to_have_count(4)


def test_a_log_is_erased_by_who_may_and_only_after_a_question(server: Server, open_page: Open) -> None:
    run = _started(server, do="nothing")
    page = open_page(server, f"/runs/{run}?view=log")
    page.get_by_role("button", name="Erase the log").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("goes for good, for everybody")
    dialog.get_by_role("button", name="Cancel").click()
    assert len(server.client.get(f"/api/v1/runs/{run}/log").json()["items"]) == 6
    page.get_by_role("button", name="Erase the log").click()
    dialog.get_by_role("button", name="Erase the log").click()
    expect(page.get_by_text("No lines")).to_be_visible()
    expect(page.get_by_role("button", name="Erase the log")).to_have_count(0)
    assert server.client.get(f"/api/v1/runs/{run}/log").json()["items"] == []


@pytest.mark.parametrize("view", ["", "?view=log"])
def test_a_log_fits_a_phone_and_is_legible_in_the_dark(server: Server, open_page: Open, view: str) -> None:
    run = _started(server, do="nothing")
    page = open_page(server, f"/runs/{run}{view}", phone=True, dark=True)
    expect(page.get_by_role("log").get_by_text("begun").first).to_be_visible()
    assert page.evaluate("document.querySelector('.page').scrollWidth") <= 390
    assert not axe(page)
