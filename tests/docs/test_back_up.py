"""A backup made and put back by the commands of its page has all that was acknowledged before it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.docs.test_tutorials import Block, blocks, matches
from tests.server import ADMIN_TOKEN, ONCUE, ROOT, Server, environment, event, eventually

PAGE = ROOT / "docs" / "how-to" / "back-up-and-verify.md"


def run(block: Block, folder: Path, url: str) -> None:
    variables = environment({"ONCUE_SERVER": url, "ONCUE_TOKEN": ADMIN_TOKEN})
    variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
    ran = subprocess.run(
        ["bash", "-euc", block.script],
        check=False,
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, f"{PAGE.name}:{block.line}\n{ran.stdout}{ran.stderr}"
    if block.expected is not None:
        assert matches(block.expected, ran.stdout), f"{PAGE.name}:{block.line}\n{ran.stdout}{ran.stderr}"


def test_a_proof_is_checked_by_the_script_of_the_page_and_one_that_was_bent_is_not(tmp_path: Path) -> None:
    script = PAGE.read_text("utf-8").split("```python\n")[1].split("```")[0]
    (tmp_path / "check.py").write_text(script)
    with Server(tmp_path / "oncue-data") as server:
        server.emit(*(event(title=f"Number {number}") for number in range(7)))
        position = server.items("events", type="org.example.*")[0]["position"]
        made = server.cli("journal", "prove", position, "--data", str(server.data)).stdout
    for proof, holds in ((made, True), (made.replace("Number", "Nummer"), False)):
        (tmp_path / "proof.json").write_text(proof)
        command = [sys.executable, "-I", "check.py", "proof.json"]
        ran = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert (ran.returncode == 0) is holds, ran.stdout + ran.stderr
        assert ("has the hash" in ran.stdout) is holds


def test_what_was_backed_up_while_the_server_ran_is_there_after_the_restore(tmp_path: Path) -> None:
    restored_at = PAGE.read_text("utf-8").split("## Restore")[0].count("\n")
    server = Server(tmp_path / "oncue-data")
    try:
        server.start()
        server.emit(event(title="Before the backup", resource="kept-1"))
        assert server.cli("secret", "set", "kept", stdin="value").returncode == 0
        server.stop()  # by which it signs; a young one has not done so before
        server.start()
        for block in blocks(PAGE):
            if block.line < restored_at:
                run(block, tmp_path, server.url)
        server.emit(event(title="After the backup", resource="lost-1"))
        server.stop()
        for block in blocks(PAGE):
            if block.line > restored_at:
                run(block, tmp_path, server.url)
        assert (tmp_path / "oncue-data.before" / "oncue.db").exists()
        assert (tmp_path / "oncue-data").stat().st_mode & 0o077 == 0
        server.start()
        assert [alert["resource"] for alert in server.items("alerts")] == ["kept-1"]
        assert [secret["name"] for secret in server.client.get("/api/v1/secrets").json()["items"]] == ["kept"]
        eventually(server.ready, what="it takes events")
        server.stop()
    finally:
        server.kill()
    server.verify()
