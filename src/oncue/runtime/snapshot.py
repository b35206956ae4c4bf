"""Makes a snapshot in a process of its own: `python -m oncue.runtime.snapshot ADDRESS FILE`.

State is rows, so a reader has it as well as the engine, at whatever position its view of the database stands; the engine's
process, which would stop for most of a second over 100,000 alerts, only writes the result down.
"""

import hashlib
import os
import sys
from pathlib import Path

import msgspec
import zstandard

from oncue.runtime.parent import die_with_parent
from oncue.runtime.recovery import state_in
from oncue.store.database import hold, read_origin, reading_engine


class Snapshot(msgspec.Struct, array_like=True):
    """The whole state at a position."""

    position: int
    size: int
    """Bytes before compression."""
    hash: bytes
    """SHA-256 of the dump."""
    body: bytes
    """The dump, zstd."""


def take(address: str) -> Snapshot:
    """The state as the database has it now."""
    reading = reading_engine(address, 1)
    with reading.connect() as connection:
        hold(connection)
        origin = read_origin(connection)
        if origin is None:
            raise ValueError(f"there is no journal at {address}")
        state = state_in(connection, origin)
    reading.dispose()
    return of(state.position, state.dump())


def of(position: int, dump: bytes) -> Snapshot:
    """A snapshot of a dump."""
    return Snapshot(position, len(dump), hashlib.sha256(dump).digest(), zstandard.compress(dump, 3))


def main() -> None:
    """Write a snapshot to a file; it is there as a whole or not at all."""
    die_with_parent()
    os.umask(0o077)
    os.nice(10)
    address, target = sys.argv[1], Path(sys.argv[2])
    part = target.with_suffix(".part")
    part.write_bytes(msgspec.msgpack.encode(take(address)))
    part.rename(target)


if __name__ == "__main__":
    main()
