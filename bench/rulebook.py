"""ansible-rulebook as a peer: installed beside, given the same rules and the same events, timed from its first to its last.

It comes from PyPI into an environment of its own, and needs Java 17. Where there is none and none can be installed, `missing`
says so.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

from tests.server import ROOT
from tests.system import install

HOME: Final = ROOT / ".tools" / "ansible-rulebook"
WANTED: Final = ("ansible-rulebook>=1.3,<2", "ansible-core")
JAVA: Final = "openjdk-17-jre-headless"
WITHIN_S: Final = 900.0
WARM_UP: Final = 500
"""Events that are not timed: the JVM compiles meanwhile."""

SOURCE: Final = '''\
"""Puts prepared events into the queue: some to warm up, then the timed ones."""

import asyncio
import json
import time
from pathlib import Path


async def main(queue, args):
    """Called by ansible-rulebook."""
    events = json.loads(Path(args["events"]).read_text())
    for event in events["warm"]:
        await queue.put(event)
    await queue.put({"warmed": True})
    while not Path(args["go"]).exists():
        await asyncio.sleep(0.01)
    begun = time.time()
    for event in events["timed"]:
        await queue.put(event)
    await queue.put({"ended": True, "begun": begun})
    await asyncio.sleep(3600)
'''


def missing() -> str | None:
    """Why it cannot be measured here; None if it can. Installs what it needs."""
    if shutil.which("java") is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            return f"no Java, and only root can install {JAVA}"
        install(JAVA)
    program = HOME / "bin" / "ansible-rulebook"
    if not program.exists():
        HOME.parent.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
        pip = [str(HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *WANTED]
        done = subprocess.run(pip, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            shutil.rmtree(HOME)
            return f"it cannot be installed: {done.stderr.strip()[-200:]}"
    return None


def version() -> str:
    """Its own, and Java's."""
    told = subprocess.run([HOME / "bin" / "ansible-rulebook", "--version"], env=_environment(), check=True,
                          capture_output=True, text=True).stdout  # fmt: skip
    words = {line.partition("=")[0].strip(): line.partition("=")[2].strip() for line in told.splitlines()}
    return f"{told.split('[', 1)[1].split(']', 1)[0]} with Java {words.get('Java version', 'unknown')}"


def rate(events: list[dict[str, Any]], conditions: list[str]) -> float:
    """Events a second, from the first into its queue until the rule of the one after the last has acted."""
    with tempfile.TemporaryDirectory(prefix="oncue-bench-") as folder:
        directory = Path(folder)
        (directory / "sources").mkdir()
        (directory / "sources" / "prepared.py").write_text(SOURCE)
        (directory / "inventory.yml").write_text("all: {hosts: {localhost: {ansible_connection: local}}}\n")
        (directory / "events.json").write_text(json.dumps({"warm": events[:WARM_UP], "timed": events[WARM_UP:]}))
        (directory / "rulebook.yml").write_text(_rulebook(directory, conditions))
        with _Running(directory) as running:
            running.line("WARMED")
            (directory / "go").touch()
            begun = float(running.line("ENDED ").split()[-1])
            seconds = time.time() - begun
    return (len(events) - WARM_UP) / seconds


def _rulebook(directory: Path, conditions: list[str]) -> str:
    rules = [{"name": f"rule {number}", "condition": condition, "action": {"none": {}}}
             for number, condition in enumerate(conditions)]  # fmt: skip
    rules.append({"name": "warmed", "condition": "event.warmed is defined", "action": {"debug": {"msg": "WARMED"}}})
    ended = {"debug": {"msg": "ENDED {{ event.begun }}"}}
    rules.append({"name": "ended", "condition": "event.ended is defined", "action": ended})
    sources = [{"prepared": {"events": str(directory / "events.json"), "go": str(directory / "go")}}]
    # JSON is YAML.
    return json.dumps([{"name": "bench", "hosts": "all", "sources": sources, "rules": rules}])


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{HOME / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }


class _Running:
    """The process, and what it prints."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [HOME / "bin" / "ansible-rulebook", "-r", "rulebook.yml", "-i", "inventory.yml", "-S", "sources"],
            cwd=directory, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        self._alarm = threading.Timer(WITHIN_S, self._kill)

    def _kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)

    def __enter__(self) -> "_Running":
        self._alarm.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._alarm.cancel()
        if self._process.poll() is None:
            self._kill()
        self._process.wait(30)

    def line(self, beginning: str) -> str:
        """The next line with this in it. Fails with all that it printed if it ends before."""
        assert self._process.stdout is not None
        seen = []
        for line in self._process.stdout:
            seen.append(line)
            if beginning in line:
                return line.strip()
        raise AssertionError(f"ansible-rulebook ended without {beginning!r}:\n{''.join(seen)[-3000:]}")
