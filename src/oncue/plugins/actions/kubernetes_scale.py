"""The action `kubernetes.scale`: how many pods a Deployment, a StatefulSet, or what else has a scale, is to have."""

from typing import Annotated

import msgspec

from oncue.plugins.kubernetes import rollout
from oncue.plugins.kubernetes.cluster import ERRORS, connected, place
from oncue.plugins.kubernetes.objects import Target, number, path_of, titled
from oncue.sdk import ActionError, Context, EffectClass, nothing_done_yet


class Inputs(Target, kw_only=True, forbid_unknown_fields=True):
    """Which object, and how many pods."""

    replicas: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    """How many pods there are to be."""
    wait: bool = False
    """Whether to wait until they are there: of a Deployment or a StatefulSet, within the step's timeout."""


class Outputs(msgspec.Struct, kw_only=True):
    """What was done."""

    before: int
    """How many there were to be before."""
    replicas: int
    """How many there are to be now."""


class KubernetesScale:
    """Sets how many pods there are to be."""

    name = "kubernetes.scale"
    inputs = Inputs
    outputs = Outputs
    errors = (*ERRORS, rollout.ERROR)

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """A number that is set twice is the same."""
        return "idempotent"

    def plan(self, inputs: Inputs) -> str:
        """What is scaled, and where."""
        return f"scale {titled(inputs.kind, inputs.namespace, inputs.name)} to {inputs.replicas} at {place(inputs)}"

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """So many pods are to be there, and are if it was to be waited for."""
        if inputs.wait and inputs.kind not in ("Deployment", "StatefulSet"):
            raise ActionError("inputs.invalid", "wait: for a Deployment or a StatefulSet only", nothing_done=True)
        async with connected(inputs, context) as kubernetes:
            with nothing_done_yet():
                path = await path_of(kubernetes, inputs.kind, inputs.api_version, inputs.namespace, inputs.name)
                _, document = await kubernetes.call("GET", f"{path}/scale")
            before = number(document, "spec", "replicas")
            if before != inputs.replicas:
                context.say(f"{before} pods are to be {inputs.replicas}")
                await kubernetes.call(
                    "PATCH",
                    f"{path}/scale",
                    query={"fieldManager": "oncue"},
                    body={"spec": {"replicas": inputs.replicas}},
                    media="application/merge-patch+json",
                )
            if inputs.wait:
                await rollout.ended(kubernetes, path, context)
        return Outputs(before=before, replicas=inputs.replicas)
