"""`oncue change`: changes, from a draft to their review. Lists are `oncue get changes`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import typer

from oncue.cli import dry_run, plan_difference, show
from oncue.cli.apply import differs
from oncue.cli.inputs import pairs
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Change the landscape under control: planned, agreed to, in waves, validated, undone if need be.",
)

ID = typer.Argument(help="The change's id, as CHG-7.")
Reason = typer.Option(None, "--reason", "-r", help="Why.")


@app.command()
def new(
    template: str = typer.Argument(help="The ChangeTemplate's name."),
    reason: str = typer.Option(..., "--reason", "-r", help="What it is for; whoever agrees reads it."),
    input: list[str] = typer.Option(
        [], "--input", "-i", help="NAME=VALUE, the value as JSON or text; may be repeated."
    ),
    target: list[str] = typer.Option(
        [], "--target", "-t", help="Only this one of the template's targets; may be repeated."
    ),
    title: str | None = typer.Option(None, "--title", help="What people call it."),
    start_at: str | None = typer.Option(None, "--start-at", help="RFC 3339: not before it."),
    deadline: str | None = typer.Option(None, "--deadline", help="RFC 3339: not begun by then, it is cancelled."),
    draft: bool = typer.Option(False, "--draft", help="Do not submit it yet."),
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="In this namespace."),
    output: show.Format = show.Output,
) -> None:
    """Draft a change by a template, and submit it. One with a plan of its own is applied as a manifest of the kind Change."""
    body = {
        "template": template, "reason": reason, "with": pairs(input), "targets": target, "title": title,
        "start_at": start_at, "deadline": deadline, "submit": not draft, "namespace": namespace,
    }  # fmt: skip
    with Server() as server:
        made = server.send("POST", "/changes", json={name: value for name, value in body.items() if value is not None})
    _say(made, output)


def _asked(plan: dict[str, Any] | None) -> str:
    """Who must agree, stage by stage."""
    stages = plan.get("approvals", ()) if plan else ()
    return ", then ".join(f"{one.get('quorum', 1)} of {', '.join(one['by'])}" for one in stages)


@app.command("show")
def shown(id: str = ID, output: show.Format = show.Output) -> None:
    """Show a change: its plan, where it is, and what its ticket says."""
    with Server() as server:
        change = server.get(server.path("changes", id))
        if output is not show.Format.table:
            show.document(change, output)
            return
        said = server.get(server.path("tickets", change["ticket"], "comments"))["items"] if change["ticket"] else []
    typer.echo(f"{change['id']}  {_state(change)}")
    plan = change["plan"]
    lines = [
        ("title", change["title"]), ("type", change["type"]), ("reason", change["reason"]), ("by", change["requester"]),
        ("template", change["template"]), ("begins", show.instant(change["starts_at"]) if change["starts_at"] else None),
        ("earliest", show.instant(change["not_before"]) if change["not_before"] and not change["starts_at"] else None),
        ("deadline", show.instant(change["deadline_at"]) if change["deadline_at"] else None),
        ("asks", _asked(plan)), ("approval", change["approval"]), ("run", change["run"]), ("ticket", change["ticket"]),
        ("plan", plan["hash"][:12] if plan else None),
        ("risk", f"{change['risk']['level'].replace('_', ' ')} ({change['risk']['score']})" if change["risk"] else None),
    ]  # fmt: skip
    for name, value in lines:
        if value:
            typer.echo(f"  {name:<9} {value}")
    for factor in change["risk"]["factors"] if change["risk"] else ():
        typer.echo(f"            +{factor['points']} {factor['name']}: {factor['said']}")
    for wave in plan["waves"] if plan else ():
        typer.echo(f"  {wave['name']:<9} {', '.join(wave['targets'])}")
    if said:
        typer.echo("\nWhat its ticket says, the newest first:")
    for one in said:
        first, *rest = one["text"].splitlines()
        typer.echo(f"  {show.instant(one['at'])}  {first}")
        for line in rest:
            typer.echo(f"    {line}")


@app.command()
def plan(
    id: str = ID,
    diff: bool = typer.Option(False, "--diff", help="What it has otherwise than an earlier plan of the change."),
    against: str | None = typer.Option(
        None,
        "--against",
        help="With --diff: that plan's hash, or how it begins. [default: the one that was agreed to last, or the one before]",
    ),
    output: show.Format = show.Output,
) -> None:
    """What it would do, target by target: a dry run of what people agree to."""
    with Server() as server:
        if diff or against is not None:
            plan_difference.shown(server.get(f"{server.path('changes', id)}/plan/difference", against=against), output)
        else:
            dry_run.shown(server.get(server.path("changes", id, "plan")), output)


@app.command()
def configuration(id: str = ID, output: show.Format = show.Output) -> None:
    """What a change of OnCue's own configuration does to each manifest."""
    with Server() as server:
        found = server.get(server.path("changes", id, "configuration"))["items"]
    if output is not show.Format.table:
        show.document(found, output)
        return
    for one in found:
        show.done(f"{one['id']}: {one['change']}")
        differs(one["diff"])
    if not found:
        show.note(f"{id} changes no configuration of OnCue's.")


@app.command()
def revert(
    id: str = ID,
    reason: str = typer.Option(..., "--reason", "-r", help="Why it is to be as it was."),
    output: show.Format = show.Output,
) -> None:
    """Propose the manifests as they were before a change of configuration."""
    _act(id, "revert", {"reason": reason}, output)


