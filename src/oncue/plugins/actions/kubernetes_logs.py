"""The action `kubernetes.logs`: the last lines that a container wrote."""

from typing import Annotated, Final

import msgspec

from oncue.plugins.kubernetes.cluster import ERRORS, Cluster, connected, place
from oncue.plugins.kubernetes.objects import Name, Namespace, titled
from oncue.sdk import Context, EffectClass

BYTES_LIMIT: Final = 60 * 1024
"""Of the text: the end is kept, where the reason usually stands."""


class Inputs(Cluster, kw_only=True, forbid_unknown_fields=True):
    """Which container, and how much of what it wrote."""

    pod: Name
    """Its name."""
    namespace: Namespace = "default"
    """The cluster's namespace."""
    container: Name | None = None
    """Needed if the pod has several."""
    lines: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 100
    """How many of the last lines; all of them have 60 KB at most."""
    since_s: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Not older than so many seconds."""
    previous: bool = False
    """Of the container before its last restart: why it ended."""


class Outputs(msgspec.Struct, kw_only=True):
    """What it wrote."""

    text: str
    """The last lines; what is not UTF-8 shows as replacement characters."""
    lines: int
    """How many."""
    truncated: bool
    """Whether lines that were asked for were left out."""


class KubernetesLogs:
    """Reads a container's log."""

    name = "kubernetes.logs"
    inputs = Inputs
    outputs = Outputs
    errors = ERRORS

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """Reading twice is as good as once."""
        return "pure"

    def plan(self, inputs: Inputs) -> str:
        """Which log, and where."""
        which = titled("Pod", inputs.namespace, inputs.pod)
        return f"read the last {inputs.lines} lines of {which} at {place(inputs)}"

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """The last lines were read."""
        asked = {"tailLines": str(inputs.lines)}
        if inputs.container is not None:
            asked["container"] = inputs.container
        if inputs.since_s is not None:
            asked["sinceSeconds"] = str(inputs.since_s)
        if inputs.previous:
            asked["previous"] = "true"
        async with connected(inputs, context) as kubernetes:
            answer = await kubernetes.text(f"/api/v1/namespaces/{inputs.namespace}/pods/{inputs.pod}/log", asked)
        body = answer.body
        if len(body) > BYTES_LIMIT:
            # Whole lines from the end; of one line that is longer than all there may be, its end.
            kept = body[-BYTES_LIMIT:]
            body = kept.partition(b"\n")[2] or kept
        text = body.decode("utf-8", "replace")
        truncated = answer.truncated or len(body) < len(answer.body)
        return Outputs(text=text, lines=len(text.splitlines()), truncated=truncated)
