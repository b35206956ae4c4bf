"""The journal's form: records in segments, one per committed batch, under one Merkle root each.

A record is an envelope (namespace, origin, actor) and the stored bytes of a CloudEvent. Its leaf is
SHA-256(0x00 | position | recorded_at | SHA-256(length-prefixed envelope | stored bytes)); the batch's root is that of
RFC 6962, section 2.1; the chain row hashes it onto its predecessor. Fixed-width numbers are big-endian.
"""

import hashlib
import json
import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import zstandard
from sqlalchemy import Connection, select

from oncue.store.schema import segment

INPUT: Final = 0
DERIVED: Final = 1
REJECTED: Final = 2
"""An input that the engine could not handle: a poison input."""
CONFLICT: Final = 4
"""An input with the id of an earlier one and other bytes: kept as evidence, not handled."""

_HEADER: Final = struct.Struct(">QBII")
_LEAF: Final = struct.Struct(">BQQ32s")
_DIGEST: Final = struct.Struct("32s")
_LENGTH: Final = struct.Struct(">I")
_CHAIN: Final = struct.Struct(">QQQ")

GENESIS: Final = bytes(32)


class Record(NamedTuple):
    """One record of the journal. `recorded_at` is in microseconds since 1970 UTC."""

    position: int
    recorded_at: int
    flags: int
    envelope: bytes
    body: bytes

    @property
    def derived(self) -> bool:
        """Whether it is a fact of OnCue's own."""
        return bool(self.flags & DERIVED)

    @property
    def rejected(self) -> bool:
        """Whether it is an input that was not handled."""
        return bool(self.flags & (REJECTED | CONFLICT))

    @property
    def namespace(self) -> str:
        """Of events that name none themselves."""
        return open_envelope(self.envelope)[0]

    @property
    def origin(self) -> str:
        """Through which it came."""
        return open_envelope(self.envelope)[1]

    @property
    def actor(self) -> str | None:
        """Who did it, for commands."""
        return open_envelope(self.envelope)[2]


seal_envelope: Final = msgspec.msgpack.Encoder().encode
"""(namespace, origin, actor) to an envelope."""

open_envelope: Final = msgspec.msgpack.Decoder(tuple[str, str, str | None]).decode

_sha256: Final = hashlib.sha256
_pack_header: Final = _HEADER.pack
_pack_length: Final = _LENGTH.pack
_pack_leaf: Final = _LEAF.pack
_fresh: Final = hashlib.sha256().copy
"""A copy of an empty hash is made faster than a new one."""

_compress: Final = zstandard.ZstdCompressor(level=1).compress
_decompress: Final = zstandard.ZstdDecompressor().decompress


def digest(envelope: bytes, body: bytes) -> bytes:
    """The hash of a record's content; it stays when the content is erased."""
    return _sha256(_pack_length(len(envelope)) + envelope + body).digest()


def digests(envelope: bytes, bodies: Iterable[bytes]) -> bytes:
    """The `digest` of each of these, one after the other; they share the envelope."""
    begun = _sha256(_pack_length(len(envelope)) + envelope).copy
    found = []
    for body in bodies:
        hashing = begun()
        hashing.update(body)
        found.append(hashing.digest())
    return b"".join(found)


def leaf(position: int, recorded_at: int, content: bytes) -> bytes:
    """The Merkle leaf of a record with this content hash."""
    hashing = _fresh()
    hashing.update(_pack_leaf(0, position, recorded_at, content))
    return hashing.digest()


def merkle_root(leaves: list[bytes]) -> bytes:
    """The root over at least one leaf. An odd node at the end of a level moves up, as RFC 6962's split has it."""
    level = leaves
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [_sha256(b"\1" + left + right).digest() for left, right in pairs]
        if len(level) & 1:
            above.append(level[-1])
        level = above
    return level[0]


