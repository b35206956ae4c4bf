"""The monitor `ssh`: a command on another machine, by its exit code and, if wanted, a number that it prints.

The host's keys must be known: a host with another key gets neither password nor command. Nothing of the user that OnCue
runs as is used, neither keys nor an agent nor a configuration file.
"""

import asyncio
import time
from datetime import datetime
from types import ModuleType
from typing import Annotated, Any, Final

import msgspec
import re2

from oncue.plugins.monitors import reaching
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading, SecretRef

OUTPUT_LIMIT: Final = 65_536
"""Bytes of the command's output that are read."""

_NUMBER: Final = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which command, on which machine, as whom."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 22
    known_hosts: Annotated[list[str], msgspec.Meta(min_length=1, max_length=20)]
    """The host's public keys, as `ssh-keyscan HOST` prints them without the name: `ssh-ed25519 AAAA...`."""
    user: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    key: SecretRef | None = None
    """The user's private key, in OpenSSH's format or PEM."""
    passphrase: SecretRef | None = None
    """Of the key."""
    password: SecretRef | None = None
    command: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]
    """Run by the user's shell there. Restrict the key to it (`command=` in authorized_keys) where you can."""
    expect: tuple[int, ...] = (0,)
    """Exit codes that are good."""
    number: bool = False
    """Whether the command prints a number that is the value."""
    pattern: Annotated[str, msgspec.Meta(max_length=1024)] | None = None
    """An RE2 expression whose first group is the number; by default the first number that is printed."""
    unit: Annotated[str, msgspec.Meta(max_length=16)] = ""
    """Of the number."""


