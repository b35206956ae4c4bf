"""`shell.command` with real programs."""

import asyncio
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from oncue.plugins.actions.shell_command import Inputs, ShellCommand, permitted
from oncue.plugins.output import OUTPUT_LIMIT, Ended
from oncue.sdk import ActionError, ShellRules, registry
from oncue.sdk.testing import context

SH = shutil.which("sh") or "/bin/sh"
ALLOWED = ShellRules(True, (SH,))


async def run(tmp_path: Path, inputs: dict[str, Any], rules: ShellRules = ALLOWED) -> Ended:
    return await ShellCommand().run(registry.fit(inputs, Inputs), context(tmp_path, shell=rules))


async def failure(tmp_path: Path, inputs: dict[str, Any], rules: ShellRules = ALLOWED) -> ActionError:
    with pytest.raises(ActionError) as raised:
        await run(tmp_path, inputs, rules)
    return raised.value


async def test_it_is_off_by_default(tmp_path: Path) -> None:
    assert (await failure(tmp_path, {"argv": [SH, "-c", "true"]}, ShellRules())).code == "action.disabled"


@pytest.mark.parametrize(
    ("argv", "allow", "expected"),
    [
        (["/bin/df", "-h"], ("/bin/df",), True),
        (["/bin/df"], (), False),
        (["df"], ("/bin/df",), False),
        (["/bin/../bin/df"], ("/bin/df",), False),
        (["/bin/dfx"], ("/bin/df",), False),
        (["/bin/systemctl", "restart", "nginx"], ("/bin/systemctl restart nginx",), True),
        (["/bin/systemctl", "restart", "nginx", "--now"], ("/bin/systemctl restart nginx",), True),
        (["/bin/systemctl", "restart", "sshd"], ("/bin/systemctl restart nginx",), False),
        (["/bin/systemctl"], ("/bin/systemctl restart nginx",), False),
        (["/bin/echo", "a b"], ("/bin/echo 'a b'",), True),
        (["/bin/echo", "a", "b"], ("/bin/echo 'a b'",), False),
    ],
)
def test_the_list_names_programs_or_beginnings_word_for_word(
    argv: list[str], allow: tuple[str, ...], expected: bool
) -> None:
    assert permitted(argv, allow) is expected


async def test_output_exit_code_and_input_are_those_of_the_program(tmp_path: Path) -> None:
    done = await run(tmp_path, {"argv": [SH, "-c", "cat; echo err >&2; exit 3"], "stdin": "in", "expect": [3]})
    assert (done.exit_code, done.stdout, done.stderr, done.truncated) == (3, "in", "err\n", False)


async def test_an_unexpected_exit_code_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    error = await failure(tmp_path, {"argv": [SH, "-c", "echo no space left >&2; exit 1"]})
    assert (error.code, error.detail) == ("shell.exit", "exit code 1: no space left")


async def test_arguments_are_not_interpreted(tmp_path: Path) -> None:
    done = await run(tmp_path, {"argv": [SH, "-c", 'echo "$1"', "x", "$(touch /tmp/no); `id` *"]})
    assert done.stdout == "$(touch /tmp/no); `id` *\n"


async def test_the_environment_is_empty_but_for_what_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCUE_ADMIN_TOKEN", "must-not-be-seen")
    done = await run(tmp_path, {"argv": [SH, "-c", "env"], "env": {"WHO": "me"}})
    names = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert names <= {"PATH", "LANG", "WHO", "PWD", "SHLVL", "_"}
    assert "must-not-be-seen" not in done.stdout


@pytest.mark.parametrize("name", ["LD_PRELOAD", "ld_library_path", "PYTHONPATH", "BASH_ENV", "A=B", ""])
async def test_variables_that_change_what_runs_are_refused(tmp_path: Path, name: str) -> None:
    assert (await failure(tmp_path, {"argv": [SH, "-c", "true"], "env": {name: "x"}})).code == "inputs.invalid"


async def test_long_output_keeps_its_end(tmp_path: Path) -> None:
    done = await run(tmp_path, {"argv": [SH, "-c", "yes 0123456789 | head -c 300000; echo END"]})
    assert done.truncated
    assert OUTPUT_LIMIT * 0.9 < len(msgspec.json.encode(done.stdout)) <= OUTPUT_LIMIT
    assert done.stdout.startswith("0123456789\n")
    assert done.stdout.endswith("END\n")


async def test_what_it_leaves_running_is_killed_when_it_ends(tmp_path: Path) -> None:
    began = time.monotonic()
    done = await run(tmp_path, {"argv": [SH, "-c", "sleep 300 & echo $!"]})
    assert time.monotonic() - began < 10
    await _gone(int(done.stdout))


async def test_cancellation_kills_the_whole_group(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    task = asyncio.create_task(run(tmp_path, {"argv": [SH, "-c", f"sleep 300 & echo $! > {note}; wait"]}))
    deadline = time.monotonic() + 10
    while not (note.exists() and note.read_text().strip()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _gone(int(note.read_text()))


async def test_memory_is_bounded(tmp_path: Path) -> None:
    done = await run(tmp_path, {"argv": [SH, "-c", "ulimit -v"]})
    assert done.stdout.strip() == str(2 * 1024 * 1024)


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"argv": [SH, "a\0b"]}, "inputs.invalid"),
        ({"argv": [SH], "cwd": "/nowhere"}, "inputs.invalid"),
        ({"argv": []}, "inputs.invalid"),
        ({"argv": "rm -rf /"}, "inputs.invalid"),
        ({"argv": ["/bin/cat"]}, "shell.not_allowed"),
    ],
)
async def test_what_cannot_run_is_refused(tmp_path: Path, inputs: dict[str, Any], code: str) -> None:
    assert (await failure(tmp_path, inputs)).code == code


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    error = await failure(tmp_path, {"argv": ["/no/such"]}, ShellRules(True, ("/no/such",)))
    assert (error.code, error.nothing_done) == ("shell.not_found", True)


async def _gone(pid: int) -> None:
    deadline = time.monotonic() + 5
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} is still there"
        await asyncio.sleep(0.01)
