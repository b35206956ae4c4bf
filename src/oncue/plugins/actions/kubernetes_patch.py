"""The action `kubernetes.patch`: changes some fields of an object.

A merge patch and a strategic one say how fields are to be, and may be sent twice; a JSON patch says what to do, as to add to a
list, and may not unless the step says so (`effect_class`).
"""

from typing import Any, Final, Literal

import msgspec

from oncue.plugins.kubernetes.cluster import ERRORS, connected, place
from oncue.plugins.kubernetes.objects import Target, bounded, path_of, titled
from oncue.sdk import ActionError, Context, EffectClass, nothing_done_yet

_MEDIA: Final = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}


class Inputs(Target, kw_only=True, forbid_unknown_fields=True):
    """Which object, and what is to be otherwise."""

    type: Literal["merge", "strategic", "json"] = "merge"
    """`merge` (RFC 7386: lists are replaced), `strategic` (lists are merged as the kind says; not for kinds of a cluster's
    own), `json` (RFC 6902: a list of operations)."""
    patch: dict[str, Any] | list[dict[str, Any]]
    """The patch: an object, for `json` a list."""
    effect_class: Literal["idempotent", "at-most-once"] | None = None
    """What a crash in the middle may mean; by default a `json` patch is not sent again without a person."""


class Outputs(msgspec.Struct, kw_only=True):
    """What is so now. The values of a Secret are not shown."""

    object: dict[str, Any]
    """As the cluster has it; kind and metadata only if it is larger than 60 KB."""


class KubernetesPatch:
    """Patches an object of a cluster."""

    name = "kubernetes.patch"
    inputs = Inputs
    outputs = Outputs
    errors = ERRORS

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """By `effect_class`, else by the kind of patch."""
        return inputs.effect_class or ("at-most-once" if inputs.type == "json" else "idempotent")

    def plan(self, inputs: Inputs) -> str:
        """What is patched, and where."""
        return f"patch {titled(inputs.kind, inputs.namespace, inputs.name)} at {place(inputs)}"

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """The object is as the patch makes it."""
        if isinstance(inputs.patch, list) != (inputs.type == "json"):
            detail = "patch: a json patch is a list of operations, any other an object"
            raise ActionError("inputs.invalid", detail, nothing_done=True)
        async with connected(inputs, context) as kubernetes:
            with nothing_done_yet():
                path = await path_of(kubernetes, inputs.kind, inputs.api_version, inputs.namespace, inputs.name)
            _, document = await kubernetes.call(
                "PATCH", path, query={"fieldManager": "oncue"}, body=inputs.patch, media=_MEDIA[inputs.type]
            )
        found, _ = bounded(document)
        return Outputs(object=found)
