"""The action `ansible.playbook`: a playbook, off until the operator allows it.

`ansible-playbook` runs on this machine, and a playbook can run programs on it even where it is meant for others: by
lookups, by tasks that are delegated, by the host `localhost`. So it is off as a whole, not for some connections alone.

Nothing of the user that OnCue runs as is used: no configuration, keys, agent or known hosts. Values that a step gives as
data are data: a `{{ }}` in them is not evaluated, as it may come from an event.
"""

import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import msgspec

from oncue.plugins import processes
from oncue.plugins.output import SHORT_OUTPUT, Ended, last_words, length
from oncue.sdk import (
    ActionError,
    AnsibleRules,
    Context,
    EffectClass,
    ErrorDoc,
    Rules,
    SecretRef,
    StatedClass,
    nothing_done_yet,
)
from oncue.sdk.source import Fault

PROGRAM: Final = Path(sysconfig.get_path("scripts"), "ansible-playbook")
"""Where the extra `oncue[ansible]` puts it. Ansible finds its answerer of password prompts beside it."""
HOSTS_LIMIT: Final = 100
FAILURES_LIMIT: Final = 20
EVENTS_LIMIT: Final = 4 * 1024**2
"""Bytes of what is read of what became of it."""

_CALLBACKS: Final = str(Path(__file__).parent.parent / "ansible_callbacks")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Words = Annotated[tuple[str, ...], msgspec.Meta(max_length=100)]


class Inputs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which playbook, for which hosts, as whom."""

    playbook: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)] | None = None
    """A file in the operator's directory (`actions.ansible.directory`), as in `db/restart.yml`. Give this or `text`."""
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)] | None = None
    """The playbook itself, where the operator allows that (`actions.ansible.inline`)."""
    inventory: dict[str, Any] | str
    """The hosts: a mapping in the form of Ansible's YAML inventory, whose values are data, or the text of an inventory."""
    extra_vars: dict[str, Any] = {}
    """Variables that count more than all others. Their values are data: no template in them is evaluated."""
    secret_vars: dict[str, SecretRef] = {}
    """The same as secrets: `{ansible_become_password: secret://sudo}`."""
    limit: str | None = None
    """A pattern of hosts, to use fewer than the playbook names."""
    tags: Words = ()
    """Only tasks with one of these tags."""
    skip_tags: Words = ()
    """No tasks with one of these tags."""
    check: bool = False
    """Only say what would be changed, as far as the modules can."""
    verbosity: Annotated[int, msgspec.Meta(ge=0, le=4)] = 0
    """How much Ansible says."""
    forks: Annotated[int, msgspec.Meta(ge=1, le=50)] = 5
    """Hosts at a time."""
    user: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    """Who logs in, unless the inventory says otherwise."""
    key: SecretRef | None = None
    """The private key, without a passphrase, in OpenSSH's format or PEM."""
    password: SecretRef | None = None
    """What to log in with instead of a key."""
    known_hosts: Annotated[tuple[str, ...], msgspec.Meta(max_length=500)] = ()
    """The keys of the hosts, as `ssh-keyscan HOST` prints them, name and all. A host without one is not reached."""
    effect_class: StatedClass = "at-most-once"
    """What a crash in the middle may mean: `idempotent` if the playbook may simply be run again."""


class Counts(msgspec.Struct, kw_only=True):
    """What became of a host's tasks."""

    ok: int = 0
    """Done, or nothing to be done."""
    changed: int = 0
    """Of those, the ones that changed something."""
    failed: int = 0
    """Not done."""
    unreachable: int = 0
    """Not begun, as nobody could log in."""
    skipped: int = 0
    """Left out by a condition."""
    rescued: int = 0
    """Failed, and handled by a `rescue` of the playbook."""
    ignored: int = 0
    """Failed, which the playbook ignores."""


class Failure(msgspec.Struct, kw_only=True):
    """A task that failed on a host."""

    host: str
    """As the inventory names it."""
    task: str
    """Its name, else its module."""
    message: str
    """Why."""
    unreachable: bool = False
    """Whether nobody could log in."""


class Outputs(msgspec.Struct, kw_only=True):
    """What became of it."""

    hosts: dict[str, Counts]
    """By host; of more than 100 those with the most to tell."""
    totals: Counts
    """Of all hosts."""
    failures: list[Failure]
    """Tasks that failed and were rescued, the first 20."""
    stdout: str
    """The end of what Ansible printed."""
    stderr: str
    """The same of its error output."""
    truncated: bool = False
    """Whether some of the output was not kept."""


class _Event(msgspec.Struct):
    """One line of the callback `oncue_events`."""

    play: str | None = None
    failure: Failure | None = None
    host: str = ""
    counts: Counts | None = None


