"""What is written in an editor is lost only by those who say so."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import NAME, PASSWORD, axe
from tests.server import Server

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


def _note(page: Page) -> None:
    """Type a comment at the end of the text."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("\n# A thought.")
    expect(page.locator(".cm-content")).to_contain_text("# A thought.")
    page.keyboard.press("Control+Home")


def _leave(page: Page) -> None:
    """Go to another page as one does: by a link of the rail."""
    page.get_by_role("link", name="Runs", exact=True).first.click()


@pytest.mark.parametrize(
    "path", ["/workflows/new", "/workflows/default/note-it?edit=1", "/policies/default/stalled-log?edit=1"]
)
def test_who_leaves_what_they_wrote_is_asked_and_may_stay(server: Server, open_page: Open, path: str) -> None:
    page = open_page(server, path)
    _note(page)
    _leave(page)
    question = page.get_by_role("dialog", name="Leave without saving?")
    expect(question).to_contain_text("It is lost if you leave.")
    assert not axe(page)
    question.get_by_role("button", name="Stay").click()
    expect(question).to_have_count(0)
    expect(page.locator(".cm-content")).to_contain_text("# A thought.")
    assert page.url.endswith(path)
    _leave(page)
    question.get_by_role("button", name="Leave without saving").click()
    expect(page).to_have_url(re.compile("/runs$"))


def test_who_goes_back_or_reloads_is_asked_too(server: Server, open_page: Open) -> None:
    page = open_page(server, "/workflows/default/note-it")
    page.get_by_role("link", name="Workflows", exact=True).first.click()
    page.get_by_role("link", name=re.compile("New workflow")).click()
    _note(page)
    page.go_back()
    question = page.get_by_role("dialog", name="Leave without saving?")
    question.get_by_role("button", name="Stay").click()
    expect(page).to_have_url(re.compile("/workflows/new$"))
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    page.reload()
    assert asked == ["beforeunload"]
    expect(page.locator(".cm-content")).to_be_visible()
    page.reload()
    assert asked == ["beforeunload"]


def test_what_was_written_outlives_the_session_and_is_offered_again(server: Server, open_page: Open) -> None:
    page = open_page(server, "/workflows/default/note-it?edit=1")
    page.locator(".cm-content").click()
    page.context.clear_cookies()
    page.keyboard.press("Control+End")
    page.keyboard.type("\n# Hours of work.", delay=25)
    expect(page).to_have_url(re.compile("/sign-in"))
    page.get_by_label("Name").fill(NAME)
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/workflows/default/note-it\?edit=1$"))
    kept = page.get_by_role("status").filter(has_text="What you wrote here and did not save is kept")
    expect(page.locator(".cm-content")).not_to_contain_text("# Hours of work.")
    assert not axe(page)
    kept.get_by_role("button", name="Go on with it").click()
    expect(page.locator(".cm-content")).to_contain_text("# Hours of work.")
    expect(page.get_by_role("button", name="Review and save")).to_be_enabled()
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("button", name="Edit", exact=True).click()
    expect(page.locator(".cm-content")).to_be_visible()
    expect(kept).to_have_count(0)


@pytest.mark.parametrize(("phone", "path"), [(False, "/workflows/default/note-it?edit=1"), (True, "/workflows/new")])
def test_who_may_not_save_reads_and_is_told_so(server: Server, open_page: Open, phone: bool, path: str) -> None:
    guest = {"name": "guest-1", "bindings": [{"role": "viewer", "namespace": "default"}], "password": PASSWORD}
    assert server.client.post("/api/v1/users", json=guest).status_code in (201, 409)
    page = open_page(server, path, phone=phone, who="guest-1")
    expect(page.get_by_text("You read this, and cannot change it")).to_be_visible()
    editor = page.locator(".cm-content")
    before = editor.inner_text()
    editor.click()
    page.keyboard.type("x", delay=25)
    assert editor.inner_text() == before
    expect(page.get_by_role("button", name=re.compile("save|Undo|Redo"))).to_have_count(0)
    expect(page.get_by_role("heading", name="Problems")).to_have_count(0)
    assert not axe(page)


def test_on_a_phone_long_lines_pass_beneath_the_numbers(server: Server, open_page: Open) -> None:
    page = open_page(server, "/workflows/new", phone=True)
    gutter = page.locator(".yaml-editor .cm-gutters")
    colour = gutter.evaluate("each => getComputedStyle(each).backgroundColor")
    assert colour == page.locator(".card").first.evaluate("each => getComputedStyle(each).backgroundColor")
    assert colour not in ("rgba(0, 0, 0, 0)", "transparent")


def test_who_saved_or_wrote_nothing_is_not_asked(server: Server, open_page: Open) -> None:
    page = open_page(server, "/workflows/default/note-it?edit=1")
    expect(page.locator(".cm-content")).to_be_visible()
    _leave(page)
    expect(page).to_have_url(re.compile("/runs$"))
    page.goto("/workflows/default/note-it?edit=1")
    _note(page)
    page.get_by_role("button", name="Review and save").click()
    review = page.get_by_role("dialog")
    expect(review.get_by_role("textbox", name="What changes")).to_contain_text("# A thought.")
    review.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("heading", name="Start a run")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    _leave(page)
    expect(page).to_have_url(re.compile("/runs$"))
