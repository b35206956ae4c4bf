"""The journal's form: records in segments, one per committed batch, under one Merkle root each.

A record is an envelope (namespace, origin, actor, and the person behind it where there is one) and the stored bytes of a
CloudEvent. Its digest is
SHA-256(length-prefixed envelope | stored bytes). Each `LEAF_RECORDS` records of a batch, from its first on, make a leaf:
SHA-256(0x00 | position of the first | instants they were recorded at | their flags | their digests). The batch's root is
that of RFC 6962, section 2.1, over the leaves; the chain row hashes it onto its predecessor.

A segment's head has four columns, one after the other, with a value per record: instant of 8 bytes, envelope's size of 4,
body's size of 4, flags of 1. Columns, and what a leaf has of them, are little-endian; other fixed-width numbers big-endian.
"""

import hashlib
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple

import msgspec
import zstandard

INPUT: Final = 0
DERIVED: Final = 1
REJECTED: Final = 2
"""An input that the engine could not handle: a poison input."""
CONFLICT: Final = 4
"""An input with the id of an earlier one and other bytes: kept as evidence, not handled."""

LEAF_RECORDS: Final = 32
"""Few enough that a proof is short, and enough that a record's share of the leaf is small beside its own digest."""

_WIDTHS: Final = (8, 4, 4, 1)
"""Of the columns of a head."""
_ROW: Final = sum(_WIDTHS)
_PART_LIMIT: Final = 1024**3
"""Bytes of a head or a body; one that claims more is damaged, and is not made room for."""
_LEAF: Final = struct.Struct(">BQ")
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
        return open_envelope(self.envelope).namespace

    @property
    def origin(self) -> str:
        """Through which it came."""
        return open_envelope(self.envelope).origin

    @property
    def actor(self) -> str | None:
        """Who did it, for commands."""
        return open_envelope(self.envelope).actor

    @property
    def person(self) -> str | None:
        """The person who sent it, with a token of theirs or without."""
        return open_envelope(self.envelope).person


class Envelope(msgspec.Struct, array_like=True, frozen=True):
    """What the journal knows of a record besides its bytes."""

    namespace: str
    origin: str
    actor: str | None
    person: str | None = None


seal_envelope: Final = msgspec.msgpack.Encoder().encode
"""(namespace, origin, actor) to an envelope."""

open_envelope: Final = msgspec.msgpack.Decoder(Envelope).decode


def seal_input(namespace: str, origin: str, actor: str | None, person: str | None) -> bytes:
    """The envelope of an input. One that no person sent is as short as those of facts."""
    return seal_envelope((namespace, origin, actor) if person is None else (namespace, origin, actor, person))


_sha256: Final = hashlib.sha256
_pack_length: Final = _LENGTH.pack
_pack_leaf: Final = _LEAF.pack

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


class Stamps(NamedTuple):
    """Of neighbouring records, what their leaves are made of: a value per record in each column."""

    recorded_at: bytes
    """8 bytes each."""
    flags: bytes
    """1 byte each."""
    digests: bytes
    """32 bytes each."""

    def cut(self, first: int, last: int) -> "Stamps":
        """Those of the records from the index `first` up to `last`."""
        return Stamps(
            self.recorded_at[8 * first : 8 * last], self.flags[first:last], self.digests[32 * first : 32 * last]
        )


def stamps(rows: Iterable[tuple[int, int, bytes]]) -> Stamps:
    """From a record's (instant, flags, digest) each."""
    times, flags, digests = array("Q"), bytearray(), []
    for recorded_at, flag, content in rows:
        times.append(recorded_at)
        flags.append(flag)
        digests.append(content)
    return Stamps(_column(times), bytes(flags), b"".join(digests))


def stamp(record: Record) -> tuple[int, int, bytes]:
    """Of a record, what its leaf is made of."""
    return record.recorded_at, record.flags, digest(record.envelope, record.body)


def leaf(first_position: int, of: Stamps) -> bytes:
    """The leaf of at most `LEAF_RECORDS` records."""
    return _sha256(b"".join((_pack_leaf(0, first_position), *of))).digest()


def leaves(first_position: int, of: Stamps) -> list[bytes]:
    """The leaves of a batch's records."""
    return [leaf(first_position + at, of.cut(at, at + LEAF_RECORDS)) for at in range(0, len(of.flags), LEAF_RECORDS)]


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


class Laid:
    """Records that share an envelope, back to back as a segment has them: whoever sends them lays them out."""

    def __init__(self, envelope: bytes, sizes: "array[int]", text: bytes) -> None:
        self.envelope = envelope
        self.sizes = sizes
        """Of each body."""
        self.text = text
        width = len(envelope)
        self._ends = list(accumulate([width + size for size in sizes], initial=0))

    def __getitem__(self, index: int) -> bytes:
        """The body of a record."""
        return self.text[self._ends[index] + len(self.envelope) : self._ends[index + 1]]

    def records(self, first: int, last: int) -> bytes:
        """Those from `first` up to `last`, envelopes included."""
        return self.text[self._ends[first] : self._ends[last]]


