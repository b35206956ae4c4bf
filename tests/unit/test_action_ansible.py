"""`ansible.playbook` with real Ansible, on this machine and over a real OpenSSH server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import psutil
import pytest

from oncue.plugins.actions import ansible_playbook
from oncue.plugins.actions.ansible_playbook import PROGRAM, AnsiblePlaybook, Counts, Outputs, as_data
from oncue.sdk import ActionError, AnsibleRules, Told, registry
from oncue.sdk.testing import check_action, context
from tests import sshd
from tests.server import free_port
from tests.sshd import Sshd

LOCAL = {"all": {"hosts": {"localhost": {"ansible_connection": "local"}}}}
INLINE = AnsibleRules(enabled=True, inline=True)
SECRETS = {"token": "correct-horse-battery"}


class Work:
    """Playbooks of a step, and what it tells."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.rules = INLINE
        self.secrets = dict(SECRETS)
        self.told: list[Told] = []

    async def run(self, tasks: Any = None, **inputs: Any) -> Outputs:
        """These tasks, on this machine unless the inventory says otherwise."""
        action = AnsiblePlaybook()
        if tasks is not None:
            inputs["text"] = json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}])
        surroundings = context(
            self.tmp_path, ansible=self.rules, secrets=self.secrets, tell=self.told.append, timeout_s=60
        )
        return await action.run(registry.fit({"inventory": LOCAL, **inputs}, action.inputs), surroundings)

    async def failure(self, tasks: Any = None, **inputs: Any) -> ActionError:
        with pytest.raises(ActionError) as raised:
            await self.run(tasks, **inputs)
        return raised.value

    def said(self) -> str:
        return "\n".join(one.text for one in self.told)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


@pytest.fixture(scope="module")
def host() -> Iterator[Sshd]:
    with sshd.running() as found:
        yield found


def test_it_is_whole() -> None:
    example = {"playbook": "db/restart.yml", "inventory": LOCAL, "limit": "db-1", "tags": ["a", "b"], "check": True,
               "secret_vars": {"token": "secret://token"}}  # fmt: skip
    check_action(AnsiblePlaybook(), example)
    plan = AnsiblePlaybook().plan(registry.fit(example, AnsiblePlaybook.inputs))
    assert plan == "ansible-playbook --forks=5 --check --limit=db-1 --tags=a,b db/restart.yml"


async def test_it_is_off_by_default(work: Work, tmp_path: Path) -> None:
    touch = {"command": f"touch {tmp_path / 'ran'}"}
    for rules in (AnsibleRules(), AnsibleRules(enabled=True, directory=tmp_path)):
        work.rules = rules
        error = await work.failure([touch])
        assert (error.code, error.nothing_done) == ("action.disabled", True)
    work.rules = INLINE
    assert (await work.failure(playbook="site.yml")).code == "action.disabled"
    assert not (tmp_path / "ran").exists()


async def test_what_became_of_each_host_is_told(work: Work) -> None:
    done = await work.run([
        {"name": "Say", "debug": {"msg": "hello"}},
        {"name": "Change", "command": "true"},
        {"name": "Leave out", "command": "false", "when": False},
        {"name": "Mend", "block": [{"name": "Break", "command": "/bin/sh -c 'echo why >&2; exit 3'"}], "rescue": [{"debug": {"msg": "mended"}}]},
    ])  # fmt: skip
    assert done.hosts == {"localhost": Counts(ok=3, changed=1, skipped=1, rescued=1)}
    assert done.totals == done.hosts["localhost"]
    (failure,) = done.failures
    assert (failure.host, failure.task, failure.unreachable) == ("localhost", "Break", False)
    assert "why" in failure.message
    assert "TASK [Say]" in done.stdout
    assert not done.truncated
    assert "TASK [Change]" in work.said()


async def test_check_changes_nothing(work: Work, tmp_path: Path) -> None:
    copy = {"copy": {"content": "new", "dest": str(tmp_path / "file")}}
    done = await work.run([copy], check=True)
    assert (done.totals.changed, (tmp_path / "file").exists()) == (1, False)
    done = await work.run([copy])
    assert (done.totals.changed, (tmp_path / "file").read_text()) == (1, "new")


