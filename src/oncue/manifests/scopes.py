"""What the expressions of a workflow may speak of: of which variables at which place, and of which members of them."""

from collections.abc import Iterator
from typing import Any, Final, get_args

from oncue.core.errors import Refusal
from oncue.core.expression import VARIABLES
from oncue.core.named import Named, named
from oncue.core.plan import Node, Plan, validations
from oncue.core.run import StepState
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding
from oncue.manifests.shape import near
from oncue.manifests.values import absent_members, looked_at, of_other_types

IN_RUNS: Final = ("event", "alert", "incident", "run", "now", "inputs", "steps", "vars")
"""Variables that all expressions of a run have, as far as what they stand for is there."""
BEFORE_RUNS: Final = ("inputs", "now")
"""Those of `concurrency` and `rate`."""
_HOMES: Final = {
    "error": "in `catch` and `finally`",
    "index": "in the steps of a `for_each`, and in its `key`",
    "result": "in a step's `outputs` and `rollback`, and in `that` and `inconclusive` of a validation with uses or repeat; "
    "what a step gave is steps.ID.result",
    "outputs": "in a step's `rollback`, and in `that` and `inconclusive` of a validation with repeat; "
    "those of a step are steps.ID.outputs",
    "baseline": "in `that` and `inconclusive` of a validation",
    "value": "in policies",
    "limit": "in policies",
}
_STATES: Final = get_args(StepState)
_AGREED: Final = ("approved", "rejected")
_NEVER_AGREED: Final = ("succeeded", "validating", "failed_validation", "timed_out", "unknown")
"""States that no approval has."""


def read(text: str, names: tuple[str, ...] = ()) -> Named:
    """What the expression names: nothing if it does not compile, for which it is refused elsewhere."""
    try:
        return named(text, tuple(dict.fromkeys(names)))
    except Refusal:
        return Named((), (), ())


def there(node: Node, place: Path_) -> tuple[str, ...]:
    """The variables that are there at this place of a step."""
    found = [*IN_RUNS]
    inner = any(one.items for one in node.above)
    if inner or place[:2] == ("for_each", "key"):
        found.append("index")
    if {"catch", "finally"} & set(node.place) or (node.form == "try_" and place[0] == "outputs"):
        found.append("error")
    if place[0] == "outputs":
        found.append("result")
    elif place[:2] == ("rollback", "with"):
        found += ["result", "outputs"]
    elif place[-1] in ("that", "inconclusive"):
        spec = dict(validations(node.spec)).get(place[:-1])
        if spec is not None:
            found += [
                "baseline",
                *(["result"] if spec.uses or spec.repeat else []),
                *(["outputs"] if spec.repeat else []),
            ]
    return tuple(found)


def absent(found: Named, there: tuple[str, ...], path: Path_) -> Iterator[Finding]:
    """Variables that mean nothing where the expression stands."""
    for name in found.variables:
        if name in VARIABLES and name not in there:
            only = f", only {_HOMES[name]}" if name in _HOMES else ""
            yield Finding(path, f"there is no {name} here{only} (here are {', '.join(there)})", "workflow.unknown_name")


def undeclared(found: Named, schema: dict[str, Any], path: Path_) -> Iterator[Finding]:
    """Inputs that the workflow does not have."""
    declared = schema.get("properties")
    if isinstance(declared, dict) and not schema.get("additionalProperties"):
        for name in found.of("inputs"):
            if name not in declared:
                yield Finding(
                    path, f"{name} is not declared in inputs{near(name, list(declared))}", "workflow.unknown_name"
                )
    elif not schema:
        for name in found.of("inputs"):
            yield Finding(path, f"{name} is not declared: the workflow has no inputs", "workflow.unknown_name")


def of_plan(plan: Plan, text: str, path: Path_, known: frozenset[str], node: Node | None = None) -> Iterator[Finding]:
    """Variables that mean nothing there, steps that do not come before, states in which no step is, and
    inputs and variables that nobody gives. The place is
    one of the step, or of the whole.
    """
    place = path[len(node.place) :] if node is not None else path
    found = read(text, node.names if node is not None else ())
    here = there(node, place) if node is not None else IN_RUNS
    yield from absent(found, here, path)
    for name in found.of("steps"):
        if name not in known:
            yield Finding(
                path, f"there is no step {name} before this one{near(name, sorted(known))}", "workflow.unknown_step"
            )
        elif name in plan.nodes and not _same_items(plan.nodes[name], node):
            group = next(one.id for one in reversed(plan.nodes[name].above) if one.items)
            yield Finding(
                path,
                f"{name} is there once for each item of {group}; look at steps.{group}.items",
                "workflow.unknown_step",
            )
    for compared, word in found.compared:
        if compared[0] == "steps" and compared[2:] == ("state",) and word not in _STATES:
            detail = f"{word!r} is no state of a step (there are {', '.join(_STATES)}){near(word, _STATES)}"
            yield Finding(path, detail, "workflow.unknown_name")
        elif compared[0] == "steps" and compared[2:] == ("state",) and compared[1] in plan.nodes:
            other = plan.nodes[compared[1]]
            if word in (_NEVER_AGREED if other.form == "approvals" else _AGREED):
                meant = "an approval is approved or rejected" if other.form == "approvals" else "only approvals are"
                yield Finding(path, f"{other.id} is never {word}: {meant}", "workflow.unreachable", "warning")
    yield from absent_members(
        plan, found, path, looked_at(plan, node, place) if node is not None and "result" in here else None
    )
    yield from undeclared(found, plan.spec.inputs, path)
    yield from of_other_types(found, plan.spec.inputs, path)
    names = sorted({name for one in plan.nodes.values() for name in one.spec.set_ or ()})
    for name in found.of("vars"):
        if name not in names:
            yield Finding(path, f"no step sets the variable {name}{near(name, names)}", "workflow.unknown_name")


def _same_items(other: Node, node: Node | None) -> bool:
    """Whether the step is for the same items as whoever speaks of it, or for none."""
    around = {one.id for one in (*node.above, node)} if node is not None else set()
    return all(one.id in around for one in other.above if one.items)