def merkle_path(leaves: list[bytes], index: int) -> list[tuple[str, str]]:
    """The audit path of a leaf: (`left` or `right`, hash in hex) from the leaf up."""
    path = []
    level = leaves
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(("left" if sibling < index else "right", level[sibling].hex()))
        above = [hashlib.sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) & 1:
            above.append(level[-1])
        level, index = above, index // 2
    return path


def chain_hash(batch: int, first: int, last: int, root: bytes, previous: bytes) -> bytes:
    """The hash of a chain row."""
    return hashlib.sha256(b"\2" + _CHAIN.pack(batch, first, last) + root + previous).digest()


class Segment(msgspec.Struct):
    """The journal's part of a batch."""

    first_position: int
    last_position: int
    first_recorded_at: int
    last_recorded_at: int
    count: int
    inputs: int
    root: bytes
    head: bytes
    """Not compressed yet, as is `body`."""
    body: bytes
    types: list[str]
    namespaces: list[str]
    ids: bytes
    digests: bytes
    hot: bytes | None = None
    """Hot rows that this batch changed and did not write, as `pack_hot` has them."""
    events: int = 0
    """Events from outside in the journal so far, for the statistics."""

    def compressed(self) -> tuple[bytes, bytes]:
        """Head and body as stored."""
        return _compress(self.head), _compress(self.body)


class OpenSegment:
    """A segment in the making."""

    def __init__(self) -> None:
        self._leaves: list[bytes] = []
        self._heads: list[bytes] = []
        self._parts: list[bytes] = []
        self._numbers = array("Q")
        self._marks = array("I")
        self._types: dict[str, None] = {}
        self._namespaces: dict[str, None] = {}
        self._first = (0, 0)
        self._last = (0, 0)

    def __len__(self) -> int:
        """Records so far."""
        return len(self._leaves)

    def add(
        self, position: int, recorded_at: int, flags: int, envelope: bytes, body: bytes, content: bytes, type: str,
        namespace: str,
    ) -> None:  # fmt: skip
        """Take a record; `content` is its `digest`."""
        self._last = (position, recorded_at)
        if not self._leaves:
            self._first = self._last
        self._leaves.append(leaf(position, recorded_at, content))
        self._heads.append(_pack_header(recorded_at, flags, len(envelope), len(body)))
        self._parts += (envelope, body)
        self._types[type] = None
        self._namespaces[namespace] = None

    def add_input(
        self, position: int, recorded_at: int, flags: int, envelope: bytes, body: bytes, content: bytes, type: str,
        namespace: str, number: int, mark: int,
    ) -> None:  # fmt: skip
        """Take the record of an input, and what it is recognised by when it comes again."""
        self.add(position, recorded_at, flags, envelope, body, content, type, namespace)
        self._numbers.append(number)
        self._marks.append(mark)

    def add_inputs(
        self, first: int, recorded_at: int, envelope: bytes, bodies: Sequence[bytes], contents: bytes,
        facts: Sequence[tuple[int, bytes, bytes, bytes]], types: Iterable[str], namespaces: Iterable[str],
        numbers: "array[int]", marks: "array[int]",
    ) -> None:  # fmt: skip
        """Take the records of inputs that came together, the first at position `first`, and of the facts that some of
        them caused. `contents` are the inputs' digests; a fact is (its position, envelope, body, digest)."""
        self._last = (first + len(bodies) + len(facts) - 1, recorded_at)
        if not self._leaves:
            self._first = (first, recorded_at)
        digests = [content for (content,) in _DIGEST.iter_unpack(contents)]
        size, pack = len(envelope), _pack_header
        heads = [pack(recorded_at, INPUT, size, len(body)) for body in bodies]
        done = 0
        for number, (position, sealed, body, content) in enumerate(facts):
            at = position - first
            digests.insert(at, content)
            heads.insert(at, pack(recorded_at, DERIVED, len(sealed), len(body)))
            until = at - number
            self._parts += (envelope, envelope.join(bodies[done:until]), sealed, body)
            done = until
        if done < len(bodies):
            self._parts += (envelope, envelope.join(bodies[done:] if done else bodies))
        self._leaves += [leaf(position, recorded_at, content) for position, content in enumerate(digests, first)]
        self._heads += heads
        self._types.update(dict.fromkeys(types))
        self._namespaces.update(dict.fromkeys(namespaces))
        self._numbers += numbers
        self._marks += marks

    @property
    def last_recorded_at(self) -> int:
        """Of the newest record, in microseconds; 0 if there is none."""
        return self._last[1]

    def close(self, events_so_far: int, hot: bytes | None = None) -> Segment:
        """The whole of it. There must be a record."""
        return Segment(
            *(self._first[0], self._last[0], self._first[1], self._last[1]),
            count=len(self._leaves), inputs=len(self._numbers), root=merkle_root(self._leaves),
            head=b"".join(self._heads), body=b"".join(self._parts), types=list(self._types),
            namespaces=list(self._namespaces), ids=self._numbers.tobytes(),
            digests=self._marks.tobytes(), hot=hot, events=events_so_far + len(self._numbers),
        )  # fmt: skip


