"""Credentials cut from a payload before anything is kept: by the names of JSON members, form fields and URL parameters.

Only the values change, so whatever else a payload holds stays byte for byte. What a vendor calls otherwise, its source
masks itself.
"""

import re
from typing import Final

MASK: Final = b"********"

_NAMES: Final = (
    rb"(?:[a-z0-9]+[_-])*(?:token|password|passwd|passphrase|secret|authorization|cookie|api[_-]?key|private[_-]?key"
    rb"|routing[_-]?key)|access[_-]?key|receipthandle|resulttoken|accesstoken|authtoken|clientsecret|(?:un)?subscribeurl"
)
_MEMBER: Final = re.compile(rb'("(?:' + _NAMES + rb')"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\Z)', re.IGNORECASE | re.DOTALL)
_PARAMETER: Final = re.compile(
    rb"((?:^|[?&])(?:[a-z0-9]+[_-])*(?:token|password|passwd|secret|api[_-]?key|sig|signature)=)[^&#\"'\s\\<>]+",
    re.IGNORECASE,
)
_USERINFO: Final = re.compile(rb"(\w://[^/\s:@\"'\\]{1,256}:)[^/\s@\"'\\]{1,256}@")


def redacted(payload: bytes) -> bytes:
    """The payload with the values of what is named as a credential masked; JSON stays JSON."""
    if b":" in payload:
        payload = _MEMBER.sub(rb'\1"' + MASK + b'"', payload)
        payload = _USERINFO.sub(rb"\1" + MASK + b"@", payload)
    return _PARAMETER.sub(rb"\1" + MASK, payload) if b"=" in payload else payload
