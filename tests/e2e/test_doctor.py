"""`oncue doctor` sees each trouble, with the server up or down, and says what to do."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oncue.cli import doctor
from oncue.cli.doctor_finding import Finding
from tests.server import ADMIN_TOKEN, ROOT, Server, environment, eventually, free_port, run_cli

MANIFESTS = """
apiVersion: oncue/v1
kind: Monitor
metadata: {name: blind}
spec: {uses: sql, every: 1s, with: {url: "secret://database", query: SELECT 1}}
---
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: old}
spec: {host: 10.0.0.1, expires: 2020-01-01}
---
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: wide}
spec: {host: "0.0.0.0/0"}
"""

Seen = Callable[..., dict[str, Finding]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory of a server that ran and has stopped; what was seen while it ran lies beside it."""
    directory = tmp_path_factory.mktemp("doctor")
    started = {"ONCUE_ACTIONS_SHELL_ENABLED": "true", "ONCUE_ACTIONS_SHELL_ALLOW": "/bin/true"}
    with Server(directory / "data", variables=started) as server:
        (directory / "manifests.yaml").write_text(MANIFESTS)
        assert server.cli("apply", "-f", str(directory / "manifests.yaml")).returncode == 0
        assert server.cli("secret", "set", "other", stdin="x").returncode == 0
        server.client.post("/api/v1/events", json={"specversion": "1.0", "type": "oncue.no", "source": "/x", "id": "1"},
                           headers={"Content-Type": "application/cloudevents+json"})  # fmt: skip
        eventually(lambda: any((one["state"] or {}).get("state") == "failing" for one in server.items("monitors")), 20)
        variables = {"ONCUE_SERVER": server.url, "ONCUE_TOKEN": ADMIN_TOKEN}
        up = run_cli("doctor", "--data", str(server.data), "--json", variables=variables)
        (directory / "up.json").write_text(json.dumps([up.returncode, json.loads(up.stdout)]))
        alone = run_cli("doctor", "--data", str(server.data), "--json", variables={"ONCUE_TOKEN": ADMIN_TOKEN})
        (directory / "alone.json").write_text(json.dumps([server.url, json.loads(alone.stdout)]))
        far = run_cli("doctor", "--data", str(directory / "nothing"), "-o", "json", variables=variables)
        (directory / "far.json").write_text(far.stdout)
    server.verify()
    return server.data


@pytest.fixture
def seen(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Seen]:
    """A copy of that directory to damage, and what the doctor sees of it."""
    copy = tmp_path / "data"
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns("*.sock"))
    for name in environment():
        if name.startswith("ONCUE_"):
            monkeypatch.delenv(name)

    def look(**variables: str) -> dict[str, Finding]:
        monkeypatch.setenv("ONCUE_SERVER", f"http://127.0.0.1:{free_port()}")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        found: dict[str, Finding] = {}
        for one in doctor.findings(copy):
            if one.part not in found or one.state != "ok":
                found[one.part] = one
        return found

    return copy, look


def test_all_is_seen_of_a_server_that_runs(data: Path) -> None:
    code, found = json.loads((data.parent / "up.json").read_text())
    by = {one["part"]: one for one in found}
    assert code == 1
    well = ("python", "sqlite", "plugins", "clock", "configuration", "data", "keys", "journal", "chain", "upkeep", "engine",
            "worker", "server", "address")  # fmt: skip
    assert {part: by[part]["state"] for part in well} == dict.fromkeys(well, "ok")
    assert by["monitors"]["state"] == by["secrets"]["state"] == "fail"
    assert "default/blind" in by["monitors"]["seen"] and "default/database" in by["secrets"]["seen"]
    assert by["dead letters"]["seen"] == "1 waiting"
    assert by["outbound"]["state"] == "warn" and "default/old" in by["outbound"]["seen"]
    assert "default/wide" in by["outbound"]["seen"]
    assert by["dead man"]["state"] == "warn"
    assert all(one["hint"] for one in found if one["state"] != "ok")


