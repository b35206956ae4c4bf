"""The API's promises that are no single resource's: signing in, CSRF, problems, paging, the stream, the page's guards."""

import json
import re
import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from oncue.core.errors import CODES
from tests.server import Server, event, eventually

PASSWORD = "correct horse battery staple"


@pytest.fixture
def browser(oncue_server: Server) -> Iterator[httpx.Client]:
    """A client that keeps cookies and has no token."""
    with httpx.Client(base_url=oncue_server.url, trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
def person(oncue_server: Server) -> str:
    """A new person who may read everything and respond in `basis`."""
    name = f"person-{secrets.token_hex(4)}"
    bindings = [{"role": "viewer", "namespace": "*"}, {"role": "responder", "namespace": "basis"}]
    body = {"name": name, "password": PASSWORD, "bindings": bindings}
    answer = oncue_server.client.post("/api/v1/users", json=body)
    assert answer.status_code == 201, answer.text
    return name


def sign_in(browser: httpx.Client, name: str, password: str = PASSWORD) -> httpx.Response:
    return browser.post("/api/v1/sign-in", json={"username": name, "password": password})


def assert_problem(answer: httpx.Response, code: str) -> dict[str, Any]:
    """It is an RFC 9457 document of this code, as the table of codes has it."""
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code, problem
    entry = CODES[code]
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"]) == (entry.status, entry.status)
    assert problem["type"] == f"https://oncue.dev/errors/{code}"
    assert (problem["title"], problem["hint"]) == (entry.title, entry.hint)
    return problem


# Signing in


def test_the_printed_link_makes_the_first_administrator_once(fresh_server: Server) -> None:
    found = eventually(lambda: re.search(r"/sign-in\?link=(\S+)", fresh_server.log_tail()), what="the printed link")
    with httpx.Client(base_url=fresh_server.url, trust_env=False) as browser:
        path = f"/api/v1/links/{found[1]}"
        assert browser.get(path).json()["purpose"] == "first_admin"
        assert_problem(browser.post(path, json={"username": "first", "password": "short"}), "password.weak")
        answer = browser.post(path, json={"username": "first", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        me = browser.get("/api/v1/me").json()
        assert (me["user"], me["pdf"]) == ("first", True)
        assert_problem(browser.post(path, json={"username": "second", "password": PASSWORD}), "link.invalid")
        assert [user["name"] for user in browser.get("/api/v1/users").json()["items"]] == ["first"]
    fresh_server.restart()
    assert fresh_server.log_tail().count("sign-in?link=") == 1


def test_a_session_lasts_from_sign_in_to_sign_out(browser: httpx.Client, person: str) -> None:
    assert_problem(browser.get("/api/v1/me"), "auth.required")
    answer = sign_in(browser, person)
    assert answer.status_code == 200
    cookies = answer.headers.get_list("set-cookie")
    session = next(one for one in cookies if one.startswith("oncue_session="))
    assert "HttpOnly" in session
    assert "samesite=lax" in session.lower()
    assert browser.get("/api/v1/me").json()["actor"] == f"user:{person}"
    token = browser.cookies["oncue_csrf"]
    old = dict(browser.cookies)
    assert browser.post("/api/v1/sign-out", headers={"X-CSRF-Token": token}).status_code == 200
    browser.cookies.update(old)
    assert_problem(browser.get("/api/v1/me"), "auth.required")


@pytest.mark.parametrize("sent", [None, "", "wrong", "\u00e9"])
def test_a_session_changes_nothing_without_its_csrf_token(browser: httpx.Client, person: str, sent: str | None) -> None:
    sign_in(browser, person)
    headers = {} if sent is None else {"X-CSRF-Token": sent.encode()}
    body = {"matchers": [], "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-02T00:00:00Z", "comment": ""}
    assert_problem(browser.post("/api/v1/silences", json=body, headers=headers), "auth.csrf")


def test_a_page_of_another_site_changes_nothing(oncue_server: Server) -> None:
    answer = oncue_server.client.post("/api/v1/tickets", json={"title": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert_problem(answer, "auth.csrf")


def test_wrong_passwords_are_throttled_and_unknown_names_look_the_same(browser: httpx.Client, person: str) -> None:
    known, unknown = sign_in(browser, person, "wrong"), sign_in(browser, "nobody-at-all", "wrong")
    assert known.json() == unknown.json()
    assert_problem(known, "auth.invalid")
    for _ in range(10):
        answer = sign_in(browser, person, "wrong")
        if answer.status_code == 429:
            break
    assert_problem(answer, "auth.throttled")
    assert int(answer.headers["retry-after"]) >= 1


def test_disabling_someone_ends_their_session(oncue_server: Server, browser: httpx.Client, person: str) -> None:
    eventually(lambda: sign_in(browser, person).status_code == 200, what="signing in")
    assert oncue_server.client.patch(f"/api/v1/users/{person}", json={"disabled": True}).status_code == 200
    assert_problem(browser.get("/api/v1/me"), "auth.required")


def test_a_revoked_token_stops_working_at_once(oncue_server: Server, browser: httpx.Client) -> None:
    body = {"name": "short-lived", "role": "viewer", "namespaces": ["*"]}
    made = oncue_server.client.post("/api/v1/tokens", json=body).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert browser.get("/api/v1/alerts", headers=headers).status_code == 200
    assert oncue_server.client.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    assert_problem(browser.get("/api/v1/alerts", headers=headers), "auth.invalid")


def test_tokens_and_sessions_outlive_a_restart_and_passwords_are_not_in_the_data(oncue_server: Server) -> None:
    made = oncue_server.client.post(
        "/api/v1/tokens", json={"name": "kept", "role": "viewer", "namespaces": ["*"]}
    ).json()["token"]
    oncue_server.client.post("/api/v1/users", json={"name": "someone", "password": PASSWORD})
    planted = "planted-secret-value-7c1"
    kept = oncue_server.client.put("/api/v1/secrets/default/planted", json={"value": planted})
    assert kept.status_code == 200
    assert planted not in oncue_server.client.get("/api/v1/secrets").text
    assert planted not in oncue_server.client.get("/api/v1/audit").text
    oncue_server.restart()
    headers = {"Authorization": f"Bearer {made}"}
    assert httpx.get(f"{oncue_server.url}/api/v1/me", headers=headers, trust_env=False).status_code == 200
    files = [path for path in oncue_server.data.rglob("*") if path.is_file()]
    for text in (made, PASSWORD, planted):
        for path in (*files, oncue_server.log):
            assert text.encode() not in path.read_bytes(), f"{text} in {path}"


# Problems


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/api/v1/nothing", "request.not_found"),
        ("PUT", "/api/v1/alerts", "request.method_not_allowed"),
        ("GET", "/api/v1/alerts?limit=0", "request.invalid"),
        ("GET", "/api/v1/alerts?limit=501", "request.invalid"),
        ("GET", "/api/v1/alerts?limit=x", "request.invalid"),
        ("GET", "/api/v1/alerts?since=yesterday", "request.invalid"),
        ("GET", "/api/v1/events?cursor=1;drop", "request.cursor_invalid"),
        ("GET", "/api/v1/alerts/%00", "alert.not_found"),
        ("GET", "/api/v1/alerts/%F0%9F%94%A5'\"<script>", "alert.not_found"),
        ("GET", "/api/v1/incidents/INC-0", "incident.not_found"),
        ("GET", "/api/v1/events/0-999999999", "event.not_found"),
        ("GET", "/api/v1/events/nonsense", "request.cursor_invalid"),
        ("GET", "/api/v1/dead-letters/99999999999999999999999", "dead_letter.not_found"),
        ("GET", "/api/v1/manifests/Polizy", "manifest.kind_unknown"),
        ("GET", "/api/v1/schemas/Polizy", "manifest.kind_unknown"),
        ("GET", "/api/v1/explain/cat/1", "request.invalid"),
        ("GET", "/api/v1/mailbox/..%2Foncue.db", "request.not_found"),
        ("GET", "/in/nothing", "request.method_not_allowed"),
        ("POST", "/in/nothing", "source.not_found"),
        ("GET", "/heartbeat/default/nothing", "monitor.not_found"),
        ("POST", "/api/v1/dead-letters/1234567/redrive", "dead_letter.not_found"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_code_and_a_hint(
    oncue_server: Server, method: str, path: str, code: str
) -> None:
    assert_problem(oncue_server.client.request(method, path), code)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/api/v1/alerts", "GET"),
        ("DELETE", "/api/v1/events", "GET, POST"),
        ("POST", "/api/v1/stream", "GET"),
        ("POST", "/api/v1/openapi.json", "GET"),
        ("PATCH", "/api/v1/secrets/default/x/", "PUT, DELETE"),
        *(("OPTIONS", path, None) for path in ("/", "/help/README.md", "/healthz", "/in/x", "/api/v1/me", "/api/v1/events",
                                               "/api/v1/alerts/al-1/acknowledge", "/pagerduty/v2/enqueue")),
    ],
)  # fmt: skip
def test_a_method_that_is_not_taken_is_told_which_are(
    oncue_server: Server, method: str, path: str, allow: str | None
) -> None:
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.request(method, f"{oncue_server.url}{path}", headers=asked, trust_env=False)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allow or (allow is None and answer.headers["allow"])
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "request.invalid"),
        (b"{", "request.malformed"),
        (b"\xff\xfe", "request.malformed"),
        (b"[" * 100_000, "request.malformed"),
        (b"[]", "request.invalid"),
        (b'{"title": 7}', "request.invalid"),
        (b'{"title": "x", "titel": "y"}', "request.invalid"),
        (b'{"title": "x", "type": "poem"}', "request.invalid"),
    ],
)
def test_hostile_bodies_are_refused_with_a_code(oncue_server: Server, body: bytes, code: str) -> None:
    answer = oncue_server.client.post("/api/v1/tickets", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, code)


@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/manifests", "/in/x", "/alertmanager/api/v2/alerts"])
def test_a_body_past_the_limit_is_refused(oncue_server: Server, path: str) -> None:
    content = b" " * (17 * 1024 * 1024)
    try:
        answer = oncue_server.client.post(path, content=content, headers={"Content-Type": "application/json"})
    except httpx.WriteError:
        return  # it closed the connection instead of reading on
    assert answer.status_code in (404, 413)


# Lists and the stream


def test_events_are_listed_with_their_positions_ids_and_types(oncue_server: Server) -> None:
    sent = event(type=f"org.example.t{secrets.token_hex(4)}", severity="info")
    oncue_server.emit(sent)
    (found,) = oncue_server.items("events", type=sent["type"])
    assert (found["id"], found["type"]) == (sent["id"], sent["type"])
    assert found["event"] == sent
    assert re.fullmatch(r"0-\d+", found["position"])
    assert oncue_server.client.get(f"/api/v1/events/{found['position']}").json() == found


def test_pages_of_events_join_into_the_whole(oncue_server: Server) -> None:
    kind = f"org.example.t{secrets.token_hex(4)}"
    oncue_server.emit(*(event(type=kind, severity="info") for _ in range(25)))
    seen, cursor = [], None
    while True:
        query: dict[str, Any] = {"type": kind, "limit": 7, **({"cursor": cursor} if cursor else {})}
        page = oncue_server.client.get("/api/v1/events", params=query).json()
        seen += [item["position"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 25
    assert seen == sorted(seen, key=lambda one: -int(one[2:]))


def test_a_story_leads_from_the_event_to_its_alert_and_incident(oncue_server: Server) -> None:
    sent = event(type=f"org.example.t{secrets.token_hex(4)}", resource=secrets.token_hex(4))
    oncue_server.emit(sent)
    (found,) = oncue_server.items("events", type=sent["type"])
    story = oncue_server.client.get(f"/api/v1/events/{found['position']}/story").json()
    types = {node["id"]: node["type"] for node in story["nodes"]}
    assert types[story["root"]] == sent["type"]
    assert {"oncue.alert.fired", "oncue.incident.opened"} <= set(types.values())
    reached, edges = {story["root"]}, [(edge["from"], edge["to"]) for edge in story["edges"]]
    for _ in edges:
        reached |= {end for start, end in edges if start in reached}
    assert reached == set(types), "every node is reached from the event"


ANSWER = """
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: {name}}}
spec:
  steps:
    - id: write
      uses: ticket.create
      with: {{title: Look at it}}
---
apiVersion: oncue/v1
kind: Policy
metadata: {{name: {name}-acts}}
spec: {{match: {{types: [org.example.{name}]}}, respond: [{{run: {{workflow: {name}}}}}]}}
---
apiVersion: oncue/v1
kind: Policy
metadata: {{name: {name}-only-observes}}
spec: {{mode: observe, match: {{types: [org.example.{name}]}}, respond: [{{run: {{workflow: {name}}}}}]}}
---
apiVersion: oncue/v1
kind: Policy
metadata: {{name: {name}-nearly}}
spec: {{match: {{types: [org.example.{name}], where: "event.data.value > 99"}}}}
"""


def test_a_story_tells_what_happened_and_what_did_not(oncue_server: Server) -> None:
    name = f"t{secrets.token_hex(4)}"
    applied = oncue_server.client.post("/api/v1/manifests", content=ANSWER.format(name=name))
    assert applied.status_code == 200, applied.text
    oncue_server.emit(event(type=f"org.example.{name}", resource=name, data={"value": 3}))
    (found,) = oncue_server.items("events", type=f"org.example.{name}")
    story = oncue_server.client.get(f"/api/v1/events/{found['position']}/story").json()
    nodes = {node["id"]: node for node in story["nodes"]}
    steps = {(nodes[one["from"]]["type"], nodes[one["to"]]["type"], one["kind"]) for one in story["edges"]}
    assert {
        ("oncue.alert.fired", "oncue.policy.fired", "caused"),
        ("oncue.policy.fired", "oncue.run.started", "caused"),
        ("oncue.step.started", "oncue.ticket.created", "caused"),
        (f"org.example.{name}", "oncue.policy.near_miss", "prevented"),
    } <= steps
    reasons = {(node["title"], node["outcome"], node["reason"]) for node in nodes.values()}
    assert (f"default/{name}-acts", "fired", "matched") in reasons
    assert (f"default/{name}-only-observes", "blocked", "observe_only") in reasons
    assert (f"default/{name}-nearly", "not_matched", "where_false") in reasons
    decided = oncue_server.items("decisions", state="blocked", q=name)
    assert [one["policy"] for one in decided] == [f"default/{name}-only-observes"]
    said = oncue_server.client.get(f"/api/v1/explain/policy/default/{name}-nearly").json()
    assert "where_false" in " ".join(said["reasons"])


WINDOWED = """\
apiVersion: oncue/v1
kind: Policy
metadata: {{name: {name}}}
spec:
  match: {{types: [org.example.{name}]}}
  condition: {{sum: event.data.value, within: 1h, by: [event.labels.user], fire_above: 100}}
  alert: {{severity: minor}}
"""


def test_a_policys_windows_are_listed_with_what_is_in_them(oncue_server: Server) -> None:
    name = f"w{secrets.token_hex(4)}"
    assert oncue_server.client.post("/api/v1/manifests", content=WINDOWED.format(name=name)).status_code == 200
    for user, value in (("a|b", 60), ("c", 30), ("a|b", 50)):
        labels = json.dumps({"user": user})
        oncue_server.emit(event(type=f"org.example.{name}", labels=labels, severity=None, data={"value": value}))
    address = f"/api/v1/policies/default/{name}/windows"
    first = oncue_server.client.get(address, params={"limit": 1}).json()
    second = oncue_server.client.get(address, params={"limit": 1, "cursor": first["next"]}).json()
    (one,), (other,) = first["items"], second["items"]
    assert (one["key"], one["condition"], one["holds"], one["value"], one["limit"]) == ("a|b", "sum", True, 110, 100)
    assert one["count"] == 2 and sum(part["figure"] for part in one["parts"]) == 110
    assert oncue_server.client.get(f"/api/v1/alerts/{one['alert']}").json()["state"] == "firing"
    assert (other["key"], other["holds"], other["value"], second["next"]) == ("c", False, 30, None)
    assert oncue_server.client.get("/api/v1/policies/default/nosuch/windows").status_code == 404


def messages(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    found: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            found[name] = value
        else:
            yield found
            found = {}


def test_the_stream_resumes_where_it_broke_off_without_a_gap_or_a_repeat(oncue_server: Server) -> None:
    resource = secrets.token_hex(6)
    seen: list[str] = []
    last = None
    for part in range(3):
        headers = {"Last-Event-ID": last} if last else {}
        with oncue_server.client.stream("GET", "/api/v1/stream?types=oncue.alert.*", headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            incoming = messages(answer.iter_lines())
            if part == 0:
                assert next(incoming)["event"] == "heartbeat"
            oncue_server.emit(*(event(resource=f"{resource}-{part}-{number}") for number in range(5)))
            mine = 0
            for message in incoming:
                if message.get("event") is None:
                    seen.append(json.loads(message["data"])["position"])
                    last = message["id"]
                    mine += 1
                if mine == 3:
                    break
    assert len(seen) == len(set(seen)) == 9
    fired = [one["position"] for one in reversed(oncue_server.items("events", type="oncue.alert.fired"))]
    start = fired.index(seen[0])
    assert fired[start : start + 9] == seen


def test_a_cursor_of_another_journal_gets_a_reset(oncue_server: Server) -> None:
    headers = {"Last-Event-ID": "0-999999999"}
    with oncue_server.client.stream("GET", "/api/v1/stream", headers=headers) as answer:
        assert next(messages(answer.iter_lines()))["event"] == "reset"


def test_a_stream_ends_soon_when_the_server_drains(oncue_server: Server) -> None:
    with oncue_server.client.stream("GET", "/api/v1/stream") as answer:
        lines = answer.iter_lines()
        next(messages(lines))
        begun = time.monotonic()
        oncue_server.stop()
        assert time.monotonic() - begun < 15
    oncue_server.start()


# The document and the page


def test_the_openapi_document_names_every_answer(oncue_server: Server) -> None:
    document = oncue_server.client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    names = [one["operationId"] for item in document["paths"].values() for one in item.values()]
    assert len(names) == len(set(names))
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["x-permission"], f"{method} {path}"
            assert operation["summary"], f"{method} {path}"
            answers = operation["responses"]
            refused = set(answers) - {"200", "201", "202", "204"}
            assert answers.keys() - refused, f"{method} {path}"
            assert refused or operation["x-permission"] in ("public", "by-protocol"), f"{method} {path}"
    schemas = document["components"]["schemas"]
    assert {"Alert", "AlertList", "Incident", "Run", "Ticket", "Problem"} <= set(schemas)
    for kind, reference in set(re.findall(r'"#/components/(schemas|responses)/([^"]+)"', json.dumps(document))):
        assert reference in document["components"][kind]


def test_pages_carry_a_strict_policy_and_nothing_is_framed(browser: httpx.Client) -> None:
    for path in ("/", "/alerts", "/no/such/page"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe-eval" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_files_outside_the_console_are_not_served(browser: httpx.Client) -> None:
    for path in ("/../front.py", "/..%2f..%2fpyproject.toml", "/assets/../../app.py", "/assets/%2e%2e/index.html"):
        assert "import" not in browser.get(path).text[:2000] or browser.get(path).status_code == 404


def test_metrics_count_requests_and_the_engines_work(oncue_server: Server) -> None:
    oncue_server.emit(event())
    text = oncue_server.client.get("/metrics").text
    assert "oncue_engine_ready 1.0" in text
    assert re.search(r"oncue_engine_events_accepted [1-9]", text)
    assert re.search(r'oncue_http_requests_total\{method="GET",status="200"\} [1-9]', text)


def test_names_are_checked_before_and_after(oncue_server: Server) -> None:
    # What names something that is nowhere is refused with its place; what is needed stays, unless by force.
    name = f"needs-{secrets.token_hex(4)}"
    client = oncue_server.client
    policy = (
        f"apiVersion: oncue/v1\nkind: Policy\nmetadata: {{name: {name}}}\n"
        f"spec:\n  match: {{types: [{name}]}}\n  respond:\n    - run: {{workflow: {name}}}\n"
    )
    workflow = (
        f"apiVersion: oncue/v1\nkind: Workflow\nmetadata: {{name: {name}}}\n"
        "spec: {steps: [{id: emit, uses: event.emit, with: {type: emitted}}]}\n"
    )
    for dry_run in ("true", "false"):
        refused = client.post("/api/v1/manifests", params={"dry_run": dry_run}, content=policy)
        assert (refused.status_code, refused.json()["code"]) == (400, "manifest.reference_unknown")
        (problem,) = refused.json()["problems"]
        assert (problem["path"], problem["line"]) == ("spec.respond[0].run.workflow", 7)
    assert client.post("/api/v1/manifests", content=f"{policy}---\n{workflow}").status_code == 200
    misspelt = client.post("/api/v1/manifests", content=policy.replace(f"workflow: {name}", f"workflow: {name}x"))
    assert f"did you mean {name}?" in misspelt.json()["detail"]
    kept = client.delete(f"/api/v1/manifests/Workflow/default/{name}")
    assert (kept.status_code, kept.json()["code"]) == (409, "manifest.in_use")
    assert f"Policy/default/{name}" in kept.json()["detail"]
    assert client.delete(f"/api/v1/manifests/Workflow/default/{name}", params={"force": "true"}).status_code == 200
    assert client.delete(f"/api/v1/manifests/Policy/default/{name}").status_code == 200


# Runs


def test_a_fork_takes_over_what_was_done_however_many_items_lie_before_it(oncue_server: Server) -> None:
    client, name = oncue_server.client, f"many-{secrets.token_hex(4)}"
    steps = [
        {"id": "all", "for_each": {"items": "inputs.n", "max_parallel": 1000}, "steps": [{"id": "x", "set": {"a": 1}}]},
        {"id": "done", "set": {"b": 1}},
        {"id": "then", "set": {"c": 1}},
    ]
    inputs = {"type": "object", "properties": {"n": {"type": "array"}}}
    manifest = {
        "apiVersion": "oncue/v1",
        "kind": "Workflow",
        "metadata": {"name": name},
        "spec": {"inputs": inputs, "steps": steps},
    }
    assert client.post("/api/v1/manifests", json=manifest).status_code == 200
    run = client.post("/api/v1/runs", json={"workflow": name, "inputs": {"n": list(range(501))}}).json()["id"]
    eventually(lambda: client.get(f"/api/v1/runs/{run}").json()["state"] == "succeeded", what="it has run")
    wanted = {"step": "then", "inputs": {"n": []}}
    refused = client.post(f"/api/v1/runs/{run}/fork", json=wanted)
    assert (refused.status_code, refused.json()["code"]) == (409, "run.does_again")
    assert refused.json()["detail"].startswith("all: ")
    forked = client.post(f"/api/v1/runs/{run}/fork", json={**wanted, "again": True}).json()["id"]
    found = client.get(f"/api/v1/runs/{forked}").json()["steps"]
    assert {one["address"]: one.get("copied_from") for one in found} == {"all": None, "done": run, "then": None}


# Who watches the server


def test_who_watches_the_server_is_told_and_how_to_let_someone(oncue_server: Server) -> None:
    outside = oncue_server.client.get("/api/v1/itself").json()["outside"]
    assert (outside["state"], outside["set_up"]) == ("warn", False)
    assert "dead_man.url" in outside["hint"]
    manifests = [
        {"apiVersion": "oncue/v1", "kind": "Monitor", "metadata": {"name": name}, "spec": spec}
        for name, spec in (
            ("myself", {"uses": "oncue", "every": "1m", "service": "own"}),
            ("worker", {"uses": "heartbeat", "every": "1m", "service": "own"}),
            ("other", {"uses": "heartbeat", "every": "1m", "service": "shop"}),
        )
    ]
    done = oncue_server.client.post("/api/v1/manifests", json=manifests)
    assert done.status_code == 200, done.text
    monitors = oncue_server.client.get("/api/v1/itself").json()["monitors"]
    assert sorted(one["manifest"]["name"] for one in monitors) == ["myself", "worker"]
