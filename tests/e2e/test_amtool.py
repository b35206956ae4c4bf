"""The real amtool against OnCue: it lists alerts, silences them, and ends the silence."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.server import ADMIN_TOKEN, Server, eventually
from tests.system import program


class Amtool:
    """amtool, pointed at a server; its token is in `config`."""

    def __init__(self, server: Server, config: str) -> None:
        self.server = server
        self._options = [f"--alertmanager.url={server.url}/alertmanager", f"--http.config.file={config}"]

    def run(self, *arguments: str, status: int = 0) -> str:
        """What it prints."""
        done = subprocess.run(
            [program("amtool"), *arguments, *self._options], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert status != 0 or "different" not in done.stderr, done.stderr
        return done.stdout if status == 0 else done.stderr

    def alerts(self, *arguments: str) -> list[dict[str, Any]]:
        """`amtool alert query`, as JSON."""
        found: list[dict[str, Any]] = json.loads(self.run("alert", "query", "-o", "json", *arguments))
        return found


@pytest.fixture
def amtool(oncue_server: Server, tmp_path: Any) -> Amtool:
    config = tmp_path / "http.yml"
    config.write_text(f"authorization:\n  credentials: {ADMIN_TOKEN}\n")
    return Amtool(oncue_server, str(config))


def post(server: Server, *alerts: dict[str, Any]) -> httpx.Response:
    return server.client.post("/alertmanager/api/v2/alerts", json=list(alerts))


def test_amtool_lists_what_was_posted_and_what_other_sources_raised(amtool: Amtool) -> None:
    server = amtool.server
    labels = {"alertname": "DiskFull", "instance": "db-1", "severity": "critical"}
    assert post(server, {"labels": labels, "annotations": {"summary": "Disk is full"}}).status_code == 200
    server.emit(
        {
            "specversion": "1.0", "id": "e1", "source": "/probe", "type": "probe.failed", "severity": "major",
            "resource": "web-1", "check": "http",
        }
    )  # fmt: skip
    by_name = {row["labels"]["alertname"]: row for row in amtool.alerts()}
    assert by_name["DiskFull"]["labels"] == labels
    assert by_name["DiskFull"]["annotations"]["summary"] == "Disk is full"
    assert by_name["http"]["labels"]["resource"] == "web-1"
    assert [row["labels"]["alertname"] for row in amtool.alerts("severity=~crit.*", "instance=db-1")] == ["DiskFull"]
    assert "Disk is full" in amtool.run("alert", "query", "alertname=DiskFull")


def test_amtool_silences_and_lifts_the_silence(amtool: Amtool) -> None:
    server = amtool.server
    post(server, {"labels": {"alertname": "Noisy", "instance": "a"}}, {"labels": {"alertname": "Other"}})
    added = amtool.run("silence", "add", "alertname=Noisy", "--comment=known", "--author=operator-1", "--duration=1h")
    id = added.strip()
    (silence,) = json.loads(amtool.run("silence", "query", "-o", "json", "alertname=Noisy"))
    assert (silence["id"], silence["createdBy"], silence["comment"]) == (id, "operator-1", "known")
    assert silence["status"]["state"] == "active"

    assert [row["labels"]["alertname"] for row in amtool.alerts("alertname=~Noisy|Other")] == ["Other"]
    (row,) = amtool.alerts("--silenced", "alertname=Noisy")
    assert row["status"] == {"inhibitedBy": [], "silencedBy": [id], "state": "suppressed"}
    (alert,) = [one for one in server.items("alerts") if one["labels"].get("alertname") == "Noisy"]
    assert [(reason["reason"], reason["by"]) for reason in alert["quiet"]] == [("silenced", id)]

    amtool.run("silence", "update", id, "--comment=really known", "--duration=2h")
    (silence,) = json.loads(amtool.run("silence", "query", "-o", "json", "alertname=Noisy"))
    assert (silence["id"], silence["comment"]) == (id, "really known")

    amtool.run("silence", "expire", id)
    assert eventually(lambda: amtool.alerts("alertname=Noisy"), 10, "the alert to be heard")
    assert json.loads(amtool.run("silence", "query", "-o", "json", "alertname=Noisy")) == []
    (ended,) = json.loads(amtool.run("silence", "query", "-o", "json", "--expired", "alertname=Noisy"))
    assert (ended["id"], ended["status"]["state"]) == (id, "expired")


def test_amtool_shows_the_configuration_and_refuses_a_silence_of_everything(amtool: Amtool) -> None:
    assert "receiver: oncue" in amtool.run("config", "show")
    assert "oncue" in amtool.run("config", "routes", "show")
    said = amtool.run("silence", "add", "alertname=~.*", "--comment=c", "--author=operator-1", status=1)
    assert "at least one matcher must not match the empty string" in said


def test_amtool_says_why_it_was_refused(oncue_server: Server, tmp_path: Any) -> None:
    made = oncue_server.client.post(
        "/api/v1/tokens", json={"name": "reads-only", "scope": "role", "role": "viewer", "namespaces": ["default"]}
    )
    assert made.status_code == 201, made.text
    for token, said in ((made.json()["token"], "403"), ("not-a-token-at-all", "401")):
        config = tmp_path / f"{said}.yml"
        config.write_text(f"authorization:\n  credentials: {token}\n")
        refused = Amtool(oncue_server, str(config)).run(
            "silence", "add", "alertname=x", "--comment=c", "--author=operator-1", status=1
        )
        assert said in refused
        assert "no consumer" not in refused


def test_refusals_that_no_alertmanager_knows_have_its_form(oncue_server: Server) -> None:
    url = f"{oncue_server.url}/alertmanager/api/v2/alerts"
    refused = httpx.get(url, trust_env=False)
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/json")
    assert refused.json().startswith("Sign in or send a token")
    assert "auth.required" in refused.json()
    assert refused.headers["www-authenticate"].startswith("Bearer")
    packed = oncue_server.client.post("/alertmanager/api/v2/alerts", content=b"[]", headers={"content-encoding": "br"})
    assert (packed.status_code, packed.headers["content-type"]) == (415, "application/json")
    assert "gzip" in packed.json() and "gzip" in packed.headers["accept-encoding"]


def listed(server: Server, name: str) -> list[dict[str, Any]]:
    parameters = {"filter": f"alertname={name}"}
    rows: list[dict[str, Any]] = server.client.get("/alertmanager/api/v2/alerts", params=parameters).json()
    return rows


def test_an_alert_that_is_not_repeated_ends_with_its_lease(oncue_server: Server) -> None:
    ends_at = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    assert post(oncue_server, {"labels": {"alertname": "Leased"}, "endsAt": ends_at}).status_code == 200
    assert len(listed(oncue_server, "Leased")) == 1
    eventually(lambda: not listed(oncue_server, "Leased"), 20, "the end of the lease")
    (alert,) = [one for one in oncue_server.items("alerts") if one["check"] == "Leased"]
    assert alert["state"] == "resolved"


def test_repeats_are_one_alert_that_counts_them(oncue_server: Server) -> None:
    labels = {"alertname": "Again"}
    for _ in range(5):
        assert post(oncue_server, {"labels": labels, "startsAt": "2026-01-01T00:00:00Z"}).status_code == 200
    (row,) = listed(oncue_server, "Again")
    assert row["startsAt"] == "2026-01-01T00:00:00.000Z"
    (alert,) = [one for one in oncue_server.items("alerts") if one["check"] == "Again"]
    assert alert["count"] == 5
    ended = {"labels": labels, "endsAt": datetime.now(UTC).isoformat()}
    assert post(oncue_server, ended).status_code == 200
    assert listed(oncue_server, "Again") == []


def test_without_a_token_nothing_is_told_and_nothing_taken(oncue_server: Server) -> None:
    url = f"{oncue_server.url}/alertmanager/api/v2/alerts"
    before = len(oncue_server.items("alerts"))
    assert httpx.get(url, trust_env=False).status_code == 401
    assert httpx.post(url, json=[{"labels": {"alertname": "x"}}], trust_env=False).status_code == 401
    assert len(oncue_server.items("alerts")) == before
    assert httpx.get(f"{oncue_server.url}/alertmanager/-/ready", trust_env=False).status_code == 200


REQUESTS: list[tuple[str, str, Any, str]] = [
    ("POST", "/alerts", '[{"labels":{"alertname":"k","e":""}},{"labels":{}},{"labels":{"bad-name":"x"}}]', "same"),
    ("POST", "/alerts", '[{"annotations":{}}]', "same"),
    ("POST", "/alerts", '[{"labels":{"a":"b"},"generatorURL":"not a uri"}]', "same"),
    ("POST", "/alerts", '[{"labels":{"a":5}}]', "code"),
    ("POST", "/alerts", '{"labels":{"a":5}}', "code"),
    ("POST", "/alerts", "[{", "code"),
    ("POST", "/alerts", "[]", "same"),
    ("POST", "/alerts", "null", "same"),
    ("POST", "/alerts", '[{"labels":{"a":"b"},"startsAt":"lunch"}]', "code"),
    ("POST", "/alerts", '[{"labels":{"a":"b"},"startsAt":"2030-01-01T00:00:00Z","endsAt":"2029-01-01T00:00:00Z"}]', "same"),
    ("PUT", "/alerts", None, "code"),
    ("GET", "/nope", None, "code"),
    ("GET", "/alerts?filter=%7Bx", None, "same"),
    ("GET", "/alerts?filter=alertname%3Dnone", None, "same"),
    ("GET", "/alerts?receiver=%5B", None, "status"),
    ("GET", "/alerts/groups?filter=alertname%3Dnone", None, "same"),
    ("GET", "/silences?filter=%3D", None, "same"),
    ("GET", "/silence/xyz", None, "same"),
    ("DELETE", "/silence/xyz", None, "same"),
    ("GET", "/silence/8d2f6e3a-0000-4000-8000-000000000000", None, "same"),
    ("POST", "/silences", {"matchers": []}, "same"),
    ("POST", "/silences", {"matchers": None}, "same"),
    ("POST", "/silences", {"createdBy": None}, "same"),
    ("POST", "/silences", {"comment": None}, "same"),
    ("POST", "/silences", {"matchers": [{"name": "a", "value": "b"}]}, "same"),
    ("POST", "/silences", {"endsAt": "2025-01-01T00:00:00Z"}, "same"),
    ("POST", "/silences", {"startsAt": "2024-01-01T00:00:00Z", "endsAt": "2025-01-01T00:00:00Z"}, "same"),
    ("POST", "/silences", {"matchers": [{"name": "a", "value": "", "isRegex": False}]}, "same"),
    ("POST", "/silences", {"matchers": [{"name": "a", "value": "(", "isRegex": True}]}, "status"),
    ("POST", "/silences", {"id": "8d2f6e3a-0000-4000-8000-000000000000"}, "same"),
    ("POST", "/silences", {"startsAt": "lunch"}, "code"),
]  # fmt: skip
"""Method, path, body (a silence: what differs from a valid one), and what must agree."""

SILENCE: dict[str, Any] = {
    "matchers": [{"name": "a", "value": "b", "isRegex": False}],
    "startsAt": "2026-01-01T00:00:00Z",
    "endsAt": "2100-01-01T00:00:00Z",
    "createdBy": "operator-1",
    "comment": "c",
}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The real Alertmanager. Gives the base address of its API."""
    from tests.server import free_port

    home, port = tmp_path_factory.mktemp("alertmanager"), free_port()
    (home / "config.yml").write_text("route: {receiver: oncue}\nreceivers: [{name: oncue}]\n")
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(
            [program("prometheus-alertmanager"), f"--config.file={home}/config.yml", f"--storage.path={home}/data",
             f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
            stdout=log, stderr=log,
        )  # fmt: skip

    def ready() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/-/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    eventually(ready, 30, "Alertmanager's readiness")
    yield f"http://127.0.0.1:{port}/api/v2"
    process.terminate()
    process.wait(20)


@pytest.mark.parametrize(
    ("method", "path", "given", "agrees"), REQUESTS, ids=[f"{one[0]} {one[1]} {one[2]}"[:60] for one in REQUESTS]
)
def test_answers_are_the_real_alertmanagers(
    oncue_server: Server, alertmanager: str, method: str, path: str, given: Any, agrees: str
) -> None:
    body = json.dumps({**SILENCE, **given}) if isinstance(given, dict) else given
    headers = {"Content-Type": "application/json"} if body is not None else {}
    theirs = httpx.request(method, alertmanager + path, content=body, headers=headers, trust_env=False)
    ours = oncue_server.client.request(method, f"/alertmanager/api/v2{path}", content=body, headers=headers)
    assert ours.status_code == theirs.status_code
    if agrees == "same":
        assert ours.text.strip() == theirs.text.strip() or ours.json() == theirs.json()
    elif agrees == "code":
        assert ours.json()["code"] == theirs.json()["code"]


def test_an_alert_reads_as_the_real_alertmanager_shows_it(oncue_server: Server, alertmanager: str) -> None:
    now = datetime.now(UTC)
    posted = [
        {
            "labels": {"alertname": "Twin", "severity": "warning", "empty": ""},
            "annotations": {"summary": "s", "description": "d"},
            "startsAt": now.replace(microsecond=0, year=now.year - 1).isoformat(),
            "endsAt": now.replace(microsecond=0, year=now.year + 1).isoformat(),
            "generatorURL": "http://prometheus:9090/graph",
        }
    ]
    rows = []
    for base, client in ((alertmanager, httpx.Client(trust_env=False)), ("/alertmanager/api/v2", oncue_server.client)):
        assert client.post(f"{base}/alerts", json=posted).status_code == 200
        (row,) = client.get(f"{base}/alerts", params={"filter": "alertname=Twin"}).json()
        assert row.pop("updatedAt")
        rows.append(row)
    assert rows[0] == rows[1]
