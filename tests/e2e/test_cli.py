"""The command line against a real server: what it prints, and what it never prints."""

import json
import re
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from tests.server import ADMIN_TOKEN, ROOT, Server, eventually, run_cli

TEAM = "apiVersion: oncue/v1\nkind: Team\nmetadata: {name: night-shift}\nspec: {description: DESCRIPTION}\n"


def _oncue(
    server: Server, *arguments: str, stdin: str = "", token: str = ADMIN_TOKEN
) -> subprocess.CompletedProcess[str]:
    variables = {"ONCUE_SERVER": server.url, "ONCUE_TOKEN": token}
    return run_cli(*arguments, stdin=stdin, variables=variables, timeout_s=60)


def _json(server: Server, *arguments: str) -> list[dict]:
    ran = _oncue(server, *arguments, "-o", "json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_manifest_is_created_compared_updated_printed_and_deleted(oncue_server: Server, tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(TEAM.replace("DESCRIPTION", "Nights"))
    created = _oncue(oncue_server, "diff", "-f", str(file))
    assert created.returncode == 1
    assert created.stdout.startswith("--- /dev/null\n+++ Team/default/night-shift given\n@@ -0,0 +1,")
    assert "+kind: Team\n" in created.stdout
    applied = _oncue(oncue_server, "apply", "-f", str(file))
    assert applied.stdout == "Team/default/night-shift created\n"
    assert _oncue(oncue_server, "apply", "-f", str(file)).stdout == "Team/default/night-shift unchanged\n"
    file.write_text(TEAM.replace("DESCRIPTION", "Weekends"))
    diff = _oncue(oncue_server, "diff", "-f", str(file))
    assert diff.returncode == 1
    lines = diff.stdout.splitlines()
    assert lines[:2] == ["--- Team/default/night-shift in force, gen 1", "+++ Team/default/night-shift given"]
    assert [line for line in lines[2:] if line[0] in "+-"] == ["-  description: Nights", "+  description: Weekends"]
    changes = json.loads(_oncue(oncue_server, "diff", "-o", "json", "-f", str(file)).stdout)["changes"]
    assert [(change["id"], change["change"]) for change in changes] == [("Team/default/night-shift", "updated")]
    assert _oncue(oncue_server, "apply", "-f", str(file)).stdout == "Team/default/night-shift updated\n"
    same = _oncue(oncue_server, "diff", "-f", str(file))
    assert (same.returncode, same.stdout) == (0, "")
    printed = _oncue(oncue_server, "get", "team", "night-shift", "-o", "yaml").stdout
    assert _oncue(oncue_server, "apply", "-f", "-", stdin=printed).stdout == "Team/default/night-shift unchanged\n"
    assert _oncue(oncue_server, "delete", "team", "night-shift").returncode == 0
    assert _oncue(oncue_server, "get", "team", "night-shift").returncode == 1


def test_why_a_run_waits_for_people_says_until_when(oncue_server: Server) -> None:
    manifest = (
        "apiVersion: oncue/v1\nkind: Workflow\nmetadata: {name: agreed}\n"
        "spec: {steps: [{id: ask, approvals: [{by: ['user:basis-1'], expires: 3h}]}]}\n"
    )
    assert _oncue(oncue_server, "apply", "-f", "-", stdin=manifest).returncode == 0
    run = oncue_server.client.post("/api/v1/runs", json={"workflow": "agreed"}).json()["id"]
    (waits,) = oncue_server.client.get(f"/api/v1/runs/{run}/why").json()["waits"]
    approval = oncue_server.client.get(f"/api/v1/approvals/{waits['approval']}").json()
    assert datetime.fromisoformat(waits["until"]) == datetime.fromisoformat(approval["expires_at"])
    assert f", until {waits['until'][:16]}" in _oncue(oncue_server, "runs", "why", run).stdout


def test_a_dry_run_says_what_is_switched_off_on_the_server(oncue_server: Server) -> None:
    manifest = (
        "apiVersion: oncue/v1\nkind: Workflow\nmetadata: {name: tidies}\n"
        "spec: {steps: [{id: tidy, uses: shell.command, with: {argv: [/bin/true]}}, {id: note, set: {x: 1}}]}\n"
    )
    assert _oncue(oncue_server, "apply", "-f", "-", stdin=manifest).returncode == 0
    ran = _oncue(oncue_server, "run", "tidies", "--dry-run")
    assert ran.returncode == 1
    assert "! tidy  shell.command\n    action.disabled: " in ran.stdout
    assert "- note  set\n    step tidy fails before it\n" in ran.stdout


def test_a_diff_that_cannot_be_made_ends_with_2(oncue_server: Server) -> None:
    assert _oncue(oncue_server, "diff", "-f", "-", stdin="kind: Nope\n").returncode == 2
    assert _oncue(oncue_server, "diff", "-f", "/nowhere.yaml").returncode == 2
    assert _oncue(oncue_server, "diff", "-f", "-", stdin=TEAM, token="not-a-token-of-anyone").returncode == 2


def test_a_workflow_that_runs_itself_through_one_in_force_is_refused_with_its_place(
    oncue_server: Server, tmp_path: Path
) -> None:
    def workflow(name: str, step: str) -> str:
        head = f"apiVersion: oncue/v1\nkind: Workflow\nmetadata: {{name: {name}}}\n"
        return f"{head}spec:\n  steps:\n    - id: a\n      {step}\n"

    last, first = tmp_path / "last.yaml", tmp_path / "first.yaml"
    last.write_text(workflow("circle-last", "set: {x: 1}"))
    first.write_text(workflow("circle-first", "run: {workflow: circle-last}"))
    assert _oncue(oncue_server, "apply", "-f", str(last), "-f", str(first)).returncode == 0
    last.write_text(workflow("circle-last", "run: {workflow: circle-first}"))
    for arguments in (("apply",), ("apply", "--dry-run")):
        ran = _oncue(oncue_server, *arguments, "-f", str(last))
        assert ran.returncode == 1
        assert f"{last}:7:13: spec.steps[0].run.workflow: it runs itself: " in ran.stderr
        assert "workflow.cyclic" in ran.stderr
        assert "Take one of them out of the circle." in ran.stderr
    assert _oncue(oncue_server, "diff", "-f", str(last)).returncode == 2


def test_the_order_of_members_is_no_difference(oncue_server: Server) -> None:
    text = "apiVersion: oncue/v1\nkind: Service\nmetadata: {name: order}\nspec: {description: One, resources: [a-*]}\n"
    _oncue(oncue_server, "apply", "-f", "-", stdin=text)
    other = text.replace("{description: One, resources: [a-*]}", "{resources: [a-*, b-*], description: One}")
    ran = _oncue(oncue_server, "diff", "-f", "-", stdin=other)
    assert [line for line in ran.stdout.splitlines()[2:] if line[0] in "+-"] == ["+  - b-*"]


def test_instants_show_their_zone(oncue_server: Server) -> None:
    _oncue(oncue_server, "emit", "--type", "zone.shown")
    row = _oncue(oncue_server, "get", "events", "--type", "zone.shown").stdout.splitlines()[1]
    assert re.search(r"\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\t", row)


def test_events_say_who_sent_them(oncue_server: Server) -> None:
    client = oncue_server.client
    anna = {"name": "anna", "bindings": [{"role": "operator", "namespace": "default"}]}
    assert client.post("/api/v1/users", json=anna).status_code == 201
    for name, person in (("hers", "anna"), ("nobodys", None)):
        body = {"name": name, "scope": "role", "role": "operator", "namespaces": ["default"], "user": person}
        token = client.post("/api/v1/tokens", json=body).json()["token"]
        assert _oncue(oncue_server, "emit", "--type", f"sent.by.{name}", token=token).returncode == 0
    head, *rows = _oncue(oncue_server, "get", "events", "--type", "sent.by.*").stdout.splitlines()
    shown = [dict(zip(head.split("\t"), row.split("\t"), strict=True))["ACTOR"] for row in rows]
    assert shown == ["token:nobodys", "token:hers of user:anna"]
    found = _json(oncue_server, "get", "events", "--type", "sent.by.*")
    assert [(one["actor"], one["person"]) for one in found] == [("token:nobodys", None), ("token:hers", "user:anna")]


def test_a_refused_member_of_a_file_is_named_and_the_others_are_kept(oncue_server: Server) -> None:
    events = [
        {"specversion": "1.0", "id": str(n), "source": "/cli", "type": type}
        for n, type in enumerate(["a.b", "oncue.x", "a.b"])
    ]
    ran = _oncue(oncue_server, "emit", "-", stdin=json.dumps(events))
    assert ran.returncode == 1
    assert ran.stdout == "2 accepted, 0 duplicates, 1 rejected\n"
    assert "event 1 was rejected: event.type_reserved" in ran.stderr
    assert "0 accepted, 2 duplicates, 1 rejected" in _oncue(oncue_server, "emit", "-", stdin=json.dumps(events)).stdout


def test_tail_prints_facts_after_a_cursor(oncue_server: Server) -> None:
    _oncue(oncue_server, "emit", "--type", "a.down", "--severity", "major", "--resource", "tail-1")
    ran = _oncue(oncue_server, "tail", "--since", "0-1", "--type", "oncue.alert.*", "--count", "1", "-o", "json")
    assert json.loads(ran.stdout)["type"] == "oncue.alert.fired"


def test_a_token_can_do_what_it_was_made_for_until_it_is_revoked(oncue_server: Server) -> None:
    token = _oncue(oncue_server, "token", "create", "viewing", "--role", "viewer").stdout.strip()
    assert _oncue(oncue_server, "get", "alerts", token=token).returncode == 0
    refused = _oncue(oncue_server, "emit", "--type", "a.b", token=token)
    assert (refused.returncode, "access.denied" in refused.stderr) == (1, True)
    (listed,) = [one for one in _json(oncue_server, "token", "list") if one["name"] == "viewing"]
    assert token not in json.dumps(listed)
    assert _oncue(oncue_server, "token", "revoke", listed["id"]).returncode == 0
    assert eventually(lambda: "auth.invalid" in _oncue(oncue_server, "get", "alerts", token=token).stderr)


@pytest.mark.parametrize(
    ("given", "said"),
    [(["--role", "viewer"], "viewer in default"), (["--role", "viewer@shop"], "viewer in shop"),
     (["--role", "viewer", "-n", "shop", "-n", "web"], "viewer in shop, web"), (["--role", "viewer@*"], "viewer in every namespace")],
)  # fmt: skip
def test_a_new_token_says_where_it_holds(oncue_server: Server, given: list[str], said: str) -> None:
    assert f", {said}. Keep its text" in _oncue(oncue_server, "token", "create", "placed", *given).stderr


def test_where_a_token_holds_is_said_once(oncue_server: Server) -> None:
    for more in (["--role", "viewer@shop", "-n", "web"], ["--role", "viewer@"]):
        refused = _oncue(oncue_server, "token", "create", "placed", *more)
        assert (refused.returncode, "ROLE@NAMESPACE or by --namespace" in refused.stderr) == (1, True)


def test_a_new_user_is_told_of_with_roles_and_places(oncue_server: Server) -> None:
    roles = ["--role", "viewer", "--role", "responder@shop"]
    made = _oncue(oncue_server, "user", "create", "placed-1", *roles)
    assert "placed-1 created: viewer in every namespace, responder in shop\n" in made.stderr
    assert "placed-1: no roles\n" in _oncue(oncue_server, "user", "grant", "placed-1").stdout


def test_a_user_gets_a_link_and_a_password_from_standard_input(oncue_server: Server) -> None:
    assert "/sign-in?link=" in _oncue(oncue_server, "user", "create", "basis-1", "--role", "responder@default").stdout
    assert _oncue(oncue_server, "user", "passwd", "basis-1", stdin="short").returncode == 1
    ran = _oncue(oncue_server, "user", "passwd", "basis-1", stdin="a horse of four words\n")
    assert (ran.returncode, "horse" in ran.stdout + ran.stderr) == (0, False)
    signed_in = oncue_server.client.post(
        "/api/v1/sign-in", json={"username": "basis-1", "password": "a horse of four words"}
    )
    assert signed_in.status_code == 200
    (listed,) = [one for one in _json(oncue_server, "user", "list") if one["name"] == "basis-1"]
    assert listed["bindings"] == [{"role": "responder", "namespace": "default"}]


def test_a_secret_goes_in_and_never_comes_out(oncue_server: Server) -> None:
    ran = _oncue(oncue_server, "secret", "set", "mail", stdin="hunter2-hunter2\n")
    assert (ran.returncode, ran.stdout) == (0, "secret://mail set in default\n")
    listed = _oncue(oncue_server, "secret", "list", "-o", "json").stdout
    assert "mail" in listed
    assert "hunter2" not in listed
    assert b"hunter2" not in (oncue_server.data / "oncue.db").read_bytes()
    assert _oncue(oncue_server, "secret", "delete", "mail").returncode == 0


@pytest.mark.parametrize(
    "kind", ["alerts", "incidents", "events", "runs", "tickets", "decisions", "dead-letters", "silences", "policy"]
)
def test_every_list_is_printed_in_every_form(oncue_server: Server, kind: str) -> None:
    for form in ("table", "yaml", "json"):
        ran = _oncue(oncue_server, "get", kind, "-o", form)
        assert ran.returncode == 0, ran.stderr


def test_doctor_sees_every_part_of_a_running_server(oncue_server: Server) -> None:
    def healthy() -> bool:
        found = {
            one["part"]: one["state"]
            for one in json.loads(_oncue(oncue_server, "doctor", "--data", str(oncue_server.data), "-o", "json").stdout)
        }
        return {
            part: found.get(part) for part in ("server", "engine", "worker", "journal", "keys", "monitors")
        } == dict.fromkeys(("server", "engine", "worker", "journal", "keys", "monitors"), "ok")

    assert eventually(healthy, within_s=40)


def test_the_starter_is_applied_as_a_directory(oncue_server: Server) -> None:
    before = _json(oncue_server, "get", "workflow")
    ran = _oncue(oncue_server, "apply", "--dry-run", "-f", str(ROOT / "examples" / "starter"))
    assert ran.returncode == 0
    assert ran.stdout.count("would be created") == 14
    assert _json(oncue_server, "get", "workflow") == before


def test_what_keeps_a_server_from_starting_is_told_with_what_to_do(oncue_server: Server, tmp_path: Path) -> None:
    taken = _oncue(oncue_server, "up", "--data", str(tmp_path), "--port", str(oncue_server.port))
    assert taken.returncode == 1 and "server.cannot_listen" in taken.stderr and "--port" in taken.stderr
    twice = _oncue(oncue_server, "up", "--data", str(oncue_server.data), "--port", "0")
    assert twice.returncode == 1 and "server.running" in twice.stderr
