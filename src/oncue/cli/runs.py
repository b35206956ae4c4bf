"""`oncue runs`: why a run does not move, and what people do with runs."""

from datetime import datetime
from typing import Any

import typer

from oncue.cli import inputs, show
from oncue.cli.following import waits_said
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Runs of workflows: how far one is, why it does not move; pause, resume, cancel, retry, skip, fork. "
    "All of them: `oncue get runs`.",
)

RUN = typer.Argument(help="The run's id.")
REASON = typer.Option(None, "--reason", "-r", help="Why; it stays on record.")


@app.command("show")
def show_one(run: str = RUN, output: show.Format = show.Output) -> None:
    """One run: what started it, how each step went, and under it what earlier attempts came to. All that is kept of it, with every
    attempt, up to 500: `-o yaml`."""
    with Server() as server:
        one = server.get(server.path("runs", run))
        tried = server.get(server.path("runs", run, "attempts"))
    one["attempts"], one["more_attempts"] = tried["items"], tried["more"]
    if output is not show.Format.table:
        show.document(one, output)
        return
    reason = f": {one['reason']}" if one["reason"] else ""
    show.done(show.clean(f"{one['id']} {one['state'].replace('_', ' ')}{reason}"))
    show.done(
        f"  {one['namespace']}/{one['workflow']}, begun {show.instant(one['created_at'])} by {_trigger(one['trigger'])}"
    )
    for name, value in one["inputs"].items():
        show.done(show.clean(f"  {name}={inputs.shown(value)}"))
    rows = []
    for step in one["steps"]:
        rows.append(_row(step, step["address"], _said(step)))
        rows += [_row(tried, "  earlier", _came_to(tried)) for tried in _earlier(step, one["attempts"])]
    if rows:
        show.table(rows, ("step", "state", "attempt", "took", "said"), wrap=True)
    if one["more_steps"]:
        show.note(f"It has more steps than these {len(one['steps'])}.")
    if one["more_attempts"]:
        show.note(f"There were more attempts than the newest {len(one['attempts'])}, which were looked at.")


def _said(step: dict[str, Any]) -> str | None:
    """What there is to say of how a step stands."""
    if step.get("settled"):
        return f"settled by hand: {step['settled']}"
    said: str | None = step.get("reason") or step.get("awaits")
    return f"tried again when the run goes on, as {step['again_by']} asked; {said}" if step.get("again_by") else said


def _row(one: dict[str, Any], name: str, said: str | None) -> tuple[Any, ...]:
    took = show.took(one.get("started_at"), one.get("ended_at"))
    return name, one["state"], one.get("attempt"), took, said


