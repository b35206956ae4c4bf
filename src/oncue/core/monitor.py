"""A monitor's present state, as its worker or the engine last said."""

from datetime import datetime

import msgspec


class MonitorState(msgspec.Struct, kw_only=True):
    """One monitor's health and finding. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """`namespace/name`."""
    namespace: str
    name: str
    uses: str
    state: str
    """`pending` until the first reading, a severity (`clear` is well), or `failing`: the probe itself does not work."""
    detail: str | None
    error_code: str | None
    findings: dict[str, str] = {}
    """What it finds wrong at present: fingerprint to severity."""
    details: dict[str, str] = {}
    """The same findings in words; `detail` is the worst's."""
    since: datetime
    updated_at: datetime
    position: str = ""
