"""The main job of every page, done in a browser against a real server."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, incident_of, said
from tests.server import Server, event, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


def test_the_printed_link_makes_the_first_administrator(fresh_server: Server, open_page: Open) -> None:
    link = eventually(
        lambda: re.search(r"/sign-in\?link=\S+", fresh_server.log.read_text(errors="replace")), what="the printed link"
    )
    page = open_page(fresh_server, link[0], signed_in=False)
    page.get_by_label("Name").fill("first-1")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create and sign in").click()
    expect(page.get_by_role("heading", name="All is well")).to_be_visible()
    assert [user["name"] for user in fresh_server.items("users")] == ["first-1"]
    again = open_page(fresh_server, link[0], signed_in=False)
    expect(again.get_by_role("alert")).to_contain_text("link")


def test_signing_in_leads_back_to_the_page_that_was_asked_for(server: Server, open_page: Open) -> None:
    page = open_page(server, "/runs?state=failed", signed_in=False)
    page.get_by_label("Name").fill("basis-1")
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("auth.invalid")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    assert page.url.endswith("/runs?state=failed")


def test_now_shows_a_new_incident_without_a_reload(server: Server, open_page: Open) -> None:
    page = open_page(server, "/")
    expect(page.locator(".live[data-state=live]")).to_be_visible()
    server.emit(event(title="Order entry is slow", severity="critical", resource="crm-9", service="sales"))
    expect(page.get_by_role("link", name="Order entry is slow").first).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("sales"))).to_be_visible()


def test_new_alerts_are_announced_and_then_let_in(server: Server, open_page: Open) -> None:
    page = open_page(server, "/alerts")
    expect(page.get_by_role("heading", name="Alerts")).to_be_visible()
    expect(page.locator(".live[data-state=live]")).to_be_visible()
    server.emit(event(title="Announced first", resource="host-announced"))
    button = page.get_by_role("button", name=re.compile(r"\d+ new alert"))
    expect(button).to_be_visible()
    expect(page.get_by_role("link", name="Announced first")).to_have_count(0)
    button.click()
    expect(page.get_by_role("link", name="Announced first")).to_be_visible()


def test_alerts_are_acknowledged_in_bulk(server: Server, open_page: Open) -> None:
    server.emit(*(event(title=f"Bulk {n}", resource=f"bulk-{n}", type="org.example.bulk") for n in range(3)))
    page = open_page(server, "/alerts?type=org.example.bulk")
    page.get_by_role("checkbox", name="Choose all that are shown").check()
    page.get_by_role("button", name="Acknowledge 3").click()
    expect(page.get_by_role("cell").get_by_text("Acknowledged", exact=True)).to_have_count(3)
    alerts = server.items("alerts", type="org.example.bulk")
    assert {alert["acknowledged_by"] for alert in alerts} == {"user:basis-1"}


def test_all_that_a_filter_finds_is_acknowledged_and_columns_go_and_stay_away(server: Server, open_page: Open) -> None:
    server.emit(*(event(title=f"Found {n}", resource=f"found-{n}", type="org.example.found") for n in range(3)))
    page = open_page(server, "/alerts?type=org.example.found")
    page.get_by_role("button", name="All found").click()
    page.get_by_role("menuitem", name="Acknowledge all").click()
    page.get_by_role("dialog").get_by_role("button", name="Acknowledge all").click()
    expect(page.get_by_role("cell").get_by_text("Acknowledged", exact=True)).to_have_count(3)
    page.get_by_role("checkbox", name="Choose all that are shown").check()
    page.get_by_role("button", name="Snooze 3").click()
    page.get_by_role("menuitem", name="For 1 hour").click()
    expect(page.get_by_role("cell").get_by_text("Quiet", exact=True)).to_have_count(3)
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("menuitem", name="Last seen, shown").click()
    expect(page.get_by_role("columnheader", name="Last seen")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("columnheader", name="Incident")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Last seen")).to_have_count(0)


def test_an_alert_opens_beside_its_list_under_an_address_of_its_own(server: Server, open_page: Open) -> None:
    server.emit(event(title="Panel alert", resource="panel-1", data={"value": 97, "limit": 90, "unit": "%"}))
    page = open_page(server, "/alerts")
    page.get_by_role("link", name="Panel alert").click()
    panel = page.get_by_role("complementary", name="Alert")
    expect(panel.get_by_role("heading", name="Panel alert")).to_be_visible()
    expect(panel.get_by_text("97 %, limit 90 %").first).to_be_visible()
    assert re.search(r"/alerts/al-\w+", page.url)
    page.reload()
    expect(panel.get_by_role("heading", name="Panel alert")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)


def test_a_silence_from_an_alert_makes_it_quiet_and_says_why(server: Server, open_page: Open) -> None:
    server.emit(event(title="To be silenced", resource="silent-1", check="disk"))
    page = open_page(server, "/alerts?resource=silent-1")
    page.get_by_role("link", name="To be silenced").click()
    page.get_by_role("button", name="Silence", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Why").fill("Disk is being extended")
    dialog.get_by_role("button", name="Silence", exact=True).click()
    expect(page.get_by_role("heading", name="Why it is quiet")).to_be_visible()
    page.goto("/quiet")
    expect(page.get_by_text("Disk is being extended")).to_be_visible()
    page.get_by_role("button", name="End", exact=True).first.click()
    page.get_by_role("button", name="End the silence").click()
    expect(page.get_by_text("No silence")).to_be_visible()


def test_an_incident_goes_from_open_to_closed(server: Server, open_page: Open) -> None:
    server.emit(event(title="Whole life", resource="life-1"))
    page = open_page(server, f"/incidents/{incident_of(server, 'Whole life')}")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("by basis-1").first).to_be_visible()
    page.get_by_label("Comment", exact=True).fill("Looking at the fabric")
    page.get_by_role("button", name="Comment").click()
    expect(said(page, "Looking at the fabric")).to_be_visible()
    page.get_by_role("button", name="Assign").click()
    page.get_by_role("dialog").get_by_label("Name").fill("network-2")
    page.get_by_role("dialog").get_by_role("button", name="Assign").click()
    expect(page.get_by_text("Assigned to network-2")).to_be_visible()
    page.get_by_role("button", name="Resolve").click()
    page.get_by_role("dialog").get_by_role("button", name="Resolve").click()
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Close", exact=True).last.click()
    expect(page.locator(".page-head").get_by_text("Closed")).to_be_visible()


def test_two_people_see_each_others_acts(server: Server, open_page: Open) -> None:
    server.emit(event(title="Shared work", resource="shared-1"))
    path = f"/incidents/{incident_of(server, 'Shared work')}"
    one, two = open_page(server, path), open_page(server, path)
    expect(two.locator(".live[data-state=live]")).to_be_visible()
    expect(two.get_by_role("button", name="Acknowledge")).to_be_visible()
    one.get_by_role("button", name="Acknowledge").click()
    expect(two.get_by_text("by basis-1").first).to_be_visible()
    expect(two.get_by_role("button", name="Acknowledge")).to_have_count(0)


def test_an_event_is_found_and_its_story_told(server: Server, open_page: Open) -> None:
    server.emit(
        event(title="Log stalls", type="db.log.stalled", resource="erp-1", severity="critical"),
    )
    incident_of(server, "Log stalls")
    page = open_page(server, "/events?type=db.log.*")
    page.get_by_role("link", name="db.log.stalled").first.click()
    panel = page.get_by_role("complementary", name="Event")
    expect(panel.get_by_role("region", name="The CloudEvent")).to_contain_text('"resource": "erp-1"')
    panel.get_by_role("link", name="What it caused").click()
    expect(page.get_by_role("heading", name="What this event caused, and what it did not")).to_be_visible()
    graph = page.locator(".graph")
    expect(graph.get_by_text("Log stalls").first).to_be_visible()
    expect(graph.get_by_text("note-it")).to_be_visible()
    expect(graph.get_by_text("stalled-log", exact=True)).to_be_visible()
    assert all(box["width"] > 145 for node in graph.locator(".node").all() if (box := node.bounding_box())), (
        "too small to read"
    )


def test_what_a_policy_did_and_did_not_do_is_shown(server: Server, open_page: Open) -> None:
    server.emit(event(title="Log stalls again", type="db.log.stalled", resource="erp-1", check="second"))
    page = open_page(server, "/policies")
    page.get_by_role("link", name="stalled-log").click()
    expect(page.get_by_label("The policy stalled-log as YAML")).to_contain_text("db.log.stalled")
    expect(page.get_by_text("matched").first).to_be_visible()
    expect(page.get_by_text("cooldown").first).to_be_visible()


def test_a_run_shows_its_steps_and_what_went_in(server: Server, open_page: Open) -> None:
    page = open_page(server, "/runs")
    page.get_by_role("link", name="note-it").first.click()
    expect(page.get_by_role("region", name="Inputs of note")).to_contain_text("Looked at erp-1")
    expect(page.get_by_role("region", name="Inputs of the run")).to_contain_text("erp-1")


def test_a_workflow_is_started_from_a_form_that_says_what_is_wrong_at_its_field(
    server: Server, open_page: Open
) -> None:
    page = open_page(server, "/workflows")
    page.get_by_role("link", name="Start note-it").click()
    expect(page.get_by_label("The workflow note-it as YAML")).to_contain_text("incident.comment")
    form = page.get_by_role("form", name="Start note-it")
    expect(form.get_by_label("Depth")).to_have_value("2")
    form.get_by_label("Depth").fill("9")
    form.get_by_role("button", name="Start run").click()
    expect(form.get_by_text("Fill this in")).to_be_visible()
    expect(form.get_by_text("At most 5", exact=True)).to_be_visible()
    expect(form.get_by_label("Host")).to_be_focused()
    form.get_by_label("Host").fill("erp-7")
    form.get_by_label("Depth").fill("3")
    form.get_by_role("combobox", name="Mode").click()
    page.get_by_role("option", name="thorough").click()
    form.get_by_role("button", name="Start run").click()
    inputs = page.get_by_role("region", name="Inputs of the run")
    expect(inputs).to_contain_text("erp-7")
    expect(inputs).to_contain_text("thorough")
    run = server.items("runs", type="note-it")[0]
    assert run["inputs"] == {"host": "erp-7", "depth": 3, "mode": "thorough"}
    assert run["trigger"] == {"kind": "manual", "actor": "user:basis-1"}


def test_incidents_stand_by_priority_and_then_by_age(server: Server, open_page: Open) -> None:
    for number, severity in enumerate(("warning", "critical", "critical")):
        server.emit(
            event(title=f"Ordered {number}", severity=severity, resource=f"order-{number}", service=f"order-{number}")
        )
        incident_of(server, f"Ordered {number}")
    page = open_page(server, "/incidents?q=Ordered")
    expect(page.get_by_role("link", name=re.compile("^Ordered"))).to_have_text(["Ordered 1", "Ordered 2", "Ordered 0"])


def test_a_ticket_is_written_worked_on_and_resolved(server: Server, open_page: Open) -> None:
    page = open_page(server, "/tickets")
    page.get_by_role("button", name="New ticket").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Firewall rule for the backup target")
    dialog.get_by_role("button", name="Write ticket").click()
    expect(dialog).to_have_count(0)
    announced = page.get_by_role("button", name=re.compile("new ticket: show"))
    row = page.get_by_role("link", name="Firewall rule for the backup target")
    expect(row.or_(announced).first).to_be_visible()
    if announced.is_visible():
        announced.click()
    row.click()
    panel = page.get_by_role("complementary", name="Ticket")
    panel.get_by_role("button", name="Begin work").click()
    panel.get_by_label("Comment", exact=True).fill("Rule requested")
    panel.get_by_role("button", name="Comment").click()
    expect(said(panel, "Rule requested")).to_be_visible()
    panel.get_by_role("button", name="Resolve").click()
    expect(panel.get_by_role("button", name="Reopen")).to_be_visible()


def test_sources_monitors_mail_and_dead_letters_have_their_place(server: Server, open_page: Open) -> None:
    answer = server.emit(
        event(title="Log stalls here", type="db.log.stalled", resource="erp-3"), event(severity="dreadful")
    )
    eventually(lambda: server.items("mailbox"), what="a mail")
    assert len(answer["rejected"]) == 1
    page = open_page(server, "/integrations/sources")
    expect(page.get_by_text("/api/v1/events", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="How to connect CloudEvents")).to_contain_text(server.url)
    page.get_by_role("link", name="Monitors").click()
    expect(page.get_by_role("heading", name="load")).to_be_visible()
    page.get_by_role("link", name="Channels").click()
    expect(page.get_by_text("Reaches 1 team: basis")).to_be_visible()
    page.get_by_role("link", name="Local mailbox").click()
    page.get_by_role("button", name=re.compile("Log stalls")).first.click()
    expect(page.get_by_text("basis@localhost").first).to_be_visible()
    page.get_by_role("link", name="Dead letters").click()
    expect(page.get_by_text("event.malformed").first).to_be_visible()
    page.get_by_role("button", name="Redrive").first.click()
    expect(page.get_by_role("alert").or_(page.get_by_text("No dead letter"))).to_be_visible()


def test_a_source_is_added_by_its_guide_and_its_first_event_shows_by_itself(server: Server, open_page: Open) -> None:
    page = open_page(server, "/integrations/sources")
    page.get_by_role("button", name="Grafana", exact=True).click()
    guide = page.get_by_role("region", name="Add a source")
    guide.get_by_label("Name", exact=True).fill("board")
    expect(guide.get_by_role("region", name="How to connect Grafana")).to_contain_text(f"{server.url}/in/board")
    expect(guide.get_by_role("status")).to_contain_text("Not in force yet")
    guide.get_by_role("button", name="Apply as it stands").click()
    expect(guide.get_by_role("status")).to_contain_text("Waiting for the first event")
    alert = {
        "status": "firing",
        "labels": {"alertname": "High CPU", "instance": "web-1"},
        "fingerprint": "1b2c3d4e5f607182",
    }
    answer = server.client.post("/in/board", json={"receiver": "oncue", "status": "firing", "alerts": [alert]})
    assert answer.status_code == 200, answer.text
    expect(guide.get_by_role("status")).to_contain_text("1 accepted")


def test_every_manifest_of_the_guide_is_accepted_as_it_stands(server: Server, open_page: Open) -> None:
    page = open_page(server, "/integrations/sources")
    choices = page.get_by_role("group", name="What sends").get_by_role("button")
    expect(choices.first).to_be_visible()
    accepted = []
    for label in choices.all_inner_texts():
        choices.get_by_text(label, exact=True).click()
        expect(page.get_by_role("region", name=f"How to connect {label}", exact=True)).to_be_visible()
        manifest = page.get_by_role("region", name=f"The manifest of {label}", exact=True)
        if manifest.count() == 0:
            continue
        answer = server.client.post(
            "/api/v1/manifests",
            params={"dry_run": "true"},
            content=manifest.inner_text(),
            headers={"Content-Type": "application/yaml"},
        )
        assert answer.status_code == 200, f"{label}: {answer.text}"
        accepted.append(label)
    assert len(accepted) >= 14


def test_a_failed_response_is_loud_and_counted(server: Server, open_page: Open) -> None:
    manifests = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: soon-gone}
spec: {steps: [{id: note, uses: incident.comment, with: {text: x}}]}
---
apiVersion: oncue/v1
kind: Policy
metadata: {name: needs-it}
spec:
  match: {types: [org.example.needy]}
  respond: [{run: {workflow: soon-gone}}]
"""
    applied = server.client.post("/api/v1/manifests", content=manifests, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text
    refused = server.client.delete("/api/v1/manifests/Workflow/default/soon-gone")
    assert (refused.status_code, refused.json()["code"]) == (409, "manifest.in_use")
    gone = server.client.delete("/api/v1/manifests/Workflow/default/soon-gone", params={"force": "true"})
    assert gone.status_code == 200, gone.text
    server.emit(event(type="org.example.needy", title="Needs it", resource="needy-1", severity="critical"))
    server.emit(event(type="org.example.needy", title="Better", resource="needy-1", severity="warning"))
    page = open_page(server, "/policies/default/needs-it")
    expect(page.get_by_text("failed 2 times")).to_be_visible()
    expect(page.get_by_title("Failed: response_failed").first).to_be_visible()
    expect(page.get_by_text("workflow.not_found").first).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("link", name="Policy needs-it failed 2 times")).to_be_visible()
    expect(page.get_by_text("1 policy failed in the last 24 h")).to_be_visible()
    alert = next(one for one in server.items("alerts") if one["resource"] == "needy-1")
    page.goto(f"/alerts/{alert['id']}")
    panel = page.get_by_role("complementary", name="Alert")
    expect(panel.get_by_title("Failed: response_failed").first).to_be_visible()
    expect(panel.get_by_text(re.compile(r"^Critical at \d\d:\d\d$"))).to_be_visible()


