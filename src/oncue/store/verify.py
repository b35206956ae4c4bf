"""Is the journal as it was written? Checks every hash that can be checked, on the files alone, without a server.

Cutting off the tail cannot be seen from inside: only a checkpoint that was kept elsewhere shows it.
"""

import base64
import hashlib
import struct
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from oncue.core.errors import Refusal
from oncue.store import schema
from oncue.store.database import hold, read_origin, reading_engine
from oncue.store.journal import (
    GENESIS,
    LEAF_RECORDS,
    Record,
    Stamps,
    chain_hash,
    digest,
    leaf,
    leaves,
    merkle_path,
    merkle_root,
    stamp,
    stamps,
    unpack,
)
from oncue.store.journal_reader import JournalReader
from oncue.store.revision import FILE_NAME, check

EXIT: Final = {"intact": 0, "tampered": 1, "cannot_tell": 2}


class Verdict(msgspec.Struct):
    """What verification found."""

    result: Literal["intact", "tampered", "cannot_tell"]
    detail: str
    position: int | None = None
    """First bad position, if tampered."""
    records: int = 0
    batches: int = 0
    erased_up_to: int = 0
    """Positions up to here are past retention: their chain verifies, their content is gone."""
    checkpoints: int = 0

    @property
    def exit_code(self) -> int:
        """0 intact, 1 tampered, 2 cannot tell."""
        return EXIT[self.result]


def verify(data: Path, kept: str | None = None) -> Verdict:
    """Check the journal in a data directory, and against a checkpoint that was kept elsewhere."""
    path = data / FILE_NAME
    if not path.is_file():
        return Verdict("cannot_tell", f"there is no journal in {data}")
    try:
        check(path)
    except Refusal as refusal:
        return Verdict("cannot_tell", f"{refusal.code}: {refusal.detail}")
    engine = reading_engine(str(path), 1)
    try:
        with engine.connect() as connection:
            hold(connection)
            verdict = _verify(connection, data)
            return _against(connection, verdict, kept) if kept is not None and verdict.exit_code == 0 else verdict
    except SQLAlchemyError as error:
        return Verdict("cannot_tell", f"the database cannot be read: {error.__cause__ or error}")
    finally:
        engine.dispose()


def _verify(connection: Connection, data: Path) -> Verdict:
    origin = read_origin(connection)
    if origin is None:
        return Verdict("cannot_tell", "the database has no journal")
    verdict = Verdict("intact", "every record is as it was written")
    previous, expected_first, batch = GENESIS, 1, 0
    heads: dict[int, bytes] = {}
    marks = set(connection.execute(select(schema.checkpoint.c.batch)).scalars())
    kept = _Kept(connection)
    for row in connection.execute(select(schema.chain).order_by(schema.chain.c.batch)).yield_per(64):
        batch += 1
        problem = _row_problem(row, batch, expected_first, previous)
        if problem is not None:
            return _tampered(verdict, expected_first, problem)
        try:
            found = kept.of(row.first_position, row.last_position)
        except _Damaged as damage:
            return _tampered(verdict, damage.position, str(damage))
        if found is None:
            verdict.erased_up_to = row.last_position
            if verdict.records:
                return _tampered(verdict, row.first_position, "a segment in the middle is gone")
        elif merkle_root(leaves(row.first_position, found)) != row.root:
            return _tampered(verdict, row.first_position, f"a record of batch {row.batch} was changed")
        else:
            verdict.records += len(found.flags)
        previous, expected_first = row.hash, row.last_position + 1
        if row.batch in marks:
            heads[row.batch] = row.hash
    verdict.batches = batch
    if previous != origin.chain_head or expected_first - 1 != origin.cursor:
        return _tampered(verdict, expected_first, "the journal's end is not where its cursor says")
    try:
        extra = kept.rest()
    except _Damaged as damage:
        return _tampered(verdict, damage.position, str(damage))
    if extra is not None:
        return _tampered(verdict, extra, "a segment is not in the chain")
    fact_problem = _facts_problem(connection, expected_first)
    if fact_problem is not None:
        return _tampered(verdict, *fact_problem)
    if (
        verdict.erased_up_to
        and connection.execute(
            select(schema.snapshot.c.position).where(schema.snapshot.c.position >= verdict.erased_up_to)
        ).first()
        is None
    ):
        return _tampered(verdict, verdict.erased_up_to, "segments are gone, and no snapshot accounts for it")
    return _checkpoints(connection, data, verdict, heads)


