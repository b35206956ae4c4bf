"""Changes in the console: planned by a template, agreed to, made in waves before one's eyes, rolled back, looked back on."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe, prepare
from tests.server import Server, event, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

NOW = datetime.now(UTC)
OPENS, FROZEN, THAWS = (f"{NOW + timedelta(days=days):%Y-%m-%dT%H:%M}" for days in (2, 5, 7))

MANIFESTS = f"""
apiVersion: oncue/v1
kind: Team
metadata: {{name: cab}}
spec: {{members: [basis-1]}}
---
apiVersion: oncue/v1
kind: ChangeCalendar
metadata: {{name: nights}}
spec:
  windows: [{{title: Patch night, starts_at: "{OPENS}", duration: 4h}}]
  freezes: [{{title: Year-end closing, starts_at: "{FROZEN}", ends_at: "{THAWS}"}}]
""" + "".join(
    f"""
---
apiVersion: oncue/v1
kind: Resource
metadata: {{name: web-{number}}}
spec: {{type: host, labels: {{role: web}}}}
"""
    for number in (1, 2, 3)
)
UPGRADE = """
---
apiVersion: oncue/v1
kind: ChangeTemplate
metadata: {name: upgrade}
spec:
  description: Upgrade the web servers
  type: standard
  targets: {labels: {role: [web]}}
  waves: {canary: 1, then: 1}
  inputs:
    type: object
    required: [version]
    properties:
      version: {type: string, title: Version}
      bad: {type: string, title: Which one fails}
  steps:
    - id: install
      title: Install the package
      uses: shell.command
      with: {argv: [/bin/true]}
      validate: {that: "!has(inputs.bad) || inputs.bad != target", every: 1s, within: 1s}
      rollback: {uses: shell.command, with: {argv: [/bin/true]}}
    - id: drained
      title: Wait until it is back
      wait: {event: {types: [org.example.back], resource: "${target}"}}
---
apiVersion: oncue/v1
kind: ChangeTemplate
metadata: {name: patch}
spec:
  description: Patch the kernel
  targets: {type: host}
  window: {calendar: nights}
  approvals: [{stage: cab, by: ["team:cab"]}]
  steps:
    - {id: patch, title: Patch, uses: shell.command, with: {argv: [/bin/true]}, irreversible: true}
