"""Roles, permissions, and the one check that API, stream, console, command line and links all pass through.

A permission is `resource:verb`. A binding gives a role on one namespace, or on all of them (`*`). What is not granted is
denied. A token that belongs to a user can do no more than both the token and the user may.
"""

from functools import lru_cache
from typing import Final, Literal

import msgspec

from oncue.core.roles import ALL, PERMISSIONS, ROLES

ANY: Final = "*"
"""In a binding: every namespace."""

Role = Literal["viewer", "responder", "operator", "approver", "editor", "admin"]
TokenScope = Literal["role", "source", "worker"]


class Binding(msgspec.Struct, frozen=True):
    """A role on a namespace, or on every one (`*`)."""

    role: str
    namespace: str


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: a user in a session, or the holder of a token."""

    actor: str
    """As the journal names it: `user:name`, `token:name`, `system`."""
    bindings: tuple[Binding, ...]
    ceiling: tuple[Binding, ...] | None = None
    """What the user that a token belongs to may do; None for no such bound."""
    home: str = "default"
    """The namespace of what names none."""
    csrf: str | None = None
    """Of a session: what unsafe requests must repeat in a header. None for tokens."""
    session: str | None = None
    user: str | None = None
    token: str | None = None
    owner: str | None = None
    """`user:name` of whoever answers for a token that is no person's own, or that they made for somebody else: what it asks for
    they never approve, nor it what they ask for."""

    @property
    def person(self) -> str:
        """`user:name` of whoever it is, their token or not; the actor of what is no one's."""
        return self.behind or self.actor

    @property
    def behind(self) -> str | None:
        """`user:name` of whoever it is, their token or not; None for what is no one's."""
        return f"user:{self.user}" if self.user is not None else None


def allowed(principal: Principal | None, permission: str, namespace: str | None) -> bool:
    """Whether the principal may do this in this namespace. None asks for what belongs to no namespace."""
    if principal is None:
        return False
    return _granted(principal.bindings, permission, namespace) and (
        principal.ceiling is None or _granted(principal.ceiling, permission, namespace)
    )


def namespaces(principal: Principal, permission: str) -> frozenset[str] | None:
    """The namespaces in which the principal holds the permission; None for every one."""
    own = _namespaces(principal.bindings, permission)
    bound = None if principal.ceiling is None else _namespaces(principal.ceiling, permission)
    if own is None or bound is None:
        return bound if own is None else own
    return own & bound


@lru_cache(4_096)
def _granted(bindings: tuple[Binding, ...], permission: str, namespace: str | None) -> bool:
    return any(binding.namespace in (ANY, namespace) and _holds(binding.role, permission) for binding in bindings)


@lru_cache(4_096)
def _namespaces(bindings: tuple[Binding, ...], permission: str) -> frozenset[str] | None:
    found = frozenset(binding.namespace for binding in bindings if _holds(binding.role, permission))
    return None if ANY in found else found


def _holds(role: str, permission: str) -> bool:
    held = ROLES.get(role, frozenset())
    return permission in held or ALL in held


__all__ = [
    "ANY",
    "PERMISSIONS",
    "ROLES",
    "Binding",
    "Principal",
    "Role",
    "TokenScope",
    "allowed",
    "namespaces",
]