def test_a_server_is_looked_at_as_it_was_started(data: Path) -> None:
    url, found = json.loads((data.parent / "alone.json").read_text())
    by = {one["part"]: one for one in found}
    assert by["address"]["seen"] == url
    assert by["server"]["state"] == "ok" and by["server"]["seen"].startswith(f"{url} answers")
    assert (by["shell"]["state"], by["shell"]["seen"]) == ("ok", "1 commands allowed")


def test_a_server_elsewhere_is_seen_by_http_alone(data: Path) -> None:
    by = {one["part"]: one for one in json.loads((data.parent / "far.json").read_text())}
    assert by["server"]["state"] == "ok"
    assert by["monitors"]["state"] == "fail" and "blind" in by["monitors"]["seen"]
    assert by["dead letters"]["state"] == "warn"
    assert by["data"]["state"] == "warn" and "chain" not in by


def test_the_same_is_seen_when_the_server_is_down(seen: tuple[Path, Seen]) -> None:
    _, look = seen
    found = look()
    assert (found["engine"].state, found["server"].state, found["chain"].state) == ("warn", "warn", "ok")
    assert found["monitors"].state == found["secrets"].state == "fail"
    assert found["dead letters"].seen == "1 waiting"


def damage_chain(data: Path) -> None:
    with sqlite3.connect(data / "oncue.db") as connection:
        connection.execute("UPDATE journal SET chain_head = zeroblob(32)")
    connection.close()


def damage_checkpoint(data: Path) -> None:
    with sqlite3.connect(data / "oncue.db") as connection:
        (note,) = connection.execute("SELECT note FROM checkpoint ORDER BY batch DESC LIMIT 1").fetchone()
        signature = note.rsplit(" ", 1)
        connection.execute("UPDATE checkpoint SET note = ?", (f"{signature[0]} {'A' * 88}\n",))
    connection.close()


def future(data: Path) -> None:
    with sqlite3.connect(data / "oncue.db") as connection:
        connection.execute("UPDATE journal SET recorded_at = recorded_at + 3600000000")
    connection.close()


def old_snapshot(data: Path) -> None:
    with sqlite3.connect(data / "oncue.db") as connection:
        connection.execute("DELETE FROM snapshot")
        connection.execute("UPDATE journal SET created_at = created_at - 400000000000")
    connection.close()


