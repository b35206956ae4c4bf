"""Every command of the tutorials runs, against a real server, and prints what the page says."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.server import ADMIN_TOKEN, ONCUE, ROOT, Server, environment, eventually, free_port

TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
FENCE = re.compile(r"(<!-- test: skip -->\n)?```(\w*)\n(.*?)```\n", re.DOTALL)


class Block(NamedTuple):
    line: int
    script: str
    expected: str | None


def blocks(path: Path) -> Iterator[Block]:
    """The scripts of a page, each with the output that follows it at once."""
    text = path.read_text("utf-8")
    found = [match for match in FENCE.finditer(text) if match[2] in ("sh", "text")]
    for index, match in enumerate(found):
        if match[2] != "sh" or match[1]:
            continue
        following = found[index + 1] if index + 1 < len(found) else None
        directly = following is not None and following[2] == "text" and following.start() == match.end()
        yield Block(text.count("\n", 0, match.start()) + 1, match[3], following[3] if directly and following else None)


def matches(expected: str, output: str) -> bool:
    """Whether the output says what the page says, line after line: `...` stands for anything, white space counts once.

    There may be more lines: the starter watches the machine that runs the test, and that may have troubles of its own.
    """
    lines = [" ".join(line.split()) for line in expected.splitlines()]
    patterns = [re.escape(line).replace(re.escape("..."), ".*") for line in lines if line != "..."]
    rest = iter(" ".join(line.split()) for line in output.splitlines())
    return all(any(re.fullmatch(pattern, line) for line in rest) for pattern in patterns)


class Terminal:
    """Where a reader types: variables and the directory are those that the block before has left."""

    def __init__(self, directory: Path, variables: dict[str, str]) -> None:
        self._directory = directory
        self._variables = variables
        self._left = directory / "variables"
        self._left.touch()

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a block; it ends at the first command that fails."""
        before = f'. "{self._left}"; cd "$PWD"; set -a'
        after = f'set +a; export -p > "{self._left}"'
        return subprocess.run(
            ["bash", "-euc", f"{before}\n{script}\n{after}"],
            check=False,
            cwd=self._directory,
            env=self._variables,
            capture_output=True,
            text=True,
            timeout=120,
        )


def end_what_was_started(directory: Path) -> None:
    """What a page started in the background and has not ended itself, as it does when one of its commands fails."""
    for one in directory.rglob("*.pid"):
        os.kill(int(one.read_text()), signal.SIGTERM)


PORT = "8600"
"""Of the service that a page has its reader start; the test takes a port that is free."""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_every_command_of_the_tutorial_prints_what_the_page_says(page: Path, tmp_path: Path) -> None:
    variables = {"ONCUE_ADMIN_TOKEN": ADMIN_TOKEN}
    arguments = ["--first-start-apply", str(ROOT / "examples" / "starter")]
    with Server(tmp_path / "oncue-data", arguments=arguments, variables=variables) as server:
        eventually(lambda: server.client.get("/api/v1/manifests/Policy").json()["items"], what="the starter")
        eventually(lambda: server.client.get("/readyz").json()["engine"]["workers"], what="the worker")
        env = environment({"ONCUE_SERVER": server.url, "ONCUE_TOKEN": ADMIN_TOKEN})
        env["PATH"] = f"{ONCUE.parent}{os.pathsep}{env['PATH']}"
        terminal, port = Terminal(tmp_path, env), str(free_port())
        try:
            for block in blocks(page):
                ran = terminal.run(block.script.replace(PORT, port))
                assert ran.returncode == 0, f"{page.name}:{block.line}\n{ran.stdout}{ran.stderr}"
                if block.expected is not None:
                    assert matches(block.expected, ran.stdout), f"{page.name}:{block.line}\n{ran.stdout}{ran.stderr}"
        finally:
            end_what_was_started(tmp_path)
    server.verify()


@pytest.mark.parametrize(
    ("expected", "output", "same"),
    [
        ("a ... c\n", "a\tb\tc\n", True),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a\n...\n", "a\nb\nc\n", True),
        ("a\n...\n", "a\n", True),
        ("a\nc\n", "a\nb\nc\n", True),
        ("a\nb\n", "b\na\n", False),
        ("a\nb\n", "a\n", False),
        ("a (b)\n", "a b\n", False),
    ],
)
def test_dots_stand_for_anything(expected: str, output: str, same: bool) -> None:
    assert matches(expected, output) is same
