"""The page on self-service: each of its commands works for the person that it is for, and says what the page says."""

import os
import re
import subprocess
from pathlib import Path
from typing import get_args

from oncue.core.self_service import RequestState
from tests.docs.test_tutorials import blocks, matches
from tests.receiver import Receiver
from tests.server import ADMIN_TOKEN, ONCUE, ROOT, Server, environment, eventually

PAGE = ROOT / "docs" / "how-to" / "self-service.md"
ALLOW = "apiVersion: oncue/v1\nkind: OutboundAllow\nmetadata: {name: here}\nspec: {host: 127.0.0.1}\n"


def token_of(who: str, directory: Path) -> str:
    """Of whoever does something on the page: those who have a token of their own got it on the page."""
    return ADMIN_TOKEN if who in ("an editor", "an admin") else (directory / f"{who}.token").read_text().strip()


def test_the_commands_of_the_page_offer_ask_agree_and_show(fresh_server: Server, tmp_path: Path) -> None:
    variables = environment({"ONCUE_SERVER": fresh_server.url})
    variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
    (manifests,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert fresh_server.client.post("/api/v1/manifests", content=ALLOW).status_code == 200
    with Receiver() as storage:
        text = manifests.replace("https://storage.example.com", storage.url)
        (tmp_path / "extend-volume.yaml").write_text(text)
        for block in blocks(PAGE):
            who = re.match(r"# as (.+)\n", block.script)
            assert who is not None, block.script
            done = subprocess.run(
                ["bash", "-euc", block.script], cwd=tmp_path, env={**variables, "ONCUE_TOKEN": token_of(who[1], tmp_path)},
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{block.script}\n{done.stdout}{done.stderr}"
            output = done.stdout + done.stderr
            assert block.expected is None or matches(block.expected, output), output
        eventually(
            lambda: fresh_server.client.get("/api/v1/requests/REQ-1").json()["outcome"]["state"] == "succeeded",
            what="the run's success",
        )
        assert [(one.method, one.path) for one in storage.requests] == [("PUT", "/web-1")]


def test_the_table_of_states_has_each_of_them() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE))
    assert told == set(get_args(RequestState))
