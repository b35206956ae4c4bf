"""The action `kubernetes.get`: one object of a cluster, or those of a kind by their labels."""

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from oncue.plugins.kubernetes.cluster import ERRORS, Cluster, connected, place
from oncue.plugins.kubernetes.objects import (
    BYTES_LIMIT,
    ApiVersion,
    Kind,
    Name,
    Namespace,
    bounded,
    path_of,
    shown,
    titled,
)
from oncue.sdk import ActionError, Context, EffectClass
from oncue.sdk.source import Fault


class Inputs(Cluster, kw_only=True, forbid_unknown_fields=True):
    """Which cluster, and what to read."""

    kind: Kind
    """As `Deployment`."""
    name: Name | None = None
    """Of one object; without it all of the kind are listed."""
    namespace: Namespace | None = "default"
    """The cluster's namespace; null lists those of all namespaces."""
    api_version: ApiVersion | None = None
    """As `apps/v1`; may be left out for kinds that every cluster has."""
    selector: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    """Labels of those to list, as `app=web,tier!=cache`."""
    fields: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    """Fields of those to list, as `status.phase=Failed`."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50
    """Objects that are kept at most; all of them have 60 KB at most."""


class Outputs(msgspec.Struct, kw_only=True):
    """What is there. The values of a Secret are not shown."""

    object: dict[str, Any] | None = None
    """The named one."""
    items: list[dict[str, Any]] = []
    """Those of a list."""
    count: int
    """Objects that are kept."""
    truncated: bool
    """Whether there are more, or the named one is larger than 60 KB."""


class KubernetesGet:
    """Reads objects of a cluster."""

    name = "kubernetes.get"
    inputs = Inputs
    outputs = Outputs
    errors = ERRORS

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """Reading twice is as good as once."""
        return "pure"

    def faults(self, given: dict[str, Any]) -> Iterable[Fault]:
        """One object is named, or several are chosen."""
        if given.get("name") is not None:
            yield from (
                ((one,), "it chooses among several: leave it out, or `name`")
                for one in ("selector", "fields")
                if given.get(one)
            )

    def plan(self, inputs: Inputs) -> str:
        """What is read, and where."""
        if inputs.name is not None:
            return f"get {titled(inputs.kind, inputs.namespace, inputs.name)} at {place(inputs)}"
        where = f"in {inputs.namespace}" if inputs.namespace is not None else "in all namespaces"
        which = " and ".join(filter(None, (inputs.selector, inputs.fields)))
        return f"list objects of the kind {inputs.kind} {where}{f', with {which},' if which else ''} at {place(inputs)}"

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """The object is there, or those that fit are listed."""
        if inputs.name is not None and (inputs.selector or inputs.fields):
            raise ActionError("inputs.invalid", "give name, or selector and fields")
        async with connected(inputs, context) as kubernetes:
            path = await path_of(kubernetes, inputs.kind, inputs.api_version, inputs.namespace, inputs.name)
            if inputs.name is not None:
                _, document = await kubernetes.call("GET", path)
                found, cut = bounded(document)
                return Outputs(object=found, count=1, truncated=cut)
            asked = {"limit": str(inputs.limit), "labelSelector": inputs.selector, "fieldSelector": inputs.fields}
            _, document = await kubernetes.call(
                "GET", path, query={name: value for name, value in asked.items() if value}
            )
        kept, cut = _kept(document.get("items") or [], inputs.kind)
        more = bool((document.get("metadata") or {}).get("continue"))
        context.say(f"{len(kept)} objects{' of more' if cut or more else ''}")
        return Outputs(items=kept, count=len(kept), truncated=cut or more)


def _kept(items: list[dict[str, Any]], kind: str) -> tuple[list[dict[str, Any]], bool]:
    """As many as fit, and whether there were more. A list's items do not say of which kind they are."""
    kept: list[dict[str, Any]] = []
    size = 0
    for item in items:
        found = shown({"kind": kind, **item})
        size += len(msgspec.json.encode(found)) + 1
        if size > BYTES_LIMIT:
            return kept, True
        kept.append(found)
    return kept, False
