"""What a source is: it turns what a sender posts into events.

A source is a class without arguments, named by an entry point of the group `oncue.sources`; one file each. It parses and
never acts: who may send, where events go and what the journal says to them is the host's business. Protocols that ask
questions as well (Alertmanager, PagerDuty) have an endpoint beside it, which gets what it needs from the host.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, runtime_checkable

import httpx
import msgspec

from oncue.core.alert import Alert
from oncue.core.duration import Duration, seconds
from oncue.core.errors import Refusal
from oncue.core.event import LABELS_LIMIT
from oncue.core.event import Event as Document
from oncue.core.event import decode as decode_document
from oncue.core.normalise import Outline, outline
from oncue.core.severity import NAMES as SEVERITIES
from oncue.core.silence import Matcher, Silence
from oncue.core.silence import compiled as compile_pattern

__all__ = [
    "BATCH_LIMIT",
    "EVENT_LIMIT",
    "LABELS_LIMIT",
    "SEVERITIES",
    "Admitting",
    "Alert",
    "Answering",
    "Checked",
    "Clock",
    "Command",
    "Document",
    "Duration",
    "Fault",
    "Headers",
    "Host",
    "Inbox",
    "Ingest",
    "Letter",
    "Listening",
    "Matcher",
    "Message",
    "NoSettings",
    "Outline",
    "Parsed",
    "Received",
    "Refusal",
    "Reply",
    "Request",
    "Silence",
    "Source",
    "compile_pattern",
    "decode_document",
    "outline",
    "seconds",
]

EVENT_LIMIT: Final = 262_144
"""Bytes of one event."""
BATCH_LIMIT: Final = 10_000
"""Events in one message."""

Headers = Iterable[tuple[bytes, bytes]]
Letter = tuple[int, str, str, bytes]
"""A refused member of a message: its index, a code of the table of errors, the detail, its bytes."""


class Parsed(msgspec.Struct):
    """What a message held. `events` and `outlines` go together, in the sender's order."""

    events: list[bytes]
    """Valid CloudEvents in structured mode; verbatim where they came as such."""
    outlines: list[Outline]
    """Of each event, as `vet` of the CloudEvents codec gives it. Whether the sender may write to the namespace that it
    names is not decided here."""
    rejected: list[Letter] = []
    indexes: list[int] | None = None
    """Index of each event in the sender's message; None when that is its index in `events`."""

    def index(self, number: int) -> int:
        """Where `events[number]` stood in the sender's message."""
        return number if self.indexes is None else self.indexes[number]


class Message(msgspec.Struct, kw_only=True):
    """What was posted to a configured source, and what its manifest says."""

    name: str
    """The source's."""
    headers: list[tuple[bytes, bytes]]
    body: bytes
    now: datetime
    service: str | None = None
    """Of the manifest: for events that name none."""
    labels: dict[str, str] = {}
    """Of the manifest: added to those of the events, whose own come first."""
    settings: dict[str, Any] = {}
    """The manifest's `with`."""


@runtime_checkable
class Source(Protocol):
    """One format that others send."""

    name: str

    def parse(self, message: Message) -> Parsed:
        """The events in the message. Raises `Refusal` if it cannot be read at all."""
        ...


class NoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It takes nothing."""


Fault = tuple[tuple[str | int, ...], str]
"""A setting's path below `with`, and what is wrong with it."""


@runtime_checkable
class Checked(Protocol):
    """A source whose settings, or an action whose inputs, may fit their struct and be wrong all the same. Sources may have `settings` as well: the
    schema of the manifest's `with`, checked when it is applied; without it, they take none."""

    def faults(self, given: dict[str, Any]) -> Iterable[Fault]:
        """What is wrong with the manifest's `with`."""
        ...


class Host(Protocol):
    """What a source that must act before it parses is given, in its manifest's namespace."""

    def secret(self, reference: str) -> str:
        """The value of `secret://name`. Raises `Refusal` secret.not_found."""
        ...

    def client(self) -> Awaitable[httpx.AsyncClient]:
        """A guarded HTTP client with a short timeout; use it as an async context manager."""
        ...


