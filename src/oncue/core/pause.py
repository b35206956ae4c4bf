"""The pause: no policy starts a run, in a namespace or anywhere, for a while."""

from datetime import datetime
from typing import Final

import msgspec

EVERYWHERE: Final = "*"


class Pause(msgspec.Struct, frozen=True):
    """One pause: a cell, and the data of `oncue.pause.began` and `oncue.pause.ended`."""

    id: str
    """The namespace that is paused; `*` for all of them."""
    namespace: str
    """Where its facts are: the namespace, `default` for all."""
    by: str
    reason: str
    since: datetime
    until: datetime
    """When it ends by itself."""
