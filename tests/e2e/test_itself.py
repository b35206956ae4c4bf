"""OnCue watches itself: each trouble is made for real, raises its alert, and the alert ends when the trouble does."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx
import psutil
import pytest

from tests.server import Server, event, eventually

QUICK = """
apiVersion: oncue/v1
kind: Monitor
metadata: {name: oncue}
spec:
  uses: oncue
  every: 1s
  service: oncue
  runbook: https://oncue.example/help
  with: {window_s: 6, recent_s: 8}
  thresholds:
    - {metric: self.disk.free, below: true, warning: 1000}
    - {metric: self.commit.failures, major: 1}
    - {metric: self.shed, warning: 1}
    - {metric: self.dead_letters.new, warning: 1}
    - {metric: self.effects.failed, warning: 1}
    - {metric: self.effects.unknown, major: 1}
    - {metric: self.effects.overdue, warning: 2}
    - {metric: self.policies.failed, major: 1}
    - {metric: self.monitors.failing, warning: 1}
    - {metric: self.sources.failing, major: 1}
    - {metric: self.secrets.missing, warning: 1}
    - {metric: self.starts, warning: 2}
---
apiVersion: oncue/v1
kind: Monitor
metadata: {name: oncue-worker}
spec: {uses: heartbeat, every: 1s, grace: 2s, severity: critical, resource: oncue, service: oncue}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: sleep}
spec:
  steps: [{id: sleep, uses: shell.command, with: {argv: [/bin/sleep, "7"]}}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: nowhere}
spec:
  steps: [{id: call, uses: http.request, with: {method: GET, url: "http://127.0.0.1:1/"}}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: picky}
spec:
  inputs: {type: object, required: [n], properties: {n: {type: integer}}}
  steps: [{id: remark, uses: incident.comment, with: {text: hello}}]
---
apiVersion: oncue/v1
kind: Policy
metadata: {name: wrong}
spec:
  match: {types: [org.example.wrong]}
  respond: [{run: {workflow: picky, with: {n: "${event.data.n}"}}}]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("itself")
    variables = {
        "ONCUE_LIMITS_QUEUE_EVENTS": "40", "ONCUE_ACTIONS_SHELL_ENABLED": "true", "ONCUE_ACTIONS_SHELL_ALLOW": "/bin/sleep",
        "ONCUE_DEAD_MAN_URL": "https://127.0.0.1:1/nobody", "ONCUE_DEAD_MAN_EVERY_S": "1",
    }  # fmt: skip
    with Server(directory / "data", variables=variables) as made:
        apply(made, directory, QUICK)
        eventually(lambda: watches(made), 30, "the first look")
        yield made
    made.verify()


