"""What the processes of one server say to each other, over a Unix socket in the data directory.

Frames are msgpack, each behind a four-byte big-endian length. The engine's process listens; the front process (HTTP) and
the worker process connect. One request frame carries one unit that is accepted or refused as a whole, answered after
its commit.
"""

from array import array
from typing import Any, Final, Literal

import msgspec

from oncue.core.normalise import Outlines
from oncue.store.journal import Laid, seal_input

SOCKET_NAME: Final = "engine.sock"
FRAME_LIMIT: Final = 64 * 1024 * 1024


class SideWrite(msgspec.Struct, array_like=True):
    """A row of the access store, written in the transaction of the input it travels with unless that is refused, never
    journaled."""

    kind: str
    """`user`, `token`, `session`, `secret`, `link`, `input`; or `log`, of which nothing but an end can be written."""
    id: str
    body: bytes | None
    """JSON; None deletes the row. Of the kind `log`, all that the work of this run told."""


class Saying(msgspec.Struct, array_like=True):
    """One thing that the work of a step told: a line, or how far it is."""

    namespace: str
    run: str
    step: str
    attempt: int
    at: int
    """Microseconds since 1970 UTC."""
    stream: str
    text: str
    done: float | None = None
    """Progress, from 0 to 1; None for a line."""


class Sayings(msgspec.Struct, array_like=True, tag="sayings"):
    """What work told since the last of these. It has no answer, and is on record before what is sent after it."""

    items: list[Saying]


class Submit(msgspec.Struct, array_like=True, tag="submit"):
    """Events for the journal: structured-mode CloudEvents documents, validated."""

    seq: int
    namespace: str
    """Of the events that name none."""
    origin: str
    """The source, monitor, worker or API through which they came."""
    actor: str | None
    """Who did it, for commands: `user:name`, `token:name`, `system`."""
    sizes: bytes
    """Per event 4 bytes: of its document. `intake.py` makes this and what follows."""
    text: bytes
    """The events as `Laid` has them, behind the envelope of (namespace, origin, actor, person)."""
    numbers: bytes
    """Per event 8 bytes: what stands for its id."""
    marks: bytes
    """Per event 4 bytes: a checksum of its stored bytes, which tells a retry from a reuse of the id."""
    contents: bytes
    """Per event 32 bytes: the journal's `digest` of its envelope and stored bytes."""
    outlines: Outlines
    urgent: bool = False
    """Commands, results and ticks outrank ingest."""
    side: list[SideWrite] = []
    person: str | None = None
    """Who sent it, `user:name`, with a token of theirs or without: runs that it leads to they have asked for."""

    def __len__(self) -> int:
        """How many events."""
        return len(self.sizes) // 4

    def laid(self) -> Laid:
        """The events' documents."""
        envelope = seal_input(self.namespace, self.origin, self.actor, self.person)
        return Laid(envelope, array("I", self.sizes), self.text)


class Dead(msgspec.Struct, array_like=True, tag="dead"):
    """Input that was refused at the edge, kept as dead letters: (index, code, detail, bytes)."""

    seq: int
    namespace: str
    origin: str
    letters: list[tuple[int, str, str, bytes]]


class Answer(msgspec.Struct, array_like=True, tag="answer"):
    """The outcome of a `Submit` or `Dead`, sent after the commit."""

    seq: int
    accepted: int = 0
    duplicates: int = 0
    rejected: list[tuple[int, str, str]] = []
    """(index, code, detail)."""
    position: int = 0
    """Highest position the unit caused; a read at or beyond it sees its effects."""
    replies: list[Any] | None = None
    """For commands, one reply per body: `{"code": None | str, "detail": str, "data": ...}`."""
    error: tuple[str, str] | None = None
    """(code, detail) if the unit as a whole was refused: nothing of it was journaled."""
    retry_after_s: float = 0.0
    known: list[int] = []
    """Indexes of the duplicates."""


class Watch(msgspec.Struct, array_like=True, tag="watch"):
    """Ask to be told of commits."""

    seq: int = 0
    facts: bool = False
    """Whether to be given the facts as well, where they are few."""


class News(msgspec.Struct, array_like=True):
    """The facts between two positions, those that can be looked up: who is given them need not read them."""

    after: int
    facts: list[tuple[int, str, str, str, str, int, int, int, bytes]]
    """As `store.queries.FactRow`."""


class Committed(msgspec.Struct, array_like=True, tag="committed"):
    """Sent to watchers after commits: at once if access or configuration changed, else some milliseconds may go by."""

    position: int
    access_changed: bool = False
    config_changed: bool = False
    told: list[tuple[str, str]] = []
    """Runs whose log grew, as (namespace, id)."""
    news: News | None = None
    """The facts up to the position; None if they are too many, or were not asked for."""