def unpack(first_position: int, head: bytes, body: bytes) -> Iterator[Record]:
    """The records of a segment. Raises `zstandard.ZstdError`, `ValueError` if it is damaged."""
    text = _decompress(body) if body else b""
    at = 0
    for offset, (recorded_at, flags, envelope_size, body_size) in enumerate(_HEADER.iter_unpack(_decompress(head))):
        middle, end = at + envelope_size, at + envelope_size + body_size
        if end > len(text):
            raise ValueError("a segment is shorter than its head says")
        yield Record(first_position + offset, recorded_at, flags, text[at:middle], text[middle:end])
        at = end


class JournalReader:
    """Reads the journal over a SQLAlchemy connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def records(self, first: int, last: int | None = None) -> Iterator[Record]:
        """Records from `first` to `last`, both included, in order; those past retention are left out."""
        query = (
            select(segment.c.first_position, segment.c.head, segment.c.body)
            .where(segment.c.last_position >= first)
            .order_by(segment.c.first_position)
        )
        if last is not None:
            query = query.where(segment.c.first_position <= last)
        for row in self._connection.execute(query).yield_per(16):
            for record in unpack(row.first_position, row.head, row.body):
                if record.position >= first and (last is None or record.position <= last):
                    yield record

    def record(self, position: int) -> Record | None:
        """The record at this position; None if there is none, or it is past retention."""
        return next(self.records(position, position), None)

    def backwards(
        self,
        before: int | None = None,
        *,
        types: set[str] | None = None,
        namespaces: set[str] | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> Iterator[Record]:
        """Records from the newest, or from just before `before`, downwards.

        Segments that hold no event of `types` (exact names) or `namespaces`, or lie outside [`since`, `until`] in
        microseconds, are passed over; records in the others are not filtered.
        """
        columns = (segment.c.first_position, segment.c.types, segment.c.namespaces, segment.c.batch)
        query = select(*columns).order_by(segment.c.first_position.desc())
        if before is not None:
            query = query.where(segment.c.first_position < before)
        if since is not None:
            query = query.where(segment.c.last_recorded_at >= since)
        if until is not None:
            query = query.where(segment.c.first_recorded_at <= until)
        for row in self._connection.execute(query).yield_per(64):
            if types is not None and types.isdisjoint(json.loads(row.types)):
                continue
            if namespaces is not None and namespaces.isdisjoint(json.loads(row.namespaces)):
                continue
            content = self._connection.execute(
                select(segment.c.head, segment.c.body).where(segment.c.batch == row.batch)
            ).first()
            if content is None:
                continue
            for record in reversed(list(unpack(row.first_position, content.head, content.body))):
                if before is None or record.position < before:
                    yield record