@app.command()
def submit(id: str = ID, output: show.Format = show.Output) -> None:
    """Have a draft planned, and put before those who must agree."""
    _act(id, "submit", None, output)


@app.command()
def start(id: str = ID, output: show.Format = show.Output) -> None:
    """Begin one that is agreed to, now."""
    _act(id, "start", None, output)


@app.command()
def cancel(id: str = ID, reason: str | None = Reason, output: show.Format = show.Output) -> None:
    """It is no longer wanted; one that runs is stopped and rolled back."""
    _act(id, "cancel", {"reason": reason}, output)


@app.command("break-glass")
def break_glass(
    id: str = ID,
    reason: str = typer.Option(..., "--reason", "-r", help="Why it cannot wait."),
    output: show.Format = show.Output,
) -> None:
    """Begin now, past windows, freezes and those who have not agreed, who are asked afterwards."""
    _act(id, "break-glass", {"reason": reason}, output)


@app.command()
def review(
    id: str = ID,
    code: str = typer.Argument(help="successful, successful_with_issues, unsuccessful or backed_out."),
    note: str = typer.Option("", "--note", help="What was learned."),
    output: show.Format = show.Output,
) -> None:
    """Look back on one that is over, and close it."""
    _act(id, "review", {"code": code, "note": note}, output)


@app.command()
def calendar(
    since: str | None = typer.Option(None, "--since", help="RFC 3339. [default: now]"),
    until: str | None = typer.Option(None, "--until", help="RFC 3339. [default: four weeks later]"),
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="Only this namespace."),
    output: show.Format = show.Output,
) -> None:
    """The forward schedule: changes with their time, windows and freezes, by when they begin."""
    with Server() as server:
        found = server.get("/change-calendar", since=since, until=until, namespace=namespace)
    if output is not show.Format.table:
        show.document(found, output)
        return
    rows = [
        ("change", one["starts_at"], one["ends_at"], f"{one['id']} {one['title']}", _clash(one))
        for one in found["changes"]
    ]
    for what, member in (("window", "windows"), ("freeze", "freezes")):
        rows += [
            (what, one["starts_at"], one["ends_at"], f"{one['calendar']} {one['title']}", "") for one in found[member]
        ]
    if not rows:
        typer.echo(f"Nothing is planned {f'until {until}' if until else 'within four weeks'}.")
        return
    shown = [
        (what, show.instant(begins), show.instant(ends) if ends else "-", title, clash)
        for what, begins, ends, title, clash in sorted(rows, key=lambda row: row[1])
    ]
    show.table(shown, ("what", "begins", "ends", "title", "state"))


@app.command()
def agenda(
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="Only this namespace."),
    days: int = typer.Option(7, "--days", min=1, max=90, help="How far back and ahead."),
    output: show.Format = show.Output,
) -> None:
    """The agenda of a meeting about changes: what waits for agreement, what comes, what went wrong, and what broke the glass."""
    now = datetime.now(UTC)
    first, last = (now - timedelta(days=days)).isoformat(), (now + timedelta(days=days)).isoformat()
    with Server() as server:
        found = list(server.items("/changes", 1_000, namespace=namespace, since=first))
    ill = ("unsuccessful", "backed_out", "successful_with_issues")
    parts: dict[str, list[dict[str, Any]]] = {
        "To be agreed to": [one for one in found if one["state"] in ("assess", "authorise")],
        "Coming": [one for one in found if one["state"] == "scheduled" and (one["starts_at"] or last) <= last],
        "Under way": [one for one in found if one["state"] == "implement"],
        "To be looked back on": [one for one in found if one["state"] == "review"],
        "Went wrong": [one for one in found if one["state"] == "closed" and one["close_code"] in ill],
        "By broken glass": [one for one in found if one["glass"]],
    }
    if output is not show.Format.table:
        show.document(parts, output)
        return
    for title, changes in parts.items():
        typer.echo(f"{title}: {len(changes) or 'none'}")
        for one in changes:
            risk = f", risk {one['risk']['level'].replace('_', ' ')} ({one['risk']['score']})" if one["risk"] else ""
            typer.echo(f"  {one['id']}  {one['title']} ({one['type']}{risk}, {show.stands(one)}), {one['requester']}")
            if one["said"]:
                typer.echo(f"      {one['said']}")


def _clash(change: dict[str, Any]) -> str:
    said = [show.stands(change)]
    if change["conflicts"]:
        said.append(f"with {', '.join(change['conflicts'])}")
    if change["owner_busy"]:
        said.append(f"its owner with {', '.join(change['owner_busy'])} as well")
    return ", ".join(said)


def _act(id: str, verb: str, body: dict[str, Any] | None, output: show.Format) -> None:
    with Server() as server:
        made = server.send("POST", f"{server.path('changes', id)}/{verb}", json=body)
    _say(made, output)


def _say(change: dict[str, Any], output: show.Format) -> None:
    if output is not show.Format.table:
        show.document(change, output)
    else:
        show.done(f"{change['id']} {_state(change)}")


def _state(change: dict[str, Any]) -> str:
    state = show.stands(change)
    if change["close_code"]:
        state += f" ({change['close_code'].replace('_', ' ')})"
    return f"{state}: {change['said']}" if change["said"] else state