HEARD_EVERY_S: Final = 10.0
"""Between two words of a worker that it is there, at the most."""
SILENT_S: Final = 30.0
"""A worker that has said nothing for longer is given nothing until it does."""


class Lease(msgspec.Struct, array_like=True, tag="lease"):
    """A worker offers to take up to `slots` effects now; it says so again as slots come free."""

    worker: str
    slots: int
    labels: dict[str, str] = {}
    """What it says of itself."""


class Leased(msgspec.Struct, array_like=True, tag="leased"):
    """Effects for a worker: (lease token, JSON of the `Effect`, whether a worker may have begun it before)."""

    items: list[tuple[str, bytes, bool]]


class Cancel(msgspec.Struct, array_like=True, tag="cancel"):
    """Effects whose work is no longer wanted: their lease tokens."""

    tokens: list[str]


class Health(msgspec.Struct, array_like=True, tag="health"):
    """Ask the engine how it is."""

    seq: int


class HealthReport(msgspec.Struct, array_like=True, tag="health_report"):
    """How the engine is; the body is JSON for /readyz, /metrics and `oncue doctor`."""

    seq: int
    ready: bool
    body: dict[str, Any]


class WhoHas(msgspec.Struct, array_like=True, tag="who_has"):
    """Ask who has these effects in hand. It is answered however busy the writer is."""

    seq: int
    effects: list[str]
    """Their ids."""


Lacks = Literal["", "worker", "labels", "word", "share", "slot"]
"""What an effect waits for that nobody has: that any worker connects, one with its labels, a word from those that are connected, that something ends that it shares its part of the slots
with, or that anything ends; empty if a worker takes it next."""


class Held(msgspec.Struct, array_like=True):
    """In whose hands an effect is that could be done now, or what keeps it from being taken."""

    effect: str
    attempt: int
    worker: str | None = None
    """None if nobody has it."""
    leased_at: int = 0
    """Microseconds since 1970 UTC, as `until`."""
    until: int = 0
    """When the lease ends unless the worker reports before."""
    lacks: Lacks = ""
    under_way: int = 0
    """How much is under way of what it shares its part of the slots with, or of everything."""
    silent_s: float = 0.0
    """For how long whoever has it, or could, has said nothing; 0 of one that speaks."""
    connected: list[str] = []
    """The workers that there are, with their labels, where none has those that it asks for."""


class InHand(msgspec.Struct, array_like=True, tag="in_hand"):
    """The answer to `WhoHas`; what is over, and what waits for its time, is not in it."""

    seq: int
    items: list[Held]


class WhoWorks(msgspec.Struct, array_like=True, tag="who_works"):
    """Ask which workers there are. It is answered however busy the writer is."""

    seq: int


class Taken(msgspec.Struct, array_like=True):
    """An effect in a worker's hands."""

    effect: str
    namespace: str
    uses: str
    attempt: int
    run: str | None
    step: str | None
    leased_at: int
    """Microseconds since 1970 UTC, as `until`."""
    until: int
    """When the lease ends unless the worker reports before."""


class Working(msgspec.Struct, array_like=True):
    """A worker that is connected."""

    name: str
    labels: dict[str, str]
    connected_at: int
    """Microseconds since 1970 UTC, as `heard_at`."""
    heard_at: int
    """When it last said that it is there."""
    silent: bool
    """Whether it has said nothing for so long that it is given nothing."""
    room: int
    """How many more effects it takes."""
    in_hand: list[Taken]
    """The one that it has had the longest first."""


class AtWork(msgspec.Struct, array_like=True, tag="at_work"):
    """The answer to `WhoWorks`."""

    seq: int
    items: list[Working]


class Checkpoint(msgspec.Struct, array_like=True, tag="checkpoint"):
    """Ask the engine to sign the head of its chain now. It does so at the next pause."""

    seq: int


class Seal(msgspec.Struct, array_like=True, tag="seal"):
    """Ask the engine to sign for evidence: its key does not leave its process, and it signs nothing but notes of its own form."""

    seq: int
    subject: str
    """What the evidence is about: an id."""
    digest: bytes
    """SHA-256 of what is to be sealed."""


class Signed(msgspec.Struct, array_like=True, tag="signed"):
    """The answer to a `Checkpoint` or `Seal`."""

    seq: int
    note: str | None
    """None if it could not be kept."""
    key: bytes
    """The public key, 32 bytes."""


Frame = (
    Submit | Dead | Sayings | Answer | Watch | Committed | Lease | Leased | Cancel | Health | HealthReport | WhoHas | InHand
    | WhoWorks | AtWork | Checkpoint | Seal | Signed
)  # fmt: skip
encode: Final = msgspec.msgpack.Encoder().encode
decode: Final = msgspec.msgpack.Decoder(Frame).decode
