"""Policies that a workflow brings along: one for each of its triggers on events, called `workflow:trigger`."""

from typing import Final

import msgspec

from oncue.core.manifest import Manifest
from oncue.core.workflow_spec import WorkflowSpec

KIND: Final = "Trigger"
"""Of the policies' manifests, which nobody applies by themselves."""
SEPARATOR: Final = ":"
"""Which no name of a manifest holds."""


def policies(workflow: Manifest) -> list[Manifest]:
    """They have the workflow's generation, so that decisions say by which version they were made."""
    if not workflow.spec.get("triggers"):
        return []
    return [
        msgspec.structs.replace(
            workflow,
            kind=KIND,
            name=f"{workflow.name}{SEPARATOR}{one.id}",
            spec={
                "description": workflow.spec.get("description"),
                "match": msgspec.to_builtins(one.event),
                "respond": [{"run": {"workflow": workflow.name, "with": one.with_}}],
            },
        )
        for one in msgspec.convert(workflow.spec, WorkflowSpec).triggers
        if one.event is not None
    ]
