"""Certificates among the secrets: when they expire."""

from datetime import datetime
from typing import Final

from cryptography import x509

_BEGIN: Final = "-----BEGIN CERTIFICATE-----"


def days_left(value: str, now: datetime) -> float | None:
    """Until the first certificate of a PEM chain expires, in days; None if the value holds none that can be read."""
    if _BEGIN not in value:
        return None
    try:
        found = x509.load_pem_x509_certificates(value[value.index(_BEGIN) :].encode())
    except ValueError:
        return None
    return min((one.not_valid_after_utc - now).total_seconds() / 86_400 for one in found)