def apply(server: Server, directory: Path, text: str) -> None:
    (directory / "manifests.yaml").write_text(text)
    done = server.cli("apply", "-f", str(directory / "manifests.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


def watches(server: Server) -> bool:
    """Whether the monitor has looked: what was before its first look it does not count."""
    states = {one["state"]["name"]: one["state"]["state"] for one in server.items("monitors") if one["state"]}
    return states.get("oncue") == "clear"


def firing(server: Server) -> dict[str, str]:
    """Titles of the alerts about OnCue itself, by what is wrong."""
    alerts = server.items("alerts", state="firing", service="oncue")
    return {one["check"].removeprefix("oncue/").removeprefix("heartbeat:"): one["title"] for one in alerts}


def raised(server: Server, check: str, within_s: float = 20.0) -> None:
    eventually(lambda: check in firing(server), within_s, f"an alert {check}")


def ended(server: Server, check: str, within_s: float = 30.0) -> None:
    eventually(lambda: check not in firing(server), within_s, f"the end of the alert {check}")


def part(server: Server, module: str) -> psutil.Process:
    return next(one for one in server.processes() if module in " ".join(one.cmdline()))


def run(server: Server, workflow: str) -> None:
    answer = server.client.post("/api/v1/runs", json={"workflow": workflow, "inputs": {}})
    assert answer.is_success, answer.text


def test_what_goes_wrong_at_the_edges_is_told_and_ends(server: Server, tmp_path: Path) -> None:
    assert firing(server) == {}
    # garbage, load that is refused, a policy that cannot do what it should, an action that fails
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    content = {"Content-Type": "application/cloudevents-batch+json"}
    refused = server.client.post("/api/v1/events", json=[event(type="oncue.no")], headers=content)
    assert refused.json()["rejected"] or refused.is_error
    many = server.client.post("/api/v1/events", json=[event() for _ in range(60)], headers=content)
    assert many.status_code == 429 and int(many.headers["retry-after"]) >= 1
    server.emit(event(type="org.example.wrong", data={"n": "not a number"}))
    (policy,) = server.client.get("/api/v1/stats/now").json()["policies_failed"]
    assert (policy["policy"], policy["failed"]) == ("default/wrong", 1)
    assert "workflow.inputs_invalid" in policy["detail"]
    assert server.client.get("/api/v1/stats/now?namespace=other").json()["policies_failed"] == []
    run(server, "nowhere")
    apply(server, tmp_path, f"""
apiVersion: oncue/v1
kind: Source
metadata: {{name: deaf}}
spec: {{type: syslog, with: {{listen: "127.0.0.1:{port}"}}}}
---
apiVersion: oncue/v1
kind: Monitor
metadata: {{name: blind}}
spec: {{uses: sql, every: 1s, with: {{url: "secret://not-there", query: SELECT 1}}}}
""")  # fmt: skip
    wrong = ["self.dead_letters.new", "self.shed", "self.policies.failed", "self.effects.failed", "self.sources.failing",
             "self.monitors.failing", "self.secrets.missing"]  # fmt: skip
    seen: set[str] = set()
    eventually(lambda: seen.update(firing(server)) or seen >= set(wrong), 25, f"all of {wrong}")
    alert = next(one for one in server.items("alerts", service="oncue") if one["check"] == "oncue/self.secrets.missing")
    assert alert["resource"] == "oncue" and alert["annotations"]["runbook"] == "https://oncue.example/help"
    assert "default/not-there" in alert["annotations"]["summary"]
    failed = next(
        one for one in server.items("alerts", service="oncue") if one["check"] == "oncue/self.policies.failed"
    )
    assert "default/wrong" in failed["annotations"]["summary"]
    taken.close()
    for kind, name in (("Monitor", "blind"), ("Source", "deaf")):
        done = server.cli("delete", kind, name)
        assert done.returncode == 0, done.stderr
    eventually(lambda: firing(server) == {}, 40, "all is well again")


def test_a_worker_that_stands_still_is_missed_by_the_engine(server: Server) -> None:
    worker = part(server, "oncue.runtime.worker")
    worker.suspend()
    try:
        raised(server, "oncue-worker")
    finally:
        worker.resume()
    ended(server, "oncue-worker")


def test_the_runbook_is_a_page_of_the_server_itself(server: Server) -> None:
    page = httpx.get(f"{server.url}/help/how-to/oncue-itself.md", trust_env=False)
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert '<h2 id="dead-letters">Dead letters</h2>' in page.text
    for path in (
        "..%2f..%2fREADME.md",
        "%2e%2e/%2e%2e/README.md",
        "how-to/",
        "nothing.md",
        "generate.py",
    ):
        assert httpx.get(f"{server.url}/help/{path}", trust_env=False).status_code == 404, path
    assert httpx.post(f"{server.url}/help/README.md", trust_env=False).status_code == 405


def test_every_link_between_the_pages_of_the_server_leads_somewhere(server: Server) -> None:
    read: dict[str, str] = {}
    led: set[tuple[str, str, str]] = set()
    todo = {"/help"}
    with httpx.Client(base_url=server.url, trust_env=False, follow_redirects=True) as reader:
        while todo:
            path = todo.pop()
            answer = reader.get(path)
            assert answer.status_code == 200, path
            read[path] = answer.text
            links = (urldefrag(urljoin(str(answer.url), one)) for one in re.findall(r'href="([^"]+)"', answer.text))
            own = {(urlsplit(url).path, anchor) for url, anchor in links if url.startswith(server.url)} - {("/", "")}
            led |= {(path, target, anchor) for target, anchor in own}
            todo |= {target for target, _ in own} - set(read)
    assert {path for path in read if not path.startswith("/help")} == set(), (
        "nothing leaves the handbook but to the console"
    )
    assert {one for one in led if one[2] and f'id="{one[2]}"' not in read[one[1]]} == set()
    assert len(read) > 50
    assert "examples/starter/README.md in the repository" in read["/help/tutorials/first-alert.md"]