def test_a_policys_page_shows_what_its_condition_remembers(server: Server, open_page: Open) -> None:
    manifests = """
apiVersion: oncue/v1
kind: Policy
metadata: {name: slow-answers}
spec:
  match: {types: [org.example.answer]}
  condition: {avg: event.data.value, within: 1h, fire_above: 100, max_keys: 2}
  alert: {severity: minor, title: "Slow answers of ${event.resource}"}
"""
    applied = server.client.post("/api/v1/manifests", content=manifests, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text
    for resource, value in (("web-1", 200), ("web-2", 12.3456), ("web-3", 5), ("web-1", 100)):
        server.emit(event(type="org.example.answer", severity=None, resource=resource, data={"value": value}))
    page = open_page(server, "/policies/default/slow-answers")
    expect(page.get_by_text("avg, 2 in it, value 150, limit 100")).to_be_visible()
    expect(page.get_by_text("avg, 1 in it, value 12.346, limit 100")).to_be_visible()
    expect(page.get_by_text("1 event not judged: there were windows for too many keys.")).to_be_visible()
    page.get_by_role("link", name="alert", exact=True).click()
    expect(page.get_by_role("complementary", name="Alert").get_by_text("Slow answers of web-1").first).to_be_visible()


def test_a_token_is_shown_once_and_works(server: Server, open_page: Open) -> None:
    page = open_page(server, "/admin/tokens")
    page.get_by_role("button", name="New token").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("prometheus-dc1")
    dialog.get_by_role("button", name="Make token").click()
    token = dialog.get_by_label("The new token").inner_text().strip()
    dialog.get_by_role("button", name="Done").click()
    expect(page.get_by_text("prometheus-dc1")).to_be_visible()
    assert token not in page.content()
    sent = server.client.post(
        "/api/v1/events",
        json=event(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/cloudevents+json"},
    )
    assert sent.status_code == 200, sent.text
    page.get_by_role("button", name="Revoke").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("prometheus-dc1")).to_have_count(0)


def test_a_secret_goes_in_and_never_comes_out(server: Server, open_page: Open) -> None:
    value = "planted-value-of-a-secret"
    page = open_page(server, "/admin/secrets")
    page.get_by_role("button", name="Set a secret").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("smtp-password")
    dialog.get_by_label("Value", exact=True).fill(value)
    dialog.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_text("secret://smtp-password")).to_be_visible()
    page.goto("/admin/audit")
    expect(page.get_by_text("Secret set").first).to_be_visible()
    assert value not in page.content()


