"""Ends a process whose event loop stands still, so that the supervisor starts it again.

A plugin that blocks instead of waiting stops everything in its process: other work, its own deadline, monitors. Nothing in the
loop can notice that, so a thread looks on. It counts its own looks, not the clock: a process that was stopped, or a machine
that slept, did not stand still.
"""

import asyncio
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

LOOK_EVERY_S: Final = 1.0
LOOKS: Final = 30
"""Looks in a row at which the loop has not turned, from which on it counts as standing still."""
EXIT_CODE: Final = 71


def _end() -> None:
    """End at once, after where each thread stands was written to the log: the plugin is in it."""
    print(f"the event loop stood still for {LOOKS * LOOK_EVERY_S:g} s; starting again", file=sys.stderr)  # noqa: T201
    faulthandler.dump_traceback(sys.stderr)
    sys.stderr.flush()
    os._exit(EXIT_CODE)


class Watchdog:
    """Looks whether a loop turns."""

    def __init__(self, end: Callable[[], None] = _end) -> None:
        self._end = end
        self._turns = 0
        self._seen = -1
        self._missed = 0

    async def run(self) -> None:
        """Turn with the loop until cancelled, while a thread looks on."""
        threading.Thread(target=self._look_on, name="watchdog", daemon=True).start()
        while True:
            self.turn()
            await asyncio.sleep(LOOK_EVERY_S / 2)

    def turn(self) -> None:
        """The loop turns."""
        self._turns += 1

    def look(self) -> None:
        """See whether it turned since the last look; end the process if it did not for too long."""
        self._missed = self._missed + 1 if self._turns == self._seen else 0
        self._seen = self._turns
        if self._missed >= LOOKS:
            self._end()

    def _look_on(self) -> None:
        while True:
            time.sleep(LOOK_EVERY_S)
            self.look()
