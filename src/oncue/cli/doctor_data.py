"""What `oncue doctor` sees of the data directory: space, rights, keys, the database, the head of the journal's chain."""

import base64
import binascii
import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from oncue import config
from oncue.cli.doctor_finding import Finding, State, some
from oncue.core.errors import Refusal
from oncue.store.journal import chain_hash
from oncue.store.revision import FILE_NAME, HEAD, check

GIB: Final = 1024**3
SPACE_FAIL: Final = GIB // 4
SPACE_WARN: Final = 2 * GIB
INODES_WARN: Final = 1000
WAL_WARN: Final = 256 * 1024 * 1024
QUICK_CHECK_BYTES: Final = 64 * 1024 * 1024
"""A larger database is not read as a whole here; `oncue journal verify` does."""
AHEAD_S: Final = 5.0
SNAPSHOT_WARN_H: Final = 30.0
RETENTION_WARN_H: Final = 72.0
CHECKPOINT_WARN_H: Final = 1.0
REMOTE: Final = ("nfs", "cifs", "smb", "fuse.sshfs", "ceph", "glusterfs", "9p")
DIGESTED: Final = 32
"""Bytes of a symmetric key."""
LASTING: Final = ("journal.key", "checkpoint.pem", "checkpoint.pub")
"""Keys that are there as soon as there is a journal."""
DAMAGED: Final = (
    "Stop the server, copy the directory, and put the backup back; `oncue journal verify` says what still holds. "
    "The disk may be failing."
)


def findings(loaded: config.Config) -> Iterator[Finding]:
    """In the order in which one would look."""
    data = loaded.data
    try:
        if not data.exists():
            hint = "If your server keeps its data elsewhere, name that: --data DIR. If there is none yet, `oncue up` makes it."
            yield Finding("data", "warn", f"{data} is not there", hint)
            return
        if not data.is_dir():
            yield Finding("data", "fail", f"{data} is no directory", "Name a directory with --data.")
            return
        yield from _directory(data)
        yield from _disk(loaded)
        yield from _keys(data)
        file = data / FILE_NAME
        empty = not file.exists() or file.stat().st_size == 0
    except PermissionError as error:
        yield Finding("data", "fail", f"{error.filename} cannot be read", "Run this as the server's user.")
        return
    if empty:
        yield _without_journal(data)
        return
    try:
        check(file)
        connection = sqlite3.connect(f"file:{file.absolute()}?mode=ro", uri=True, timeout=2)
        try:
            connection.execute("BEGIN")
            yield _journal(connection, file)
            yield _chain(connection, data)
            yield from _upkeep(connection, loaded)
        finally:
            connection.close()
    except Refusal as refusal:
        hint = refusal.entry.hint if refusal.code != "data.damaged" else _unreadable(file)
        yield Finding("journal", "fail", refusal.detail, hint)
    except sqlite3.Error as error:
        yield Finding("journal", "fail", f"{file}: {error}", _unreadable(file))


def _without_journal(data: Path) -> Finding:
    """Nothing has begun here, or what began is gone: a start would hide that by beginning anew."""
    if not (data / "keys" / "journal.key").exists():
        return Finding("journal", "ok", "empty: the server has not been started here")
    hint = "Put it back from the backup before you start the server: it would begin an empty one."
    return Finding("journal", "fail", f"{data / FILE_NAME} is gone or empty, and the keys of a journal are here", hint)


