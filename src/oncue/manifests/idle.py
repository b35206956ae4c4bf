"""What of a workflow has no effect, or can never end well: conditions that do not depend on anything, cases that are never taken,
what is waited for longer than the run may take, and errors and undoing that cannot come about."""

from collections.abc import Iterator
from typing import Any, Final

from oncue.core import plan as plans
from oncue.core.duration import seconds
from oncue.core.errors import Refusal
from oncue.core.expression import Failed, activation, evaluate
from oncue.core.plan import Node, Plan
from oncue.core.workflow_spec import Retry, StepSpec, WorkflowSpec
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding
from oncue.manifests.scopes import read
from oncue.manifests.shape import near
from oncue.sdk import registry
from oncue.sdk.errors import COMMON

_ASKING: Final = frozenset({"lookup", "change_running_on", "change_alerts"})
"""Functions that find out what the run could not know before."""
_TIMEOUTS: Final = ("timeout", "timeout.start", "timeout.heartbeat")
"""What the engine says of any action that takes too long."""
_UNSET: Final = StepSpec(id="unset")


def idle_findings(plan: Plan) -> Iterator[Finding]:
    """Everything of that kind in a workflow."""
    yield from _undoing(plan)
    for node in plan.nodes.values():
        yield from _conditions(node)
        yield from _cases(node)
        yield from _times(plan.spec, node)
        if node.spec.uses is not None:
            yield from _errors(node.spec.uses, node.spec.retry, (*node.place, "retry"))
        if node.spec.rollback is not None:
            yield from _errors(node.spec.rollback.uses, node.spec.rollback.retry, (*node.place, "rollback", "retry"))
        if node.spec.set_ == {} and not node.spec.outputs and node.spec.validate is None:
            yield Finding((*node.place, "set"), "it sets nothing", "workflow.step_form", "warning")
        yield from _catch(node)


def constant(text: str, names: tuple[str, ...] = ()) -> Any:
    """The value of an expression that has the same one in every run; None if there is no such value."""
    found = read(text, names)
    if found.variables or not set(found.calls).isdisjoint(_ASKING):
        return None
    try:
        return evaluate(text, activation({}))
    except (Refusal, Failed):
        return None


def _conditions(node: Node) -> Iterator[Finding]:
    """Conditions that are the same in every run."""
    spec = node.spec
    if spec.if_ is not None:
        match constant(spec.if_, node.names):
            case False:
                yield Finding((*node.place, "if"), "it is never reached", "workflow.unreachable", "warning")
            case True:
                detail = "it is true in every run: leave it out"
                yield Finding((*node.place, "if"), detail, "workflow.expression", "warning")
    for place, look in plans.validations(spec):
        for member, text in (("that", look.that), ("inconclusive", look.inconclusive or "")):
            value = constant(text, node.names) if text else None
            if isinstance(value, bool):
                detail = f"it is {str(value).lower()} in every run: let it look at what was found"
                yield Finding((*node.place, *place, member), detail, "workflow.expression", "warning")


def _cases(node: Node) -> Iterator[Finding]:
    """Cases that are never taken, and those that let no other be."""
    cases, seen = node.spec.switch or [], list[str]()
    for number, case in enumerate(cases):
        path: Path_ = (*node.place, "switch", number, "when")
        if case.when is None:
            continue
        text, value = case.when.strip(), constant(case.when, node.names)
        if text in seen:
            detail = f"it is never reached: switch[{seen.index(text)}] has the same condition"
            yield Finding(path, detail, "workflow.unreachable")
        elif value is False:
            yield Finding(
                path, "it is never reached: the condition is false in every run", "workflow.unreachable", "warning"
            )
        elif value is True and number + 1 < len(cases):
            detail = "the cases after it are never reached: the condition is true in every run"
            yield Finding(path, detail, "workflow.unreachable", "warning")
        seen.append(text)


def _times(spec: WorkflowSpec, node: Node) -> Iterator[Finding]:
    """What takes longer than the run may."""
    step, whole = node.spec, seconds(spec.timeout)
    if step.wait is not None and step.wait.for_ is not None and seconds(step.wait.for_) >= whole:
        detail = f"the run ends before it, after {spec.timeout}: wait less, or give the workflow a longer `timeout`"
        yield Finding((*node.place, "wait", "for"), detail, "workflow.timing", "warning")
    for number, stage in enumerate(step.approvals or ()):
        if seconds(stage.expires) > whole:
            detail = f"people would have {stage.expires}, and the run only {spec.timeout}: give the workflow a longer `timeout`, or the approval a shorter `expires`"
            yield Finding((*node.place, "approvals", number, "expires"), detail, "workflow.timing", "warning")
    given: list[tuple[Path_, str | None]] = [(("start_within",), step.start_within)]
    if step.timeout != _UNSET.timeout:
        given.append((("timeout",), step.timeout))
    if step.wait is not None:
        given.append((("wait", "timeout"), step.wait.timeout))
    for place, text in given:
        if text is not None and seconds(text) > whole:
            detail = f"it is longer than the run may take, {spec.timeout}: the run ends before"
            yield Finding((*node.place, *place), detail, "workflow.timing", "warning")


def _errors(uses: str, retry: Retry | None, path: Path_) -> Iterator[Finding]:
    """Errors that the action does not have."""
    if retry is None or uses not in registry.names(registry.ACTIONS):
        return
    if registry.problem(registry.ACTIONS, uses) is not None:
        return
    codes = (*(one.code for one in (*registry.action(uses).errors, *COMMON)), *_TIMEOUTS)
    for index, wanted in enumerate(retry.errors):
        if not any(code == wanted or code.startswith(f"{wanted}.") for code in codes):
            hint = near(wanted, codes) or f" (there are {', '.join(dict.fromkeys(codes))})"
            detail = f"{uses} does not say that it fails with {wanted}{hint}"
            yield Finding((*path, "errors", index), detail, "workflow.unknown_name", "warning")


def _undoing(plan: Plan) -> Iterator[Finding]:
    """What is done when a run fails, without anything to do it with."""
    how = plan.spec.on_failure
    if how.rollback != "none" and not any(
        one.spec.rollback or one.spec.irreversible or one.spec.run for one in plan.nodes.values()
    ):
        detail = "nothing would be undone: no step has a rollback"
        yield Finding(("on_failure", "rollback"), detail, "workflow.rollback", "warning")
    if how.pause_for is not None and not how.pause:
        detail = "it means nothing without `pause: true`"
        yield Finding(("on_failure", "pause_for"), detail, "workflow.step_form", "warning")


def _catch(node: Node) -> Iterator[Finding]:
    spec = node.spec
    if spec.try_ is not None and spec.catch is not None and not any(map(_may_fail, node.blocks[""].nodes)):
        detail = "it is never reached: no step of the `try` can fail"
        yield Finding((*node.place, "catch"), detail, "workflow.unreachable", "warning")


def _may_fail(node: Node) -> bool:
    spec = node.spec
    if spec.on_failure == "continue" and spec.if_ is None:
        return False
    if spec.set_ is not None or (spec.wait is not None and spec.wait.for_ is not None):
        return any(True for _ in plans.placed(spec)) or spec.validate is not None
    if node.blocks:
        return any(True for _ in plans.placed(spec)) or any(
            _may_fail(one) for block in node.blocks.values() for one in block.nodes
        )
    return True
