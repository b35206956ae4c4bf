"""The monitor `ssh`: a command on another machine, by its exit code and, if wanted, a number that it prints.

How it logs in, and what it uses for that, is said in `oncue.plugins.ssh`.
"""

import time
from datetime import datetime
from typing import Annotated, Final

import msgspec
import re2

from oncue.plugins import ssh
from oncue.plugins.monitors import reaching
from oncue.plugins.output import Readable
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading

OUTPUT_LIMIT: Final = 65_536
"""Bytes of the command's output that are read."""

_FAULTS: Final = {"ssh.host_key": "has another key than it should", "ssh.protocol": "gives no SSH session"}
"""What is wrong with the host, not with the settings."""
_NUMBER: Final = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"


class Settings(ssh.Login, kw_only=True, forbid_unknown_fields=True):
    """Which command, on which machine, as whom."""

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
        *(one for one in ssh.ERRORS if one.code not in _FAULTS),
        ErrorDoc("ssh.no_number", "The command printed no number."),
    )  # fmt: skip

    def subject(self, settings: Settings) -> str:
        """The host."""
        return settings.host

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One login and one command."""
        pattern = _pattern(settings)
        library = ssh.library("monitor.needs")
        name = reaching.place(settings.host, settings.port)
        started = time.monotonic()
        try:
            async with ssh.session(library, settings, context) as connection:
                login_ms = reaching.ms_since(started)
                begun = time.monotonic()
                code, output, errors = await ssh.run(library, connection, settings.command, _read, _read)
                took_ms = reaching.ms_since(begun)
        except library.Error as error:
            return _down("ssh.protocol", f"{name} {_FAULTS['ssh.protocol']}", str(error))
        except ActionError as error:
            if error.code in _FAULTS:
                return _down(error.code, f"{name} {_FAULTS[error.code]}", error.detail)
            if error.code != "dns.failed":
                raise
            return reaching.silent(name, f"{name} takes no connection", error, "ssh")
        except OSError as error:
            return reaching.silent(name, f"{name} takes no connection", error, "ssh")
        exit_code = 255 if code is None else code
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


def _pattern(settings: Settings) -> re2._Regexp:
    try:
        found = re2.compile(settings.pattern or _NUMBER)
    except re2.error as error:
        raise ActionError("inputs.invalid", f"pattern: {error}") from error
    if found.groups < 1:
        raise ActionError("inputs.invalid", "pattern: it needs a group around the number")
    return found


async def _read(stream: Readable) -> str:
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
