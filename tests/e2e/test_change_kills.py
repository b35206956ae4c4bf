"""A change over a real fleet, while the server is killed again and again: each target is changed, the ticket tells each once."""

import random
import time
from pathlib import Path

import pytest
import yaml

from oncue.demo.fleet import Fleet, versions
from tests.server import Server, eventually

NAMES = [f"shop-{number}" for number in range(1, 7)]
KILLS = 5


def manifests(fleet: Fleet) -> str:
    at = f"http://127.0.0.1:{fleet.port}/${{target}}"
    put = {"method": "PUT", "secret": "secret://control"}
    ports = [{"name": name, "port": str(service.port)} for name, service in fleet.services.items()]
    health = {"url": "http://127.0.0.1:${lookup('fleet', target, 'port')}/health"}
    steps = [
        {"id": "configure", "uses": "http.request", "with": {**put, "url": f"{at}/config", "json": {"version": "2.0"}},
         "rollback": {"uses": "http.request", "with": {**put, "url": f"{at}/restore"}, "timeout": "30s"}},
        {"id": "restart", "uses": "http.request", "with": {**put, "url": f"{at}/restart"}, "timeout": "30s",
         "validate": {"uses": "http.request", "with": health, "that": 'result.json.version == "2.0"', "every": "500ms"}},
    ]  # fmt: skip
    template = {
        "type": "standard", "targets": {"names": NAMES}, "steps": steps,
        "waves": {"canary": 1, "then": 2, "max_parallel": 2, "bake": "1s"}, "preconditions": {"healthy": False},
    }  # fmt: skip
    kinds = [
        ("Lookup", "fleet", {"key": "name", "rows": ports}),
        ("ChangeTemplate", "release", template),
        ("OutboundAllow", "loopback", {"host": "127.0.0.1", "reason": "The fleet of the test"}),
    ]
    return yaml.safe_dump_all(
        {"apiVersion": "oncue/v1", "kind": kind, "metadata": {"name": name}, "spec": spec} for kind, name, spec in kinds
    )


@pytest.mark.timeout(240)
def test_killed_again_and_again_it_changes_each_target_and_tells_of_each_once(
    fresh_server: Server, tmp_path: Path
) -> None:
    server, chance = fresh_server, random.Random(7)
    with Fleet(NAMES) as fleet:
        server.client.put("/api/v1/secrets/default/control", json={"value": fleet.token}).raise_for_status()
        file = tmp_path / "change.yaml"
        file.write_text(manifests(fleet))
        applied = server.cli("apply", "-f", str(file))
        assert applied.returncode == 0, applied.stderr
        body = {"template": "release", "reason": "The test"}
        change = server.client.post("/api/v1/changes", json=body).raise_for_status().json()
        path = f"/api/v1/changes/{change['id']}"
        server.client.post(f"{path}/start").raise_for_status()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.2, 1.2))
            if server.client.get(path).json()["state"] != "implement":
                break
            server.kill()
            server.start()
        over = eventually(lambda: (found := server.client.get(path).json())["state"] == "closed" and found, 120)
        assert over["close_code"] == "successful"
        assert {name: (in_file, running) for name, in_file, running in versions(fleet)} == dict.fromkeys(
            NAMES, ("2.0", "2.0")
        )
        notes = server.client.get(f"/api/v1/tickets/{over['ticket']}/comments").json()["items"]
        first = [one["text"].splitlines()[0] for one in notes]
        for wave in over["plan"]["waves"]:
            assert (
                first.count(f"{wave['name']} succeeded, {len(wave['targets'])} of {len(wave['targets'])} targets well")
                == 1
            )
            for name in wave["targets"]:
                assert first.count(f"{wave['name']}, {name}: succeeded") == 1
        tickets = [one for one in server.items("tickets") if one["change"] == over["id"]]
        assert [one["state"] for one in tickets] == ["closed"]
