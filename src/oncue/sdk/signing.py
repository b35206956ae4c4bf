"""Signatures of what is sent by webhook, as Standard Webhooks (https://www.standardwebhooks.com) has them: HMAC-SHA256 over
`id.timestamp.body`, in `webhook-signature: v1,BASE64`; several, by different keys, are parted by a space.
"""

import base64
import binascii
import hashlib
import hmac

from oncue.sdk.errors import ActionError


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature of `webhook-signature`."""
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def signing_key(secret: str) -> bytes:
    """The key that a secret stands for: `whsec_BASE64`, or any text. Raises `ActionError` webhook.secret."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ActionError("webhook.secret", "the key begins with whsec_ but is not base64") from error
