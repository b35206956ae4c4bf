"""What is done by a link in a message: each action of a link is taken once."""

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec

from oncue.core import incidents, snooze
from oncue.core.errors import Refusal
from oncue.core.incident import Incident
from oncue.core.tx import Tx

SNOOZE: Final = timedelta(hours=1)
"""For how long a link snoozes."""


class Use(msgspec.Struct):
    """The data of `oncue.command.link.use`; whoever submits it has checked the link's signature and its time."""

    incident: str
    effect: str
    """The notification that the link came with."""
    action: Literal["acknowledge", "snooze"]
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]
    """Until when the link could be used: for so long it is remembered."""


def use(tx: Tx, incident: Incident, asked: Use) -> None:
    """Do it. Raises `Refusal` link.used if it was done by this link before, else as the action does."""
    key = f"{asked.effect}/{asked.action}"
    if key in tx.state.cells["used_link"]:
        raise Refusal("link.used", f"{asked.action} of {incident.id}")
    if asked.expires_at <= tx.now:
        raise Refusal("link.invalid", "its time is over")
    if asked.action == "acknowledge":
        incidents.acknowledge(tx, incident)
    else:
        until = tx.now + SNOOZE
        snooze.snooze_all(tx, incident, snooze.WantedAll(incident.id, until, "by a link in a message"))
    tx.cell("used_link", key, asked.expires_at)
    tx.timer(f"used_link.forget/{key}", asked.expires_at)


def forget(tx: Tx, key: str) -> None:
    """The link could not be used any more in any case."""
    tx.cell("used_link", key, None)
