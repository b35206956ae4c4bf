"""Commands on other machines over SSH, for the monitor `ssh` and the actions `ssh.command` and `ssh.script`.

The host's keys must be known: a host with another key gets neither password nor command. Nothing of the user that OnCue
runs as is used, neither keys nor an agent nor a configuration file.
"""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import ModuleType
from typing import Annotated, Any, Final, TypeVar

import msgspec

from oncue.plugins.output import Readable
from oncue.sdk import ActionError, Context, ErrorDoc, Place, SecretRef

LOGIN_SHARE: Final = 0.9
"""Of the time that remains: how long logging in may take, so that its failure can still be reported."""
END_S: Final = 1.0
"""Seconds in which a host should say that it has ended what is no longer wanted."""

ERRORS: Final = (
    ErrorDoc("ssh.key", "A key cannot be read: `known_hosts`, `key` or its `passphrase` is wrong."),
    ErrorDoc("ssh.host_key", "The host has another key than those of `known_hosts`; it was sent nothing."),
    ErrorDoc("ssh.credentials", "The host refuses the user, its key or its password."),
    ErrorDoc("ssh.protocol", "What answers does not speak SSH, or broke the session off.", transient=True),
)

Heard = TypeVar("Heard")


class Login(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which machine, and as whom."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    """Its name or address."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 22
    """Where sshd listens."""
    known_hosts: Annotated[list[str], msgspec.Meta(min_length=1, max_length=20)]
    """The host's public keys, as `ssh-keyscan HOST` prints them without the name: `ssh-ed25519 AAAA...`."""
    user: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """The account there."""
    key: SecretRef | None = None
    """The user's private key, in OpenSSH's format or PEM."""
    passphrase: SecretRef | None = None
    """Of the key."""
    password: SecretRef | None = None
    """The user's, to log in without a key."""

    @staticmethod
    def reaches(given: dict[str, Any]) -> Iterable[Place | None]:
        """The machine."""
        host, port = given["host"], given.get("port", 22)
        return ((host, port) if "${" not in f"{host} {port}" else None,)


def library(needs: str) -> ModuleType:
    """asyncssh, which is an extra. Raises `ActionError` with the code `needs` without it."""
    try:
        import asyncssh
    except ImportError as error:
        raise ActionError(needs, "it needs asyncssh: install oncue[ssh]") from error
    found: ModuleType = asyncssh
    return found


@contextlib.asynccontextmanager
async def session(ssh: ModuleType, login: Login, context: Context) -> AsyncIterator[Any]:
    """A connection that is logged in.

    Raises `ActionError`: those of `ERRORS`, inputs.invalid, and what the guard raises; `OSError` if nobody takes the call.
    """
    options = _options(ssh, login, context)
    sock = await _called(login, context)
    try:
        connection = await _connected(ssh, login, sock, options)
    except BaseException:  # whatever ended it, a time limit included, the socket is ours until ssh has it
        sock.close()
        raise
    try:
        yield connection
    except BaseException:  # nobody waits for a host that may not answer any more
        connection.abort()
        raise
    connection.close()
    await connection.wait_closed()


async def run(
    ssh: ModuleType,
    connection: Any,
    command: str,
    hear: Callable[[Readable], Awaitable[Heard]],
    hear_errors: Callable[[Readable], Awaitable[Heard]],
    stdin: bytes | None = None,
) -> tuple[int | None, Heard, Heard]:
    """The command has ended: its exit code, and what was heard of its output and error output.

    A command that a signal ended has the code that shells give it, 128 and more; None says that the connection did not last
    until the end. If this is cancelled, the command is killed.
    """
    given = ssh.DEVNULL if stdin is None else ssh.PIPE
    process = await connection.create_process(command, encoding=None, stdin=given)
    try:
        _, heard, errors = await asyncio.gather(
            _feed(process, stdin), hear(process.stdout), hear_errors(process.stderr)
        )
        await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise
    finally:
        process.close()
    code: int | None = process.returncode
    return (128 - code if code is not None and code < 0 else code), heard, errors


def place(login: Login) -> str:
    """Host and port as people write them; of the usual port the host alone."""
    host = f"[{login.host}]" if ":" in login.host else login.host
    return host if login.port == 22 else f"{host}:{login.port}"


async def _called(login: Login, context: Context) -> socket.socket:
    """A connection to the host. One that says nothing at all is given up while there is time to say so."""
    try:
        async with asyncio.timeout(context.remaining_s * LOGIN_SHARE):
            return await context.guard.connect(login.host, login.port)
    except TimeoutError as error:
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from error


async def _connected(ssh: ModuleType, login: Login, sock: socket.socket, options: dict[str, Any]) -> Any:
    try:
        return await ssh.connect(login.host, login.port, sock=sock, **options)
    except ssh.HostKeyNotVerifiable as error:
        raise ActionError("ssh.host_key", f"{error}; it was told and sent nothing") from error
    except ssh.PermissionDenied as error:
        raise ActionError("ssh.credentials", f"{login.user}@{place(login)}: {error}") from error
    except ssh.Error as error:
        raise ActionError("ssh.protocol", str(error), transient=True) from error


async def _feed(process: Any, stdin: bytes | None) -> None:
    """The command was given this to read, or did not want it."""
    if stdin is None:
        return
    with contextlib.suppress(BrokenPipeError):  # it has ended, or closed its input, without reading all
        process.stdin.write(stdin)
        await process.stdin.drain()
        process.stdin.write_eof()


async def _end(process: Any) -> None:
    """Nobody wants the command any more: its process group there is killed.

    No SIGTERM before: if the group's leader ended by that, sshd would not pass on what kills the others. It passes nothing
    on in sessions of root, nor to the command that a key is restricted to; those end when they read or write.
    """
    with contextlib.suppress(OSError, TimeoutError):  # it has ended meanwhile, or cannot be reached
        process.kill()
        async with asyncio.timeout(END_S):
            await process.wait_closed()


def _options(ssh: ModuleType, login: Login, context: Context) -> dict[str, Any]:
    if login.key is None and login.password is None:
        raise ActionError("inputs.invalid", "give a key or a password")
    trusted = [_public(ssh, index, line) for index, line in enumerate(login.known_hosts)]
    keys = [_private(ssh, login.key, login.passphrase, context)] if login.key is not None else None
    return {
        "username": login.user,
        "known_hosts": (trusted, [], []),
        "client_keys": keys,
        "password": context.secret(login.password) if login.password else None,
        "config": None,
        "agent_path": None,
        "gss_host": None,
        "login_timeout": max(0.001, context.remaining_s * LOGIN_SHARE),
        "client_version": "OnCue",
    }


def _public(ssh: ModuleType, index: int, line: str) -> Any:
    try:
        return ssh.import_public_key(line)
    except ssh.KeyImportError as error:
        raise ActionError("ssh.key", f"known_hosts[{index}]: {error}: {line[:40]!r}") from error


def _private(ssh: ModuleType, key: SecretRef, passphrase: SecretRef | None, context: Context) -> Any:
    opens = context.secret(passphrase) if passphrase is not None else None
    try:
        return ssh.import_private_key(context.secret(key), opens)
    except ssh.KeyEncryptionError as error:
        raise ActionError("ssh.key", f"passphrase: {error}") from error
    except ssh.KeyImportError as error:
        raise ActionError("ssh.key", f"key: what {key} holds is no private key: {error}") from error
