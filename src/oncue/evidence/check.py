"""Does a bundle hold together? Everything is recomputed from its bytes, without a server or a data directory.

From the bottom up: each record has the digest that its leaf says, each leaf leads to the root of its batch, each batch lies in
a piece of the chain without a gap, each piece ends at a checkpoint that the key signed. What the bundle tells is then told
again from these records, and compared. Last comes the seal over the whole.

Cryptography shows that nothing was changed since it was written, and by which key. Whose key that is, only a key shows
that came another way.
"""

import base64
import binascii
import hashlib
import json
import struct
from typing import Any, Final, Literal

import msgspec

from oncue.core.spec import content_hash
from oncue.evidence import bundle
from oncue.evidence.bundle import FORM, Bundle, Evidence, Leaf, Stretch
from oncue.evidence.facts import Facts
from oncue.evidence.story import Account, told
from oncue.store import signed_note
from oncue.store.journal import GENESIS, LEAF_RECORDS, Record, chain_hash, digest, leaf, stamps

EXIT: Final = {"intact": 0, "tampered": 1, "cannot_tell": 2}
UNSHOWN: Final = (
    "that no further record of the journal concerns the change: whoever puts a bundle together chooses the records; "
    "`oncue journal verify` and `oncue replay --verify` on a copy of the data directory show the whole",
)
"""What no bundle shows by itself."""


class Verdict(msgspec.Struct):
    """What was found."""

    result: Literal["intact", "tampered", "cannot_tell"]
    detail: str
    where: str | None = None
    """The part of the bundle that was changed, if it was tampered with."""
    subject: str | None = None
    records: int = 0
    checkpoints: int = 0
    key: str | None = None
    """Base64 of the key that signed."""
    seal: str | None = None
    """Base64 of the digest that was sealed, which pages and PDFs of the bundle name."""
    origin: bool = False
    """Whether that is the key that was given: if not, only integrity is shown, not origin."""
    unshown: list[str] = []
    """What the bundle does not show."""

    @property
    def exit_code(self) -> int:
        """0 intact, 1 tampered, 2 cannot tell."""
        return EXIT[self.result]


class _Bent(Exception):
    """A part is not what it should be."""

    def __init__(self, where: str, detail: str) -> None:
        super().__init__(detail)
        self.where = where


class _Unclear(Exception):
    """It cannot be told."""


def verify(content: bytes, key: bytes | None = None, kept: str | None = None) -> Verdict:
    """Check a bundle; against a key that came another way, and a checkpoint that was kept elsewhere, if they are given."""
    try:
        return _verify(content, key, kept)
    except _Bent as bent:
        return Verdict("tampered", str(bent), bent.where)
    except _Unclear as unclear:
        return Verdict("cannot_tell", str(unclear))


def _verify(content: bytes, key: bytes | None, kept: str | None) -> Verdict:
    document, found = read(content)
    evidence = found.evidence
    own = _key(found.key)
    if key is not None and key != own:
        raise _Bent("key", f"it is signed with the key {found.key}, which is not the one that was given")
    origin = signed_note.journal_of(evidence.made.journal_id)
    heads = _heads(evidence.chain, origin, own)
    records = _records(evidence, _roots(evidence.chain))
    _facts_hold(document["evidence"], evidence, records)
    seal = _sealed(document["evidence"], found, own)
    unshown = [*evidence.story.gaps, *evidence.made.left_out, *UNSHOWN]
    verdict = Verdict(
        "intact", "every record is as it was written, and what is told of them is what they say", None, evidence.made.subject,
        len(evidence.records), len(evidence.chain), found.key, seal, key is not None, unshown,
    )  # fmt: skip
    if evidence.story.gaps:
        verdict.result = "cannot_tell"
        verdict.detail = f"what is there is as it was written, but something is missing: {evidence.story.gaps[0]}"
    return _against(verdict, origin, heads, kept) if kept is not None else verdict


def read(content: bytes) -> tuple[dict[str, Any], Bundle]:
    """A bundle as it is written, and in its form. Raises what `verify` says of it."""
    try:
        document = json.loads(content, object_pairs_hook=_unique)
    except _Twice as twice:
        raise _Bent(f"{twice}", "a member is there twice") from twice
    except (ValueError, RecursionError) as error:
        raise _Unclear(f"it is no bundle: {error}") from error
    form = (
        document.get("evidence", {}).get("form")
        if isinstance(document, dict) and isinstance(document.get("evidence"), dict)
        else None
    )
    if form != FORM:
        raise _Unclear(f"it is no bundle of the form {FORM}")
    try:
        return document, msgspec.convert(document, Bundle)
    except msgspec.ValidationError as error:
        detail, _, where = str(error).partition(" - at ")
        raise _Bent(where.strip("`").removeprefix("$.") or "the bundle", detail) from error


