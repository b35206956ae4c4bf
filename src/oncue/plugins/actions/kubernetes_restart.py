"""The action `kubernetes.restart`: new pods for a Deployment, a StatefulSet or a DaemonSet, one after the other.

As `kubectl rollout restart` does it: an annotation of the pod template changes. It holds the effect's key, so that a restart
that was asked for before a crash is known, and is not asked for twice.
"""

from datetime import UTC
from typing import Any, Final

import msgspec

from oncue.plugins.kubernetes import rollout
from oncue.plugins.kubernetes.cluster import ERRORS, Cluster, connected, place
from oncue.plugins.kubernetes.objects import Name, Namespace, field, path_of, titled
from oncue.sdk import Context, EffectClass, nothing_done_yet

KEY: Final = "oncue/restarted-by"
"""The annotation with the effect's key."""
SINCE: Final = "kubectl.kubernetes.io/restartedAt"
"""The annotation that other tools set, and show."""


class Inputs(Cluster, kw_only=True, forbid_unknown_fields=True):
    """What to restart."""

    kind: rollout.Workload = "Deployment"
    """`Deployment`, `StatefulSet` or `DaemonSet`."""
    name: Name
    """Of the object."""
    namespace: Namespace = "default"
    """The cluster's namespace."""
    wait: bool = True
    """Whether to wait for the end of the rollout, within the step's timeout."""


class Outputs(msgspec.Struct, kw_only=True):
    """What was done."""

    already_done: bool
    """It was asked for before a crash; it was not asked for again."""
    generation: int
    """Of the object, counted by the cluster at each change."""


class KubernetesRestart:
    """Restarts the pods of a workload."""

    name = "kubernetes.restart"
    inputs = Inputs
    outputs = Outputs
    errors = (*ERRORS, rollout.ERROR)

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """The annotation is looked at first."""
        return "check-first"

    def plan(self, inputs: Inputs) -> str:
        """What is restarted, and where."""
        return f"restart {titled(inputs.kind, inputs.namespace, inputs.name)} at {place(inputs)}"

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """The restart is asked for, and has ended if it was to be waited for."""
        async with connected(inputs, context) as kubernetes:
            with nothing_done_yet():
                path = await path_of(kubernetes, inputs.kind, None, inputs.namespace, inputs.name)
                _, document = await kubernetes.call("GET", path)
                rollout.check(document)
            asked = field(document, "spec", "template", "metadata", "annotations", KEY) == context.key
            if asked:
                context.say("it was asked for before; looking how far it is")
            else:
                _, document = await kubernetes.call(
                    "PATCH",
                    path,
                    query={"fieldManager": "oncue"},
                    body=_patch(context),
                    media="application/merge-patch+json",
                )
            if inputs.wait:
                document = await rollout.ended(kubernetes, path, context)
        return Outputs(already_done=asked, generation=document["metadata"].get("generation", 0))


def _patch(context: Context) -> dict[str, Any]:
    at = context.asked_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"spec": {"template": {"metadata": {"annotations": {KEY: context.key, SINCE: at}}}}}