class AnsiblePlaybook:
    """Runs a playbook from this machine."""

    name = "ansible.playbook"
    inputs = Inputs
    outputs = Outputs
    errors = (
        ErrorDoc(
            "action.disabled", "The operator has not switched it on (actions.ansible), or not what the step wants."
        ),
        ErrorDoc("action.needs", "It needs Ansible: install oncue[ansible]."),
        ErrorDoc("ansible.not_found", "There is no such playbook in the operator's directory."),
        ErrorDoc("ansible.syntax", "Ansible could not begin: the playbook, the inventory or an option is wrong."),
        ErrorDoc("ansible.no_hosts", "No host of the inventory fits: nothing was done."),
        ErrorDoc("ansible.unreachable", "Hosts could not be reached; the others are done.", transient=True),
        ErrorDoc("ansible.failed", "Tasks failed; the detail names the first ones."),
    )

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """As the step says."""
        return inputs.effect_class

    def faults(self, given: dict[str, Any]) -> Iterable[Fault]:
        """There is one playbook."""
        if (given.get("playbook") is None) == (given.get("text") is None):
            yield (), "give one of playbook and text"

    def plan(self, inputs: Inputs) -> str:
        """The command, without what is secret or long."""
        which = inputs.playbook or f"a text of {length(inputs.text or '')}"
        return processes.shown(["ansible-playbook", *_options(inputs), which])

    def permit(self, inputs: Inputs | None, rules: Rules) -> None:
        """Raises `ActionError` action.disabled, inputs.invalid."""
        if not rules.ansible.enabled:
            raise ActionError("action.disabled", "ansible.playbook is off; an administrator can allow it in oncue.toml")
        if inputs is not None:
            check(inputs, rules.ansible)

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """Every task is done on every host, or was rescued."""
        with nothing_done_yet():
            self.permit(inputs, context)
            if not PROGRAM.is_file():
                raise ActionError("action.needs", "it needs Ansible: install oncue[ansible]")
        with (
            tempfile.TemporaryDirectory(prefix="oncue-ansible-", ignore_cleanup_errors=True) as name,
            tempfile.TemporaryFile() as events,
        ):
            directory = Path(name)
            with nothing_done_yet():
                arguments = _write(inputs, context, directory)
            done = await processes.execute(
                [sys.executable, "-I", str(PROGRAM), *_options(inputs), *arguments],
                env=_environment(directory, context.ansible, inputs) | {"ONCUE_ANSIBLE_EVENTS": str(events.fileno())},
                cwd=name,
                context=context,
                keep=SHORT_OUTPUT,
                pass_fds=(events.fileno(),),
            )
            return _outputs(_events(events), done, context)


def check(inputs: Inputs, rules: AnsibleRules) -> None:
    """Raises `ActionError` action.disabled, inputs.invalid if this may not be run, or not as it is."""
    if (inputs.playbook is None) == (inputs.text is None):
        raise ActionError("inputs.invalid", "give playbook or text")
    if inputs.text is not None and not rules.inline:
        raise ActionError("action.disabled", "playbooks as text are off (actions.ansible.inline)")
    if inputs.playbook is not None and rules.directory is None:
        raise ActionError("action.disabled", "the operator names no directory of playbooks (actions.ansible.directory)")
    for variable in (*inputs.extra_vars, *inputs.secret_vars):
        if not _VARIABLE.fullmatch(variable):
            raise ActionError("inputs.invalid", f"{variable!r} cannot be a variable")
    if "@" in (inputs.limit or ""):
        raise ActionError("inputs.invalid", "limit: Ansible would read a file of this machine")
    processes.check_words(_options(inputs))


def as_data(value: Any) -> str:
    """A JSON value as YAML for Ansible, in whose strings no template is evaluated."""
    if isinstance(value, str):
        return f"!unsafe {_quoted(value)}"
    if isinstance(value, Mapping):
        members = (f"{_quoted(str(name))}: {as_data(member)}" for name, member in value.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_data, value))}]"
    return msgspec.json.encode(value).decode()


def _quoted(text: str) -> str:
    """A string of YAML, of ASCII alone."""
    plain = (one if " " <= one <= "~" and one not in '"\\' else f"\\U{ord(one):08x}" for one in text)
    return f'"{"".join(plain)}"'


def _options(inputs: Inputs) -> list[str]:
    """What is neither secret nor in a file."""
    found = [f"--forks={inputs.forks}"]
    found += ["--check"] if inputs.check else []
    found += [f"--limit={inputs.limit}"] if inputs.limit else []
    found += [f"--tags={','.join(inputs.tags)}"] if inputs.tags else []
    found += [f"--skip-tags={','.join(inputs.skip_tags)}"] if inputs.skip_tags else []
    found += [f"--user={inputs.user}"] if inputs.user else []
    return found + (["-" + "v" * inputs.verbosity] if inputs.verbosity else [])


