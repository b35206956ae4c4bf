"""The notifier `webhook`: a CloudEvent by POST, signed.

The signature is that of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`, in
`webhook-signature: v1,BASE64`, beside `webhook-id` and `webhook-timestamp`. The id is the same for every try, as is
`Idempotency-Key`; a receiver that has seen it does nothing.
"""

from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from oncue.plugins.notifiers.email import links
from oncue.sdk import ActionError, Context, Delivery, ErrorDoc, Notification, SecretRef, fetch
from oncue.sdk.http import ERRORS
from oncue.sdk.signing import signature, signing_key

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where to post."""

    url: Annotated[str, msgspec.Meta(pattern="^(https?|secret)://", max_length=4096)]
    """Or `secret://name`, if the URL itself is a credential."""
    secret: SecretRef | None = None
    """The key of the signature; `whsec_BASE64`, or any text."""
    headers: dict[str, str] = {}
    token: SecretRef | None = None
    """Sent as `Authorization: Bearer VALUE`."""


class Webhook:
    """Posts one CloudEvent per notification."""

    name = "webhook"
    settings = Settings
    errors = (
        *ERRORS,
        ErrorDoc("webhook.status", "The receiver did not answer 2xx; 408, 425, 429 and 5xx are transient."),
        ErrorDoc("webhook.secret", "The signature's key begins with whsec_ but is not base64."),
    )

    async def send(self, settings: Settings, notification: Notification, context: Context) -> Delivery:
        """The receiver answered 2xx."""
        url = context.secret(settings.url) if settings.url.startswith("secret://") else settings.url
        now = datetime.now(UTC)
        body = event(notification, context, now)
        headers = {**settings.headers, "Content-Type": CONTENT_TYPE, "Idempotency-Key": context.key}
        headers["webhook-id"] = context.key
        headers["webhook-timestamp"] = str(int(now.timestamp()))
        if settings.secret is not None:
            key = signing_key(context.secret(settings.secret))
            headers["webhook-signature"] = signature(key, context.key, int(now.timestamp()), body)
        private = {"Authorization": f"Bearer {context.secret(settings.token)}"} if settings.token else {}
        async with context.client() as client:
            answer = await fetch(
                client, "POST", url, headers=headers, private_headers=private, content=body, body_limit=4096
            )
        if not 200 <= answer.status < 300:
            transient = answer.status in (408, 425, 429) or answer.status >= 500
            raise ActionError("webhook.status", f"status {answer.status}: {answer.text[:300]}", transient=transient)
        return Delivery(to=[urlsplit(url).hostname or ""], id=context.key, status=answer.status)


def event(notification: Notification, context: Context, now: datetime) -> bytes:
    """The notification as a structured-mode CloudEvent. Its time is that of the try; its id that of the effect."""
    message = notification.message
    document = {
        "specversion": "1.0",
        "id": context.key,
        "source": f"{context.base_url}/channels/{notification.channel}",
        "type": f"oncue.notification.{notification.reason}",
        "time": now.isoformat().replace("+00:00", "Z"),
        "subject": message.incident or message.alert,
        "severity": message.severity,
        "resource": message.resource,
        "service": message.service,
        "datacontenttype": "application/json",
        "data": {
            "channel": notification.channel,
            "reason": notification.reason,
            "message": message,
            "to": notification.to,
            "links": links(notification, context),
            "url": context.base_url + message.url_path if message.url_path else None,
        },
    }
    return msgspec.json.encode({name: value for name, value in document.items() if value is not None})
