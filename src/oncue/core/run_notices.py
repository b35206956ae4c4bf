"""What runs tell people: the action `notify.send`, done in the transaction of its step.

The messages leave as any other does: each is an effect, tried again until it arrives, with the channel's failover. The step
has succeeded when they are on their way.
"""

from typing import Any

import msgspec

from oncue.core import notify
from oncue.core.act_inputs import NotifySend
from oncue.core.addressing import deliveries
from oncue.core.errors import Refusal
from oncue.core.run import Run
from oncue.core.tx import Tx


class Told(msgspec.Struct, kw_only=True):
    """What `notify.send` gives."""

    channels: tuple[str, ...]
    """Those by which it leaves, as `namespace/name`."""
    notifications: tuple[str, ...]
    """The effects that bring it there."""
    missing: str
    """Whom it cannot reach, and why; empty if that is nobody."""


def told_by_run(tx: Tx, run: Run, asked: NotifySend) -> Told:
    """The message is on its way to these, in the run's namespace. Raises `Refusal` escalation.no_addressee if that is nobody."""
    to, missing = deliveries(tx.state, run.namespace, asked.to, tx.now, important=asked.important)
    if not to:
        raise Refusal("escalation.no_addressee", missing)
    effects = notify.post(tx, to, _content(run, asked))
    return Told(
        channels=tuple(effect.payload["channel"] for effect in effects),
        notifications=tuple(effect.id for effect in effects),
        missing=missing,
    )


def _content(run: Run, asked: NotifySend) -> dict[str, Any]:
    """The message as a notifier's `Message`."""
    details = [[name, value] for name, value in asked.details.items()]
    details.append(["Workflow", run.workflow])
    if run.incident is not None:
        details.append(["Incident", run.incident])
    content: dict[str, Any] = {
        "title": asked.title,
        "summary": asked.text,
        "details": details,
        "url_path": f"/runs/{run.id}",
    }
    if asked.severity is not None:
        content["severity"] = asked.severity
    if run.service is not None:
        content["service"] = run.service
    if run.resource is not None:
        content["resource"] = run.resource
    return content