def newer_schema(data: Path) -> None:
    with sqlite3.connect(data / "oncue.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def foreign(data: Path) -> None:
    (data / "oncue.db").unlink()
    with sqlite3.connect(data / "oncue.db") as connection:
        connection.execute("CREATE TABLE somebody_elses (row TEXT)")
    connection.close()


def replaced_by_a_file(data: Path) -> None:
    shutil.rmtree(data)
    data.touch()


DAMAGE: list[tuple[str, str, Callable[[Path], object]]] = [
    ("chain", "fail", damage_chain),
    ("chain", "fail", damage_checkpoint),
    ("chain", "fail", future),
    ("upkeep", "warn", old_snapshot),
    ("journal", "fail", newer_schema),
    ("journal", "fail", lambda data: (data / "oncue.db").write_bytes(b"no database" * 1000)),
    ("keys", "warn", lambda data: (data / "keys" / "secrets.key").chmod(0o644)),
    ("keys", "fail", lambda data: (data / "keys" / "journal.key").write_bytes(b"short")),
    ("keys", "fail", lambda data: (data / "keys" / "checkpoint.pem").write_bytes(b"no key")),
    ("keys", "fail", lambda data: shutil.rmtree(data / "keys")),
    ("keys", "fail", lambda data: (data / "keys" / "journal.key").unlink()),
    ("journal", "fail", lambda data: (data / "oncue.db").unlink()),
    ("journal", "fail", lambda data: (data / "oncue.db").write_bytes(b"")),
    ("journal", "fail", foreign),
    ("data", "fail", replaced_by_a_file),
    ("data", "warn", lambda data: (data / "oncue.db").chmod(0o644)),
    ("configuration", "fail", lambda data: (data / "oncue.toml").write_text("colour = 'red'")),
]


@pytest.mark.parametrize(("part", "state", "damage"), DAMAGE, ids=lambda one: getattr(one, "__name__", str(one)))
def test_each_damage_is_seen_and_has_a_remedy(
    seen: tuple[Path, Seen], part: str, state: str, damage: Callable[[Path], object]
) -> None:
    data, look = seen
    assert look()[part].state == "ok"
    damage(data)
    found = look()[part]
    assert found.state == state, found
    assert found.hint and not found.seen.startswith("no such table")


@pytest.mark.parametrize(
    ("more", "state", "words"),
    [
        ({}, "warn", "no playbook is allowed"),
        ({"INLINE": "true"}, "ok", "playbooks of steps"),
        ({"DIRECTORY": "/no/such"}, "warn", "not there: /no/such"),
        ({"DIRECTORY": "/"}, "ok", "playbooks of /"),
    ],
)
def test_ansible_is_looked_at_where_it_is_on(
    seen: tuple[Path, Seen], more: dict[str, str], state: str, words: str
) -> None:
    _, look = seen
    assert "ansible" not in look()
    found = look(
        ONCUE_ACTIONS_ANSIBLE_ENABLED="true", **{f"ONCUE_ACTIONS_ANSIBLE_{key}": one for key, one in more.items()}
    )
    assert found["ansible"].state == state
    assert words in found["ansible"].seen


def test_the_dead_man_is_seen_silent_and_refused(seen: tuple[Path, Seen]) -> None:
    data, look = seen
    assert look(ONCUE_DEAD_MAN_URL="https://hc-ping.com/x")["dead man"].seen.startswith("the server does not run")
    (data / "engine.sock").touch()
    state: dict[str, Any] = {"host": "hc-ping.com", "every_s": 60, "since": "2020-01-01T00:00:00Z", "well": True}
    for more, words in (
        ({}, "never reached"),
        ({"last_error": "http.status: status 404", "last_error_at": "2020-01-01T00:00:00Z"}, "http.status"),
        ({"well": False, "problem": "store.unavailable"}, "store.unavailable"),
    ):
        (data / "dead-man.json").write_text(json.dumps({**state, **more}))
        found = look(ONCUE_DEAD_MAN_URL="https://hc-ping.com/x")["dead man"]
        assert found.state == "fail" and words in found.seen and found.hint


@pytest.mark.parametrize(("age", "state"), [(timedelta(seconds=5), "ok"), (timedelta(hours=1), "warn")])
def test_a_monitor_without_a_reading_is_told_when_it_should_have_had_one(
    seen: tuple[Path, Seen], age: timedelta, state: str
) -> None:
    data, look = seen
    applied = (datetime.now(UTC) - age).isoformat()
    with sqlite3.connect(data / "oncue.db") as connection:
        for kind, member, value in (("monitor", "state", "pending"), ("manifest", "updated_at", applied)):
            for id, body in connection.execute("SELECT id, body FROM entity WHERE kind = ?", (kind,)).fetchall():
                changed = json.dumps({**json.loads(body), member: value}).encode()
                connection.execute("UPDATE entity SET body = ? WHERE kind = ? AND id = ?", (changed, kind, id))
    connection.close()
    found = look()["monitors"]
    assert found.state == state, found
    assert "blind" in found.seen if state == "warn" else "1 have just begun" in found.seen


def test_warnings_count_only_when_they_are_asked_to(tmp_path: Path) -> None:
    variables = {"ONCUE_SERVER": f"http://127.0.0.1:{free_port()}"}
    done = run_cli("doctor", "--data", str(tmp_path), "--json", variables=variables)
    states = [one["state"] for one in json.loads(done.stdout)]
    assert "warn" in states and ("fail" in states) == (done.returncode == 1)
    assert run_cli("doctor", "--data", str(tmp_path), "--strict", variables=variables).returncode == 1


def test_every_part_is_on_its_page() -> None:
    page = (ROOT / "docs" / "how-to" / "doctor.md").read_text("utf-8")
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src" / "oncue" / "cli").glob("doctor*.py"))
    parts = set(re.findall(r"Finding\(\s*\"([a-z ]+)\"", source))
    assert len(parts) > 20
    assert {part for part in parts if f"`{part}`" not in page} == set()