def _tampered(verdict: Verdict, position: int, detail: str) -> Verdict:
    verdict.result, verdict.position, verdict.detail = "tampered", position, detail
    return verdict


def _row_problem(row: Any, batch: int, expected_first: int, previous: bytes) -> str | None:
    if row.batch != batch:
        return f"batch {batch} is missing from the chain"
    numbers, hashes = (row.first_position, row.last_position), (row.root, row.prev_hash, row.hash)
    if not _are(int, *numbers) or not _are(bytes, *hashes):
        return f"the chain's row of batch {batch} was changed"
    if row.first_position != expected_first or row.last_position < row.first_position:
        return f"batch {batch} does not begin where the one before ended"
    if row.prev_hash != previous:
        return f"batch {batch} is not chained to the one before"
    if chain_hash(row.batch, row.first_position, row.last_position, row.root, row.prev_hash) != row.hash:
        return f"the chain's row of batch {batch} was changed"
    return None


def _are(kind: type, *values: object) -> bool:
    """SQLite keeps in a column what it is given, of whatever type."""
    return all(isinstance(value, kind) for value in values)


class _Damaged(Exception):
    """A segment is not whole."""

    def __init__(self, position: int, detail: str) -> None:
        super().__init__(detail)
        self.position = position


_NONE: Final = Stamps(b"", b"", b"")


class _Kept:
    """What the leaves of the records are made of, batch by batch: a segment holds those of one batch, or of neighbours."""

    def __init__(self, connection: Connection) -> None:
        segment = schema.segment.c
        columns = (
            segment.batch, segment.first_position, segment.last_position, segment.first_recorded_at,
            segment.last_recorded_at, segment.count.label("records"), segment.head, segment.body,
        )  # fmt: skip
        self._segments = iter(connection.execute(select(*columns).order_by(segment.first_position)).yield_per(64))
        self._at = 0
        """Position of the first of `_ahead`."""
        self._ahead = _NONE

    def of(self, first: int, last: int) -> Stamps | None:
        """The records from `first` to `last`; None if their segment is gone. Raises `_Damaged`."""
        if not self._ahead.flags and not self._next():
            return None
        if self._at > first:
            return None
        count = last - first + 1
        held = len(self._ahead.flags)
        if self._at < first or held < count:
            raise _Damaged(self._at, f"the segment at position {self._at} is not that of its batch")
        found, self._ahead, self._at = self._ahead.cut(0, count), self._ahead.cut(count, held), last + 1
        return found

    def rest(self) -> int | None:
        """Position of a record that no batch has asked for."""
        return self._at if self._ahead.flags or self._next() else None

    def _next(self) -> bool:
        row = next(self._segments, None)
        if row is None:
            return False
        if not _are(int, row.first_position, row.last_position):
            raise _Damaged(max(self._at, 1), f"the segment of batch {row.batch} names no positions")
        records: list[Record] = []
        try:
            records.extend(unpack(row.first_position, row.head, row.body))
        except (zstandard.ZstdError, ValueError) as error:
            read = len(records)
            bad = row.first_position + (read if row.first_position + read <= row.last_position else 0)
            raise _Damaged(bad, f"the segment of batch {row.batch} cannot be read: {error}") from error
        if len(records) != row.last_position - row.first_position + 1:
            raise _Damaged(row.first_position, f"the segment of batch {row.batch} has {len(records)} records")
        said = [row.records, row.first_recorded_at, row.last_recorded_at]
        if not records or said != [len(records), records[0].recorded_at, records[-1].recorded_at]:
            raise _Damaged(row.first_position, f"the row of the segment of batch {row.batch} was changed")
        self._at, self._ahead = row.first_position, stamps(map(stamp, records))
        return True