@runtime_checkable
class Admitting(Protocol):
    """A source that checks a signature or answers a handshake before a message is parsed."""

    async def admit(self, message: Message, host: Host) -> None:
        """Returns if the message may be parsed. Raises `Refusal`, auth.invalid for a signature that is none."""
        ...


@runtime_checkable
class Answering(Protocol):
    """A source whose senders expect an answer of their own form."""

    def answer(self, message: Message, accepted: int, duplicates: int, rejected: list[tuple[int, str, str]]) -> "Reply":
        """The answer, after the commit: `rejected` are index, code and detail of the refused members."""
        ...


class Received(msgspec.Struct, frozen=True):
    """What one sender sent, of a source that listens: a datagram, or a message of a stream."""

    body: bytes
    peer: str = ""
    """The sender's address."""
    cut: bool = False
    """Whether it was longer than what is kept of it."""


class Inbox(Protocol):
    """Where a source that listens puts what it receives, and says how it is. Bounded."""

    connections: int
    """Open at present."""

    def opened(self) -> None:
        """It listens from now on."""
        ...

    def offer(self, received: Received) -> bool:
        """Takes it; False if too much waits, and it is lost and counted."""
        ...

    async def put(self, received: Received) -> None:
        """Takes it, and waits while too much waits. Read nothing more from its sender meanwhile."""
        ...

    def lost(self, count: int) -> None:
        """So many were lost before they reached the source."""
        ...

    def refused(self, why: str) -> None:
        """A connection, or what came from somewhere, was turned away."""
        ...

    def secret(self, reference: str) -> str:
        """The value of `secret://name`. Raises `Refusal` secret.not_found."""
        ...


@runtime_checkable
class Listening(Protocol):
    """A source that has a socket of its own. It receives; the host gathers, journals and keeps the bounds."""

    def listens(self, given: dict[str, Any]) -> str | None:
        """The address that the manifest's `with` asks for, as `udp://0.0.0.0:5514`; None if it asks for none."""
        ...

    async def listen(self, given: dict[str, Any], inbox: Inbox) -> None:
        """Receives until it is cancelled. Raises `OSError` or `Refusal` if it cannot, and is called again later."""
        ...

    def gathered(self, message: Message, received: Sequence[Received]) -> Parsed:
        """The events in what came together; `message` has no body. Members are indexed by their place in `received`."""
        ...


class Request(msgspec.Struct, kw_only=True):
    """A request to a protocol's endpoint. The sender has been recognised and may do what the path says."""

    method: str
    path: str
    """Below where the endpoint is mounted, with its leading slash."""
    query: bytes = b""
    headers: list[tuple[bytes, bytes]] = []
    body: bytes = b""
    namespace: str = "default"
    actor: str | None = None
    person: str | None = None
    """Who sends it, `user:name`, where a person does, with a token of theirs or without."""

    def header(self, name: bytes) -> str:
        """The first header of this lower-case name; empty if there is none."""
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == name), "")


class Reply(msgspec.Struct, kw_only=True):
    """The answer to a `Request`."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: dict[str, str] = {}


class Ingest(Protocol):
    """Journals what was parsed, and keeps what was refused as dead letters; returns after the commit.

    Raises `Refusal` when nothing was taken: ingest.overloaded, store.unavailable, engine.unavailable.
    """

    def __call__(
        self, parsed: Parsed, *, namespace: str, origin: str, actor: str | None, person: str | None = None
    ) -> Awaitable[object]: ...


class Command(Protocol):
    """Gives the engine a command (`oncue.command.*`) and returns its reply after the commit: `{code, detail, data}`.

    Raises `Refusal` as `Ingest` does.
    """

    def __call__(
        self, type: str, data: dict[str, Any], *, namespace: str, actor: str | None, person: str | None = None
    ) -> Awaitable[dict[str, Any]]: ...


Clock = Callable[[], datetime]
