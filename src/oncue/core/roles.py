"""What each role may do. A permission is `resource:verb`; what is not granted is denied."""

from typing import Final

ALL: Final = "*"
"""In a role: every permission."""

_VIEWER: Final = frozenset(
    f"{resource}:read"
    for resource in (
        "alert",
        "approval",
        "change",
        "change_record",
        "decision",
        "event",
        "handover",
        "incident",
        "mailbox",
        "manifest",
        "metrics",
        "problem",
        "request",
        "run",
        "sample",
        "silence",
        "stats",
        "stream",
        "ticket",
    )
) | {"request:write"}
_RESPONDER: Final = _VIEWER | {
    "alert:acknowledge",
    "alert:resolve",
    "alert:snooze",
    "alert:enrich",
    "approval:decide",
    "incident:acknowledge",
    "incident:assign",
    "handover:write",
    "incident:comment",
    "incident:edit",
    "incident:group",
    "incident:resolve",
    "problem:write",
    "silence:write",
    "subscription:consume",
    "ticket:comment",
}
_OPERATOR: Final = _RESPONDER | {
    "change:override",
    "change:start",
    "change:write",
    "change_record:write",
    "dead_letter:read",
    "dead_letter:redrive",
    "event:write",
    "heartbeat:write",
    "incident:close",
    "pause:write",
    "run:cancel",
    "run:operate",
    "run:start",
    "subscription:steer",
    "ticket:assign",
    "ticket:create",
    "ticket:transition",
}

ROLES: Final[dict[str, frozenset[str]]] = {
    "viewer": _VIEWER,
    "responder": _RESPONDER,
    "operator": _OPERATOR,
    "approver": _VIEWER | {"approval:decide"},
    "editor": _OPERATOR | {"manifest:write"},
    "admin": frozenset({ALL}),
    "source": frozenset({"event:write", "heartbeat:write"}),
    "worker": frozenset({"worker:lease"}),
}
"""Built-in roles. `source` and `worker` are those of tokens that can do only that; people are never bound to them."""

PERMISSIONS: Final = frozenset(
    (_OPERATOR | ROLES["editor"] | ROLES["approver"] | ROLES["worker"])
    | {"audit:read", "run:erase", "secret:read", "secret:write", "token:read", "token:write", "user:read", "user:write"}
)
"""Every permission there is; a route that names another one does not start."""
