"""The action `kubernetes.apply`: a server-side apply. What the object says is so afterwards, what it leaves out is left alone.

OnCue is the field manager `oncue`: a field that another manager owns and has otherwise is a conflict, unless `force` takes it.
"""

from typing import Any

import msgspec

from oncue.plugins.kubernetes.cluster import ERRORS, Cluster, connected, place
from oncue.plugins.kubernetes.objects import ApiVersion, Kind, Name, Namespace, bounded, path_of, titled
from oncue.sdk import ActionError, Context, EffectClass, nothing_done_yet

MANAGER = "oncue"


class Inputs(Cluster, kw_only=True, forbid_unknown_fields=True):
    """Which cluster, and what is to be so."""

    object: dict[str, Any]
    """The object, as it stands in a manifest: `apiVersion`, `kind`, `metadata` with a `name`, and what is to be so."""
    namespace: Namespace = "default"
    """The cluster's namespace, unless the object names one."""
    force: bool = False
    """Whether fields that others own are taken from them."""
    dry_run: bool = False
    """Whether the cluster only says what would be, with all its checks."""


class Outputs(msgspec.Struct, kw_only=True):
    """What is so now. The values of a Secret are not shown."""

    created: bool
    """Whether it was not there before."""
    changed: bool
    """Whether anything is otherwise than before."""
    object: dict[str, Any]
    """As the cluster has it; kind and metadata only if it is larger than 60 KB."""


class _Metadata(msgspec.Struct):
    name: Name
    namespace: Namespace | None = None


class _Manifest(msgspec.Struct, rename="camel"):
    api_version: ApiVersion
    kind: Kind
    metadata: _Metadata


class KubernetesApply:
    """Applies an object to a cluster."""

    name = "kubernetes.apply"
    inputs = Inputs
    outputs = Outputs
    errors = ERRORS

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """What is so already stays so."""
        return "pure" if inputs.dry_run else "idempotent"

    def plan(self, inputs: Inputs) -> str:
        """What is applied, and where."""
        told = inputs.object.get("metadata")
        metadata = told if isinstance(told, dict) else {}
        which = titled(
            str(inputs.object.get("kind")),
            str(metadata.get("namespace") or inputs.namespace),
            str(metadata.get("name")),
        )
        return f"{'try' if inputs.dry_run else 'apply'} {which} at {place(inputs)}"

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """The cluster has the object as it is to be."""
        with nothing_done_yet():
            manifest = _manifest(inputs.object)
        namespace = manifest.metadata.namespace or inputs.namespace
        asked = {"fieldManager": MANAGER, "force": "true" if inputs.force else "false"}
        if inputs.dry_run:
            asked["dryRun"] = "All"
        async with connected(inputs, context) as kubernetes:
            with nothing_done_yet():
                path = await path_of(kubernetes, manifest.kind, manifest.api_version, namespace, manifest.metadata.name)
                before = await _version(kubernetes, path)
            status, document = await kubernetes.call(
                "PATCH", path, query=asked, body=inputs.object, media="application/apply-patch+yaml"
            )
        found, _ = bounded(document)
        changed = before is None or before != (document.get("metadata") or {}).get("resourceVersion")
        outcome = "created" if status == 201 else "changed" if changed else "as it was"
        context.say(f"{titled(manifest.kind, namespace, manifest.metadata.name)}: {outcome}")
        return Outputs(created=status == 201, changed=changed, object=found)


def _manifest(given: dict[str, Any]) -> _Manifest:
    try:
        return msgspec.convert(given, _Manifest)
    except msgspec.ValidationError as error:
        raise ActionError("inputs.invalid", f"object: {error}") from error


async def _version(kubernetes: Any, path: str) -> str | None:
    """The object's version as it is; None if it is not there."""
    try:
        _, document = await kubernetes.call("GET", path)
    except ActionError as error:
        if error.code == "kubernetes.not_found":
            return None
        raise
    return str((document.get("metadata") or {}).get("resourceVersion"))