class Ssh:
    """Logs in, runs the command and logs out at each probe."""

    name = "ssh"
    settings = Settings
    primary = ""
    remote = True
    passive = False
    at_once = 32
    metrics = (
        MetricDoc("ssh.up", "", "Up", "1 if the command ran and ended with an exit code that is good, else 0."),
        MetricDoc("ssh.login", "ms", "Login time", "Connecting and authenticating."),
        MetricDoc("ssh.time", "ms", "Command time", "From the command to its end."),
        MetricDoc("ssh.exit", "", "Exit code", "The command's."),
        MetricDoc("ssh.value", "", "Value", "The number that it prints, in the unit that the manifest says."),
    )
    errors = (
        reaching.REFUSED,
        ErrorDoc("inputs.invalid", "`pattern` is not an RE2 expression with a group, or there is neither key nor password."),
        ErrorDoc("monitor.needs", "It needs asyncssh: install oncue[ssh]."),
        ErrorDoc("ssh.key", "A key cannot be read: `known_hosts`, `key` or its `passphrase` is wrong."),
        ErrorDoc("ssh.credentials", "The host refuses the user, its key or its password."),
        ErrorDoc("ssh.no_number", "The command printed no number."),
    )  # fmt: skip

    def subject(self, settings: Settings) -> str:
        """The host."""
        return settings.host

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One login and one command."""
        pattern = _pattern(settings)
        ssh = _library()
        options = _options(ssh, settings, context)
        name = reaching.place(settings.host, settings.port)
        started = time.monotonic()
        try:
            sock = await context.guard.connect(settings.host, settings.port)
            try:
                connection = await ssh.connect(settings.host, settings.port, sock=sock, **options)
            except BaseException:  # whatever ended it, a time limit included, the socket is ours until ssh has it
                sock.close()
                raise
            login_ms = reaching.ms_since(started)
            async with connection:
                begun = time.monotonic()
                exit_code, output, errors = await _run(ssh, connection, settings.command)
                took_ms = reaching.ms_since(begun)
        except ssh.HostKeyNotVerifiable as error:
            return _down(
                "ssh.host_key", f"{name} has another key than it should", f"{error}; it was told and sent nothing"
            )
        except ssh.PermissionDenied as error:
            raise ActionError("ssh.credentials", f"{settings.user}@{name}: {error}") from error
        except ssh.Error as error:
            return _down("ssh.protocol", f"{name}: no SSH session", str(error))
        except (ActionError, OSError) as error:
            return reaching.silent(name, f"{name} takes no connection", error, "ssh")
        good = exit_code in settings.expect
        readings = [
            Reading(metric="ssh.up", value=1.0 if good else 0.0, unit=""),
            Reading(metric="ssh.login", value=login_ms, unit="ms"),
            Reading(metric="ssh.time", value=took_ms, unit="ms"),
            Reading(metric="ssh.exit", value=float(exit_code), unit=""),
        ]
        if not good:
            said = (errors or output).strip()[-1000:] or "it said nothing"
            title = f"A command on {settings.host} ended with {exit_code}"
            fault = Fault(code="ssh.exit", title=title, detail=said, value=float(exit_code), metric="ssh.exit")
            return Probe(readings=readings, fault=fault)
        if settings.number:
            readings.append(Reading(metric="ssh.value", value=_value(pattern, output), unit=settings.unit))
        return Probe(readings=readings)


def _down(code: str, title: str, detail: str) -> Probe:
    return Probe(
        readings=[Reading(metric="ssh.up", value=0.0, unit="")], fault=Fault(code=code, title=title, detail=detail)
    )


def _library() -> ModuleType:
    try:
        import asyncssh
    except ImportError as error:
        raise ActionError("monitor.needs", "it needs asyncssh: install oncue[ssh]") from error
    found: ModuleType = asyncssh
    return found


def _pattern(settings: Settings) -> re2._Regexp:
    try:
        found = re2.compile(settings.pattern or _NUMBER)
    except re2.error as error:
        raise ActionError("inputs.invalid", f"pattern: {error}") from error
    if found.groups < 1:
        raise ActionError("inputs.invalid", "pattern: it needs a group around the number")
    return found


def _options(ssh: ModuleType, settings: Settings, context: Context) -> dict[str, Any]:
    if settings.key is None and settings.password is None:
        raise ActionError("inputs.invalid", "give a key or a password")
    try:
        trusted = [ssh.import_public_key(line) for line in settings.known_hosts]
        keys = None
        if settings.key is not None:
            passphrase = context.secret(settings.passphrase) if settings.passphrase else None
            keys = [ssh.import_private_key(context.secret(settings.key), passphrase)]
    except (ssh.KeyImportError, ssh.KeyEncryptionError) as error:
        raise ActionError("ssh.key", str(error)) from error
    return {
        "username": settings.user,
        "known_hosts": (trusted, [], []),
        "client_keys": keys,
        "password": context.secret(settings.password) if settings.password else None,
        "config": None,
        "agent_path": None,
        "gss_host": None,
        "login_timeout": reaching.share(context),
        "client_version": "OnCue",
    }


async def _run(ssh: ModuleType, connection: Any, command: str) -> tuple[int, str, str]:
    """Exit code, output, error output. A command that a signal ended has the code that shells give it, 128 and more."""
    async with connection.create_process(command, encoding=None, stdin=ssh.DEVNULL) as process:
        output, errors = await asyncio.gather(_read(process.stdout), _read(process.stderr))
        await process.wait()
        code = process.returncode
    if code is None:
        return 255, output, errors
    return (128 - code if code < 0 else code), output, errors


async def _read(stream: Any) -> str:
    """The beginning of a stream, read to its end."""
    kept = b""
    while chunk := await stream.read(65_536):
        kept += chunk[: max(0, OUTPUT_LIMIT - len(kept))]
    return kept.decode("utf-8", "replace")


def _value(pattern: re2._Regexp, output: str) -> float:
    found = pattern.search(output)
    try:
        return float(found.group(1))
    except (AttributeError, TypeError, ValueError) as error:
        raise ActionError("ssh.no_number", f"it printed {output.strip()[:200]!r}") from error
