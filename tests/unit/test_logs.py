"""Logs: what cannot be written is dropped, and nobody ends for it."""

from typing import TextIO, cast

from oncue.runtime.logs import Lossy


class Full:
    """The log's file on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_log_on_a_full_disk_ends_nobody() -> None:
    print("store unavailable", file=cast(TextIO, Lossy(cast(TextIO, Full()))), flush=True)
