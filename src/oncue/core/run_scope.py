"""What a workflow's expressions see: laid out anew for each step, and only what its expressions speak of."""

import re
from collections.abc import Iterator
from typing import Any, Final

from oncue.core import plan as plans
from oncue.core.asking import Asked
from oncue.core.expression import Failed, Scope, activation, naming, spoken, stored
from oncue.core.plan import Mentions, Node, Plan
from oncue.core.run import Run, Step
from oncue.core.tx import Tx

ITEMS_SEEN: Final = 1_000
"""Of how many items of a `for_each` an expression sees the results; of more it sees the first ones."""

VALUES_SHOWN: Final = 5
"""Values that are named when an expression fails."""
VALUE_LIMIT: Final = 80
"""Characters of each of them."""
_PATH: Final = re.compile(r"(?<![\w.'\"])[a-z_]\w*(?:\.[a-z_]\w*)*(?![\w('\"])")


def plain(entity: Any) -> Any:
    """An entity as expressions see it: what it does not have is absent, so that has() can say so."""
    return {key: value for key, value in stored(entity).items() if value is not None}


def of_step(tx: Tx, run: Run, plan: Plan, node: Node, address: str, **more: Any) -> Scope:
    """What the expressions of the step at this address see."""
    return _scope(tx, run, plan, address, node.mentions, node.names, more)


def of_ending(tx: Tx, run: Run, plan: Plan) -> Scope:
    """What the outputs of the whole see."""
    return _scope(tx, run, plan, "", plan.ending, (), {})


def _scope(
    tx: Tx, run: Run, plan: Plan, address: str, mentioned: Mentions, names: tuple[str, ...], more: dict[str, Any]
) -> Scope:
    words = mentioned.words
    variables: dict[str, Any] = {"inputs": run.inputs, "vars": run.variables, "now": tx.now}
    if mentioned.steps:
        variables["steps"] = _steps(tx, run, plan, address, mentioned.steps)
    if "run" in words:
        variables["run"] = {
            "id": run.id, "workflow": run.workflow, "namespace": run.namespace, "started_at": stored(run.started_at or run.created_at),
            "requester": run.requester or "", "trigger": run.trigger.get("kind", ""),
        }  # fmt: skip
    if "incident" in words and (incident := tx.state.incidents.get(run.incident or "")) is not None:
        variables["incident"] = plain(incident)
    if "alert" in words and (alert := tx.state.alerts.get(run.alert or "")) is not None:
        variables["alert"] = plain(alert)
    if "event" in words and (event := run.trigger.get("event_view")) is not None:
        variables["event"] = event
    if "error" in words and (error := _error(tx, run, address)) is not None:
        variables["error"] = error
    if names:
        variables.update(_items(tx, run, plan, address))
    variables.update(more)
    if not names:
        return activation(variables, Asked(tx.state, run.namespace))
    return naming(names).activation(variables, Asked(tx.state, run.namespace))


def why(failure: Failed, scope: Scope) -> str:
    """Why an expression failed, and what it looked at."""
    shown = [f"{path} is {value}" for path, value in dict(_looked_at(failure.text, scope.variables)).items()]
    return "; ".join([str(failure), *shown[:VALUES_SHOWN]])


def _looked_at(text: str, variables: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for path in _PATH.findall(text):
        value: Any = variables
        for part in path.split("."):
            if not isinstance(value, dict) or part not in value:
                break
            value = value[part]
        else:
            said = f"'{value}'" if isinstance(value, str) else spoken(value)
            yield path, said if len(said) <= VALUE_LIMIT else f"{said[:VALUE_LIMIT]}..."


def _items(tx: Tx, run: Run, plan: Plan, address: str) -> dict[str, Any]:
    """The items that the address is for, as the workflow calls them."""
    found: dict[str, Any] = {}
    at: str | None = address
    while at:
        if at.endswith("]") and (step := tx.state.step(run.id, at)) is not None:
            spec = plan.nodes[step.node].spec.for_each
            if spec is not None:
                found.setdefault(spec.as_, step.item)
                found.setdefault("index", step.index)
        at = plans.parent(at)
    return found


def _error(tx: Tx, run: Run, address: str) -> dict[str, Any] | None:
    """What the nearest `try` around the address failed with."""
    at: str | None = address
    while at:
        step = tx.state.step(run.id, at)
        if step is not None and step.uses == "try" and step.failed_at is not None:
            return {"step": step.failed_at, "code": step.error_code or "", "detail": step.reason or ""}
        at = plans.parent(at)
    return None


def _steps(tx: Tx, run: Run, plan: Plan, address: str, wanted: frozenset[str]) -> dict[str, Any]:
    found = {}
    for id in sorted(plan.nodes if "*" in wanted else wanted):
        node = plan.nodes.get(id)
        where = plans.instance(node, address) if node is not None else None
        step = tx.state.step(run.id, where) if where is not None else None
        if step is not None and node is not None:
            found[id] = _view(tx, run, node, step)
    return found


def outcome(step: Step) -> dict[str, Any]:
    """What other steps see of it, its items apart."""
    view: dict[str, Any] = {"state": step.state, "outputs": step.outputs, "attempt": step.attempt}
    if step.result is not None:
        view["result"] = step.result
    if step.error_code is not None:
        view["error"] = {"code": step.error_code, "detail": step.reason or ""}
    return view


def _view(tx: Tx, run: Run, node: Node, step: Step) -> dict[str, Any]:
    view = outcome(step)
    if node.items:
        view["total"] = step.total
        view["failures"] = step.failures
        view["items"] = [_item(tx, run, node, one) for one in tx.state.items_of(run.id, step.address)[:ITEMS_SEEN]]
    return view


def _item(tx: Tx, run: Run, node: Node, item: Step) -> dict[str, Any]:
    """An item, with the outputs of its steps."""
    inner = (tx.state.step(run.id, plans.child(item.address, one.id)) for one in node.blocks[""].nodes)
    return {
        "item": item.item, "state": item.state,
        "steps": {one.node: {"state": one.state, "outputs": one.outputs} for one in inner if one is not None},
    }  # fmt: skip
