"""What the expressions of a workflow may speak of: steps, inputs and variables that are there."""

from collections.abc import Iterator
from typing import Any

from oncue.core.errors import Refusal
from oncue.core.named import Named, named
from oncue.core.plan import Node, Plan
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding
from oncue.manifests.shape import near


def read(text: str, names: tuple[str, ...] = ()) -> Named:
    """What the expression names: nothing if it does not compile, for which it is refused elsewhere."""
    try:
        return named(text, tuple(dict.fromkeys(names)))
    except Refusal:
        return Named((), (), ())


def undeclared(found: Named, schema: dict[str, Any], path: Path_) -> Iterator[Finding]:
    """Inputs that the workflow does not have."""
    declared = schema.get("properties")
    if isinstance(declared, dict) and not schema.get("additionalProperties"):
        for name in found.of("inputs"):
            if name not in declared:
                yield Finding(path, f"{name} is not declared in inputs{near(name, list(declared))}")
    elif not schema:
        for name in found.of("inputs"):
            yield Finding(path, f"{name} is not declared: the workflow has no inputs")


def of_plan(plan: Plan, text: str, path: Path_, known: frozenset[str], node: Node | None) -> Iterator[Finding]:
    """Steps that do not come before, and inputs and variables that nobody gives."""
    found = read(text, node.names if node is not None else ())
    for name in found.of("steps"):
        if name not in known:
            yield Finding(path, f"there is no step {name} before this one{near(name, sorted(known))}")
        elif name in plan.nodes and not _same_items(plan.nodes[name], node):
            group = next(one.id for one in reversed(plan.nodes[name].above) if one.items)
            yield Finding(path, f"{name} is there once for each item of {group}; look at steps.{group}.items")
    yield from undeclared(found, plan.spec.inputs, path)
    names = sorted({name for one in plan.nodes.values() for name in one.spec.set_ or ()})
    for name in found.of("vars"):
        if name not in names:
            yield Finding(path, f"no step sets the variable {name}{near(name, names)}")


def _same_items(other: Node, node: Node | None) -> bool:
    """Whether the step is for the same items as whoever speaks of it, or for none."""
    around = {one.id for one in (*node.above, node)} if node is not None else set()
    return all(one.id in around for one in other.above if one.items)
