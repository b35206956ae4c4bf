"""Failed sign-ins slow down the next ones, by user and by address, so that passwords cannot be guessed."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from oncue.core.errors import Refusal

FREE_FAILURES: Final = 5
"""Failures without a wait; each further one doubles it."""
LONGEST_WAIT_S: Final = 900.0
FORGET_AFTER_S: Final = 3600.0
KEYS_LIMIT: Final = 10_000


class Throttle:
    """Counts failures per key in memory; the oldest keys are forgotten first."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def check(self, *keys: str) -> None:
        """Raises `Refusal` auth.throttled, with `retry_after_s`, while one of the keys has to wait."""
        now = self._monotonic()
        wait = max((self._wait(key, now) for key in keys), default=0.0)
        if wait > 0:
            raise Refusal("auth.throttled", f"Try again in {wait:.0f} s", retry_after_s=wait)

    def failed(self, *keys: str) -> None:
        """A sign-in with these keys was refused."""
        now = self._monotonic()
        for key in keys:
            count, at = self._failures.pop(key, (0, now))
            self._failures[key] = (1 if now - at > FORGET_AFTER_S else count + 1, now)
        while len(self._failures) > KEYS_LIMIT:
            self._failures.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        """A sign-in with these keys went through: their failures are forgotten."""
        for key in keys:
            self._failures.pop(key, None)

    def _wait(self, key: str, now: float) -> float:
        count, at = self._failures.get(key, (0, 0.0))
        if count < FREE_FAILURES or now - at > FORGET_AFTER_S:
            return 0.0
        return max(0.0, at + min(2.0 ** (count - FREE_FAILURES), LONGEST_WAIT_S) - now)
