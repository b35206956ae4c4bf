"""The system `webhook`: one POST for each thing that a system of your own is to know of a ticket.

Each body is a JSON object whose `op` is `create`, `update` or `remark`, with the ticket's `key`. The answer to `create` is
`{"id": ...}`, and may have `number`, `url` and `state`. `Idempotency-Key` is the same for the same thing however often it
is sent: a receiver that has seen it answers as it did then, and does nothing. With a `secret`, bodies are signed as
Standard Webhooks has it (https://www.standardwebhooks.com). Nothing is asked of it; what changes there is told to OnCue's
API.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from oncue.plugins.itsm.exchange import ERRORS, Exchange, shaped
from oncue.sdk import ActionError, Context, ErrorDoc, Pull, Pulled, Push, Pushed, SecretRef
from oncue.sdk.signing import signature, signing_key


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How it is asked."""

    token: SecretRef | None = None
    """Sent as `Authorization: Bearer VALUE`."""
    secret: SecretRef | None = None
    """The key of the signature; `whsec_BASE64`, or any text."""
    headers: dict[str, str] = {}


class Taken(msgspec.Struct):
    """The answer to `create`, and to what follows if it has anything to say."""

    id: str
    number: str | None = None
    url: str | None = None
    state: str | None = None


class Webhook:
    """Posts each ticket, its changes and its remarks, one after the other."""

    name = "webhook"
    settings = Settings
    errors: Final = (*ERRORS, ErrorDoc("webhook.no_answers", "It cannot be asked what is new there."))

    async def push(self, settings: Settings, push: Push, context: Context) -> Pushed:
        """The receiver answered 2xx to each."""
        private = {"Authorization": f"Bearer {context.secret(settings.token)}"} if settings.token else {}
        async with context.client() as client:
            exchange = Exchange(client, push.url, private)
            ticket = _mapped(push, context)
            if push.remote is None:
                made = await _post(exchange, settings, context, push.key, {"op": "create", "key": push.key, **ticket})
                taken = shaped(made, Taken, "the answer to create")
            else:
                taken = Taken(push.remote)
            if push.ticket != push.before and (push.remote is not None or push.again or context.redelivered):
                # Whoever has had the create before has the ticket as it was then.
                body = {"op": "update", "key": push.key, "id": taken.id, **ticket}
                said = await _post(exchange, settings, context, f"{push.key}/{_version(push, body)}", body)
                if isinstance(said, dict) and "state" in said:
                    taken = shaped({**msgspec.to_builtins(taken), **said}, Taken, "the answer to update")
            for remark in push.remarks:
                body = {"op": "remark", "key": push.key, "id": taken.id, "remark": msgspec.to_builtins(remark)}
                await _post(exchange, settings, context, f"{push.key}/{remark.id}", body)
        return Pushed(remote=taken.id, number=taken.number, url=taken.url, state=taken.state)

    async def pull(self, settings: Settings, pull: Pull, context: Context) -> Pulled:
        """It has nothing to ask. Raises `ActionError` webhook.no_answers."""
        raise ActionError("webhook.no_answers", "set `inbound: false`; what changes there is told to OnCue's API")


def _version(push: Push, body: dict[str, Any]) -> str:
    """Of the ticket, as the manifest has it said: another one if the ticket is as it was once before."""
    said = msgspec.json.encode([push.version, body], order="sorted")
    return hashlib.sha256(said).hexdigest()[:24]


def _mapped(push: Push, context: Context) -> dict[str, Any]:
    """The ticket in the words of the manifest."""
    view = msgspec.to_builtins(push.ticket)
    view["state"] = push.states.get(push.ticket.state, push.ticket.state)
    if push.ticket.priority is not None:
        view["priority"] = push.priorities.get(push.ticket.priority, push.ticket.priority)
    if push.ticket.assignee is not None:
        view["assignee"] = push.assignees.get(push.ticket.assignee, push.ticket.assignee)
    return {"ticket": view, "fields": push.fields, "link": f"{context.base_url}/tickets/{push.ticket.id}"}


async def _post(exchange: Exchange, settings: Settings, context: Context, key: str, body: dict[str, Any]) -> Any:
    headers = {**settings.headers, "Idempotency-Key": key}
    if settings.secret is not None:
        now = int(datetime.now(UTC).timestamp())
        signed = signature(signing_key(context.secret(settings.secret)), key, now, msgspec.json.encode(body))
        headers |= {"webhook-id": key, "webhook-timestamp": str(now), "webhook-signature": signed}
    return (await exchange.ask("POST", "", body=body, headers=headers)).body
