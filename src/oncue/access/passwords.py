"""Passwords: argon2id, and a check that takes as long for a user who is not there."""

from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from oncue.core.errors import Refusal

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 1024

_hasher: Final = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
# RFC 9106, section 4: the second recommended option, with one lane since the work runs in one thread.


@cache
def _nobody() -> str:
    """The hash that a password is compared with when there is no user. Made at the first sign-in, not at start."""
    return _hasher.hash("nobody has this password")


def hashed(password: str, user: str) -> str:
    """The hash to keep. CPU-bound, about 50 ms: call it in a thread. Raises `Refusal` password.weak."""
    if len(password) < MIN_LENGTH:
        raise Refusal("password.weak", f"It has {len(password)} characters, at least {MIN_LENGTH} are needed")
    if len(password) > MAX_LENGTH:
        raise Refusal("password.weak", f"It has more than {MAX_LENGTH} characters")
    if user.lower() in password.lower() or len(set(password)) < 5:
        raise Refusal("password.weak", "It contains the user's name, or few different characters")
    return _hasher.hash(password)


def verify(password: str, password_hash: str | None) -> bool:
    """Whether the password is the hashed one. None, for a user who has none or is not there, takes as long."""
    try:
        _hasher.verify(password_hash or _nobody(), password[:MAX_LENGTH])
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None
