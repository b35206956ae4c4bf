"""The monitor `script`: a program that speaks the Nagios plugin protocol, as thousands of existing checks do.

By exit code 0 all is well, 1 is a warning, 2 critical; 3 says that the check itself could not be made. The first line is
the finding; figures behind `|` become readings, their limits too. There is no shell, and the program must be on the
operator's list (`actions.shell`), as for the action `shell.command`. See the Monitoring Plugins Development Guidelines.
"""

import math
import re
import shlex
import socket
from datetime import datetime
from typing import Annotated, Final

import msgspec

from oncue.plugins import processes
from oncue.plugins.actions import shell_command
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading, SecretRef

FIGURES_LIMIT: Final = 200

_FIGURE: Final = re.compile(
    r"(?P<label>'(?:[^']|'')+'|[^\s='|]+)=(?P<value>[-+]?[0-9.,]+(?:[eE][-+]?\d+)?)(?P<unit>[a-zA-Z%°]*)"
    r"(?:;(?P<warn>[^;\s]*))?(?:;(?P<crit>[^;\s]*))?(?:;[^;\s]*){0,2}"
)
_UNITS: Final = {
    "us": ("ms", 1e-3), "kb": ("B", 1e3), "mb": ("B", 1e6), "gb": ("B", 1e9), "tb": ("B", 1e12), "b": ("B", 1.0),
    "kib": ("B", 1024.0), "mib": ("B", 1024.0**2), "gib": ("B", 1024.0**3), "c": ("", 1.0),
}  # fmt: skip
"""Units of measurement that mean another one, with the factor. `c` is a counter."""


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which program."""

    argv: Annotated[list[str], msgspec.Meta(min_length=1, max_length=256)]
    """The program, as an absolute path, and its arguments; nothing in them is interpreted."""
    env: dict[str, str] = {}
    secret_env: dict[str, SecretRef] = {}
    """Variables whose values are secrets. Arguments can be seen by others on this machine; the environment cannot."""
    cwd: str = "/"


class Script:
    """Runs the program once per probe, bounded in memory, output and time."""

    name = "script"
    settings = Settings
    primary = ""
    remote = False
    passive = False
    at_once = 8
    metrics = (
        MetricDoc("script.state", "", "State", "The exit code: 0 well, 1 warning, 2 critical."),
        MetricDoc("script.value", "", "Value", "One figure of the performance data, named by its label; in its own unit."),
        MetricDoc("script.warning", "", "Warning limit", "The figure's own limit for a warning, if it is one number."),
        MetricDoc("script.critical", "", "Critical limit", "The same for critical."),
    )  # fmt: skip
    errors = (
        ErrorDoc("action.disabled", "The operator has not switched programs on (actions.shell.enabled)."),
        ErrorDoc("shell.not_allowed", "The program is not on the operator's list (actions.shell.allow)."),
        ErrorDoc("shell.not_found", "There is no such program, or it may not be executed."),
        ErrorDoc("script.unknown", "The program says that it could not check (exit code 3)."),
        ErrorDoc("script.exit", "The exit code is none of the protocol: the program crashed, or is not a plugin."),
    )

    def subject(self, settings: Settings) -> str:
        """What `-H` or `--hostname` names, else this machine."""
        for option, value in zip(settings.argv, settings.argv[1:], strict=False):
            if option in ("-H", "--hostname"):
                return value
        return socket.gethostname()

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One run."""
        if not context.shell.enabled:
            detail = "programs are off; an administrator can allow them in oncue.toml (actions.shell)"
            raise ActionError("action.disabled", detail)
        if not shell_command.permitted(settings.argv, context.shell.allow):
            command = shlex.join(settings.argv)
            raise ActionError("shell.not_allowed", f"{command} is not on the list of actions.shell.allow")
        private = {name: context.secret(reference) for name, reference in settings.secret_env.items()}
        inputs = shell_command.Inputs(argv=settings.argv, env={**settings.env, **private}, cwd=settings.cwd)
        shell_command.check(inputs)
        done = await processes.execute(inputs.argv, env=inputs.env, cwd=inputs.cwd)
        exit_code = done.exit_code
        text, figures = split(done.stdout)
        said = text.strip() or done.stderr.strip() or "it said nothing"
        if exit_code == 3:
            raise ActionError("script.unknown", said[:500])
        if exit_code not in (0, 1, 2):
            raise ActionError("script.exit", f"exit code {exit_code}: {said[-500:]}")
        readings = [Reading(metric="script.state", value=float(exit_code), unit=""), *readings_of(figures)]
        if exit_code == 0:
            return Probe(readings=readings)
        first, _, rest = said.partition("\n")
        fault = Fault(
            code="script.warning" if exit_code == 1 else "script.critical",
            title=first[:300],
            detail=rest.strip()[:1500] or first[:1500],
            severity="warning" if exit_code == 1 else "critical",
        )
        return Probe(readings=readings, fault=fault)


def split(output: str) -> tuple[str, str]:
    """Text and performance data: the first line may have figures behind `|`, and so may the lines after a later `|`."""
    first, _, rest = output.partition("\n")
    text, _, figures = first.partition("|")
    long_text, _, more = rest.partition("|")
    return f"{text.strip()}\n{long_text.strip()}".strip(), f"{figures} {more}".strip()


def readings_of(figures: str) -> list[Reading]:
    """What performance data says; of what is not as the guidelines have it, nothing. The first of equal labels counts."""
    readings: list[Reading] = []
    seen: set[str] = set()
    for found in _FIGURE.finditer(figures[:32_768]):
        label = found["label"].strip("'").replace("''", "'")[:200]
        value = _number(found["value"])
        if value is None or label in seen or len(seen) >= FIGURES_LIMIT:
            continue
        seen.add(label)
        unit, factor = _UNITS.get(found["unit"].lower(), (found["unit"], 1.0))
        limits = (("script.warning", found["warn"]), ("script.critical", found["crit"]))
        readings.append(Reading(metric="script.value", value=value * factor, unit=unit, instance=label))
        for metric, text in limits:
            limit = _number((text or "").partition(":")[2] or (text or ""))
            if limit is not None:
                readings.append(Reading(metric=metric, value=limit * factor, unit=unit, instance=label))
    return readings


def _number(text: str) -> float | None:
    """A number as plugins write it, some of them with a decimal comma."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
