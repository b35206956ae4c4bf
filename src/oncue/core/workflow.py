"""The run state machine: steps in sequence, each a step of state, not of code.

A run pins the content of its workflow at start. What acts outside becomes an effect; what acts inside OnCue
(`alert.enrich`, `event.emit`, `ticket.create`, `ticket.transition`, `incident.comment`) is done in the same pass. A failed
step ends the run unless it says `on_failure: continue`.
"""

import hashlib
from typing import Any, Final

import msgspec

from oncue.core import enrichment, incidents, outbox, tickets
from oncue.core.alert import Alert
from oncue.core.asking import Asked
from oncue.core.duration import seconds
from oncue.core.effect import Effect, EffectClass, EffectResult
from oncue.core.errors import Refusal
from oncue.core.expression import Failed, activation, evaluate, holds, render, spoken, stored
from oncue.core.incident import Incident
from oncue.core.inputs import complete
from oncue.core.manifest import Manifest, StepSpec, WorkflowSpec
from oncue.core.run import Run, Step
from oncue.core.ticket import TRANSITIONS
from oncue.core.tx import Tx

INTERNAL: Final = ("alert.enrich", "event.emit", "ticket.create", "ticket.transition", "incident.comment")
"""Actions that the engine does itself."""

CLASS_OF: Final[dict[str, EffectClass]] = {
    "email.send": "idempotent",
    "sapcontrol.query": "pure",
    "sapcontrol.restart": "check-first",
    "sapcontrol.start": "check-first",
    "sapcontrol.stop": "check-first",
}
"""What a crash in the middle of an action may mean, where it does not depend on the inputs."""

STORED_LIMIT: Final = 16 * 1024
"""Bytes of a step's result that the run keeps."""


def start(
    tx: Tx,
    workflow: Manifest,
    inputs: dict[str, Any],
    trigger: dict[str, Any],
    *,
    alert: Alert | None = None,
    incident: Incident | None = None,
) -> Run:
    """Start a run and take it as far as it goes. Raises `Refusal` workflow.inputs_invalid."""
    spec = msgspec.convert(workflow.spec, WorkflowSpec)
    given = complete(spec.inputs, stored(inputs))
    run = Run(
        id=tx.new_id("run"),
        namespace=workflow.namespace,
        workflow=workflow.name,
        workflow_hash=workflow.hash,
        definition=workflow.spec,
        state="running",
        reason=None,
        inputs=given,
        trigger=trigger,
        steps=tuple(Step(address=step.id, uses=step.uses) for step in spec.steps),
        started_at=tx.now,
        updated_at=tx.now,
        incident=incident.id if incident is not None else None,
        alert=alert.id if alert is not None else None,
        service=alert.service if alert is not None else None,
        resource=alert.resource if alert is not None else None,
    )
    tx.timer_after(f"run.deadline/{run.id}", seconds(spec.timeout))
    run.deadline_at = tx.state.timers.by_key[f"run.deadline/{run.id}"].due_at
    _run_fact(tx, run, "oncue.run.started")
    if incident is not None:
        incidents.link(tx, incident, run=run.id)
    advance(tx, run)
    return run


def advance(tx: Tx, run: Run) -> None:
    """Take the run on until it waits for an effect, a time, or has ended."""
    spec = msgspec.convert(run.definition, WorkflowSpec)
    for index, step_spec in enumerate(spec.steps):
        step = run.steps[index]
        if step.state in ("succeeded", "skipped") or (step.state == "failed" and step_spec.on_failure == "continue"):
            continue
        if step.state in ("running", "waiting"):
            return
        if step.state in ("failed", "unknown"):
            _end(tx, run, "failed", f"step {step.address} {step.state}: {step.reason or 'no reason given'}")
            return
        step = _begin(tx, run, index, step_spec)
        if step.state in ("running", "waiting"):
            return
        if step.state == "failed" and step_spec.on_failure == "fail":
            _end(tx, run, "failed", f"step {step.address} failed: {step.reason}")
            return
    _end(tx, run, "succeeded", None)


