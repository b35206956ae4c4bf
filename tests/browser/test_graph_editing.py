"""A workflow changed on its graph: the text follows, with its comments, and can be applied."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as TookTooLong

from tests.browser.conftest import axe
from tests.server import Server, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

TEXT = """# Looked after by the people on call.
apiVersion: oncue/v1
kind: Workflow
metadata: {name: look-after}
spec:
  inputs:
    type: object
    required: [host]
    properties: {host: {type: string}}
  steps:
    # First of all: is it there?
    - id: look
      uses: http.request
      with: {method: GET, url: "https://${inputs.host}/"}   # as users see it
      timeout: 30s  # enough
    - id: note
      if: "steps.look.state == 'succeeded'"
      set: {seen: true}
    # Whoever wants to know.
    - {id: tell, emit: {type: org.example.seen}}
"""
PASTE = """text => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  const paste = new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true});
  document.querySelector(".cm-content").dispatchEvent(paste);
}"""

HELD = """() => [...document.querySelectorAll(".cm-line")].map(line => line.textContent).join("\\n")"""
SHOWS = f"text => ({HELD})() === text"


def _write(page: Page, text: str) -> None:
    """Put a text into the editor in place of what is there."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.evaluate(PASTE, text)


def _reads(page: Page, text: str) -> None:
    """The editor comes to hold this text: it is drawn after what changed it."""
    try:
        page.wait_for_function(SHOWS, arg=text)
    except TookTooLong:
        assert page.evaluate(HELD) == text


@pytest.fixture
def page(server: Server, open_page: Open) -> Page:
    """The editor with the text."""
    opened = open_page(server, "/workflows/new")
    opened.set_viewport_size({"width": 1440, "height": 1400})
    expect(_graph(opened).get_by_text("look", exact=True)).to_be_visible()
    _write(opened, TEXT)
    expect(_graph(opened).get_by_text("tell", exact=True)).to_be_visible()
    return opened


def _graph(page: Page) -> Locator:
    return page.get_by_role("group", name="The steps that are written")


def _choose(page: Page, step: str) -> None:
    _graph(page).locator("button").filter(has=page.get_by_text(step, exact=True)).click()


def test_a_step_is_added_changed_and_applied_with_all_comments(server: Server, page: Page) -> None:
    _choose(page, "look")
    page.get_by_role("group", name="Change look").get_by_role("button", name="After").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What it is").fill("http.req")
    page.get_by_role("option", name="http.request").click()
    expect(dialog.get_by_label("Its id")).to_have_value("request")
    dialog.get_by_label("Its id").fill("again")
    dialog.get_by_role("button", name="Add it").click()
    expect(_graph(page).get_by_text("again", exact=True)).to_be_visible()
    expect(page.get_by_role("group", name="Change again")).to_be_visible()
    url = page.get_by_label("url", exact=True)
    url.fill("https://${inputs.host}/health")
    url.press("Enter")
    page.get_by_label("If", exact=True).fill("steps.look.state == 'succeeded'")
    page.get_by_label("Title").click()
    expected = TEXT.replace(
        "    - id: note\n",
        """    - id: again
      if: "steps.look.state == 'succeeded'"
      uses: http.request
      with: {url: "https://${inputs.host}/health"}
    - id: note
""",
    )
    _reads(page, expected)
    page.get_by_role("button", name="Review and save").click()
    dialog.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("heading", name="look-after")).to_be_visible()

    def steps() -> list[str] | None:
        kept = server.client.get("/api/v1/manifests/Workflow/default/look-after")
        return [step["id"] for step in kept.json()["spec"]["steps"]] if kept.status_code == 200 else None

    # The heading is there from the draft on: it does not say that the manifest was taken.
    assert eventually(steps, what="the workflow to be applied") == ["look", "again", "note", "tell"]


def test_steps_move_are_renamed_and_go_and_each_change_is_taken_back(page: Page) -> None:
    _choose(page, "tell")
    acts = page.get_by_role("group", name="Change tell")
    expect(acts.get_by_role("button", name="Down")).to_be_disabled()
    acts.get_by_role("button", name="Up").click()
    tell = "    # Whoever wants to know.\n    - {id: tell, emit: {type: org.example.seen}}\n"
    moved = TEXT.replace(tell, "").replace("    - id: note\n", f"{tell}    - id: note\n")
    _reads(page, moved)
    _choose(page, "look")
    page.get_by_label("Id", exact=True).fill("reach")
    page.keyboard.press("Enter")
    renamed = moved.replace("- id: look", "- id: reach").replace("steps.look.", "steps.reach.")
    _reads(page, renamed)
    _choose(page, "note")
    page.get_by_role("button", name="Remove").click()
    expect(_graph(page).get_by_text("note", exact=True)).to_have_count(0)
    for text in (renamed, moved, TEXT):
        page.get_by_role("button", name="Undo").click()
        _reads(page, text)
    page.get_by_role("button", name="Redo").click()
    _reads(page, moved)


