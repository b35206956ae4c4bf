"""Workflows that run themselves, whatever lies in between: they would go on until they lie too deep in each other."""

from collections.abc import Callable, Iterable

from oncue.core.references import Reference, references
from oncue.core.workflow_spec import WorkflowSpec


def runs_of(spec: WorkflowSpec) -> list[Reference]:
    """The other workflows that the workflow's steps run, each with its place."""
    return [reference for reference in references(spec) if reference.kind == "Workflow"]


def way_back(runs: Callable[[str], Iterable[str]], start: str, wanted: str) -> list[str] | None:
    """A shortest way from one workflow to another by what they run, both ends included; None if there is none.

    `runs` gives the names of the workflows that one runs.
    """
    ways, seen = [[start]], {start}
    for way in ways:
        if way[-1] == wanted:
            return way
        for name in runs(way[-1]):
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return None
