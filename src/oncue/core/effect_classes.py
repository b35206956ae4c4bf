"""What a crash in the middle of an action may mean, as the engine must know it before a worker has seen the effect.

The plugins say the same (`Action.effect_class`); a test holds both together. What is not named here is at-most-once.
"""

from collections.abc import Callable
from typing import Any, Final

from oncue.core.effect import EffectClass

_TOLD: Final = ("pure", "idempotent", "check-first", "at-most-once")

_ALWAYS: Final[dict[str, EffectClass]] = {
    "email.send": "idempotent",
    "kubernetes.delete": "idempotent",
    "kubernetes.get": "pure",
    "kubernetes.logs": "pure",
    "kubernetes.restart": "check-first",
    "kubernetes.scale": "idempotent",
    "prometheus.query": "pure",
    "sapcontrol.query": "pure",
    "sapcontrol.restart": "check-first",
    "sapcontrol.start": "check-first",
    "sapcontrol.stop": "check-first",
}


def _http_request(inputs: dict[str, Any]) -> EffectClass:
    method = str(inputs.get("method", "GET")).upper()
    if method in ("GET", "HEAD", "OPTIONS"):
        return "pure"
    return "idempotent" if method in ("PUT", "DELETE") else "at-most-once"


def _kubernetes_apply(inputs: dict[str, Any]) -> EffectClass:
    return "pure" if inputs.get("dry_run") is True else "idempotent"


def _kubernetes_patch(inputs: dict[str, Any]) -> EffectClass:
    return "at-most-once" if inputs.get("type") == "json" else "idempotent"


def _sql_query(inputs: dict[str, Any]) -> EffectClass:
    return "at-most-once" if inputs.get("write") is True else "pure"


_BY_INPUTS: Final[dict[str, Callable[[dict[str, Any]], EffectClass]]] = {
    "http.request": _http_request,
    "kubernetes.apply": _kubernetes_apply,
    "kubernetes.patch": _kubernetes_patch,
    "sql.query": _sql_query,
}


def effect_class(uses: str, inputs: dict[str, Any]) -> EffectClass:
    """What a crash in the middle of this action may mean. A step may say otherwise with `effect_class`."""
    told = inputs.get("effect_class")
    if told in _TOLD:
        return told  # type: ignore[no-any-return]
    if uses in _BY_INPUTS:
        return _BY_INPUTS[uses](inputs)
    return _ALWAYS.get(uses, "at-most-once")
