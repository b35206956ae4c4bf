"""Runs, approvals and workflows in the console: what one sees of them, and what one can do."""

import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe
from tests.faults import process, stopped
from tests.server import Server, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

WORKFLOWS = """
apiVersion: oncue/v1
kind: Team
metadata: {name: storage}
spec: {members: [basis-1]}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: extend-volume}
spec:
  description: Makes a volume larger
  inputs:
    type: object
    required: [host]
    properties: {host: {type: string, title: Host}}
  steps:
    - id: both
      parallel:
        - {id: look, emit: {type: org.example.look}}
        - {id: measure, emit: {type: org.example.measure}}
    - {id: dump, if: "inputs.host == 'elsewhere'", emit: {type: org.example.dump}}
    - {id: ask, ask: "Extend the volume on ${inputs.host}?", approvals: [{by: ["team:storage"]}]}
    - {id: extend, emit: {type: org.example.extended, resource: "${inputs.host}"}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: one-at-a-time}
spec:
  inputs: {type: object, required: [host], properties: {host: {type: string}}}
  concurrency: {by: [inputs.host]}
  steps:
    - {id: settle, wait: {event: {types: [org.example.one]}, timeout: 1h}}
    - {id: tell, title: Tell who asked, set: {told: true}}
  triggers: [{id: nightly, schedule: {cron: "0 3 * * *"}, with: {host: erp-9}}]
  on_failure: {rollback: all}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: stops-for-a-person}
spec:
  steps:
    - {id: breaks, uses: event.emit, with: {type: "${'oncue.' + 'reserved'}"}}
    - {id: last, set: {reached: true}}
  on_failure: {pause: true}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: many-hosts}
spec:
  steps:
    - id: hosts
      for_each: {items: HOSTS, as: host, max_parallel: 10, max_failures: 1}
      steps: [{id: reach, uses: event.emit, with: {type: "${host == 'h7' ? 'oncue.reserved' : 'org.example.reached'}"}}]
    - {id: settle, wait: {event: {types: [org.example.settled]}}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: cannot-be-undone}
spec:
  steps:
    - id: grow
      uses: event.emit
      with: {type: org.example.grown}
      rollback: {uses: http.request, with: {method: POST, url: "http://127.0.0.1:9/", body: "${result.never}"}}
    - {id: breaks, uses: event.emit, with: {type: "${'oncue.' + 'reserved'}"}}
  on_failure: {rollback: all}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: many-steps}
spec:
  steps:
    - {id: first, wait: {event: {types: [org.example.settled]}}}
STEPS
""".replace("HOSTS", str([f"h{number}" for number in range(40)])).replace(
    "STEPS", "\n".join(f"    - {{id: step{number}, set: {{seen: {number}}}}}" for number in range(40))
)


