"""`python.script` with real processes."""

import asyncio
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from oncue.plugins.actions.python_script import Outputs, PythonScript
from oncue.sdk import ActionError, PythonRules, Told, registry
from oncue.sdk.testing import check_action, context

ON = PythonRules(True)
SECRETS = {"token": "correct-horse-battery"}


async def run(
    tmp_path: Path, script: str, rules: PythonRules = ON, told: list[Told] | None = None, **inputs: Any
) -> Outputs:
    action = PythonScript()
    surroundings = context(tmp_path, python=rules, secrets=SECRETS, tell=None if told is None else told.append)
    return await action.run(registry.fit({"script": script, **inputs}, action.inputs), surroundings)


async def failure(tmp_path: Path, script: str, rules: PythonRules = ON, **inputs: Any) -> ActionError:
    with pytest.raises(ActionError) as raised:
        await run(tmp_path, script, rules, **inputs)
    return raised.value


def returning(expression: str) -> str:
    return f"def main(inputs):\n    return {expression}\n"


def test_it_is_whole() -> None:
    example = {"script": returning("1"), "inputs": {"host": "db-1"}, "secret_env": {"TOKEN": "secret://token"}}
    check_action(PythonScript(), example)
    plan = PythonScript().plan(registry.fit(example, PythonScript.inputs))
    assert plan == "a Python script of 2 lines, with host"


async def test_it_is_off_by_default(tmp_path: Path) -> None:
    error = await failure(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')", PythonRules())
    assert (error.code, error.nothing_done) == ("action.disabled", True)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("value", [None, True, 7, -1.5, "é\n\0", [1, [2]], {"a": {"b": []}}])
async def test_what_goes_in_comes_out(tmp_path: Path, value: Any) -> None:
    done = await run(tmp_path, returning("inputs['value']"), inputs={"value": value})
    assert done == Outputs(result=value, stdout="", stderr="")


async def test_what_it_prints_is_output_and_is_told_at_once(tmp_path: Path) -> None:
    told: list[Told] = []
    go = tmp_path / "go"
    script = (
        "import os, sys, time\nprint('before')\ndef main(inputs):\n    print('in main')\n"
        "    while not os.path.exists(inputs['go']):\n        time.sleep(0.02)\n    print('err', file=sys.stderr)\n"
    )
    task = asyncio.create_task(run(tmp_path, script, told=told, inputs={"go": str(go)}))
    await until(lambda: [one.text for one in told] == ["before", "in main"])
    go.touch()
    done = await task
    assert (done.result, done.stdout, done.stderr) == (None, "before\nin main\n", "err\n")


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("def main(:", "python.failed", "SyntaxError"),
        ("def main(inputs):\n    return inputs['none']\n", "python.failed", "return inputs['none']"),
        ("import sys\ndef main(inputs):\n    sys.exit(3)\n", "python.failed", "exit code 3"),
        ("import os\ndef main(inputs):\n    os._exit(0)\n", "python.failed", "before main returned"),
        ("def main():\n    return 1\n", "python.failed", "TypeError"),
        ("import psutil\ndef main(inputs):\n    return 1\n", "python.failed", "No module named 'psutil'"),
        ("x = 1\n", "python.no_main", "main"),
        ("main = 1\n", "python.no_main", "main"),
        (returning("object()"), "python.result", "object"),
        (returning("float('nan')"), "python.result", "JSON"),
        (returning("'x' * 20_000"), "python.result", "longer"),
        (returning("'x' * 1_000_000_000"), "python.limit", "MemoryError"),
        ("def main(inputs):\n    return inputs[0](1)\n", "python.failed", "KeyError: 0, in line 2: return inputs[0](1)"),
        ("def main(inputs):\n    while True:\n        pass\n", "python.limit", "processor time"),
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_said(tmp_path: Path, script: str, code: str, words: str) -> None:
    error = await failure(tmp_path, script, cpu_s=1)
    assert error.code == code
    assert words in error.detail


async def test_the_environment_and_the_directory_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCUE_ADMIN_TOKEN", "must-not-be-seen")
    script = "import os, sys\n" + returning("[dict(os.environ), os.getcwd(), sys.path, os.listdir('.')]")
    environment, directory, path, files = (await run(tmp_path, script, secret_env={"TOKEN": "secret://token"})).result
    assert environment["TOKEN"] == "correct-horse-battery"
    assert set(environment) <= {"PATH", "LANG", "LC_CTYPE", "HOME", "TMPDIR", "TOKEN"}
    assert environment["HOME"] == directory
    assert not Path(directory).exists(), "it is gone afterwards"
    assert files == []
    assert not any("site-packages" in one for one in path)


async def test_secrets_are_masked_in_errors(tmp_path: Path) -> None:
    script = "import os\ndef main(inputs):\n    raise ValueError(os.environ['TOKEN'])\n"
    error = await failure(tmp_path, script, secret_env={"TOKEN": "secret://token"})
    assert error.detail == "ValueError: [secret], in line 3: raise ValueError(os.environ['TOKEN'])"
    assert (await failure(tmp_path, script, secret_env={"LD_PRELOAD": "secret://token"})).code == "inputs.invalid"


async def test_what_it_started_ends_with_it_even_if_it_left_the_group(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = (
        "import subprocess, time\ndef main(inputs):\n"
        "    child = subprocess.Popen(['/bin/sleep', '600'], start_new_session=True)\n"
        "    with open(inputs['note'], 'w') as file:\n        file.write(str(child.pid))\n    time.sleep(600)\n"
    )
    task = asyncio.create_task(run(tmp_path, script, inputs={"note": str(note)}))
    await until(lambda: note.exists() and note.read_text() != "")
    child = psutil.Process(int(note.read_text()))
    family = [*child.parents()[:1], child]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family))


async def test_a_child_that_holds_the_output_open_does_not_hold_the_step(tmp_path: Path) -> None:
    script = (
        "import subprocess\ndef main(inputs):\n"
        "    return subprocess.Popen(['/bin/sleep', '30'], start_new_session=True).pid\n"
    )
    began = time.monotonic()
    done = await run(tmp_path, script)
    psutil.Process(done.result).kill()
    assert time.monotonic() - began < 20


async def until(holds: Any) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
