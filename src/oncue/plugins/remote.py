"""What the actions `ssh.command` and `ssh.script` share: one command on another machine, for a step of a run."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from oncue.plugins import processes, ssh
from oncue.plugins.output import Ended, Output, ended, last_words
from oncue.sdk import ActionError, Context, ErrorDoc, StatedClass, nothing_done_yet
from oncue.sdk.source import Fault

ERRORS: Final = (
    ErrorDoc("action.needs", "It needs asyncssh: install oncue[ssh]."),
    ErrorDoc("dns.failed", "The host's name does not resolve.", transient=True),
    ErrorDoc("ssh.unreachable", "Nobody takes the call there; nothing was sent.", transient=True),
    *ssh.ERRORS,
    ErrorDoc("ssh.lost", "The connection broke while the command ran; it may have done its work.", transient=True),
    ErrorDoc("ssh.exit", "The exit code is not one that counts as success."),
)

_HOST_KEY: Final = re.compile(r"[a-z][a-z0-9@.-]+ +AAAA[A-Za-z0-9+/]+=*( |$)")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Task(ssh.Login, kw_only=True, forbid_unknown_fields=True):
    """Where something is run, and what its end means."""

    env: dict[str, str] = msgspec.field(default_factory=dict)
    """Variables for it. They are part of the command line there, which others on that machine can see."""
    expect: tuple[int, ...] = (0,)
    """Exit codes that count as success."""
    effect_class: StatedClass = "at-most-once"
    """What a crash in the middle may mean."""


def faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    """There is something to log in with, and the keys of the host can be such."""
    if given.get("key") is None and given.get("password") is None:
        yield (), "give a key or a password"
    known = given["known_hosts"]
    for index, one in enumerate(known if isinstance(known, list) else ()):
        if "${" not in one and not _HOST_KEY.match(one.strip()):
            yield (
                ("known_hosts", index),
                f"{one[:60]!r} is no public key: write it without the host's name, as ssh-ed25519 AAAA...",
            )


def shown(task: Task, words: Sequence[str]) -> str:
    """One line for people: the machine, and what would be run there."""
    return f"{task.user}@{ssh.place(task)}: {processes.shown(words)}"


async def execute(task: Task, words: Sequence[str], stdin: str | None, context: Context) -> Ended:
    """The command ended there, with an exit code that counts as success. Raises `ActionError` with a code of `ERRORS`.

    The user's shell there gets the words quoted, so that each arrives as it is.
    """
    with nothing_done_yet():
        command = shlex.join([*_assignments(task.env), *words])
        processes.check_words([command])
        library = ssh.library("action.needs")
    outputs = (Output("out", context), Output("err", context))
    begun = False
    try:
        async with ssh.session(library, task, context) as connection:
            begun = True
            code, _, _ = await ssh.run(
                library,
                connection,
                command,
                outputs[0].read,
                outputs[1].read,
                None if stdin is None else stdin.encode(),
            )
    except ActionError as error:
        error.nothing_done = not begun
        raise
    except (library.Error, OSError) as error:
        if begun:
            raise _lost(str(error)) from error
        detail = f"{ssh.place(task)}: {error}"
        raise ActionError("ssh.unreachable", detail, transient=True, nothing_done=True) from error
    if code is None:
        raise _lost("it ended without an exit code")
    done = ended(code, *outputs)
    if code not in task.expect:
        raise ActionError("ssh.exit", f"exit code {code}: {last_words(done, context)}")
    return done


def _assignments(env: Mapping[str, str]) -> list[str]:
    """The beginning of a command that sets these variables, whatever the user's shell there."""
    for name in env:
        if not _VARIABLE.fullmatch(name):
            raise ActionError("inputs.invalid", f"env: {name!r} cannot be a variable")
    return ["env", *(f"{name}={value}" for name, value in env.items())] if env else []


def _lost(detail: str) -> ActionError:
    return ActionError("ssh.lost", f"the connection broke: {detail}", transient=True, unknown=True)