def _earlier(step: dict[str, Any], attempts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The attempts at a step before the one that its own row tells of."""
    tried = [one for one in attempts if one["step"] == step["address"] and not one["look"]]
    if tried and tried[-1]["next_try_at"] is None and step["state"] != "skipped" and _since(step, tried[-1]):
        tried.pop()
    return tried


def _since(step: dict[str, Any], attempt: dict[str, Any]) -> bool:
    """Whether the attempt ended after the step began, and not before somebody had it tried again."""
    began = step.get("started_at")
    return began is not None and datetime.fromisoformat(attempt["ended_at"]) >= datetime.fromisoformat(began)


def _came_to(attempt: dict[str, Any]) -> str:
    """As `http.connect: nobody listens, worker-a-12`."""
    said = ": ".join(filter(None, (attempt["error_code"], attempt["reason"])))
    return ", ".join(filter(None, (said, attempt["worker"])))


@app.command()
def why(run: str = RUN, output: show.Format = show.Output) -> None:
    """What the run waits for, since when, and what would take it on."""
    with Server() as server:
        found = server.get(server.path("runs", run, "why"))
    if output is not show.Format.table:
        show.document(found, output)
        return
    if any(one["code"] == "over" for one in found["waits"]):
        typer.echo(f"{found['run']}: {found['waits'][0]['what']}")
        return
    typer.echo(f"{found['run']} is {found['state'].replace('_', ' ')}")
    for one in found["waits"]:
        typer.echo(f"  {one['step'] or 'run'}: {waits_said(one)}")


@app.command()
def pause(run: str = RUN, reason: str | None = REASON) -> None:
    """Begin nothing more of it; what is under way ends. Approvals still expire, and waits still end."""
    _do(run, "pause", {"reason": reason})
    with Server() as server:
        waits = server.get(server.path("runs", run, "why"))["waits"]
    for one in waits:
        if one["code"] in ("approval", "event", "time") and one.get("until"):
            then = f"; then {one['then']}" if one.get("then") else ""
            show.note(
                f"Its time runs on while the run is paused: {one['step']} until {show.instant(one['until'])}{then}."
            )


@app.command()
def resume(run: str = RUN, reason: str | None = REASON) -> None:
    """Go on with a run that was paused."""
    _do(run, "resume", {"reason": reason})


@app.command()
def cancel(
    run: str = RUN,
    reason: str | None = REASON,
    rollback: bool = typer.Option(False, "--rollback", help="Undo what it did, the last thing first."),
    at_once: bool = typer.Option(False, "--at-once", help="Leave out what is under `finally`, or end it where it is."),
) -> None:
    """Stop a run; steps that have begun are told to stop, and what is under `finally` is done."""
    now = _do(run, "cancel", {"reason": reason, "rollback": rollback, "at_once": at_once})
    if now["state"] == "running":
        show.note(
            f"It was stopped, and still does what is under `finally`. To end it at once: oncue runs cancel {run} --at-once"
        )


@app.command()
def retry(
    run: str = RUN, step: str = typer.Argument(help="The step's address, as others[host-1]/check."), reason: str | None = REASON
) -> None:  # fmt: skip
    """Try a step again that failed in a run that is paused, or what a rollback stopped at."""
    _do(run, "retry", {"step": step, "reason": reason})


@app.command()
def skip(
    run: str = RUN, step: str = typer.Argument(help="The step's address."),
    reason: str = typer.Option(..., "--reason", "-r", help="Why; it stays on record."),
) -> None:  # fmt: skip
    """Pass over a step that waits or failed, or say that what could not be undone is settled."""
    _do(run, "skip", {"step": step, "reason": reason})


@app.command()
def fork(
    run: str = RUN, step: str = typer.Argument(help="The id of an outermost step: from this one on it is run anew."),
    input: list[str] = typer.Option([], "--input", "-i", help="NAME=VALUE instead of what the run had; may be repeated."),
    hidden: list[str] = inputs.Hidden,
    again: bool = typer.Option(False, "--again", help="Do again what is before it and cannot be taken over, as loops."),
) -> None:  # fmt: skip
    """Run the workflow anew from a step on, with what the steps before it came to. What the run had and was not written
    down is asked for again."""
    with Server() as server:
        had = server.get(server.path("runs", run)).get("inputs", {})
        forgotten = [name for name, value in had.items() if inputs.shown(value) == inputs.CONCEALED]
        given = inputs.gathered(input, hidden, lambda: inputs.needing(forgotten))
        body = {"step": step, "inputs": {**had, **given} if given else None, "again": again}
        forked = server.send("POST", server.path("runs", run, "fork"), json=body)
    show.done(f"{forked['id']} {forked['state']}")


def _trigger(trigger: dict[str, Any]) -> str:
    """As `policy default/busy-cpu@1`, `schedule nightly`, and by hand the one who asked for it, `user:basis-1`."""
    named = (trigger[name] for name in ("policy", "trigger", "request", "run", "actor") if trigger.get(name))
    kind = trigger.get("kind", "event")
    return f"{'' if kind == 'manual' else kind} {next(named, '')}".strip() or kind


def _do(run: str, verb: str, given: dict[str, Any]) -> dict[str, Any]:
    """What the run is afterwards, which is printed."""
    body = {name: value for name, value in given.items() if value is not None}
    with Server() as server:
        now: dict[str, Any] = server.send("POST", server.path("runs", run, verb), json=body)
    show.done(f"{now['id']} {now['state'].replace('_', ' ')}")
    return now