def _directory(data: Path) -> Iterator[Finding]:
    if not os.access(data, os.W_OK | os.X_OK):
        yield Finding(
            "data",
            "fail",
            f"{data} cannot be written",
            "Run this as the server's user, who needs the right to write to it.",
        )
    kind = _file_system(data)
    if kind.startswith(REMOTE):
        hint = "SQLite's locks and the promise that what is written stays need a local disk."
        yield Finding("data", "warn", f"{data} is on a network file system ({kind})", hint)
    open_files = [path.name for path in sorted(data.glob("oncue.db*")) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_files:
        hint = f"chmod go= {data}/oncue.db*; they hold every event."
        yield Finding("data", "warn", f"others may read {', '.join(open_files)}", hint)
    elif os.access(data, os.W_OK | os.X_OK) and not kind.startswith(REMOTE):
        yield Finding("data", "ok", f"{data} on {kind or 'a local disk'}, the owner's alone")


def _file_system(path: Path) -> str:
    best, kind = "", ""
    for one in psutil.disk_partitions(all=True):
        if path.resolve().is_relative_to(one.mountpoint) and len(one.mountpoint) >= len(best):
            best, kind = one.mountpoint, one.fstype
    return kind


def _disk(loaded: config.Config) -> Iterator[Finding]:
    usage = shutil.disk_usage(loaded.data)
    file = loaded.data / FILE_NAME
    size = file.stat().st_size if file.exists() else 0
    seen = f"{usage.free / GIB:.1f} GiB free of {usage.total / GIB:.1f}, the journal takes {size / GIB:.2f}"
    state: State = "fail" if usage.free < SPACE_FAIL else "warn" if usage.free < SPACE_WARN else "ok"
    hint = "Free some space, or lower retention.max_size_gb; a full disk means 503."
    grows = loaded.retention.max_size_gb * 1e9 - size
    if state == "ok" and grows > usage.free:
        state = "warn"
        seen += f", and may grow by {grows / GIB:.1f}"
        hint = "Lower retention.max_size_gb to what the disk has, or give it more."
    yield Finding("disk", state, seen, hint)
    inodes = os.statvfs(loaded.data)
    if inodes.f_files and inodes.f_favail < INODES_WARN:
        yield Finding(
            "disk", "fail", f"{inodes.f_favail} files can still be made", "Remove files: the inodes are used up."
        )


def _keys(data: Path) -> Iterator[Finding]:
    keys = data / "keys"
    if not keys.is_dir():
        if (data / FILE_NAME).exists():
            hint = "Put it back from the backup: without it secrets cannot be read and checkpoints not be checked."
            yield Finding("keys", "fail", f"{keys} is gone", hint)
        return
    private = [path for path in (keys, *keys.iterdir()) if path.suffix != ".pub"]
    loose = [path.name for path in private if stat.S_IMODE(path.stat().st_mode) & 0o077]
    try:
        broken = [path.name for path in sorted(keys.iterdir()) if not _is_sound(path)]
    except PermissionError as error:
        yield Finding("keys", "warn", f"{error.filename} cannot be read", "Run this as the server's user.")
        return
    gone = [name for name in LASTING if (data / FILE_NAME).exists() and not (keys / name).exists()]
    if gone:
        hint = "Put it back from the backup before the next start, which would make a new one: repeats of what came before would count as new, and old checkpoints could not be checked."
        yield Finding("keys", "fail", f"gone: {', '.join(gone)}", hint)
    elif broken:
        yield Finding("keys", "fail", f"not a key: {', '.join(broken)}", "Put it back from the backup.")
    elif loose:
        hint = f"chmod -R go= {keys}; whoever reads these can read secrets and sign checkpoints."
        yield Finding("keys", "warn", f"readable by others: {', '.join(loose)}", hint)
    else:
        yield Finding("keys", "ok", "sound, and readable by their owner only")


def _is_sound(path: Path) -> bool:
    if path.suffix == ".key" and not path.name.startswith("."):
        return len(path.read_bytes()) == DIGESTED
    if path.name == "checkpoint.pem":
        try:
            load_pem_private_key(path.read_bytes(), password=None)
        except ValueError:
            return False
    return True


def _unreadable(file: Path) -> str:
    return "Run this as the server's user." if not os.access(file, os.R_OK) else DAMAGED


def _journal(connection: sqlite3.Connection, file: Path) -> Finding:
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    wal = file.with_name(f"{file.name}-wal")
    wal_size = wal.stat().st_size if wal.exists() else 0
    size = f"{file.stat().st_size / 1024**2:.0f} MiB, write-ahead log {wal_size / 1024**2:.0f} MiB"
    revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if mode != "wal":
        return Finding("journal", "fail", f"journal mode {mode}, not wal", "Start the server once; it sets the mode.")
    if file.stat().st_size <= QUICK_CHECK_BYTES:
        broken = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if broken != "ok":
            return Finding("journal", "fail", f"the database is damaged: {broken}", DAMAGED)
    if wal_size > WAL_WARN:
        return Finding("journal", "warn", size, "A reader holds the log back, or nothing moves it; restart the server.")
    old = "" if revision[0] == HEAD else f", which the next start brings to {HEAD}"
    return Finding("journal", "ok", f"{size}, schema {revision[0]}{old}")


def _chain(connection: sqlite3.Connection, data: Path) -> Finding:
    """The end of the chain is where the journal says, and the newest checkpoint is ours and in it."""
    hint = "Something else wrote to the database. See `oncue journal verify`, and keep a copy."
    cursor, head, recorded_at = connection.execute("SELECT cursor, chain_head, recorded_at FROM journal").fetchone()
    row = connection.execute(
        "SELECT batch, first_position, last_position, root, prev_hash, hash FROM chain ORDER BY batch DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return Finding("chain", "ok" if cursor == 0 else "fail", "empty", hint)
    if row[5] != head or row[2] != cursor or chain_hash(*row[:5]) != row[5]:
        return Finding("chain", "fail", f"the journal ends at {cursor}, its chain at {row[2]} otherwise", hint)
    if recorded_at / 1e6 > time.time() + AHEAD_S:
        seen = f"the newest event is {recorded_at / 1e6 - time.time():.0f} s in the future"
        return Finding("chain", "fail", seen, "The clock has gone back; mend it before anything else.")
    note = connection.execute("SELECT batch, at, note FROM checkpoint ORDER BY batch DESC LIMIT 1").fetchone()
    seen = f"{cursor} records in {row[0]} batches, the head is sound"
    if note is None:
        return Finding("chain", "ok", f"{seen}; no checkpoint yet")
    signed = connection.execute("SELECT hash FROM chain WHERE batch = ?", (note[0],)).fetchone()
    if signed is None or not _is_signed(note[2], note[0], signed[0], data / "keys" / "checkpoint.pub"):
        return Finding("chain", "fail", f"the checkpoint of batch {note[0]} does not hold", hint)
    age_h = (recorded_at - note[1]) / 3.6e9
    if age_h > CHECKPOINT_WARN_H and row[0] > note[0]:
        return Finding("chain", "warn", f"{seen}; not signed for {age_h:.0f} h", "See the log: maintenance put off.")
    return Finding("chain", "ok", f"{seen}; signed up to batch {note[0]}")


def _is_signed(note: str, batch: int, head: bytes, public: Path) -> bool:
    text, _, signature = note.partition("\n— ")
    lines = text.splitlines()
    try:
        key = load_pem_public_key(public.read_bytes())
        if not isinstance(key, Ed25519PublicKey):
            return False
        key.verify(base64.b64decode(signature.split()[-1])[4:], text.encode())
        return int(lines[1]) == batch and base64.b64decode(lines[2]) == head
    except (InvalidSignature, OSError, ValueError, IndexError, binascii.Error):
        return False


def _upkeep(connection: sqlite3.Connection, loaded: config.Config) -> Iterator[Finding]:
    """Snapshots and retention, measured by the newest record: a server that is down makes none."""
    now, began = connection.execute("SELECT recorded_at, created_at FROM journal").fetchone()
    newest = connection.execute("SELECT max(at) FROM snapshot").fetchone()[0]
    oldest = connection.execute("SELECT min(first_recorded_at) FROM segment").fetchone()[0]
    age_h = max(0.0, (now - (newest or began)) / 3.6e9)
    over_h = (now - (oldest or now)) / 3.6e9 - 24 * loaded.retention.max_age_days
    seen = f"newest snapshot {age_h:.0f} h before the newest record" if newest else "no snapshot yet"
    kept = f"{(now - (oldest or now)) / 8.64e10:.0f} of {loaded.retention.max_age_days} days kept"
    late = [what for what, is_late in (("snapshots", age_h > SNAPSHOT_WARN_H), ("retention", over_h > RETENTION_WARN_H))
            if is_late]  # fmt: skip
    if late:
        hint = "See the log for `snapshot failed` and `maintenance put off`."
        yield Finding("upkeep", "warn", f"{some(late)} overdue: {seen}, {kept}", hint)
    else:
        yield Finding("upkeep", "ok", f"{seen}, {kept}")
    waiting = connection.execute("SELECT count(*) FROM dead_letter WHERE redriven_at IS NULL").fetchone()[0]
    hint = "See `oncue get dead-letters`; mend what refused them, and redrive what is worth it."
    yield Finding("dead letters", "warn" if waiting else "ok", f"{waiting} waiting" if waiting else "none", hint)