class OpenSegment:
    """A segment in the making."""

    def __init__(self) -> None:
        self._times = array("Q")
        self._envelope_sizes = array("I")
        self._body_sizes = array("I")
        self._flags = bytearray()
        self._digests: list[bytes] = []
        self._parts: list[bytes] = []
        self._numbers = array("Q")
        self._marks = array("I")
        self._types: dict[str, None] = {}
        self._namespaces: dict[str, None] = {}
        self._first_position = 0

    def __len__(self) -> int:
        """Records so far."""
        return len(self._flags)

    def add(
        self, position: int, recorded_at: int, flags: int, envelope: bytes, body: bytes, content: bytes, type: str,
        namespace: str,
    ) -> None:  # fmt: skip
        """Take a record; `content` is its `digest`."""
        if not self._flags:
            self._first_position = position
        self._times.append(recorded_at)
        self._envelope_sizes.append(len(envelope))
        self._body_sizes.append(len(body))
        self._flags.append(flags)
        self._digests.append(content)
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
        self, position: int, recorded_at: int, laid: Laid, first: int, last: int, contents: bytes,
        facts: Sequence[tuple[int, bytes, bytes, bytes]], types: Iterable[str], namespaces: Iterable[str],
        numbers: "array[int]", marks: "array[int]",
    ) -> None:  # fmt: skip
        """Take the records of inputs that came together, those of `laid` from `first` up to `last`, and of the facts that
        some of them caused; `position` is that of the first. `contents` are the digests of these inputs; a fact is
        (its position, envelope, body, digest)."""
        if not self._flags:
            self._first_position = position
        count = last - first
        envelopes, bodies, flags = array("I", (len(laid.envelope),)) * count, laid.sizes[first:last], bytearray(count)
        done = 0
        for number, (at, envelope, body, content) in enumerate(facts):
            index = at - position
            envelopes.insert(index, len(envelope))
            bodies.insert(index, len(body))
            flags.insert(index, DERIVED)
            until = index - number
            self._parts += (laid.records(first + done, first + until), envelope, body)
            self._digests += (contents[32 * done : 32 * until], content)
            done = until
        if done < count:
            self._parts.append(laid.records(first + done, last))
            self._digests.append(contents[32 * done :])
        self._times += array("Q", (recorded_at,)) * len(flags)
        self._envelope_sizes += envelopes
        self._body_sizes += bodies
        self._flags += flags
        self._types.update(dict.fromkeys(types))
        self._namespaces.update(dict.fromkeys(namespaces))
        self._numbers += numbers
        self._marks += marks

    @property
    def last_recorded_at(self) -> int:
        """Of the newest record, in microseconds; 0 if there is none."""
        return self._times[-1] if self._times else 0

    def close(self, events_so_far: int, hot: bytes | None = None) -> Segment:
        """The whole of it. There must be a record."""
        first, count, times = self._first_position, len(self._flags), _column(self._times)
        stamped = Stamps(times, bytes(self._flags), b"".join(self._digests))
        return Segment(
            first, first + count - 1, self._times[0], self._times[-1],
            count=count, inputs=len(self._numbers), root=merkle_root(leaves(first, stamped)),
            head=b"".join((times, _column(self._envelope_sizes), _column(self._body_sizes), stamped.flags)),
            body=b"".join(self._parts), types=list(self._types),
            namespaces=list(self._namespaces), ids=self._numbers.tobytes(),
            digests=self._marks.tobytes(), hot=hot, events=events_so_far + len(self._numbers),
        )  # fmt: skip


def _column(values: "array[Any]") -> bytes:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def _columns(head: bytes) -> list[bytes]:
    """The columns of a head. Raises `ValueError` if it is damaged."""
    count, rest = divmod(len(head), _ROW)
    if rest:
        raise ValueError("a segment's head is cut off")
    ends = list(accumulate([width * count for width in _WIDTHS], initial=0))
    return [head[start:end] for start, end in pairwise(ends)]


def joined(heads: Iterable[bytes]) -> bytes:
    """The head of neighbouring segments' records, from the heads of each. Raises `ValueError` if one is damaged."""
    return b"".join([part for column in zip(*map(_columns, heads), strict=True) for part in column])


def _values(typecode: str, column: bytes) -> "array[int]":
    values = array(typecode, column)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _opened(stored: object) -> bytes:
    """A head or body before compression. Whoever changed the database may have put anything in its place."""
    if not isinstance(stored, bytes):
        raise ValueError("a part of the segment is no bytes")  # noqa: TRY004 - damage, as the others
    if zstandard.frame_content_size(stored) > _PART_LIMIT:
        raise ValueError("a part of the segment claims to be too large")
    return _decompress(stored, allow_extra_data=False)


def unpack(first_position: int, head: bytes, body: bytes) -> Iterator[Record]:
    """The records of a segment. Raises `zstandard.ZstdError`, `ValueError` if it is damaged."""
    text = _opened(body)
    times, envelope_sizes, body_sizes, flags = _columns(_opened(head))
    at = 0
    columns = (_values("Q", times), _values("I", envelope_sizes), _values("I", body_sizes), flags)
    for position, (recorded_at, envelope_size, body_size, flag) in enumerate(
        zip(*columns, strict=True), first_position
    ):
        middle, end = at + envelope_size, at + envelope_size + body_size
        if end > len(text):
            raise ValueError("a segment is shorter than its head says")
        yield Record(position, recorded_at, flag, text[at:middle], text[middle:end])
        at = end
    if at < len(text):
        raise ValueError("a segment is longer than its head says")