---
apiVersion: oncue/v1
kind: ChangeTemplate
metadata: {name: rotate}
spec:
  description: Rotate the keys
  type: standard
  targets: {type: host}
  window: {calendar: nights}
  steps:
    - {id: rotate, uses: shell.command, with: {argv: [/bin/true]}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may run /bin/true, with web servers to change, templates, and a calendar."""
    data = tmp_path_factory.mktemp("oncue") / "data"
    data.mkdir()
    (data / "oncue.toml").write_text('[actions.shell]\nenabled = true\nallow = ["/bin/true"]\n', encoding="utf-8")
    with Server(data) as server:
        prepare(server)
        applied = server.client.post(
            "/api/v1/manifests", content=MANIFESTS + UPGRADE, headers={"Content-Type": "application/yaml"}
        )
        assert applied.status_code == 200, applied.text
        yield server
    server.verify()


def _want(server: Server, template: str, **more: Any) -> str:
    answer = server.client.post("/api/v1/changes", json={"template": template, "reason": "A hole is closed", **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _now(server: Server, id: str) -> dict[str, Any]:
    found: dict[str, Any] = server.client.get(f"/api/v1/changes/{id}").json()
    return found


def _start(server: Server, id: str) -> None:
    answer = server.client.post(f"/api/v1/changes/{id}/start")
    assert answer.status_code == 200, answer.text


def _back(server: Server, *targets: str) -> None:
    """The targets say that they are back."""
    server.emit(*(event(type="org.example.back", resource=name, severity=None) for name in targets))


def _waits(server: Server, change: str, wave: str, target: str) -> None:
    """Return once the change waits for the target."""
    address = f"waves[{wave}]/targets[{target}]/drained"

    def waits() -> bool:
        steps = server.client.get(f"/api/v1/runs/{_now(server, change)['run']}").json()["steps"]
        return any(step["address"] == address and step["state"] == "waiting" for step in steps)

    eventually(waits, what=f"{address} to wait")


def _row(page: Page, target: str) -> Any:
    return page.get_by_role("table", name="Waves").get_by_role("row").filter(has_text=target)


def test_a_change_is_made_by_a_template_and_rolls_before_ones_eyes(server: Server, open_page: Open) -> None:
    page = open_page(server, "/changes")
    expect(page.get_by_role("heading", name="No change is open")).to_be_visible()
    page.get_by_role("button", name="New change").click()
    dialog = page.get_by_role("dialog", name="New change")
    dialog.get_by_role("combobox", name="Template").click()
    page.get_by_role("option", name="upgrade: Upgrade the web servers").click()
    expect(dialog.get_by_text("all 3 that fit role web")).to_be_visible()
    dialog.get_by_role("checkbox", name="web-1").check()
    dialog.get_by_role("checkbox", name="web-2").check()
    dialog.get_by_role("button", name="Plan it").click()
    expect(dialog.get_by_label("Version")).to_be_focused()
    dialog.get_by_label("Version").fill("2.4")
    dialog.get_by_role("button", name="Plan it").click()
    expect(dialog.get_by_text("Say why it is wanted")).to_be_visible()
    dialog.get_by_label("Reason").fill("The vendor says so")
    assert not axe(page)
    dialog.get_by_role("button", name="Plan it").click()
    expect(page).to_have_url(re.compile(r"/changes/CHG-\d+$"))
    change = page.url.rpartition("/")[2]
    made = _now(server, change)
    assert (made["requester"], made["reason"], made["inputs"]["version"]) == (
        "user:basis-1",
        "The vendor says so",
        "2.4",
    )
    assert [wave["targets"] for wave in made["plan"]["waves"]] == [["web-1"], ["web-2"]]
    expect(page.get_by_role("heading", name="It is agreed to, and waits to be started")).to_be_visible()
    expect(page.get_by_role("list", name="State of the change").get_by_text("Scheduled")).to_have_attribute(
        "aria-current", "step"
    )

    page.get_by_role("button", name="Start now").click()
    page.get_by_role("dialog").get_by_role("button", name="Start now").click()
    expect(page.get_by_role("heading", name="It is under way")).to_be_visible()
    _waits(server, change, "canary", "web-1")
    expect(_row(page, "web-1").get_by_role("link", name="Waiting")).to_be_visible()
    expect(_row(page, "web-2")).to_contain_text("To come")
    assert not axe(page)
    _back(server, "web-1")
    expect(page.get_by_role("row", name=re.compile("canary 1 target, done in"))).to_be_visible()
    _waits(server, change, "wave-1", "web-2")
    _back(server, "web-2")
    expect(page.get_by_role("heading", name="It succeeded")).to_be_visible()
    expect(page.get_by_text("2 of 2 targets done")).to_be_visible()
    expect(page.get_by_role("list", name="Trail")).to_contain_text("wave-1, web-2: succeeded")

    with page.expect_download() as kept:
        page.get_by_role("button", name="PDF and proof").click()
    assert kept.value.suggested_filename == f"{change}-evidence.zip"

    page.get_by_role("region", name="Trail").get_by_role("link", name=re.compile("TCK-")).click()
    panel = page.get_by_role("complementary", name="Ticket")
    panel.get_by_role("link", name=change, exact=True).click()
    expect(page.get_by_role("heading", name="It succeeded")).to_be_visible()
    page.get_by_role("link", name="Its run").click()
    page.get_by_role("link", name=change).first.click()
    expect(page).to_have_url(re.compile(f"/changes/{change}$"))


def test_what_fails_is_seen_rolled_back_and_looked_back_on(server: Server, open_page: Open) -> None:
    change = _want(server, "upgrade", **{"with": {"version": "2.5", "bad": "web-2"}})
    _start(server, change)
    page = open_page(server, f"/changes/{change}")
    _waits(server, change, "canary", "web-1")
    _back(server, "web-1")
    expect(page.get_by_role("heading", name="It failed, and was rolled back by itself")).to_be_visible()
    expect(_row(page, "web-2").get_by_role("link", name=re.compile("^Failed validation"))).to_be_visible()
    expect(_row(page, "web-1").get_by_role("link", name=re.compile("^Undone within"))).to_be_visible()
    expect(_row(page, "web-3")).to_contain_text("Never begun")
    expect(page.get_by_text("All undone after")).to_be_visible()
    assert not axe(page)
    page.get_by_role("button", name="Review and close").click()
    dialog = page.get_by_role("dialog", name="Review and close")
    expect(dialog.get_by_role("combobox", name="What came of it")).to_have_value("Rolled back")
    dialog.get_by_label("Note").fill("The mirror was stale")
    assert not axe(page)
    dialog.get_by_role("button", name="Close the change").click()
    expect(page.get_by_role("button", name="Review and close")).to_have_count(0)
    expect(page.get_by_role("region", name="Where it stands")).to_contain_text("The mirror was stale")
    closed = _now(server, change)
    assert (closed["state"], closed["close_code"], closed["close_note"]) == (
        "closed",
        "backed_out",
        "The mirror was stale",
    )
    page.goto("/changes?state=over")
    expect(page.get_by_role("table", name="Changes").get_by_role("row").filter(has_text=change)).to_contain_text(
        "Rolled back"
    )


def test_others_agree_where_they_see_what_to(server: Server, open_page: Open) -> None:
    change = _want(server, "patch", title="Kernel 6.12")
    page = open_page(server, f"/approvals?show={_now(server, change)['approval']}")
    page.get_by_role("link", name=change, exact=True).click()
    expect(page.get_by_role("heading", name="It waits until others agree")).to_be_visible()
    plan = page.get_by_role("region", name="Plan")
    expect(plan).to_contain_text("cannot be undone")
    expect(plan).to_contain_text("nights; when it closes: the wave is finished, then it pauses")
    assert not axe(page)
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("heading", name="It is agreed to, and begins by itself")).to_be_visible()
    expect(page.get_by_text("basis-1 approved").first).to_be_visible()
    agreed = _now(server, change)
    assert (agreed["state"], agreed["approved"]) == ("scheduled", agreed["plan"]["hash"])
    page.get_by_role("button", name="Start now").click()
    page.get_by_role("dialog").get_by_role("button", name="Start now").click()
    expect(page.get_by_role("dialog").get_by_text("change.not_clear")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel change").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("Another night")
    page.get_by_role("dialog").get_by_role("button", name="Cancel the change").click()
    expect(page.get_by_role("heading", name="It was cancelled before it began")).to_be_visible()
    expect(page.get_by_role("region", name="Where it stands")).to_contain_text("Another night")


def test_a_draft_is_submitted_and_glass_is_broken_with_a_reason(server: Server, open_page: Open) -> None:
    change = _want(server, "patch", title="It burns", targets=["web-3"], submit=False)
    page = open_page(server, f"/changes/{change}")
    expect(page.get_by_role("heading", name="A draft: nobody was asked yet")).to_be_visible()
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("dialog").get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="It waits until others agree")).to_be_visible()
    page.get_by_role("button", name="Break glass").click()
    dialog = page.get_by_role("dialog", name="Break glass")
    expect(dialog.get_by_role("note")).to_contain_text("No window, freeze, approval or condition holds it")
    begin = dialog.get_by_role("button", name="Break glass and begin")
    expect(begin).to_be_disabled()
    dialog.get_by_label("Why it cannot wait").fill("The hole is used")
    assert not axe(page)
    begin.click()
    expect(page.get_by_text("glass broken", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Review and close")).to_be_visible()
    broken = _now(server, change)
    assert (broken["glass"]["by"], broken["glass"]["reason"]) == ("user:basis-1", "The hole is used")
    page.get_by_role("button", name="Review and close").click()
    page.get_by_role("dialog").get_by_role("button", name="Close the change").click()
    expect(page.get_by_role("dialog").get_by_text("change.unapproved")).to_be_visible()


def _words(found: Any) -> list[str]:
    return [" ".join(text.split()) for text in found.all_inner_texts()]


def test_a_draft_is_edited_once_one_has_seen_what_differs(server: Server, open_page: Open) -> None:
    given = {"version": "2.4"}
    change = _want(server, "upgrade", title="Drafted", targets=["web-1"], submit=False, **{"with": given})
    page = open_page(server, f"/changes/{change}")
    page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name=f"Edit {change}")
    expect(dialog.get_by_label("Title")).to_have_value("Drafted")
    expect(dialog.get_by_role("checkbox", name="web-1")).to_be_checked()
    dialog.get_by_role("button", name="See what differs").click()
    expect(dialog.get_by_text("Nothing is otherwise than it was.")).to_be_visible()
    expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
    dialog.get_by_role("button", name="Back").click()
    dialog.get_by_label("Version").fill("2.5")
    dialog.get_by_role("checkbox", name="web-3").check()
    dialog.get_by_label("Reason").fill("Two holes are closed")
    dialog.get_by_role("button", name="See what differs").click()
    told = dialog.get_by_role("region", name="What differs")
    expect(told.get_by_text("version")).to_be_visible()
    assert _words(told.get_by_role("deletion")) == [
        "removed: A hole is closed",
        "removed: web-1",
        "removed: 2.4",
    ]
    assert _words(told.get_by_role("insertion")) == [
        "added: Two holes are closed", "added: web-1, web-3", "added: 2.5",
    ]  # fmt: skip
    expect(dialog.get_by_text("It stays a draft")).to_be_visible()
    assert not axe(page)
    dialog.get_by_role("button", name="Back").click()
    expect(dialog.get_by_label("Version")).to_have_value("2.5")
    dialog.get_by_role("button", name="See what differs").click()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("Two holes are closed").first).to_be_visible()
    made = _now(server, change)
    assert (made["state"], made["wanted"], made["inputs"]["version"], made["title"]) == (
        "draft",
        ["web-1", "web-3"],
        "2.5",
        "Drafted",
    )


def test_an_edit_of_what_was_agreed_to_says_so_and_what_differs_stays_to_be_read(
    server: Server, open_page: Open
) -> None:
    change = _want(server, "patch", title="Kernel 6.13", targets=["web-1", "web-2"])
    page = open_page(server, f"/changes/{change}")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("heading", name="It is agreed to, and begins by itself")).to_be_visible()
    agreed = _now(server, change)["approved"]
    page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name=f"Edit {change}")
    dialog.get_by_role("checkbox", name="web-2").uncheck()
    dialog.get_by_role("checkbox", name="web-3").check()
    dialog.get_by_role("button", name="See what differs").click()
    expect(dialog.get_by_role("note")).to_contain_text("It loses its agreement")
    expect(dialog.get_by_role("note")).to_contain_text(agreed[:12])
    assert not axe(page)
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="What differs from the plan that was agreed to")).to_be_visible()
    differs = page.get_by_role("region", name="What differs from the plan that was agreed to")
    expect(differs).to_contain_text(agreed[:12])
    expect(differs.get_by_role("insertion").first).to_have_text(re.compile("web-3"))
    expect(differs.get_by_role("deletion").first).to_have_text(re.compile("web-2"))
    assert not axe(page)
    edited = _now(server, change)
    assert (edited["state"], edited["approved"]) == ("assess", None), "nobody is left who may agree: basis-1 edited it"


def test_the_calendar_shows_windows_freezes_and_conflicts(server: Server, open_page: Open) -> None:
    first, second = (_want(server, "rotate", title=f"Rotate, {turn}", targets=["web-3"]) for turn in ("once", "twice"))
    page = open_page(server, "/changes/calendar")
    table = page.get_by_role("table", name="Calendar of changes")
    expect(table.get_by_text("Patch night").first).to_be_visible()
    expect(table.get_by_text("Year-end closing").first).to_be_visible()
    planned = table.get_by_role("link").filter(has_text="Rotate, once")
    expect(planned).to_contain_text(f"conflicts with {second}")
    expect(page.get_by_text("2 in conflict")).to_be_visible()
    assert not axe(page)
    page.get_by_role("button", name="Later").click()
    page.get_by_role("button", name="Later").click()
    expect(page.get_by_role("heading", name="Nothing is planned in these weeks")).to_be_visible()
    page.get_by_role("button", name="This week").click()
    planned.click()
    expect(page).to_have_url(re.compile(f"/changes/{first}$"))


def test_what_was_reported_is_found_where_it_was_before(server: Server, open_page: Open) -> None:
    answer = server.client.post("/api/v1/change-records", json={"title": "Shop 2.4", "resources": ["shop-1"]})
    record = answer.json()["id"]
    page = open_page(server, f"/changes/{record}")
    expect(page).to_have_url(re.compile(f"/changes/reported/{record}"))
    expect(page.get_by_role("complementary", name="Change").get_by_role("heading", name="Shop 2.4")).to_be_visible()
    page.get_by_role("navigation", name="Changes").get_by_role("link", name="Calendar").click()
    expect(page).to_have_url(re.compile("/changes/calendar"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_changes_on_a_phone(server: Server, open_page: Open, dark: bool) -> None:
    change = _want(server, "upgrade", title="On the go", **{"with": {"version": "2.6"}})
    page = open_page(server, "/changes?state=waiting", phone=True, dark=dark)
    page.get_by_role("link", name=re.compile(f"{change} .*On the go")).tap()
    expect(page.get_by_role("list", name="Waves and their targets")).to_contain_text("web-3")
    for path in (f"/changes/{change}", "/changes", "/changes/calendar", "/changes?new=1&of=default/upgrade"):
        page.goto(path)
        expect(page.get_by_text(re.compile("Reading ")).first).to_be_hidden()
        assert not axe(page), path
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    page.goto("/changes/calendar")
    expect(page.get_by_role("list", name="Calendar of changes")).to_contain_text("Year-end closing")


def test_changes_in_the_dark(server: Server, open_page: Open) -> None:
    change = _want(server, "upgrade", title="By night", **{"with": {"version": "2.7"}})
    page = open_page(server, "/changes", dark=True)
    expect(page.get_by_role("table", name="Changes").get_by_role("row").filter(has_text=change)).to_contain_text(
        "Scheduled"
    )
    assert not axe(page)
    page.goto(f"/changes/{change}")
    expect(page.get_by_role("heading", name="By night")).to_be_visible()
    assert not axe(page)
    page.goto("/changes/calendar")
    expect(page.get_by_role("table", name="Calendar of changes")).to_be_visible()
    assert not axe(page)
