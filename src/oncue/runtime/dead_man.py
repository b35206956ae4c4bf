"""What became of the dead-man ping: the worker, which pings, writes it down, and the front and `oncue doctor` show it.

One small file in the data directory, replaced as a whole. It is no record.
"""

from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from oncue import config

FILE: Final = "dead-man.json"


class DeadMan(msgspec.Struct, kw_only=True):
    """The state of the ping since the worker started. Only the worker changes it."""

    host: str
    """Where it goes; the path is a credential."""
    every_s: float
    since: datetime
    """When the worker began."""
    well: bool | None = None
    """Whether the last proof of the loop held; None before the first."""
    problem: str | None = None
    """Why it did not."""
    last_success_at: datetime | None = None
    """When the outside last took it that all is well."""
    last_error: str | None = None
    """Why the last ping did not arrive; None if it did."""
    last_error_at: datetime | None = None

    def silent_s(self, now: datetime) -> float:
        """Seconds since the outside was last told that all is well; since the worker's start if it never was."""
        return max(0.0, (now - (self.last_success_at or self.since)).total_seconds())

    def is_silent(self, now: datetime) -> bool:
        """Whether it is more than three periods, and a minute, ago."""
        return self.silent_s(now) > 3 * self.every_s + 60


def write(data: Path, state: DeadMan) -> None:
    """Write it down. Raises `OSError`."""
    fresh = data / f"{FILE}.new"
    fresh.write_bytes(msgspec.json.encode(state))
    fresh.replace(data / FILE)


def read(data: Path) -> DeadMan | None:
    """What was written down; None if no worker pings."""
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=DeadMan)
    except (OSError, msgspec.DecodeError):
        return None


class Standing(msgspec.Struct, frozen=True):
    """How it stands, in words for whoever runs the server."""

    state: Literal["ok", "warn", "fail"]
    seen: str
    hint: str = ""
    """What to do about it."""


def standing(ping: config.DeadMan, state: DeadMan | None, now: datetime) -> Standing:
    """Whether something outside notices when this server is silent, as far as its worker has written down."""
    if ping.url is None:
        hint = "Set dead_man.url to a check of healthchecks.io, Uptime Kuma or the like: a server that is down cannot tell."
        return Standing("warn", "nobody outside is told that all is well", hint)
    if state is None or (state.last_success_at is None and not state.last_error and not state.is_silent(now)):
        return Standing("warn", "no ping yet", "Wait a period; then see the worker's log.")
    last = f"last reached {state.silent_s(now):.0f} s ago" if state.last_success_at is not None else "never reached"
    if state.last_error is not None:
        hint = "See the address, and an OutboundAllow of the namespace default if it is in your own network."
        return Standing("fail", f"{state.host}, {last}: {state.last_error}", hint)
    if state.well is False and state.problem is not None:
        return Standing("fail", f"{state.host}, {last}: {state.problem}", "`oncue doctor` says more about that part.")
    if state.is_silent(now):
        return Standing("fail", f"{state.host}, {last}", "The worker does not ping; see its log.")
    return Standing("ok", f"{state.host}, {last}")