class _Twice(Exception):
    """An object has a member twice: who reads it could see the one, and we the other."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def _key(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise _Bent("key", "it is not base64") from error
    if len(raw) != 32:
        raise _Bent("key", "it is no Ed25519 key")
    return raw


def _hash(text: str, where: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        raise _Bent(where, "it is no hash") from error
    if len(raw) != 32 or raw.hex() != text:
        raise _Bent(where, "it is no SHA-256")
    return raw


# the chain


def _heads(chain: list[Stretch], origin: str, key: bytes) -> dict[int, bytes]:
    """The chain's hash after each batch that is given."""
    heads: dict[int, bytes] = {}
    for number, stretch in enumerate(chain):
        where = f"chain[{number}]"
        head = _walked(stretch, where, heads)
        _signed(stretch, f"{where}.checkpoint", origin, key, head)
    return heads


def _walked(stretch: Stretch, where: str, heads: dict[int, bytes]) -> bytes:
    """The hash at its end."""
    head = _hash(stretch.previous, f"{where}.previous")
    before: tuple[int, int] | None = None
    last_batch = max(heads, default=0)
    for number, (batch, first, last, root) in enumerate(stretch.links):
        at = f"{where}.links[{number}]"
        if before is not None and (batch, first) != (before[0] + 1, before[1] + 1):
            raise _Bent(at, f"batch {batch} does not follow the one before")
        if batch <= last_batch or last < first:
            raise _Bent(at, f"batch {batch} is out of order")
        try:
            head = chain_hash(batch, first, last, _hash(root, at), head)
        except struct.error as error:
            raise _Bent(at, "numbers that no journal has") from error
        heads[batch], before = head, (batch, last)
    if before is None:
        raise _Bent(where, "it has no links")
    if stretch.links[0][0] == 1 and stretch.previous != GENESIS.hex():
        raise _Bent(f"{where}.previous", "nothing is before the first batch")
    return head


def _signed(stretch: Stretch, where: str, origin: str, key: bytes, head: bytes) -> None:
    try:
        note = signed_note.opened(stretch.checkpoint)
    except ValueError as error:
        raise _Bent(where, str(error)) from error
    if not signed_note.holds(note, key):
        raise _Bent(where, "the key has not signed it")
    batch = stretch.links[-1][0]
    if note.text != f"{origin}\n{batch}\n{base64.b64encode(head).decode()}\n":
        raise _Bent(where, f"it is not of this journal at batch {batch}, or the chain before it was changed")


def _roots(chain: list[Stretch]) -> dict[int, tuple[int, int, str]]:
    return {batch: (first, last, root) for stretch in chain for batch, first, last, root in stretch.links}


# records


def _records(evidence: Evidence, roots: dict[int, tuple[int, int, str]]) -> list[Record]:
    """The records, proven."""
    rows: dict[int, tuple[int, int, str]] = {}
    for number, one in enumerate(evidence.leaves):
        where = f"leaves[{number}]"
        _leads(one, where, roots)
        for index, row in enumerate(one.rows):
            if one.first_position + index in rows:
                raise _Bent(where, "it is there twice")
            rows[one.first_position + index] = row
    found = []
    before = 0
    used = set()
    for number, item in enumerate(evidence.records):
        where = f"records[{number}]"
        if item.position <= before:
            raise _Bent(where, "it is out of order")
        if item.position not in rows:
            raise _Bent(where, f"no leaf has the position {item.position}")
        recorded_at, flags, content = rows[item.position]
        try:
            envelope = base64.b64decode(item.envelope, validate=True)
        except binascii.Error as error:
            raise _Bent(f"{where}.envelope", "it is not base64") from error
        body = item.body.encode("utf-8", "surrogatepass")
        if digest(envelope, body).hex() != content:
            raise _Bent(where, f"the record at {item.position} is not the one that was written")
        found.append(Record(item.position, recorded_at, flags, envelope, body))
        before = item.position
        used.add(item.position)
    for number, one in enumerate(evidence.leaves):
        if used.isdisjoint(range(one.first_position, one.first_position + len(one.rows))):
            raise _Bent(f"leaves[{number}]", "it has none of the records: one that it had is gone")
    return found