def scope(tx: Tx, run: Run, **more: Any) -> Any:
    """What a workflow's expressions see."""
    variables: dict[str, Any] = {
        "inputs": run.inputs,
        "steps": {step.address: _view(step) for step in run.steps},
        "run": {"id": run.id, "workflow": run.workflow, "namespace": run.namespace, "started_at": run.started_at},
        "now": tx.now,
    }
    incident = tx.state.incidents.get(run.incident or "")
    if incident is not None:
        variables["incident"] = plain(incident)
    alert = tx.state.alerts.get(run.alert or "")
    if alert is not None:
        variables["alert"] = plain(alert)
    event = run.trigger.get("event_view")
    if event is not None:
        variables["event"] = event
    return activation({**variables, **more}, Asked(tx.state, run.namespace))


def plain(entity: Any) -> Any:
    """An entity as expressions see it: what it does not have is absent, so that has() can say so."""
    return {key: value for key, value in stored(entity).items() if value is not None}


def _view(step: Step) -> dict[str, Any]:
    view: dict[str, Any] = {"state": step.state, "outputs": step.outputs, "attempt": step.attempt}
    if step.result is not None:
        view["result"] = step.result
    if step.error_code is not None:
        view["error"] = {"code": step.error_code, "detail": step.reason or ""}
    return view


def _begin(tx: Tx, run: Run, index: int, spec: StepSpec) -> Step:
    names = scope(tx, run)
    try:
        if spec.if_ is not None and not holds(spec.if_, names):
            return _set(tx, run, index, "oncue.step.skipped", state="skipped", reason=f"if is false: {spec.if_}",
                        ended_at=tx.now)  # fmt: skip
        inputs = stored(render(spec.with_, names))
    except Failed as failure:
        return _set(tx, run, index, "oncue.step.failed", state="failed", reason=str(failure),
                    error_code="expression.failed", ended_at=tx.now)  # fmt: skip
    if spec.uses in INTERNAL:
        return _inside(tx, run, index, spec, inputs)
    step = _set(
        tx, run, index, "oncue.step.started", state="running", inputs=inputs, attempt=1, started_at=tx.now, reason=None
    )
    effect = outbox.request(
        tx, namespace=run.namespace, kind="action", uses=spec.uses, payload=inputs,
        effect_class=effect_class(spec.uses, inputs), timeout_s=seconds(spec.timeout),
        retry=spec.retry or outbox.NO_RETRY, incident=run.incident, alert=run.alert, run=run.id, step=step.address,
    )  # fmt: skip
    return _set(tx, run, index, None, effect=effect.id)


def effect_class(uses: str, inputs: dict[str, Any]) -> EffectClass:
    """What a crash in the middle of this action may mean. An action may be told with `effect_class`."""
    told = inputs.get("effect_class")
    if told in ("pure", "idempotent", "check-first", "at-most-once"):
        return told  # type: ignore[no-any-return]
    if uses == "http.request":
        method = str(inputs.get("method", "GET")).upper()
        if method in ("GET", "HEAD", "OPTIONS"):
            return "pure"
        return "idempotent" if method in ("PUT", "DELETE") else "at-most-once"
    return CLASS_OF.get(uses, "at-most-once")


def on_result(tx: Tx, effect: Effect, result: EffectResult, final: bool) -> None:
    """An effect of a step has reported."""
    run = tx.state.runs.get(effect.run or "")
    if run is None:
        return
    index = next((i for i, step in enumerate(run.steps) if step.effect == effect.id), None)
    if index is None:
        return
    if not final:
        _set(tx, run, index, "oncue.step.retrying", state="waiting", attempt=effect.attempt, reason=effect.reason,
             error_code=result.error_code, next_try_at=effect.not_before_at)  # fmt: skip
        return
    spec = msgspec.convert(run.definition, WorkflowSpec).steps[index]
    if effect.state == "succeeded":
        _succeed(tx, run, index, spec, result.result)
    else:
        state = "unknown" if effect.state == "unknown" else "failed"
        _set(tx, run, index, "oncue.step.failed", state=state, reason=effect.reason, result=_bounded(result.result),
             error_code=result.error_code or "unknown", ended_at=tx.now, next_try_at=None)  # fmt: skip
    advance(tx, run)