def test_a_step_is_dragged_to_where_it_belongs(page: Page) -> None:
    graph = _graph(page)
    box = graph.locator("button").filter(has=page.get_by_text("look", exact=True))
    graph.locator("button").filter(has=page.get_by_text("tell", exact=True)).drag_to(
        box, target_position={"x": 40, "y": 4}
    )
    tell = "    # Whoever wants to know.\n    - {id: tell, emit: {type: org.example.seen}}\n"
    head, first = "    # First of all: is it there?\n", TEXT.replace(tell, "")
    _reads(page, first.replace(head, tell + head))


def test_while_the_text_is_not_valid_the_graph_only_shows_it(page: Page) -> None:
    _choose(page, "note")
    expect(page.get_by_role("group", name="Change note")).to_be_visible()
    broken = TEXT.replace("{seen: true}", "{seen: [true}")
    _write(page, broken)
    expect(page.get_by_text("The graph shows what can be read of the text")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile(r"^18:\d+"))).to_have_count(1)
    expect(page.get_by_text("line 18")).to_have_count(0)
    expect(page.get_by_role("group", name="Change note")).to_have_count(0)
    expect(_graph(page).get_by_text("look", exact=True)).to_be_visible()
    _reads(page, broken)
    _write(page, TEXT)
    expect(page.get_by_role("group", name="Change note")).to_be_visible()


def test_what_is_wrong_is_in_sight_at_the_top_of_a_long_text(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 700})
    steps = "".join(f"    - {{id: wait{number}, wait: {{for: 1s}}}}\n" for number in range(60))
    _write(page, TEXT.replace("spec:\n", "spec:\n  triger: 5\n") + steps)
    page.mouse.wheel(0, -100_000)
    said = page.get_by_text("triger is not known here; did you mean triggers?")
    expect(said).to_be_in_viewport()
    expect(page.locator(".cm-line").first).to_be_in_viewport()


def test_all_of_it_is_done_with_the_keyboard(page: Page) -> None:
    _graph(page).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("group", name="Change look").get_by_role("button", name="Before").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="What it is")).to_be_focused()
    page.keyboard.type("Wait")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_label("For", exact=True)).to_have_value("5m")
    page.get_by_label("For", exact=True).focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("10m")
    page.keyboard.press("Enter")
    expect(_graph(page).get_by_text("wait 10m")).to_be_visible()
    expect(page.locator(".cm-content")).to_contain_text("# First of all: is it there?")
    _graph(page).focus()
    page.keyboard.press("Control+z")
    expect(_graph(page).get_by_text("wait 5m")).to_be_visible()


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (False, True), (True, False)])
def test_the_form_of_a_step_is_for_everyone(server: Server, open_page: Open, phone: bool, dark: bool) -> None:
    page = open_page(server, "/workflows/new", phone=phone, dark=dark)
    _choose(page, "look")
    expect(page.get_by_label("url", exact=True)).to_be_visible()
    page.get_by_text("more inputs").click()
    assert page.evaluate("document.querySelector('.page').scrollWidth") <= (390 if phone else 1440)
    assert not axe(page)
    page.get_by_role("button", name="After").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert not axe(page)


def test_the_text_is_completed_with_names_that_the_server_and_the_workflow_have(page: Page) -> None:
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    for written, begun, choice in (
        ("    - {id: more, uses: ", "http.re", "http.request"),
        (", with: {", "ur", "url"),
        ('"https://${inputs.', "h", "host"),
        ('}/"}, if: "steps.', "lo", "look"),
    ):
        page.keyboard.insert_text(written)
        page.keyboard.type(begun)
        page.get_by_role("option", name=choice).first.click()
        expect(page.get_by_role("option")).to_have_count(0)
    page.keyboard.insert_text(".state == 'succeeded'\"}")
    added = """    - {id: more, uses: http.request, with: {url: "https://${inputs.host}/"}, if: "steps.look.state == 'succeeded'"}"""
    _reads(page, TEXT + added)
    expect(_graph(page).get_by_text("more", exact=True)).to_be_visible()
