"""Objects of a cluster: where they are, and what of them is shown.

The API server itself says how a kind is addressed, so that kinds that a cluster has of its own are known as well.
"""

from typing import Annotated, Any, Final

import msgspec

from oncue.plugins.kubernetes.cluster import Cluster, Kubernetes
from oncue.sdk import ActionError
from oncue.sdk.mask import MASK

BYTES_LIMIT: Final = 60 * 1024
"""Of what a step gives as JSON."""

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$", max_length=253)]
Namespace = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)]
ApiVersion = Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[a-z0-9]+$", max_length=128)]
Kind = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Za-z0-9]*$", max_length=63)]

VERSIONS: Final = {
    **dict.fromkeys(
        (
            "ConfigMap", "Endpoints", "Event", "Namespace", "Node", "PersistentVolume", "PersistentVolumeClaim", "Pod",
            "Secret", "Service", "ServiceAccount",
        ),
        "v1",
    ),
    **dict.fromkeys(("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"), "apps/v1"),
    **dict.fromkeys(("CronJob", "Job"), "batch/v1"),
    **dict.fromkeys(("Ingress", "NetworkPolicy"), "networking.k8s.io/v1"),
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
}  # fmt: skip
"""Kinds that every cluster has."""


class Target(Cluster, kw_only=True, forbid_unknown_fields=True):
    """One object of a cluster."""

    kind: Kind
    """As `Deployment`."""
    name: Name
    """Of the object."""
    namespace: Namespace = "default"
    """The cluster's namespace; kinds that belong to none have none."""
    api_version: ApiVersion | None = None
    """As `apps/v1`; may be left out for kinds that every cluster has."""


class _Resource(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool


class _Resources(msgspec.Struct):
    resources: list[_Resource] = []


def titled(kind: str, namespace: str | None, name: str | None) -> str:
    """The object for people, as `Deployment shop/web`."""
    return " ".join(filter(None, (kind, "/".join(filter(None, (namespace, name))))))


def version_of(kind: str, given: str | None) -> str:
    """The version of the API that has the kind. Raises `ActionError` inputs.invalid."""
    version = given or VERSIONS.get(kind)
    if version is None:
        raise ActionError("inputs.invalid", f"api_version: name the one that has the kind {kind}")
    return version


async def path_of(
    kubernetes: Kubernetes, kind: str, api_version: str | None, namespace: str | None, name: str | None = None
) -> str:
    """The path of an object, or of all of a kind. Raises `ActionError` kubernetes.not_found, and as `Kubernetes.call`."""
    version = version_of(kind, api_version)
    group = f"/apis/{version}" if "/" in version else f"/api/{version}"
    _, document = await kubernetes.call("GET", group)
    try:
        known = msgspec.convert(document, _Resources).resources
    except msgspec.ValidationError as error:
        raise ActionError("kubernetes.answer", f"{group}: {error}") from error
    found = next((one for one in known if one.kind == kind and "/" not in one.name), None)
    if found is None:
        raise ActionError("kubernetes.not_found", f"{version} of this cluster has no kind {kind}")
    within = f"/namespaces/{namespace}" if found.namespaced and namespace is not None else ""
    return f"{group}{within}/{found.name}" + (f"/{name}" if name is not None else "")


def shown(document: dict[str, Any]) -> dict[str, Any]:
    """The object without what is secret, and without the notes that tools keep in it."""
    found = {**document}
    if found.get("kind") == "Secret":
        for field in ("data", "stringData"):
            if isinstance(found.get(field), dict):
                found[field] = dict.fromkeys(found[field], MASK)
    metadata = found.get("metadata")
    if isinstance(metadata, dict):
        metadata = {name: value for name, value in metadata.items() if name != "managedFields"}
        if isinstance(metadata.get("annotations"), dict):
            noted = "kubectl.kubernetes.io/last-applied-configuration"
            metadata["annotations"] = {name: value for name, value in metadata["annotations"].items() if name != noted}
        found["metadata"] = metadata
    return found


def bounded(document: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The object as a step gives it, and whether it was too large: then only kind and metadata are left of it."""
    found = shown(document)
    if len(msgspec.json.encode(found)) <= BYTES_LIMIT:
        return found, False
    metadata = {name: found.get("metadata", {}).get(name) for name in ("name", "namespace", "uid", "resourceVersion")}
    return {"apiVersion": found.get("apiVersion"), "kind": found.get("kind"), "metadata": metadata}, True


def field(document: Any, *path: str) -> Any:
    """A member at any depth; None if it, or one on the way, is not there."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def number(document: Any, *path: str) -> int:
    """A number at any depth; 0 if it is not there."""
    found = field(document, *path)
    return found if isinstance(found, int) else 0