def test_a_person_is_added_and_gets_a_link(server: Server, open_page: Open) -> None:
    page = open_page(server, "/admin/people")
    page.get_by_role("button", name="Add", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("network-2")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("responder in every namespace")).to_be_visible()
    row = page.get_by_role("listitem").filter(has_text="network-2")
    row.get_by_role("button", name="Sign-in link").click()
    expect(page.get_by_role("dialog")).to_contain_text("/sign-in?link=")


def test_the_palette_opens_an_incident_by_its_id(server: Server, open_page: Open) -> None:
    server.emit(event(title="By its id", resource="palette-1"))
    name = incident_of(server, "By its id")
    page = open_page(server, "/")
    expect(page.get_by_role("navigation", name="Main", exact=True)).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search, or run a command").fill(name.lower())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="By its id")).to_be_visible()


def test_hostile_text_stays_text(server: Server, open_page: Open) -> None:
    title = '"><img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'
    server.emit(
        event(
            title=title, resource="hostile-1", labels='{"a":"<b>bold</b>"}', data={"runbook_url": "javascript:alert(1)"}
        )
    )
    page = open_page(server, "/alerts?resource=hostile-1")
    page.get_by_role("link", name=title).click()
    panel = page.get_by_role("complementary", name="Alert")
    expect(panel.get_by_role("heading", name=title)).to_be_visible()
    assert panel.locator("img, script, a[href^=javascript]").count() == 0
    assert "owned" not in page.title()


def test_an_administrator_sees_that_nobody_outside_watches_the_server_and_how_to_change_it(
    server: Server, open_page: Open
) -> None:
    page = open_page(server, "/")
    page.get_by_role("link", name="Nobody outside notices if it stops").click()
    expect(page.get_by_text("Nobody outside notices when this server stops.")).to_be_visible()
    with page.expect_popup() as handbook:
        page.get_by_role("link", name="All of it, step by step").click()
    expect(handbook.value.get_by_role("heading", name="Watch OnCue from outside")).to_be_visible()
    handbook.value.get_by_role("link", name="Handbook").click()
    expect(handbook.value.get_by_role("link", name="your first alert")).to_be_visible()