def _facts_problem(connection: Connection, end: int) -> tuple[int, str] | None:
    """The look-up rows hold copies of records; they must agree with the segments, and none be of what is not before `end`."""
    segment, fact = schema.segment.c, schema.fact.c
    stray = connection.execute(select(fact.position).where(~fact.position.between(1, end - 1)).limit(1)).scalar()
    if stray is not None:
        return int(stray), "a look-up row is of no record"
    kept = connection.execute(
        select(segment.first_position, segment.last_position, segment.head, segment.body).order_by(
            segment.first_position
        )
    ).yield_per(64)
    for row in kept:
        within = fact.position.between(row.first_position, row.last_position)
        copies = {r.position: r.body for r in connection.execute(select(fact.position, fact.body).where(within)).all()}
        if not copies:
            continue
        for record in unpack(row.first_position, row.head, row.body):
            copy = copies.get(record.position)
            if copy is not None and copy != record.body:
                return record.position, "a look-up row differs from its record"
    return None


def _checkpoints(connection: Connection, data: Path, verdict: Verdict, heads: dict[int, bytes]) -> Verdict:
    path = data / "keys" / "checkpoint.pub"
    rows = connection.execute(select(schema.checkpoint).order_by(schema.checkpoint.c.batch)).all()
    if not rows:
        return verdict
    if not path.is_file():
        return Verdict("cannot_tell", f"{path} is missing, so the checkpoints' signatures cannot be checked")
    try:
        key = load_pem_public_key(path.read_bytes())
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        return Verdict("cannot_tell", f"{path} is not a key, so the checkpoints' signatures cannot be checked")
    for row in rows:
        text, _, signature = str(row.note).partition("\n\u2014 ")
        lines = text.splitlines()
        try:
            key.verify(base64.b64decode(signature.split()[-1])[4:], text.encode())
        except (InvalidSignature, ValueError, IndexError):
            return _tampered(
                verdict, row.position, f"the checkpoint at batch {row.batch} is not signed by this journal"
            )
        if heads.get(row.batch) != base64.b64decode(lines[2]) or int(lines[1]) != row.batch:
            return _tampered(
                verdict, row.position, f"the chain differs from the checkpoint signed at batch {row.batch}"
            )
        verdict.checkpoints += 1
    return verdict


def _against(connection: Connection, verdict: Verdict, kept: str) -> Verdict:
    """Does the chain still lead through a checkpoint that its keeper trusts? Its signature adds nothing to that."""
    lines = kept.splitlines()
    try:
        origin, batch, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (IndexError, ValueError):
        return Verdict("cannot_tell", "what was kept is not a checkpoint")
    journal_id = connection.execute(select(schema.journal.c.journal_id)).scalar_one()
    if origin != f"oncue/{journal_id}":
        return Verdict("cannot_tell", f"the checkpoint that was kept is of {origin[:100]}, this is oncue/{journal_id}")
    chain = schema.chain.c
    row = connection.execute(select(chain.hash, chain.first_position).where(chain.batch == batch)).first()
    if row is None:
        end = f"the journal ends at batch {verdict.batches}, before the checkpoint that was kept at batch {batch}"
        newest = connection.execute(select(schema.journal.c.cursor)).scalar_one()
        return _tampered(verdict, newest + 1, f"{end}: its tail was cut off")
    if row.hash != root:
        return _tampered(
            verdict, row.first_position, f"the chain differs from the checkpoint that was kept at batch {batch}"
        )
    verdict.detail += f", and up to batch {batch} as the checkpoint says that was kept"
    return verdict


def checkpoint(data: Path) -> str | None:
    """The newest signed checkpoint, to be kept elsewhere; None if there is none yet."""
    engine = reading_engine(str(data / FILE_NAME), 1)
    newest = select(schema.checkpoint.c.note).order_by(schema.checkpoint.c.batch.desc()).limit(1)
    try:
        with engine.connect() as connection:
            note: str | None = connection.execute(newest).scalar()
            return note
    except SQLAlchemyError:
        return None
    finally:
        engine.dispose()


