"""Connecting for monitors: a guarded connection, and the line between a target's silence and a monitor that cannot work."""

import errno
import time
from typing import Final

from oncue.sdk import ActionError, Context, ErrorDoc, Fault, Probe, Reading

CANNOT: Final = frozenset({"outbound.refused", "secret.not_found", "inputs.invalid", "monitor.needs"})
"""Errors that say nothing about the target: the monitor itself cannot work."""

REFUSED: Final = ErrorDoc(
    "outbound.refused", "The address is not allowed; an OutboundAllow manifest opens an exception."
)
PATTERN: Final = ErrorDoc("inputs.invalid", "A pattern is not an RE2 expression, or settings do not go together.")


def place(host: str, port: int) -> str:
    """Host and port as people write them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def silent(name: str, title: str, error: ActionError | OSError, prefix: str) -> Probe:
    """What a probe found that got no connection: `{prefix}.up` is 0. Raises what is the monitor's own trouble."""
    up = [Reading(metric=f"{prefix}.up", value=0.0, unit="")]
    if isinstance(error, ActionError):
        if error.code in CANNOT:
            raise error
        return Probe(readings=up, fault=Fault(code=error.code, title=title, detail=error.detail))
    known = errno.errorcode.get(error.errno or 0, "")
    code = {
        "ECONNREFUSED": "refused",
        "ECONNRESET": "reset",
        "ETIMEDOUT": "timeout",
        "EHOSTUNREACH": "unreachable",
        "ENETUNREACH": "unreachable",
    }.get(known, "connect")
    return Probe(readings=up, fault=Fault(code=f"{prefix}.{code}", title=title, detail=f"{name}: {error}"))


def share(context: Context, part: float = 0.9) -> float:
    """Seconds that one wait may take, so that what it found so far can still be reported before the timeout."""
    return max(0.001, context.remaining_s * part)


def ms_since(started: float) -> float:
    """Milliseconds since an instant of the monotonic clock."""
    return round((time.monotonic() - started) * 1000, 2)
