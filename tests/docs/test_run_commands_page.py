"""The page on commands, scripts and playbooks: its workflows run on a real server, against a real OpenSSH server."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests import sshd
from tests.server import ROOT, Server, eventually
from tests.sshd import Sshd

PAGE = ROOT / "docs" / "how-to" / "run-commands.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def manifests(host: Sshd) -> str:
    """Those of the page, with this host for the page's."""
    found = [one for text in blocks("yaml") for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    for manifest in found:
        if manifest["kind"] == "OutboundAllow":
            manifest["spec"] |= {"host": "127.0.0.1", "port": host.port}
        for step in manifest["spec"].get("steps", ()):
            if step["uses"].startswith("ssh."):
                step["with"] |= {
                    "host": "127.0.0.1",
                    "port": host.port,
                    "known_hosts": [host.host_key],
                    "user": sshd.USER,
                }
            if step["uses"] == "ansible.playbook":
                here = {
                    "ansible_host": "127.0.0.1",
                    "ansible_port": host.port,
                    "ansible_python_interpreter": sys.executable,
                }
                step["with"]["inventory"]["app"]["hosts"]["app-1"] = here
                step["with"] |= {"known_hosts": [f"[127.0.0.1]:{host.port} {host.host_key}"], "user": sshd.USER}
    return yaml.safe_dump_all(found)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the page's settings, in which its manifests are in force."""
    home = tmp_path_factory.mktemp("commands")
    playbook = home / "playbooks" / "app" / "clear-cache.yml"
    playbook.parent.mkdir(parents=True)
    (text,) = (text for text in blocks("yaml") if "apiVersion" not in text)
    playbook.write_text(text)
    (home / "data").mkdir(mode=0o700)
    settings = "\n".join(blocks("toml")).replace("/srv/playbooks", str(home / "playbooks"))
    (home / "data" / "oncue.toml").write_text(settings)
    with sshd.running() as host, Server(home / "data") as server:
        done = server.cli("secret", "set", "app-key", stdin=host.key)
        assert done.returncode == 0, done.stderr
        (home / "page.yaml").write_text(manifests(host))
        done = server.cli("apply", "-f", str(home / "page.yaml"))
        assert done.returncode == 0, done.stdout + done.stderr
        yield server


def ended(server: Server, workflow: str, **inputs: Any) -> list[dict[str, Any]]:
    """The steps of a run that went well."""
    started = server.client.post("/api/v1/runs", json={"workflow": workflow, "inputs": inputs})
    assert started.status_code < 300, started.text

    def over() -> dict[str, Any] | None:
        found: dict[str, Any] = server.client.get(f"/api/v1/runs/{started.json()['id']}").json()
        return found if found["state"] != "running" else None

    run = eventually(over, 60, f"the end of {workflow}")
    assert run["state"] == "succeeded", run["steps"]
    steps: list[dict[str, Any]] = run["steps"]
    return steps


def test_the_disk_is_looked_at(landed: Server, tmp_path: Path) -> None:
    (tmp_path / "large one").write_bytes(b"x" * 200_000)
    (tmp_path / "small").touch()
    usage, large = ended(landed, "disk-usage", path=str(tmp_path))
    assert abs(usage["outputs"]["percent"] - psutil.disk_usage(str(tmp_path)).percent) <= 2
    assert [line.split("\t")[1] for line in large["result"]["stdout"].splitlines()] == ["large one", "small"]


def test_the_script_ranks(landed: Server) -> None:
    (rank,) = ended(landed, "busiest", connections={"app-1": 10, "app-2": 30})
    assert rank["outputs"] == {"host": "app-2", "share": 0.75}
    assert rank["result"]["stdout"] == "2 hosts\n"


def test_the_playbook_empties_the_cache(landed: Server, tmp_path: Path) -> None:
    cache = tmp_path / "cache {{ 1 + 1 }}"
    cache.mkdir()
    (clear,) = ended(landed, "clear-cache", cache=str(cache))
    assert clear["outputs"] == {"changed": 1}
    assert not cache.exists()


def test_the_tables_of_the_page_name_errors_that_there_are() -> None:
    reference = (ROOT / "docs" / "reference" / "actions.md").read_text("utf-8")
    named = set(re.findall(r"`((?:ssh|ansible|python)\.[a-z_]+)`", PAGE.read_text("utf-8"))) - {"ansible.cfg"}
    assert "ansible.no_hosts" in named
    assert sorted(code for code in named if f"| `{code}` |" not in reference and f"## {code}\n" not in reference) == []