@pytest.mark.parametrize(
    ("inputs", "code", "words"),
    [
        ({"tasks": [{"name": "Break", "command": "/bin/sh -c 'echo why >&2; exit 3'"}]}, "ansible.failed", "localhost, Break: "),
        ({"tasks": [{"name": "Hide", "command": "false", "no_log": True}]}, "ansible.failed", "no_log"),
        ({"tasks": [{"no.such.module": {}}]}, "ansible.syntax", "no.such.module"),
        ({"text": "- hosts: [\n"}, "ansible.syntax", "playbook.yml"),
        ({"tasks": [], "limit": "db-9"}, "ansible.syntax", "db-9"),
        ({"text": "- hosts: web\n  tasks: []\n"}, "ansible.no_hosts", "no host"),
        ({"text": "[]", "playbook": "a.yml"}, "inputs.invalid", "playbook or text"),
        ({}, "inputs.invalid", "playbook or text"),
        ({"tasks": [], "extra_vars": {"a b": 1}}, "inputs.invalid", "variable"),
        ({"tasks": [], "limit": "a\0b"}, "inputs.invalid", "NUL"),
        ({"tasks": [], "limit": "db-1,@/etc/hostname"}, "inputs.invalid", "limit"),
        ({"tasks": [], "secret_vars": {"a": "secret://none"}}, "secret.not_found", "none"),
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_said(work: Work, inputs: dict[str, Any], code: str, words: str) -> None:
    error = await work.failure(**inputs)
    assert (error.code, error.transient) == (code, False)
    assert words in error.detail


async def test_it_says_what_it_needs(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ansible_playbook, "PROGRAM", Path("/no/such"))
    assert (await work.failure([])).code == "action.needs"


async def test_playbooks_of_the_operator_bring_their_roles(work: Work, tmp_path: Path) -> None:
    directory = tmp_path / "playbooks"
    (directory / "db").mkdir(parents=True)
    (directory / "roles" / "greet" / "tasks").mkdir(parents=True)
    (directory / "roles" / "greet" / "tasks" / "main.yml").write_text("- debug: {msg: 'hello {{ whom }}'}\n")
    play = "- hosts: all\n  gather_facts: false\n  roles: [greet]\n"
    (directory / "db" / "greet.yml").write_text(play)
    (tmp_path / "outside.yml").write_text(play)
    (directory / "link.yml").symlink_to(tmp_path / "outside.yml")
    work.rules = AnsibleRules(enabled=True, directory=directory)
    done = await work.run(playbook="db/greet.yml", extra_vars={"whom": "basis-1"})
    assert "hello basis-1" in done.stdout
    for name in ("../outside.yml", str(tmp_path / "outside.yml"), "link.yml", "none.yml", "db"):
        error = await work.failure(playbook=name)
        assert (error.code, error.nothing_done) == ("ansible.not_found", True)


async def test_tags_and_limit_say_what_is_done_where(work: Work) -> None:
    two = {"all": {"hosts": {name: {"ansible_connection": "local"} for name in ("a", "b")}}}
    tasks = [{"command": "true", "tags": ["one"]}, {"command": "true", "tags": ["two"]}, {"command": "true"}]
    done = await work.run(tasks, inventory=two, limit="b", tags=["one", "two"], skip_tags=["two"])
    assert done.hosts == {"b": Counts(ok=1, changed=1)}


NASTY = "{{ lookup('pipe', 'id') }} {% raw %} \" \\ ' é 😀 \x7f\n: - #"


async def test_data_is_data_whatever_is_in_it(work: Work, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tasks = [{"copy": {"content": "{{ [given, here] | to_json }}", "dest": str(out)}}]
    given = {"text": NASTY, "list": [NASTY, 1, None, True], "number": 1.5}
    inventory = {"all": {"hosts": {"localhost": {"ansible_connection": "local", "here": NASTY}}}}
    await work.run(tasks, extra_vars={"given": given}, inventory=inventory)
    assert json.loads(out.read_text()) == [given, NASTY]


def test_data_is_written_so_that_any_reader_of_yaml_reads_it() -> None:
    import yaml

    class Loader(yaml.SafeLoader):
        """Knows Ansible's tag."""

    Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
    value = {"a": NASTY, "b": {"c": [1, None, False, "", 1.5, {}]}, "é": []}
    assert yaml.load(as_data(value), Loader) == value


async def test_an_inventory_may_be_a_text(work: Work) -> None:
    done = await work.run(
        [{"ping": {}}], inventory="[db]\ndb-1 ansible_connection=local\ndb-2 ansible_connection=local\n"
    )
    assert set(done.hosts) == {"db-1", "db-2"}


async def test_nothing_of_the_user_that_oncue_runs_as_is_used(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONCUE_ADMIN_TOKEN", "must-not-be-seen")
    monkeypatch.setenv("ANSIBLE_CHECK_MODE_MARKERS", "must-not-be-seen")
    out = tmp_path / "out"
    await work.run([{"shell": f"(env; echo; pwd; ls -A ~) > {out}"}])
    assert "must-not-be-seen" not in out.read_text()
    (home,) = [line for line in out.read_text().splitlines() if line.startswith("HOME=")]
    assert "oncue-ansible-" in home
    assert not Path(home.removeprefix("HOME=")).exists(), "it is gone afterwards"


async def test_secrets_are_masked_in_what_is_told_and_in_errors(work: Work) -> None:
    tasks = [{"name": "Spill", "command": "/bin/sh -c 'echo {{ token }} >&2; exit 1'"}]
    error = await work.failure(tasks, secret_vars={"token": "secret://token"}, verbosity=3)
    assert error.code == "ansible.failed"
    assert "[secret]" in work.said()
    assert SECRETS["token"] not in work.said()


def inventory_of(host: Sshd, port: int | None = None) -> dict[str, Any]:
    return {"all": {"hosts": {"app-1": {"ansible_host": "127.0.0.1", "ansible_port": port or host.port}}}}


async def test_hosts_are_reached_over_ssh_by_key(work: Work, host: Sshd, tmp_path: Path) -> None:
    work.secrets["key"] = host.key
    login = {"user": sshd.USER, "key": "secret://key", "known_hosts": [f"[127.0.0.1]:{host.port} {host.host_key}"]}
    mark = tmp_path / "mark"
    done = await work.run([{"raw": f"touch {mark}"}], inventory=inventory_of(host), **login)
    assert (done.hosts["app-1"].changed, mark.exists()) == (1, True)


async def test_a_password_may_be_used_and_is_no_template(work: Work) -> None:
    work.secrets |= {"password": "hunter2 {{ x }}", "wrong": "hunter3"}
    async with letting_in("basis-1", work.secrets["password"]) as (port, key):
        login = {"user": "basis-1", "password": "secret://password", "known_hosts": [f"[127.0.0.1]:{port} {key}"]}
        inventory = {"all": {"hosts": {"app-1": {"ansible_host": "127.0.0.1", "ansible_port": port}}}}
        done = await work.run([{"raw": "echo hi"}], inventory=inventory, **login)
        assert done.hosts == {"app-1": Counts(ok=1, changed=1)}
        error = await work.failure([{"raw": "true"}], inventory=inventory, **{**login, "password": "secret://wrong"})
        assert error.code == "ansible.unreachable"


async def test_hosts_whose_keys_are_not_known_are_not_reached(work: Work, host: Sshd, tmp_path: Path) -> None:
    work.secrets["key"] = host.key
    _, wrong = sshd.keypair(tmp_path, "wrong")
    mark = tmp_path / "mark"
    for known in ([], [f"[127.0.0.1]:{host.port} {wrong}"]):
        login = {"user": sshd.USER, "key": "secret://key", "known_hosts": known}
        error = await work.failure([{"raw": f"touch {mark}"}], inventory=inventory_of(host), **login)
        assert (error.code, error.transient) == ("ansible.unreachable", True)
        assert "Host key verification failed" in error.detail
    assert not mark.exists()


async def test_a_host_that_is_not_there_is_unreachable(work: Work, host: Sshd) -> None:
    error = await work.failure([{"raw": "true"}], inventory=inventory_of(host, free_port()))
    assert error.code == "ansible.unreachable"
    assert error.detail.startswith("0 of 1 hosts failed, 1 could not be reached: app-1, ")


async def test_what_it_started_is_gone_when_it_is_no_longer_wanted(work: Work, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    task = asyncio.create_task(work.run([{"shell": f"echo $$ > {note}; exec sleep 600"}]))
    await until(lambda: note.exists() and note.read_text().strip() != "")
    sleeper = psutil.Process(int(note.read_text()))
    family = [sleeper, *(one for one in sleeper.parents() if str(PROGRAM) in one.cmdline())]
    assert len(family) > 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family))


@asynccontextmanager
async def letting_in(user: str, password: str) -> AsyncIterator[tuple[int, str]]:
    """A server that takes one password, and answers every command by `hi`; its port and its key."""

    class Server(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, given: str) -> bool:
            return (username, given) == (user, password)

    def answer(process: Any) -> None:
        process.stdout.write("hi\n")
        process.exit(0)

    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Server, server_host_keys=[key], process_factory=answer
    )
    async with server:
        yield server.sockets[0].getsockname()[1], key.export_public_key().decode().strip()


async def until(holds: Any) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