def _succeed(tx: Tx, run: Run, index: int, spec: StepSpec, result: Any) -> Step:
    try:
        names = scope(tx, run, result=result)
        outputs = {name: stored(evaluate(text, names)) for name, text in sorted(spec.outputs.items())}
    except Failed as failure:
        return _set(tx, run, index, "oncue.step.failed", state="failed", reason=str(failure), result=_bounded(result),
                    error_code="expression.failed", ended_at=tx.now)  # fmt: skip
    return _set(tx, run, index, "oncue.step.succeeded", state="succeeded", result=_bounded(result), outputs=outputs,
                reason=None, error_code=None, ended_at=tx.now, next_try_at=None)  # fmt: skip


def _bounded(result: Any) -> Any:
    if len(msgspec.json.encode(result)) <= STORED_LIMIT:
        return result
    return {"truncated": True, "text": msgspec.json.encode(result)[:STORED_LIMIT].decode(errors="replace")}


def _inside(tx: Tx, run: Run, index: int, spec: StepSpec, inputs: dict[str, Any]) -> Step:
    _set(tx, run, index, "oncue.step.started", state="running", inputs=inputs, attempt=1, started_at=tx.now)
    try:
        result = _do_inside(tx, run, spec.uses, inputs)
    except Refusal as refusal:
        return _set(tx, run, index, "oncue.step.failed", state="failed", reason=refusal.detail,
                    error_code=refusal.code, ended_at=tx.now)  # fmt: skip
    return _succeed(tx, run, index, spec, result)


def _do_inside(tx: Tx, run: Run, uses: str, inputs: dict[str, Any]) -> Any:
    if uses == "event.emit":
        return _emit(tx, run, inputs)
    if uses == "alert.enrich":
        return enrichment.by_run(tx, run.id, run.namespace, run.alert, inputs)
    if uses == "ticket.transition":
        return _move_ticket(tx, run, inputs)
    incident = tx.state.incidents.get(str(inputs.get("incident") or run.incident or ""))
    if incident is not None and incident.namespace != run.namespace:
        incident = None
    if incident is None and inputs.get("incident"):
        raise Refusal("incident.not_found", f"{inputs['incident']} is not there, or is closed")
    if uses == "incident.comment":
        if incident is None:
            raise Refusal("incident.not_found", "the run belongs to no open incident, and none is given")
        remark = incidents.comment(tx, incident, spoken(inputs.get("text", "")), f"run:{run.id}")
        return {"comment": remark.id, "incident": incident.id}
    ticket = tickets.create(
        tx, namespace=run.namespace, type=str(inputs.get("type", "incident")),
        title=spoken(inputs.get("title") or (incident.title if incident else run.workflow)),
        description=spoken(inputs.get("description", "")), opened_by=f"run:{run.id}",
        severity=incident.severity if incident else None, priority=incident.priority if incident else None,
        service=run.service, resource=run.resource, incident=incident.id if incident else None, run=run.id,
    )  # fmt: skip
    if incident is not None:
        incidents.link(tx, incident, ticket=ticket.id)
    return {"ticket": ticket.id}


