"""The action `kubernetes.delete`: an object is no more. One that is gone already is no error."""

import asyncio
from typing import Annotated, Any, Literal

import msgspec

from oncue.plugins.kubernetes.cluster import ERRORS, Kubernetes, connected, place
from oncue.plugins.kubernetes.objects import Target, field, path_of, titled
from oncue.plugins.kubernetes.rollout import POLL_S
from oncue.sdk import ActionError, Context, EffectClass, ErrorDoc, nothing_done_yet


class Inputs(Target, kw_only=True, forbid_unknown_fields=True):
    """Which object."""

    uid: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    """Its uid, as `kubernetes.get` tells it: another object that has the name by now is left alone."""
    dependents: Literal["background", "foreground", "orphan"] = "background"
    """What becomes of what belongs to it: deleted afterwards, deleted before, or kept."""
    grace_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] | None = None
    """How long pods have to end; by default as they say."""
    wait: bool = False
    """Whether to wait until it is gone, within the step's timeout."""


class Outputs(msgspec.Struct, kw_only=True):
    """What was done."""

    already_done: bool
    """It was not there."""
    gone: bool
    """Whether it is known to be gone by now."""


class KubernetesDelete:
    """Deletes an object of a cluster."""

    name = "kubernetes.delete"
    inputs = Inputs
    outputs = Outputs
    errors = (
        *ERRORS,
        ErrorDoc(
            "kubernetes.not_gone", "It is not gone within the step's timeout: finalizers keep it.", transient=True
        ),
    )

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """What is gone stays gone."""
        return "idempotent"

    def plan(self, inputs: Inputs) -> str:
        """What is deleted, and where."""
        return f"delete {titled(inputs.kind, inputs.namespace, inputs.name)} at {place(inputs)}"

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """The object is on its way out, and gone if it was to be waited for."""
        async with connected(inputs, context) as kubernetes:
            with nothing_done_yet():
                path = await path_of(kubernetes, inputs.kind, inputs.api_version, inputs.namespace, inputs.name)
            try:
                _, document = await kubernetes.call("DELETE", path, body=_options(inputs))
            except ActionError as error:
                if error.code != "kubernetes.not_found":
                    raise
                return Outputs(already_done=True, gone=True)
            # The answer is the object as it still is, or a Status with the uid of what is gone.
            uid = inputs.uid or field(document, "metadata", "uid") or field(document, "details", "uid")
            gone = document.get("kind") == "Status"
            while inputs.wait and not gone:
                gone = await _is_gone(kubernetes, path, uid)
                if not gone:
                    await _pause(inputs, context)
        return Outputs(already_done=False, gone=gone)


def _options(inputs: Inputs) -> dict[str, Any]:
    options: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": inputs.dependents.capitalize(),
    }
    if inputs.uid is not None:
        options["preconditions"] = {"uid": inputs.uid}
    if inputs.grace_s is not None:
        options["gracePeriodSeconds"] = inputs.grace_s
    return options


async def _is_gone(kubernetes: Kubernetes, path: str, uid: str | None) -> bool:
    """Whether the object with this uid is gone, though another may have its name."""
    try:
        _, document = await kubernetes.call("GET", path)
    except ActionError as error:
        if error.code == "kubernetes.not_found":
            return True
        raise
    return uid is not None and field(document, "metadata", "uid") != uid


async def _pause(inputs: Inputs, context: Context) -> None:
    pause_s = min(POLL_S, context.remaining_s / 10)
    if pause_s < 0.02:
        which = titled(inputs.kind, inputs.namespace, inputs.name)
        raise ActionError("kubernetes.not_gone", f"{which} is not gone in time", transient=True)
    context.say("it is not gone yet")
    await asyncio.sleep(pause_s)