class Proof(msgspec.Struct):
    """That a record is in the journal: everything a stranger needs to check it with SHA-256 alone."""

    position: int
    recorded_at: int
    content_sha256: str
    leaf_first_position: int
    leaf: list[tuple[int, int, str]]
    """(recorded_at in microseconds since 1970 UTC, flags, content_sha256) of each record in the leaf."""
    path: list[tuple[str, str]]
    root: str
    batch: int
    first_position: int
    last_position: int
    previous_hash: str
    chain_hash: str
    envelope: str
    body: str


def prove(data: Path, position: int) -> Proof | None:
    """The inclusion proof of the record at `position`; None if it is not there or past retention.

    Raises `Refusal`: data.older and whatever else keeps this program from reading the journal; data.damaged if the
    record's segment cannot be read.
    """
    check(data / FILE_NAME)
    engine = reading_engine(str(data / FILE_NAME), 1)
    chain = schema.chain
    try:
        with engine.connect() as connection:
            row = connection.execute(
                select(chain).where(chain.c.first_position <= position, chain.c.last_position >= position)
            ).first()
            reader = JournalReader(connection)
            records = list(reader.records(row.first_position, row.last_position)) if row is not None else []
    except (zstandard.ZstdError, ValueError, TypeError) as error:
        raise Refusal("data.damaged", f"the segment with position {position} cannot be read: {error}") from error
    finally:
        engine.dispose()
    if row is None or not records:
        return None
    if [record.position for record in records] != list(range(row.first_position, row.last_position + 1)):
        raise Refusal("data.damaged", f"records of batch {row.batch} are missing")
    rows = list(map(stamp, records))
    index = position - row.first_position
    first = index - index % LEAF_RECORDS
    wanted = records[index]
    return Proof(
        position=position, recorded_at=wanted.recorded_at, content_sha256=rows[index][2].hex(),
        leaf_first_position=row.first_position + first,
        leaf=[(at, flags, content.hex()) for at, flags, content in rows[first : first + LEAF_RECORDS]],
        path=merkle_path(leaves(row.first_position, stamps(rows)), first // LEAF_RECORDS),
        root=row.root.hex(), batch=row.batch, first_position=row.first_position, last_position=row.last_position,
        previous_hash=row.prev_hash.hex(), chain_hash=row.hash.hex(),
        envelope=base64.b64encode(wanted.envelope).decode(), body=wanted.body.decode(),
    )  # fmt: skip


def check_proof(proof: Proof) -> bool:
    """Whether the proof holds together, from the record's bytes up to the chain's hash."""
    try:
        return _holds(proof)
    except (ValueError, OverflowError, struct.error):  # a member that no journal has
        return False


def _holds(proof: Proof) -> bool:
    content = digest(base64.b64decode(proof.envelope), proof.body.encode()).hex()
    index = proof.position - proof.leaf_first_position
    if not 0 <= index < len(proof.leaf):
        return False
    recorded_at, _, stamped = proof.leaf[index]
    rows = [(at, flags, bytes.fromhex(one)) for at, flags, one in proof.leaf]
    if any(len(one) != 32 for _, _, one in rows):  # else the same bytes could be read as a leaf of fewer or more
        return False
    node = leaf(proof.leaf_first_position, stamps(rows))
    for side, sibling in proof.path:
        pair = bytes.fromhex(sibling) + node if side == "left" else node + bytes.fromhex(sibling)
        node = hashlib.sha256(b"\1" + pair).digest()
    head = chain_hash(proof.batch, proof.first_position, proof.last_position, node, bytes.fromhex(proof.previous_hash))
    return (content, stamped, recorded_at, node.hex(), head.hex()) == (
        proof.content_sha256, proof.content_sha256, proof.recorded_at, proof.root, proof.chain_hash,
    )  # fmt: skip
