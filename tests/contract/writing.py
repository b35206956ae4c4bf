"""A writer over a real SQLite file, driven step by step in the test's own thread, with a clock that the test moves."""

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from oncue.runtime import frames
from oncue.runtime.clock import Clock
from oncue.runtime.intake import Intake
from oncue.runtime.keys import signing_key
from oncue.runtime.maintenance import Maintenance
from oncue.runtime.recovery import load_behind, load_dedup, load_state
from oncue.runtime.writing import WriterLoop
from oncue.store.database import open_writer, reading_engine
from oncue.store.journal import Record
from oncue.store.journal_reader import JournalReader
from oncue.store.revision import FILE_NAME

START_US = 1_800_000_000_000_000


class Writing:
    """One life of the engine's process, without the process."""

    def __init__(self, data: Path, at_us: int = START_US, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.data = data
        self.at_us = at_us
        self.writer, origin = open_writer(str(data / FILE_NAME))
        self.clock = Clock(lambda: self.at_us * 1000, lambda: self.at_us * 1000)
        address = str(data / FILE_NAME)
        self.state = load_state(address, origin)
        self.reading = reading_engine(address, 1)
        self.after: list[Any] = []
        self.intake = Intake(b"k" * 32)
        self.loop = WriterLoop(
            self.state, self.writer, load_dedup(address, at_us), self.intake, self.clock, self.reading,
            behind=load_behind(address, self.state), events_so_far=origin.events, queue_events=10_000, after_commit=self.after.append, monotonic=monotonic,
        )  # fmt: skip
        self._ids = itertools.count(origin.cursor * 1000)

    def event(self, type: str = "disk.full", **attributes: Any) -> bytes:
        document = {"specversion": "1.0", "id": f"e{next(self._ids)}", "source": "/test", "type": type, **attributes}
        return msgspec.json.encode(document)

    def submit(self, *bodies: bytes, **more: Any) -> frames.Answer:
        """One unit, to its answer."""
        answers: list[frames.Answer] = []
        unit = self.intake.unit(1, "default", "test", "user:basis-1", list(bodies), **more)
        self.loop.submit([unit], answers.append)
        self.work()
        return answers[0]

    def work(self) -> None:
        """Do what waits."""
        self.loop.stop()
        self.loop.run()
        self.loop.resume()

    def apply(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        """Configure. It must be accepted."""
        change = {
            "op": "apply", "kind": kind, "namespace": "default", "name": name, "labels": {}, "owner": None,
            "review_by": None, "description": "", "spec": spec,
        }  # fmt: skip
        answer = self.submit(self.event("oncue.config.applied", data={"changes": [change]}), urgent=True)
        assert (answer.error, answer.rejected) == (None, []), answer

    def records(self) -> list[Record]:
        """The whole journal."""
        with self.reading.connect() as connection:
            return list(JournalReader(connection).records(1))

    def pass_time(self, seconds: float) -> None:
        self.at_us += int(seconds * 1_000_000)
        self.work()

    def maintenance(self, max_age_days: float = 30, max_size_gb: float = 20, hour_days: float = 1) -> Maintenance:
        key: Ed25519PrivateKey = signing_key(self.data)
        return Maintenance(
            self.state, self.writer, self.reading, key, max_age_days=max_age_days, max_size_gb=max_size_gb,
            minute_days=1, hour_days=hour_days, address=str(self.data / FILE_NAME), now_us=lambda: self.at_us,
        )  # fmt: skip

    def close(self) -> None:
        self.writer.driver.close()
        self.reading.dispose()


def decompressed(body: bytes) -> bytes | None:
    """What a segment's bytes hold; None if they cannot be read. A few bits of a zstd frame mean nothing."""
    try:
        return zstandard.ZstdDecompressor().decompress(body)
    except zstandard.ZstdError:
        return None
