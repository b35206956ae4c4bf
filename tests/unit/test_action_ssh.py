"""`ssh.command` and `ssh.script` with a real OpenSSH server."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncue.plugins.actions.ssh_command import SshCommand
from oncue.plugins.actions.ssh_script import SshScript
from oncue.plugins.output import OUTPUT_LIMIT, TOLD_LIMIT, Ended
from oncue.sdk import Action, ActionError, Allow, Told, registry
from oncue.sdk.testing import check_action, context
from tests import sshd
from tests.server import free_port
from tests.sshd import Sshd
from tests.system import account
from tests.unit.misbehaving import unanswering

ALLOWS = (Allow("127.0.0.1"),)


@pytest.fixture(scope="module")
def host() -> Iterator[Sshd]:
    with sshd.running() as found:
        yield found


class Work:
    """What a step does on the host, and what it tells."""

    def __init__(self, host: Sshd, tmp_path: Path) -> None:
        self.host = host
        self.tmp_path = tmp_path
        self.told: list[Told] = []
        self.secrets = {"key": host.key}

    async def run(self, action: Action, timeout_s: float = 60.0, **inputs: Any) -> Ended:
        surroundings = context(
            self.tmp_path, allows=ALLOWS, secrets=self.secrets, timeout_s=timeout_s, tell=self.told.append
        )
        done = await action.run(registry.fit({**self.host.login(), **inputs}, action.inputs), surroundings)
        return msgspec.convert(surroundings.mask.value(msgspec.to_builtins(done)), Ended)

    async def command(self, *argv: str, **inputs: Any) -> Ended:
        return await self.run(SshCommand(), argv=list(argv), **inputs)

    async def shell(self, text: str, **inputs: Any) -> Ended:
        return await self.command("/bin/sh", "-c", text, **inputs)

    async def failure(self, *argv: str, **inputs: Any) -> ActionError:
        with pytest.raises(ActionError) as raised:
            await self.command(*argv, **inputs)
        return raised.value

    def lines(self, stream: str) -> list[str]:
        return [one.text for one in self.told if one.stream == stream]


@pytest.fixture
def work(host: Sshd, tmp_path: Path) -> Work:
    return Work(host, tmp_path)


@pytest.mark.parametrize(
    ("action", "more"), [(SshCommand(), {"argv": ["uptime"]}), (SshScript(), {"script": "uptime\n", "args": ["a"]})]
)
def test_they_are_whole(action: Action, more: dict[str, Any]) -> None:
    login = {"host": "app-1.example", "user": "basis-1", "key": "secret://k", "known_hosts": ["ssh-ed25519 AAAA"]}
    check_action(action, {**login, **more})
    inputs = registry.fit({**login, **more, "effect_class": "idempotent"}, action.inputs)
    assert action.effect_class(inputs) == "idempotent"
    assert "basis-1@app-1.example" in action.plan(inputs)
    assert "secret" not in action.plan(inputs)


def test_the_plan_is_one_line_whatever_the_arguments() -> None:
    login = {"host": "::1", "port": 2222, "user": "basis-1", "known_hosts": ["ssh-ed25519 AAAA"]}
    inputs = registry.fit({**login, "argv": ["echo", "a\nb", "x" * 1000]}, SshCommand.inputs)
    plan = SshCommand().plan(inputs)
    assert plan.startswith("basis-1@[::1]:2222: echo 'a\\nb' ")
    assert len(plan) < 400


async def test_output_exit_code_and_input_are_those_of_the_command(work: Work) -> None:
    done = await work.shell("cat; echo err >&2; exit 3", stdin="in\n", expect=[3])
    assert done == Ended(exit_code=3, stdout="in\n", stderr="err\n", truncated=False)
    assert (work.lines("out"), work.lines("err")) == (["in"], ["err"])


async def test_lines_are_told_while_the_command_runs(work: Work, tmp_path: Path) -> None:
    go = tmp_path / "go"
    task = asyncio.create_task(work.shell(f"echo first; until test -e {go}; do sleep 0.02; done; printf last"))
    await until(lambda: work.lines("out") == ["first"])
    go.touch()
    assert (await task).stdout == "first\nlast"
    assert work.lines("out") == ["first", "last"]


async def test_an_unexpected_exit_code_is_an_error_with_its_last_words(work: Work) -> None:
    error = await work.failure("/bin/sh", "-c", "echo no space left >&2; exit 1")
    assert (error.code, error.detail, error.transient) == ("ssh.exit", "exit code 1: no space left", False)
    assert (await work.shell("kill -9 $$", expect=[137])).exit_code == 137


WORDS = st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20), min_size=1, max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=WORDS)
def test_arguments_arrive_word_for_word(work: Work, words: list[str]) -> None:
    done = asyncio.run(work.command("printf", "%s\\0", *words))
    assert done.stdout.split("\0")[:-1] == words


@pytest.mark.parametrize("word", ["a b", "'", '"$HOME"', "$(touch x)", "`id`", "a\nb", "", "-n", "*", "\\", "!!", "é"])
async def test_arguments_are_not_interpreted(work: Work, word: str) -> None:
    assert (await work.command("printf", "[%s]", word)).stdout == f"[{word}]"


async def test_variables_arrive(work: Work) -> None:
    assert (await work.shell('printf "%s|%s" "$A" "$B"', env={"A": "x y", "B": "'q'\n"})).stdout == "x y|'q'\n"
    assert (await work.failure("true", env={"A-B": "x"})).code == "inputs.invalid"


async def test_a_hundred_megabytes_of_output_keep_their_end(work: Work) -> None:
    done = await work.shell("yes 0123456789 | head -c 100000000; echo END", timeout_s=100)
    assert done.truncated
    assert done.stdout.endswith("END\n")
    assert OUTPUT_LIMIT * 0.9 < len(msgspec.json.encode(done.stdout)) <= OUTPUT_LIMIT
    assert done.stdout.startswith("0123456789\n"), "it begins with a whole line"
    assert len(work.lines("out")) == TOLD_LIMIT
    assert work.lines("") == ["More is not shown while it runs; its end will be in the result."]


async def test_what_is_no_text_survives(work: Work) -> None:
    done = await work.shell("printf 'a\\377\\376\\000b'")
    assert done.stdout == "a��\0b"
    done = await work.shell("head -c 200000 /dev/urandom")
    assert done.truncated
    assert len(msgspec.json.encode(done)) < 65_536, "a worker reports it as it is"


async def test_a_command_that_does_not_read_its_input_ends_as_usual(work: Work) -> None:
    assert (await work.command("true", stdin="x" * 200_000)).exit_code == 0


@pytest.mark.parametrize(
    "text",
    [
        "echo $$; exec sleep 600",
        "echo $$; exec yes",
        "trap '' TERM; echo $$; while :; do sleep 0.1; done",
        "sleep 600 & echo $!; wait",
    ],
    ids=["hanging", "endless", "stubborn", "grandchild"],
)
async def test_what_is_no_longer_wanted_is_gone(work: Work, text: str) -> None:
    # Of root's sessions sshd passes no signals on.
    task = asyncio.create_task(work.shell(text, user=account()))
    await until(lambda: work.lines("out"))
    pid = int(work.lines("out")[0])
    assert psutil.pid_exists(pid)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(pid)


async def test_the_deadline_ends_a_command_that_never_returns(work: Work) -> None:
    async def over_once_it_runs(deadline: asyncio.Timeout) -> None:
        await until(lambda: work.lines("out"))
        deadline.reschedule(asyncio.get_running_loop().time())

    async def limited() -> None:
        async with asyncio.timeout(60) as deadline:
            watching = asyncio.create_task(over_once_it_runs(deadline))
            await work.shell("echo $$; exec sleep 600", user=account())
            await watching

    with pytest.raises(TimeoutError):
        await limited()
    await gone(int(work.lines("out")[0]))


async def test_a_command_that_the_key_is_restricted_to_ends_when_it_reads(work: Work, tmp_path: Path) -> None:
    private, public = sshd.keypair(tmp_path, "restricted")
    pid = tmp_path / "pid"
    work.host.restrict(public, f'restrict,command="echo $$ > {pid}; echo $SSH_ORIGINAL_COMMAND; exec cat >/dev/null"')
    work.secrets["key"] = private
    done = await work.command("drain", "node 1", stdin="x")
    assert done.stdout == "drain 'node 1'\n"
    await gone(int(pid.read_text()))


async def test_a_host_with_another_key_is_sent_nothing(work: Work, tmp_path: Path) -> None:
    _, wrong = sshd.keypair(tmp_path, "wrong")
    mark = tmp_path / "ran"
    error = await work.failure("touch", str(mark), known_hosts=[wrong])
    assert (error.code, error.transient, error.nothing_done) == ("ssh.host_key", False, True)
    assert not mark.exists()


async def test_a_wrong_key_is_refused(work: Work, tmp_path: Path) -> None:
    work.secrets["key"], _ = sshd.keypair(tmp_path, "other")
    assert (await work.failure("true")).code == "ssh.credentials"


async def test_a_key_may_have_a_passphrase(work: Work, tmp_path: Path) -> None:
    private, public = sshd.keypair(tmp_path, "sealed", "hunter2hunter2")
    work.host.restrict(public, "restrict")
    work.secrets |= {"key": private, "passphrase": "hunter2hunter2", "wrong": "hunter3"}
    assert (await work.command("true", passphrase="secret://passphrase")).exit_code == 0
    assert (await work.failure("true", passphrase="secret://wrong")).code == "ssh.key"


async def test_which_key_cannot_be_read_is_said(work: Work) -> None:
    work.secrets |= {"none": "no key at all", "passphrase": "hunter3"}
    for inputs, said in (
        ({"known_hosts": [work.host.host_key, "ssh-ed25519 no"]}, "known_hosts[1]: "),
        ({"key": "secret://none"}, "key: what secret://none holds is no private key: "),
    ):
        error = await work.failure("true", **inputs)
        assert (error.code, error.nothing_done) == ("ssh.key", True)
        assert error.detail.startswith(said)
        assert "no key at all" not in error.detail


async def test_nobody_there_is_transient_and_certain(work: Work) -> None:
    error = await work.failure("true", port=free_port())
    assert (error.code, error.transient, error.unknown, error.nothing_done) == ("ssh.unreachable", True, False, True)


async def test_a_host_that_never_takes_the_call_is_given_up_in_time_and_certain(work: Work) -> None:
    with unanswering() as port:
        error = await work.failure("true", port=port, timeout_s=0.5)
    assert (error.code, error.nothing_done) == ("ssh.unreachable", True)
    assert "timed out" in error.detail


async def test_what_does_not_speak_ssh_is_named(work: Work) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail ready\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        error = await work.failure("true", port=server.sockets[0].getsockname()[1])
    finally:
        server.close()
    assert (error.code, error.transient) == ("ssh.protocol", True)


async def test_a_host_that_takes_the_call_and_says_nothing_does_not_outlast_the_deadline(work: Work) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = await work.failure("true", port=silent.getsockname()[1], timeout_s=1.0)
    assert (error.code, error.transient) == ("ssh.protocol", True)


async def test_a_connection_that_breaks_leaves_it_open_what_was_done(work: Work, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    task = asyncio.create_task(work.failure("/bin/sh", "-c", f"echo $PPID > {pid}; exec sleep 600"))
    await until(lambda: pid.exists() and pid.read_text().strip() != "")
    session = psutil.Process(int(pid.read_text()))
    orphans = session.children(recursive=True)
    family = [one for one in psutil.Process(work.host.pid).children(recursive=True) if one not in orphans]
    for one in family:
        os.kill(one.pid, signal.SIGKILL)
    error = await task
    for one in orphans:
        one.kill()
    assert (error.code, error.transient, error.unknown, error.nothing_done) == ("ssh.lost", True, True, False)


async def test_machines_that_are_not_allowed_are_not_called(host: Sshd, tmp_path: Path) -> None:
    inputs = registry.fit({**host.login(), "argv": ["true"]}, SshCommand.inputs)
    with pytest.raises(ActionError, match=r"outbound\.refused"):
        await SshCommand().run(inputs, context(tmp_path, secrets={"key": host.key}))


async def test_secrets_are_masked_in_what_is_told_and_in_what_is_reported(work: Work) -> None:
    work.secrets["token"] = "correct-horse-battery"
    done = await work.shell("read word; echo got $word; echo bad $word >&2", stdin_secret="secret://token")
    assert (done.stdout, done.stderr) == ("got [secret]\n", "bad [secret]\n")
    assert (work.lines("out"), work.lines("err")) == (["got [secret]"], ["bad [secret]"])
    error = await work.failure("/bin/sh", "-c", "read word; echo $word; exit 9", stdin_secret="secret://token")
    assert error.detail == "exit code 9: [secret]"
    key = work.host.key.splitlines()[1]
    await work.command("echo", key)
    assert key not in "".join(work.lines("out"))
    assert (await work.failure("true", stdin="x", stdin_secret="secret://token")).code == "inputs.invalid"


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"known_hosts": ["nonsense"]}, "ssh.key"),
        ({"known_hosts": []}, "inputs.invalid"),
        ({"key": None}, "inputs.invalid"),
        ({"key": "secret://none"}, "secret.not_found"),
        ({"argv": ["a\0b"]}, "inputs.invalid"),
        ({"argv": []}, "inputs.invalid"),
        ({"argv": "rm -rf /"}, "inputs.invalid"),
    ],
)
async def test_what_cannot_be_run_is_refused(work: Work, inputs: dict[str, Any], code: str) -> None:
    with pytest.raises(ActionError) as raised:
        await work.run(SshCommand(), **{"argv": ["true"], **inputs})
    assert raised.value.code == code


async def test_a_script_gets_its_arguments_word_for_word(work: Work) -> None:
    script = 'for word in "$@"; do echo "[$word]"; done\nexit 4\n'
    done = await work.run(SshScript(), script=script, args=["a b", "-x", "$HOME"], expect=[4])
    assert done.stdout == "[a b]\n[-x]\n[$HOME]\n"


async def test_a_script_may_be_of_another_language(work: Work) -> None:
    script = "import sys\nprint(sys.argv[1:], end='')\n"
    done = await work.run(SshScript(), script=script, interpreter=["python3", "-"], args=["a b"])
    assert done.stdout == "['a b']"


async def test_a_script_that_fails_says_why(work: Work) -> None:
    with pytest.raises(ActionError, match=r"ssh\.exit: exit code 2: .*nowhere"):
        await work.run(SshScript(), script="set -e\nls /nowhere\necho unreached\n")


async def until(holds: Any) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} is still there"
        await asyncio.sleep(0.01)