def _move_ticket(tx: Tx, run: Run, inputs: dict[str, Any]) -> Any:
    ticket = tx.state.tickets.get(str(inputs.get("ticket")))
    if ticket is None or ticket.namespace != run.namespace:
        raise Refusal("ticket.not_found", f"{inputs.get('ticket')} is not there, or is closed")
    if inputs.get("comment"):
        tickets.comment(tx, ticket, spoken(inputs["comment"]), f"run:{run.id}")
    wanted = inputs.get("state")
    if wanted not in TRANSITIONS:
        raise Refusal("ticket.state", f"{wanted!r} is no state; there are {', '.join(TRANSITIONS)}")
    if ticket.state != wanted:
        tickets.transition(tx, ticket, wanted)
    return {"ticket": ticket.id, "state": ticket.state}


def _emit(tx: Tx, run: Run, inputs: dict[str, Any]) -> Any:
    type = inputs.get("type")
    if not isinstance(type, str) or not type or type.startswith("oncue."):
        raise Refusal("event.type_reserved", f"event.emit cannot emit the type {type!r}")
    document: dict[str, Any] = {"type": type, "namespace": run.namespace}
    for name in ("subject", "severity", "resource", "service", "check", "fingerprint", "title"):
        if inputs.get(name) is not None:
            document[name] = spoken(inputs[name])
    labels = inputs.get("labels")
    if isinstance(labels, dict):
        named = {str(key): spoken(value) for key, value in sorted(labels.items())}
        document["labels"] = msgspec.json.encode(named).decode()
    if inputs.get("data") is not None:
        document["datacontenttype"] = "application/json"
        document["data"] = inputs["data"]
    derived = tx.emit(document, refs=(("run", run.id),))
    return {"event": derived.event_id}


def _set(tx: Tx, run: Run, index: int, type: str | None, **changes: Any) -> Step:
    tx.touch(run)
    step = msgspec.structs.replace(run.steps[index], **changes)
    run.steps = (*run.steps[:index], step, *run.steps[index + 1 :])
    run.updated_at = tx.now
    if type is not None:
        refs = [("run", run.id), ("incident", run.incident), ("alert", run.alert)]
        tx.fact(
            type, "step", step, id=f"{run.id}/{step.address}", namespace=run.namespace,
            refs=tuple((kind, id) for kind, id in refs if id is not None),
        )  # fmt: skip
    tx.save("run", run)
    return step


def _end(tx: Tx, run: Run, state: Any, reason: str | None) -> None:
    tx.touch(run)
    run.state = state
    run.reason = reason
    run.ended_at = tx.now
    tx.cancel(f"run.deadline/{run.id}")
    _run_fact(tx, run, f"oncue.run.{state}", live=False)
    if "lane" in run.trigger:
        tx.timer(f"lane.free/{run.trigger['lane']}", tx.now)


def cancel(tx: Tx, run: Run, reason: str) -> None:
    """Stop the run: what it waits for is no longer wanted."""
    _stop(tx, run, reason)
    _end(tx, run, "cancelled", reason)


def overdue(tx: Tx, run: Run) -> None:
    """The run's time is up."""
    _stop(tx, run, "the run's time is up")
    _end(tx, run, "failed", "timeout: the run's time is up")


def _stop(tx: Tx, run: Run, reason: str) -> None:
    for index, step in enumerate(run.steps):
        if step.state in ("running", "waiting"):
            effect = tx.state.effects.get(step.effect or "")
            if effect is not None:
                outbox.cancel(tx, effect, reason)
            _set(tx, run, index, "oncue.step.failed", state="failed", reason=reason, error_code="cancelled",
                 ended_at=tx.now)  # fmt: skip


def _run_fact(tx: Tx, run: Run, type: str, live: bool = True) -> None:
    run.updated_at = tx.now
    refs = [("incident", run.incident), ("alert", run.alert)]
    tx.fact(
        type, "run", run, refs=tuple((kind, id) for kind, id in refs if id is not None),
        resource=run.resource, service=run.service,
    )  # fmt: skip
    tx.save("run", run, live)


def content_hash(document: Any) -> str:
    """SHA-256 of the canonical JSON of a document."""
    return hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest()