@pytest.fixture(scope="module")
def workflows(server: Server) -> Server:
    """The server with these workflows."""
    applied = server.client.post("/api/v1/manifests", content=WORKFLOWS, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text
    return server


def _started(server: Server, workflow: str, state: str, **inputs: Any) -> str:
    """The id of a new run that has come to this state."""
    answer = server.client.post("/api/v1/runs", json={"workflow": workflow, "inputs": inputs})
    assert answer.status_code == 201, answer.text
    run = str(answer.json()["id"])
    eventually(
        lambda: server.client.get(f"/api/v1/runs/{run}").json()["state"] == state, what=f"{workflow} being {state}"
    )
    return run


def test_a_run_that_asks_people_says_so_and_is_approved_on_its_page(workflows: Server, open_page: Open) -> None:
    run = _started(workflows, "extend-volume", "running", host="erp-1")
    page = open_page(workflows, f"/runs/{run}")
    expect(page.locator(".page-head").get_by_text("Waiting for approval", exact=True)).to_be_visible()
    graph = page.get_by_role("group", name="The steps of extend-volume")
    expect(graph.get_by_role("button", name=re.compile("^dump Skipped"))).to_be_visible()
    expect(graph.get_by_role("button", name=re.compile("^extend to come"))).to_be_visible()
    graph.get_by_role("button", name=re.compile("^measure Succeeded")).click()
    expect(page.get_by_role("region", name="Step both/measure")).to_contain_text("org.example.measure")
    expect(page.get_by_role("link", name=re.compile("^Approvals [1-9]"))).to_be_visible()
    expect(page.get_by_role("button", name="Reject")).to_be_disabled()
    expect(page.get_by_text("It needs one approval. Yours counts.")).to_be_visible()
    expect(page.get_by_role("list", name="Steps that follow")).to_contain_text("extend")
    expect(page.get_by_text("you", exact=True)).to_be_visible()
    assert not axe(page)
    page.get_by_label("Reason, kept in the journal with your name").fill("There is room")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator(".page-head").get_by_text("Succeeded", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Cancel run")).to_have_count(0)
    expect(graph.get_by_role("button", name=re.compile("^extend Succeeded"))).to_be_visible()
    assert not axe(page)


@pytest.mark.parametrize("phone", [False, True])
def test_what_waits_for_a_person_is_decided_without_scrolling(workflows: Server, open_page: Open, phone: bool) -> None:
    run = _started(workflows, "extend-volume", "running", host="erp-8")
    page = open_page(workflows, f"/runs/{run}", phone=phone)
    asked = page.locator(".telling > section").first
    for seen in ("Extend the volume on erp-8?", "May approve", "Emits org.example.extended about erp-8"):
        expect(asked.get_by_text(seen, exact=True)).to_be_in_viewport(ratio=1)
    expect(asked.get_by_label("Reason, kept in the journal with your name")).to_be_in_viewport(ratio=1)
    approve = asked.get_by_role("button", name="Approve", exact=True)
    expect(approve).to_be_in_viewport(ratio=1)
    approve.click(trial=True)  # nothing lies over it
    assert page.evaluate("document.querySelector('.page').scrollTop") == 0


def test_steps_to_come_are_listed_with_what_limits_the_run(workflows: Server, open_page: Open) -> None:
    first = _started(workflows, "one-at-a-time", "running", host="erp-1")
    second = _started(workflows, "one-at-a-time", "queued", host="erp-1")
    page = open_page(workflows, f"/runs/{first}", dark=True)
    steps = page.get_by_role("group", name="Steps", exact=True)
    expect(steps.locator(".coming")).to_have_text(["tellTo come Tell who asked"])
    expect(page.get_by_role("list", name="What the marks mean")).to_have_text("WaitingTo come")
    expect(page.get_by_text("1 of 1 for host erp-1, this run; 1 other run waits")).to_be_visible()
    expect(page.get_by_text("The run fails; nothing was done so far that can be undone")).to_be_visible()
    assert not axe(page)
    page.goto(f"/runs/{second}")
    page.get_by_role("link", name=first).click()
    expect(page).to_have_url(re.compile(first))


def test_an_approval_is_found_in_the_inbox_and_rejected_with_a_reason(workflows: Server, open_page: Open) -> None:
    run = _started(workflows, "extend-volume", "running", host="erp-2")
    page = open_page(workflows, "/approvals")
    page.get_by_role("link", name=re.compile(r"Extend the volume on erp-2\?")).click()
    expect(page).to_have_url(re.compile(r"show=APR-\d+"))
    page.get_by_label("Reason, kept in the journal with your name").fill("Not tonight")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("basis-1 rejected")).to_be_visible()
    expect(page.get_by_role("button", name="Reject")).to_have_count(0)
    page.get_by_role("link", name=run).click()
    expect(page.get_by_text("Step ask rejected.")).to_be_visible()


def test_a_failed_step_waits_for_a_person_who_says_why_it_is_skipped(workflows: Server, open_page: Open) -> None:
    run = _started(workflows, "stops-for-a-person", "paused")
    page = open_page(workflows, f"/runs/{run}")
    card = page.locator(".why")
    expect(card.get_by_role("button", name="Try again")).to_be_in_viewport()
    phone = open_page(workflows, page.url.removeprefix(workflows.url), phone=True)
    expect(phone.locator(".why").get_by_role("button", name="Try again")).to_be_in_viewport(ratio=1)
    panel = page.get_by_role("region", name="Step breaks")
    expect(panel.get_by_text("event.type_reserved", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Resume")).to_have_count(0)
    panel.get_by_role("button", name="Skip").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Skip")).to_be_disabled()
    dialog.get_by_label("Reason, kept in the journal with your name").fill("Done by hand")
    dialog.get_by_role("button", name="Skip").click()
    expect(page.locator(".page-head").get_by_text("Succeeded", exact=True)).to_be_visible()
    expect(page.get_by_text("Done by hand (basis-1)").first).to_be_visible()


SLOW = """
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: slow}
spec: {host: 127.0.0.1, port: PORT}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: slow}
spec:
  steps:
    - {id: ask, uses: http.request, with: {url: "http://127.0.0.1:PORT/"}, timeout: 10m}
"""


def test_who_has_the_work_of_a_run_in_hand_is_said_and_that_nobody_has_it(workflows: Server, open_page: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = SLOW.replace("PORT", str(silent.getsockname()[1]))
        assert workflows.client.post("/api/v1/manifests", content=slow).status_code == 200
        run = _started(workflows, "slow", "running")
        worker = process(workflows, "worker")
        has_it = re.compile(rf"http.request is being done, attempt 1: worker-\S+-{worker.pid} has it\.")
        pages = [open_page(workflows, f"/runs/{run}", **look) for look in ({}, {"dark": True}, {"phone": True})]
        for page in pages:
            expect(page.locator(".why").get_by_text(has_it)).to_be_visible()
            expect(page.locator(".why").get_by_text(re.compile("then it is handed out again"))).to_be_visible()
            assert not axe(page)
        with stopped(workflows.processes()[0]):  # it starts no other
            worker.kill()
            why = pages[0].locator(".why")
            expect(why.get_by_role("heading", name="Why is it not moving?")).to_be_visible()
            expect(
                why.get_by_text("http.request waits for a worker, attempt 1: no worker is connected.")
            ).to_be_visible()
        another = process(workflows, "worker").pid
        expect(why.get_by_text(re.compile(rf"worker-\S+-{another} has it"))).to_be_visible()
        workflows.client.post(f"/api/v1/runs/{run}/cancel")


def test_many_items_are_counts_until_they_are_asked_for(workflows: Server, open_page: Open) -> None:
    run = _started(workflows, "many-hosts", "running")
    page = open_page(workflows, f"/runs/{run}")
    expect(page.locator(".page-head").get_by_text("Waiting for an event", exact=True)).to_be_visible()
    expect(page.get_by_text("It waits for event org.example.settled")).to_be_visible()
    expect(page.get_by_text("org.example.settled about anything")).to_be_visible()
    tree = page.get_by_role("group", name="Steps", exact=True)
    expect(tree.get_by_text("40 of 40 begun, 1 failed")).to_be_visible()
    expect(tree.get_by_role("button", name=re.compile("^h7 Failed"))).to_have_count(0)
    tree.get_by_role("button", name=re.compile("^hosts .*Succeeded|^hosts Succeeded")).click()
    page.get_by_role("region", name="Step hosts").get_by_role("button", name="h7", exact=True).click()
    expect(page.get_by_text("event.type_reserved", exact=True).first).to_be_visible()
    tree.get_by_role("button", name="Open hosts").click()
    expect(tree.get_by_role("button", name=re.compile("^h7 Failed"))).to_be_visible()


def test_the_time_of_a_paused_run_stands_still_and_its_page_says_so(workflows: Server, open_page: Open) -> None:
    run = _started(workflows, "one-at-a-time", "running", host="erp-4")
    page = open_page(workflows, f"/runs/{run}")
    head = page.locator(".page-head")
    expect(head).to_contain_text("ends at the latest in")
    workflows.client.post(f"/api/v1/runs/{run}/pause", json={}).raise_for_status()
    expect(head).to_contain_text(re.compile("its time stands still, with .* left"))
    expect(head).not_to_contain_text("at the latest")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("dialog")).to_contain_text(re.compile("It goes on where it stopped, with .* left"))
    assert not axe(page)


def test_a_run_is_paused_resumed_and_cancelled_by_hand(workflows: Server, open_page: Open) -> None:
    run = _started(workflows, "many-hosts", "running")
    page = open_page(workflows, f"/runs/{run}")
    head = page.locator(".page-head")
    for button, state in (("Pause", "Paused"), ("Resume", "Waiting for an event"), ("Cancel run", "Cancelled")):
        head.get_by_role("button", name=button).click()
        page.get_by_role("dialog").locator("button[type=submit]").click()
        expect(head.get_by_text(state, exact=True)).to_be_visible()
    expect(page.get_by_text("It was cancelled.")).to_be_visible()


def test_a_rollback_that_failed_is_the_loudest_thing_on_the_page(workflows: Server, open_page: Open) -> None:
    run = _started(workflows, "cannot-be-undone", "rollback_failed")
    page = open_page(workflows, f"/runs/{run}")
    alarm = page.get_by_role("alert")
    expect(alarm).to_contain_text("What this run did could not be undone")
    expect(alarm).to_contain_text("It stopped at grow")
    graph = page.get_by_role("group", name="The steps of cannot-be-undone")
    expect(graph.get_by_role("button", name=re.compile("^grow Rollback failed not undone"))).to_be_visible()
    expect(page.get_by_role("list", name="What the marks mean")).to_contain_text("Rollback failed")
    alarm.get_by_role("button", name="Settled by hand").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason, kept in the journal with your name").fill("Shrunk by hand")
    dialog.get_by_role("button", name="Settled by hand").click()
    expect(alarm).to_have_count(0)
    expect(page.locator(".page-head").get_by_text("Rolled back", exact=True)).to_be_visible()


def test_a_run_is_run_anew_from_a_step_with_other_inputs(workflows: Server, open_page: Open) -> None:
    run = _started(workflows, "extend-volume", "running", host="erp-3")
    page = open_page(workflows, f"/runs/{run}")
    page.get_by_role("region", name="Step ask").get_by_role("button", name="Run anew from here").click()
    form = page.get_by_role("form", name="Run extend-volume anew")
    expect(form.get_by_text("It takes over what dump came to.")).to_be_visible()
    form.get_by_label("Host").fill("erp-4")
    form.get_by_role("button", name="Start another run").click()
    expect(form.get_by_text(re.compile("both: begun in run-.*, and not taken over"))).to_be_visible()
    form.get_by_label("Do them again").check()
    form.get_by_role("button", name="Start another run").click()
    expect(page.get_by_text("anew from another run")).to_be_visible()
    expect(page.get_by_role("region", name="Inputs of the run")).to_contain_text("erp-4")
    expect(page.get_by_text("Yours does not count: you asked for this run.")).to_be_visible()


def test_a_workflow_is_written_beside_its_graph_which_follows_the_text(workflows: Server, open_page: Open) -> None:
    page = open_page(workflows, "/workflows/new")
    graph = page.get_by_role("group", name="The steps that are written")
    expect(graph.get_by_text("look", exact=True)).to_be_visible()
    editor = page.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("    - {id: later, wait: {for: 5m}}")
    expect(graph.get_by_text("later", exact=True)).to_be_visible()
    expect(graph.get_by_text("wait 5m")).to_be_visible()
    page.get_by_role("button", name="Review and save").click()
    page.get_by_role("dialog").get_by_role("button", name="Apply").click()
    expect(page.get_by_role("heading", name="my-workflow")).to_be_visible()
    expect(page.get_by_role("group", name="The steps of my-workflow").get_by_text("later", exact=True)).to_be_visible()
    page.get_by_role("button", name="Difference").click()
    expect(page.get_by_role("dialog")).to_contain_text("later")


def test_a_step_of_a_workflow_shows_what_it_takes(workflows: Server, open_page: Open) -> None:
    page = open_page(workflows, "/workflows/default/stops-for-a-person?step=breaks")
    expect(page.get_by_label("What breaks takes")).to_contain_text("'oncue.' + 'reserved'")


def test_the_catalogue_says_how_the_last_runs_went(workflows: Server, open_page: Open) -> None:
    _started(workflows, "stops-for-a-person", "paused")
    _started(workflows, "extend-volume", "running", host="erp-30")
    page = open_page(workflows, "/workflows")
    expect(page.get_by_role("row").filter(has_text="stops-for-a-person")).to_contain_text("Paused")
    expect(page.get_by_role("row").filter(has_text="extend-volume")).to_contain_text("Waiting for approval")
    expect(page.get_by_role("row").filter(has_text="note-it")).to_contain_text(re.compile(r"\d (s|m|h) ago"))
    expect(page.get_by_role("link", name="New workflow")).to_be_visible()


def test_the_catalogue_says_what_starts_each(workflows: Server, open_page: Open) -> None:
    page = open_page(workflows, "/workflows")
    expect(page.get_by_role("row").filter(has_text="note-it")).to_contain_text("Policy stalled-log")
    expect(page.get_by_role("row").filter(has_text="one-at-a-time")).to_contain_text("Every day at 03:00")
    expect(page.get_by_role("row").filter(has_text="many-hosts")).to_contain_text("people alone")
    assert not axe(page)


def test_the_approval_that_is_chosen_stands_out_in_the_list(workflows: Server, open_page: Open) -> None:
    for host in ("erp-20", "erp-21"):
        _started(workflows, "extend-volume", "running", host=host)
    page = open_page(workflows, "/approvals")
    colour = "element => getComputedStyle(element).backgroundColor"
    first, second = (page.locator(".moving-row").filter(has_text=f"on erp-{number}?") for number in (20, 21))
    for chosen, other in ((first, second), (second, first)):
        chosen.click()
        expect(chosen).to_have_attribute("aria-current", "page")
        page.mouse.move(0, 0)
        assert chosen.evaluate(colour) != other.evaluate(colour)


@pytest.mark.parametrize("phone", [False, True])
def test_a_long_run_scrolls_in_its_page_and_not_the_whole_console(
    workflows: Server, open_page: Open, phone: bool
) -> None:
    run = _started(workflows, "many-steps", "running")
    page = open_page(workflows, f"/runs/{run}", phone=phone)
    expect(page.get_by_role("button", name=re.compile("^step39")).first).to_be_visible()
    assert page.evaluate("document.querySelector('.page').scrollHeight > innerHeight")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


@pytest.mark.parametrize("phone", [False, True])
def test_the_list_says_what_a_run_waits_for_and_what_it_was_given(
    workflows: Server, open_page: Open, phone: bool
) -> None:
    run = _started(workflows, "extend-volume", "running", host="erp-listed")
    page = open_page(workflows, "/runs", phone=phone)
    row = (
        page.get_by_role("listitem" if phone else "row")
        .filter(has=page.locator(f'a[href="/runs/{run}"]'))
        .or_(page.locator(f'a.card-row[href="/runs/{run}"]'))
        .last
    )
    expect(row).to_contain_text("Waiting for approval")
    expect(row).to_contain_text("team storage, 0 of 1 agreed")
    expect(row).to_contain_text("host erp-listed")
    assert not axe(page)


def test_what_is_wrong_with_a_text_stays_in_sight_and_lies_over_none_of_its_lines(
    workflows: Server, open_page: Open
) -> None:
    page = open_page(workflows, "/workflows/default/one-at-a-time?edit=1")
    page.set_viewport_size({"width": 1280, "height": 800})
    problems = page.locator(".problems")
    expect(problems).to_contain_text("nothing would be undone")
    expect(problems).to_be_in_viewport(ratio=1)
    text, wrong = page.locator(".yaml-editor").bounding_box(), problems.bounding_box()
    assert text is not None and wrong is not None
    assert text["y"] + text["height"] <= wrong["y"]


def test_the_list_says_what_runs_wait_for(workflows: Server, open_page: Open) -> None:
    waiting = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: needs-the-west}
spec:
  labels: {site: west}
  steps: [{id: ask, uses: http.request, with: {url: "http://127.0.0.1:9/"}}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: rests}
spec: {steps: [{id: rest, wait: {for: 50m}}]}
"""
    workflows.client.post("/api/v1/manifests", content=waiting, headers={"Content-Type": "application/yaml"})
    said = {
        "needs-the-west": ("Waiting for a worker", "no worker that is connected has site=west"),
        "rests": ("Waiting for a time", "goes on in 4"),
        "one-at-a-time": ("Waiting for an event", "org.example.one"),
    }
    inputs = {"one-at-a-time": {"host": "erp-9"}}
    runs = [_started(workflows, name, "running", **inputs.get(name, {})) for name in said]
    for look in ({}, {"dark": True}, {"phone": True}):
        page = open_page(workflows, "/runs?state=running", **look)
        for name, (state, what) in said.items():
            row = page.get_by_role("listitem" if "phone" in look else "row").filter(has_text=name).first
            expect(row).to_contain_text(state)
            expect(row).to_contain_text(what)
        assert not axe(page)
    page = open_page(workflows, "/workflows/default/rests")
    expect(page.locator(f'a[href="/runs/{runs[1]}"]')).to_contain_text("Waiting for a time")
    page = open_page(workflows, f"/runs/{runs[0]}")
    expect(page.locator(".page-head")).to_contain_text("Waiting for a worker")
    expect(page.get_by_role("button", name="ask Waiting for a worker")).to_be_visible()
    graph = page.get_by_role("group", name="The steps of needs-the-west")
    expect(graph.get_by_role("button", name=re.compile("^ask Waiting waiting for a worker"))).to_be_visible()
    asked: list[str] = []
    page = open_page(workflows, "/sign-in")
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/")
    for run, (state, what) in zip(runs, said.values(), strict=True):
        row = page.locator(f'.moving-row[href="/runs/{run}"]')
        expect(row).to_contain_text(state)
        expect(row).to_contain_text(what)
    first = next(url for url in asked if "/runs/why" in url)
    assert all(run in first for run in runs), "they are asked about together"
    for run in runs:
        workflows.client.post(f"/api/v1/runs/{run}/cancel")


def test_runs_are_narrowed_to_a_workflow_and_to_who_asked(workflows: Server, open_page: Open) -> None:
    _started(workflows, "many-hosts", "running")
    page = open_page(workflows, "/runs")
    (csrf,) = [one["value"] for one in page.context.cookies() if "csrf" in one["name"]]
    made = page.request.post("/api/v1/runs", data={"workflow": "many-steps"}, headers={"X-CSRF-Token": csrf})
    mine = made.json()["id"]
    rows = page.get_by_role("table", name="Runs").get_by_role("row")
    page.get_by_label("Asked for by").fill("basis-1")
    page.get_by_label("Asked for by").press("Enter")
    expect(rows.filter(has_text="many-hosts")).to_have_count(0)
    expect(page.locator(f'a[href="/runs/{mine}"]')).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("combobox", name="Workflow").click()
    page.keyboard.type("many-h", delay=25)
    page.get_by_role("option", name="many-hosts").click()
    expect(rows.filter(has_text="many-steps")).to_have_count(0)
    expect(rows.filter(has_text="many-hosts").first).to_be_visible()
    expect(page).to_have_url(re.compile("type=many-hosts"))


def test_runs_that_were_rolled_back_are_one_choice_away(workflows: Server, open_page: Open) -> None:
    run = _started(workflows, "cannot-be-undone", "rollback_failed")
    page = open_page(workflows, "/runs")
    page.get_by_role("group", name="State").get_by_role("button", name="Rolled back").click()
    expect(page.get_by_role("link", name="cannot-be-undone").first).to_have_attribute("href", f"/runs/{run}")
    expect(page.get_by_role("link", name="stops-for-a-person")).to_have_count(0)


def test_a_problem_leads_to_its_line(workflows: Server, open_page: Open) -> None:
    page = open_page(workflows, "/workflows/new")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("    - {id: odd, uses: no.such}")
    page.keyboard.press("Control+Home")
    page.get_by_role("button", name=re.compile(r"^\d+:\d+.*no\.such")).click()
    expect(page.locator(".cm-activeLine")).to_contain_text("no.such")


@pytest.mark.parametrize("phone", [False, True])
def test_an_unknown_address_keeps_the_way_back(workflows: Server, open_page: Open, phone: bool) -> None:
    page = open_page(workflows, "/nowhere/at-all", phone=phone)
    expect(page.get_by_text("There is no such page")).to_be_visible()
    assert not axe(page)
    page.locator(".page").get_by_role("link", name="Runs").click()
    expect(page).to_have_url(re.compile("/runs$"))
