"""Rollouts of Deployments, StatefulSets and DaemonSets: how far one is, and waiting for its end.

What counts as done is what `kubectl rollout status` says.
"""

import asyncio
from typing import Any, Final, Literal

import msgspec

from oncue.plugins.kubernetes.cluster import Kubernetes
from oncue.plugins.kubernetes.objects import field, number
from oncue.sdk import ActionError, Context, ErrorDoc

POLL_S: Final = 2.0
"""Between two looks; less towards the end of the time."""
_SHORTEST_S: Final = 0.02

ERROR: Final = ErrorDoc(
    "kubernetes.rollout", "The rollout failed, or did not end within the step's timeout, which is transient."
)

Workload = Literal["Deployment", "StatefulSet", "DaemonSet"]


class Stage(msgspec.Struct, frozen=True):
    """How far a rollout is."""

    done: bool
    share: float
    """From 0 to 1."""
    text: str
    """For people."""


def check(document: dict[str, Any]) -> None:
    """Raises `ActionError` kubernetes.rollout if a change of the pod template rolls nothing out."""
    if field(document, "spec", "paused"):
        raise ActionError("kubernetes.rollout", "the Deployment is paused: nothing is rolled out until it is resumed")
    if field(document, "spec", "updateStrategy", "type") == "OnDelete":
        raise ActionError(
            "kubernetes.rollout", "its update strategy is OnDelete: pods are new when someone deletes them"
        )


def stage(document: dict[str, Any]) -> Stage:
    """How far it is, by the workload's own status. Raises `ActionError` kubernetes.rollout if it cannot end."""
    if number(document, "status", "observedGeneration") < number(document, "metadata", "generation"):
        return Stage(False, 0.0, "the cluster has not seen the change yet")
    return _STAGES[document["kind"]](document)


def _deployment(document: dict[str, Any]) -> Stage:
    for condition in field(document, "status", "conditions") or ():
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            raise ActionError(
                "kubernetes.rollout", str(condition.get("message") or "its progress deadline is exceeded")
            )
    wanted = _wanted(document)
    updated = number(document, "status", "updatedReplicas")
    old = number(document, "status", "replicas") - updated
    available = number(document, "status", "availableReplicas")
    if updated < wanted:
        return _on_the_way(updated, wanted, f"{updated} of {wanted} pods are new")
    if old > 0:
        return _on_the_way(wanted, wanted + old, f"old pods that have not ended: {old}")
    return _counted(available, wanted, "available")


def _stateful_set(document: dict[str, Any]) -> Stage:
    wanted = _wanted(document)
    new = wanted - number(document, "spec", "updateStrategy", "rollingUpdate", "partition")
    updated, ready = number(document, "status", "updatedReplicas"), number(document, "status", "readyReplicas")
    revisions = [field(document, "status", name) for name in ("updateRevision", "currentRevision")]
    if revisions[0] != revisions[1] and updated < new:
        return _on_the_way(updated, new, f"{updated} of {new} pods are new")
    return _counted(ready, wanted, "ready")


def _daemon_set(document: dict[str, Any]) -> Stage:
    wanted = number(document, "status", "desiredNumberScheduled")
    updated = number(document, "status", "updatedNumberScheduled")
    if updated < wanted:
        return _on_the_way(updated, wanted, f"{updated} of {wanted} pods are new")
    return _counted(number(document, "status", "numberAvailable"), wanted, "available")


_STAGES: Final = {"Deployment": _deployment, "StatefulSet": _stateful_set, "DaemonSet": _daemon_set}


def _wanted(document: dict[str, Any]) -> int:
    found = field(document, "spec", "replicas")
    return found if isinstance(found, int) else 1


def _counted(found: int, wanted: int, what: str) -> Stage:
    text = f"{found} of {wanted} pods are {what}"
    return Stage(True, 1.0, text) if found >= wanted else _on_the_way(found, wanted, text)


def _on_the_way(done: int, whole: int, text: str) -> Stage:
    return Stage(False, done / whole if whole else 0.0, text)


async def ended(kubernetes: Kubernetes, path: str, context: Context) -> dict[str, Any]:
    """The workload, once its rollout has ended. Raises `ActionError` kubernetes.rollout, and as `Kubernetes.call`."""
    said = ""
    while True:
        try:
            document: dict[str, Any] = (await kubernetes.call("GET", path))[1]
        except ActionError as error:
            if not error.transient or context.remaining_s <= POLL_S:
                raise
            context.say(f"{error.code}: {error.detail}")
        else:
            found = stage(document)
            context.progress(found.share, found.text)
            if found.text != said:
                context.say(found.text)
                said = found.text
            if found.done:
                return document
        pause_s = min(POLL_S, context.remaining_s / 10)
        if pause_s < _SHORTEST_S:
            raise ActionError("kubernetes.rollout", f"it has not ended in time: {said}", transient=True)
        await asyncio.sleep(pause_s)