def _write(inputs: Inputs, context: Context, directory: Path) -> list[str]:
    """What Ansible reads is in the directory, which is private; the arguments that say so. Raises `ActionError`."""
    secrets = {name: context.secret(reference) for name, reference in inputs.secret_vars.items()}
    if inputs.password is not None:
        secrets["ansible_password"] = context.secret(inputs.password)
    inventory = inputs.inventory if isinstance(inputs.inventory, str) else as_data(inputs.inventory)
    (directory / "inventory").write_text(inventory)
    (directory / "variables.yml").write_text(as_data({**inputs.extra_vars, **secrets}))
    (directory / "known_hosts").write_text("".join(f"{line}\n" for line in inputs.known_hosts))
    (directory / "ansible.cfg").touch()
    if inputs.key is not None:
        key = directory / "key"
        key.touch(mode=0o600)
        key.write_text(context.secret(inputs.key).rstrip("\n") + "\n")
    return ["--inventory=inventory", "--extra-vars=@variables.yml", str(_playbook(inputs, context.ansible, directory))]


def _playbook(inputs: Inputs, rules: AnsibleRules, directory: Path) -> Path:
    """Where it is: a text in this directory, else in that of the operator. Raises `ActionError` ansible.not_found."""
    if inputs.text is not None:
        path = directory / "playbook.yml"
        path.write_text(inputs.text)
        return path
    assert inputs.playbook is not None
    assert rules.directory is not None
    above = rules.directory.resolve()
    path = (above / inputs.playbook).resolve()
    if not path.is_relative_to(above) or not path.is_file():
        raise ActionError("ansible.not_found", f"there is no playbook {inputs.playbook!r} in {rules.directory}")
    return path


def _environment(directory: Path, rules: AnsibleRules, inputs: Inputs) -> dict[str, str]:
    """All that Ansible knows of this machine."""
    own = rules.directory / "ansible.cfg" if rules.directory is not None else None
    identity = directory / "key" if inputs.key is not None else "none"
    ssh = {
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "IdentityFile": identity,
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": directory / "known_hosts",
        "GlobalKnownHostsFile": "/dev/null",
        "ControlMaster": "no",  # a connection that is kept would outlive the step
    }
    found = {
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "ANSIBLE_HOME": str(directory / ".ansible"),
        "ANSIBLE_CONFIG": str(own if own is not None and own.is_file() else directory / "ansible.cfg"),
        "ANSIBLE_SSH_ARGS": " ".join(["-F none", *(f"-o {name}={value}" for name, value in ssh.items())]),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_CALLBACK_PLUGINS": _CALLBACKS,
        "ANSIBLE_CALLBACKS_ENABLED": "oncue_events",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
    }
    if rules.directory is not None:
        found["ANSIBLE_ROLES_PATH"] = str(rules.directory / "roles")
        found["ANSIBLE_COLLECTIONS_PATH"] = str(rules.directory / "collections")
    return found


def _events(file: BinaryIO) -> list[_Event]:
    """What the callback wrote. What is no line of it was written by the playbook itself, and says nothing."""
    file.seek(0)
    found = []
    for line in file.read(EVENTS_LIMIT).split(b"\n"):
        try:
            found.append(msgspec.json.decode(line, type=_Event))
        except msgspec.DecodeError:
            continue
    return found


def _outputs(events: list[_Event], done: Ended, context: Context) -> Outputs:
    """What became of it. Raises `ActionError` unless all is well."""
    hosts = {one.host: one.counts for one in events if one.counts is not None}
    failures = [one.failure for one in events if one.failure is not None]
    if done.exit_code != 0:
        if not any(one.play is not None for one in events):
            raise ActionError("ansible.syntax", f"exit code {done.exit_code}: {last_words(done, context)}")
        raise _failure(hosts, failures, done, context)
    if not hosts:
        detail = "no host of the inventory fits the playbook and the limit"
        raise ActionError("ansible.no_hosts", detail, nothing_done=True)
    totals = Counts(**{name: sum(getattr(one, name) for one in hosts.values()) for name in Counts.__struct_fields__})
    told = sorted(hosts.items(), key=lambda one: (-one[1].rescued, -one[1].changed, one[0]))
    return Outputs(
        hosts=dict(told[:HOSTS_LIMIT]),
        totals=totals,
        failures=failures[:FAILURES_LIMIT],
        stdout=done.stdout,
        stderr=done.stderr,
        truncated=done.truncated,
    )


def _failure(hosts: dict[str, Counts], failures: list[Failure], done: Ended, context: Context) -> ActionError:
    """What to say of a run that did not go well."""
    failed = sorted(name for name, one in hosts.items() if one.failed)
    unreachable = sorted(name for name, one in hosts.items() if one.unreachable)
    said = "; ".join(f"{one.host}, {one.task}: {one.message}" for one in failures[:FAILURES_LIMIT])
    counts = f"{len(failed)} of {len(hosts)} hosts failed, {len(unreachable)} could not be reached"
    detail = f"{counts}: {said}" if said else f"exit code {done.exit_code}: {last_words(done, context)}"
    if unreachable and not failed:
        return ActionError("ansible.unreachable", detail, transient=True)
    return ActionError("ansible.failed", detail)