def _leads(one: Leaf, where: str, roots: dict[int, tuple[int, int, str]]) -> None:
    """The leaf leads to the root of its batch, by the only way from its place there."""
    if one.batch not in roots:
        raise _Bent(f"{where}.batch", f"batch {one.batch} is not in the chain")
    first, last, root = roots[one.batch]
    index, rest = divmod(one.first_position - first, LEAF_RECORDS)
    if rest or index < 0 or len(one.rows) != min(LEAF_RECORDS, last - one.first_position + 1):
        raise _Bent(where, "it is not where a leaf of its batch begins, or has more or fewer records")
    if [side for side, _ in one.path] != _sides(index, (last - first) // LEAF_RECORDS + 1):
        raise _Bent(f"{where}.path", "it is not the way from this leaf")
    hashes = [(at, flags, _hash(content, f"{where}.rows")) for at, flags, content in one.rows]
    try:
        node = leaf(one.first_position, stamps(hashes))
    except (ValueError, OverflowError, struct.error) as error:
        raise _Bent(f"{where}.rows", "values that no journal has") from error
    for side, text in one.path:
        sibling = _hash(text, f"{where}.path")
        pair = sibling + node if side == "left" else node + sibling
        node = hashlib.sha256(b"\1" + pair).digest()
    if node.hex() != root:
        raise _Bent(where, f"it does not lead to the root of batch {one.batch}")


def _sides(index: int, count: int) -> list[str]:
    """On which side of the way from a leaf up its neighbours lie."""
    found = []
    while count > 1:
        if index ^ 1 < count:
            found.append("left" if index & 1 else "right")
        index, count = index // 2, (count + 1) // 2
    return found


# what is told


def _facts_hold(document: dict[str, Any], evidence: Evidence, records: list[Record]) -> None:
    """What the bundle says is what its records say."""
    story = _story(records)
    difference = _difference(document["story"], msgspec.to_builtins(story), "story")
    if difference is not None:
        where, said, found = difference
        raise _Bent(where, f"it says {_short(said)}, the records say {_short(found)}")
    if evidence.made.subject != story.change["id"]:
        raise _Bent("made.subject", f"the records are of {story.change['id']}")
    plan = story.change["plan"]
    if evidence.agreed is not None and (plan is None or content_hash(evidence.agreed) != plan["hash"]):
        raise _Bent("agreed", "it is not what the plan's hash is of")


def _story(records: list[Record]) -> Account:
    try:
        return told(Facts(records))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _Bent("records", f"they do not tell of a change: {error!r}") from error


def _difference(said: Any, found: Any, where: str) -> tuple[str, Any, Any] | None:
    """The first place at which two JSON values differ."""
    if isinstance(said, dict) and isinstance(found, dict):
        for name in [*found, *(name for name in said if name not in found)]:
            inner = _difference(said.get(name, _NOTHING), found.get(name, _NOTHING), f"{where}.{name}")
            if inner is not None:
                return inner
        return None
    if isinstance(said, list) and isinstance(found, list | tuple):
        for number, (one, other) in enumerate(zip(said, found, strict=False)):
            inner = _difference(one, other, f"{where}[{number}]")
            if inner is not None:
                return inner
        if len(said) != len(found):
            return where, f"{len(said)} of them", f"{len(found)} of them"
        return None
    same = type(said) is type(found) and said == found
    return None if same else (where, said, found)


_NOTHING: Final = "nothing"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 80 else f"{text[:77]}..."


# the whole


def _sealed(document: dict[str, Any], found: Bundle, key: bytes) -> str:
    """Base64 of the digest that was sealed."""
    try:
        note = signed_note.opened(found.seal)
    except ValueError as error:
        raise _Bent("seal", str(error)) from error
    if not signed_note.holds(note, key):
        raise _Bent("seal", "the key has not signed it")
    made = found.evidence.made
    try:
        content = bundle.digest(bundle.canonical(document))
    except (OverflowError, UnicodeEncodeError) as error:
        raise _Bent("evidence", f"it has values that no bundle has: {error}") from error
    if note.text != signed_note.seal_text(made.journal_id, made.subject, content):
        raise _Bent("evidence", "it is not what was sealed")
    return note.lines[-1]


def _against(verdict: Verdict, origin: str, heads: dict[int, bytes], kept: str) -> Verdict:
    """Is a checkpoint that its keeper trusts one of this chain?"""
    lines = kept.splitlines()
    try:
        of, batch, head = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (IndexError, ValueError) as error:
        raise _Unclear("what was kept is not a checkpoint") from error
    if of != origin:
        raise _Unclear(f"the checkpoint that was kept is of {of[:100]}, the bundle is of {origin}")
    if batch not in heads:
        detail = f"the checkpoint that was kept is of batch {batch}; the bundle has the chain from {min(heads)} to {max(heads)}"
        raise _Unclear(f"{detail}{'' if len(heads) == max(heads) - min(heads) + 1 else ', in pieces'}")
    if heads[batch] != head:
        raise _Bent("chain", f"at batch {batch} it differs from the checkpoint that was kept")
    verdict.detail += f"; the chain leads through the checkpoint of batch {batch} that was kept"
    return verdict
