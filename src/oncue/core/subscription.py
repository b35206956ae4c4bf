"""A subscription: how it is delivered, how far its consumer is, and what became of events that it did not take."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from oncue.core.condition import Match
from oncue.core.duration import Duration
from oncue.core.spec import Spec

REDRIVEN_AT_ONCE: Final = 1_000
"""Dead letters of one subscription that may be on their way again at the same time."""

Health = Literal["active", "failing", "stopped"]
"""`failing`: the consumer does not take what is sent, and is tried again; `stopped`: it said that it wants no more."""


class Redelivery(Spec, kw_only=True, frozen=True):
    """How often and when an event is sent again that its consumer did not take."""

    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 8
    """With answers that are about the event; after them it becomes a dead letter. A consumer that is not there, or takes
    nothing at all, is waited for as long as it takes."""
    initial: Duration = "1s"
    """Before the second attempt."""
    factor: Annotated[float, msgspec.Meta(ge=1.0, le=100.0)] = 2.0
    """By which each wait is longer than the one before."""
    max_delay: Duration = "5m"
    """The longest wait."""


SecretName = Annotated[
    str, msgspec.Meta(pattern=r"^secret://[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$", description="secret://NAME")
]


class WebhookDelivery(Spec, kw_only=True, frozen=True):
    """Events are sent by POST, in order: the next one goes when the one before is settled."""

    url: Annotated[str, msgspec.Meta(pattern="^(https?|secret)://", max_length=4096)]
    """Or `secret://name`, if the address itself is a credential."""
    headers: Annotated[dict[str, str], msgspec.Meta(max_length=50)] = {}
    """Sent with each request; values may be `secret://name`."""
    token: SecretName | None = None
    """Sent as `Authorization: Bearer VALUE`."""
    secrets: Annotated[list[SecretName], msgspec.Meta(max_length=5)] = []
    """Keys of the signature, `whsec_BASE64` or any text. With several each request carries a signature by each, so that
    a consumer can go over from one to the next."""
    mode: Literal["structured", "binary", "batch"] = "structured"
    """How CloudEvents' HTTP binding carries them: one event a request as JSON, one with its attributes as headers, or
    several as a JSON array."""
    max_batch: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    """With `batch`: events in a request at most."""
    timeout: Duration = "10s"
    """Of a request."""
    handshake: bool = True
    """Whether the address is asked first, as CloudEvents' webhook specification has it, and sent to only if it agrees."""
    retry: Redelivery = Redelivery()


class SubscriptionSpec(Spec, kw_only=True, frozen=True, rename={"from_": "from"}):
    """A consumer's standing request for events of its namespace: sent to its webhook, or read by it as a stream."""

    description: str | None = None
    """Who consumes, and what for."""
    events: Literal["inputs", "facts", "both"] = "facts"
    """`inputs`: what came from outside, and what workflows emit; `facts`: what OnCue says, `oncue.*`."""
    match: Match = Match()
    """Which of them; by default all."""
    webhook: WebhookDelivery | None = None
    """Where they are sent. Without it, the consumer reads them at `/api/v1/subscriptions/NAMESPACE/NAME/events`."""
    from_: Annotated[str, msgspec.Meta(pattern=r"^(now|earliest|0-[0-9]{1,18})$")] = "now"
    """Where it begins when it is first applied: `now`, `earliest`, or after a position, as `0-1234`. Later, seek."""
    paused: bool = False
    """Nothing is sent to the webhook, and its place is kept. Counts when the manifest is applied with a change."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a subscription is. The journal is its queue; this is all that is kept beside it."""

    settled: int
    """Every event up to this position has been taken, became a dead letter, or was not meant."""
    epoch: int = 1
    """Raised whenever someone else than the deliverer sets it: what an earlier one reports afterwards does not count."""
    state: Health = "active"
    since: datetime
    """When `state` began."""
    paused: bool = False
    generation: int = 0
    """Of the manifest."""
    consented: int = 0
    """The generation for which the consumer's address agreed to be sent to; 0 if it has not been asked."""
    per_minute: float | None = None
    """Requests that it allows a minute; None is any number."""
    error_code: str | None = None
    detail: str | None = None
    """Why it fails, or stopped."""
    delivered: int = 0
    """Events that the consumer took."""
    dead: int = 0
    """Events that became dead letters, redriven ones included."""
    last_delivered_at: datetime | None = None
    gaps: int = 0
    """How often events were gone before they could be delivered."""
    redrive: tuple[int, ...] = ()
    """Positions of dead letters that are to be delivered again."""


class Undelivered(msgspec.Struct, kw_only=True):
    """A dead letter of a subscription: an event that its consumer did not take. The event itself is in the journal."""

    id: str
    """`namespace/name/position` of subscription and event."""
    namespace: str
    subscription: str
    """`namespace/name`."""
    event_position: str
    event_id: str
    type: str
    """Of the event."""
    state: Literal["waiting", "redriving", "delivered", "gone"] = "waiting"
    """`gone`: past retention before it could be redriven."""
    code: str
    """Why."""
    detail: str
    attempts: int
    created_at: datetime
    updated_at: datetime
    position: str = ""


class Told(msgspec.Struct, kw_only=True):
    """The data of `oncue.subscription.*`: a subscription, as it is from now on."""

    id: str
    """`namespace/name`."""
    namespace: str
    name: str
    state: Health
    paused: bool
    error_code: str | None = None
    detail: str | None = None
    settled: str
    """The cursor up to which everything is settled."""
    delivered: int
    dead: int
    reason: str | None = None
    """Why it changed, for people."""


class Gap(msgspec.Struct, kw_only=True):
    """The data of `oncue.subscription.gap`: events were past retention before they were delivered."""

    id: str
    namespace: str
    first: str
    """Cursor of the first position that is gone."""
    last: str
