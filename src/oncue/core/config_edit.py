"""What is asked of the configuration: manifests to take, or to remove."""

from typing import Any, Literal

import msgspec

from oncue.core.manifest import Manifest
from oncue.core.spec import content_hash


class ConfigEdit(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One manifest to take or to remove."""

    op: Literal["apply", "delete"]
    kind: str
    namespace: str
    name: str
    labels: dict[str, str] = {}
    owner: str | None = None
    review_by: str | None = None
    description: str | None = None
    spec: Any = None
    text: str | msgspec.UnsetType = msgspec.UNSET
    """The document as its author wrote it, where that says more than the data does; empty if it says no more. Who gives data alone has
    nothing to say of it: the text that is known stays as long as the data does."""
    based_on: int | None = None
    """The generation that was looked at when it was written, 0 for none; refused if it is another one by now."""

    @property
    def id(self) -> str:
        """Of the manifest."""
        return f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def content_hash(self) -> str:
        """Of what the manifest says."""
        return content_hash([self.labels, self.owner, self.review_by, self.description, self.spec])

    def alters(self, known: Manifest | None, digest: str | None = None) -> bool:
        """Whether it would be another manifest than the one that is in force; `digest` is its content hash, where that is known."""
        if known is None or self.op == "delete":
            return known is not None or self.op == "apply"
        if known.hash != (digest or self.content_hash):
            return True
        return self.text is not msgspec.UNSET and self.text != (known.text or "")


class ConfigEdits(msgspec.Struct):
    """The data of `oncue.config.applied`."""

    changes: list[ConfigEdit]
    force: bool = False
    """Delete also what others need."""


def back(known: Manifest | None, edit: ConfigEdit) -> ConfigEdit:
    """What undoes the edit of the manifest that is in force, if nobody edits it in between."""
    if known is None:
        return ConfigEdit(op="delete", kind=edit.kind, namespace=edit.namespace, name=edit.name)
    return ConfigEdit(
        op="apply", kind=known.kind, namespace=known.namespace, name=known.name, labels=known.labels, owner=known.owner,
        review_by=known.review_by, description=known.description, spec=known.spec, text=known.text or "",
    )  # fmt: skip
