"""Parts of `oncue incident` and commands of their own for work on incidents: tasks, checklists, updates, reviews, problems."""

from datetime import timedelta
from typing import Any

import typer

from oncue.cli import show
from oncue.cli.incident import Id, Why, app, done
from oncue.cli.server import Server
from oncue.core.review import SECTIONS

tasks = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Set, give and end tasks of incidents. Lists are `oncue get tasks`.",
)

TaskId = typer.Argument(help="The task's id, as `oncue get tasks` shows it.")
Text = typer.Option("", "--description", "-d", help="More about it.")


# incidents


@app.command("open")
def open_incident(
    title: str = typer.Argument(help="What is wrong."),
    service: str | None = typer.Option(None, "--service", help="The service that it is about; its owner is told."),
    resource: str | None = typer.Option(None, "--resource", help="The resource that it is about."),
    severity: str = typer.Option("major", "--severity", help="warning, minor, major or critical."),
    description: str = Text,
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="In this namespace."),
) -> None:
    """Open an incident that no alert has opened. It ends when a person resolves it."""
    given = {
        "title": title, "service": service, "resource": resource, "severity": severity, "description": description,
        "namespace": namespace,
    }  # fmt: skip
    with Server() as server:
        done(server.send("POST", "/incidents", json=_given(given)))


@app.command()
def edit(
    id: str = Id,
    title: str | None = typer.Option(None, "--title", help="What it is called from now on."),
    severity: str | None = typer.Option(None, "--severity", help="warning, minor, major or critical."),
    priority: str | None = typer.Option(None, "--priority", help="P1 to P5; it stands until it is taken back."),
    description: str | None = typer.Option(None, "--description", "-d", help="What people should know of it."),
    note: str | None = typer.Option(None, "--note", help="How a resolved one ended."),
    cause: str | None = typer.Option(None, "--cause", help="What kind of thing was behind a resolved one."),
    take_back: list[str] = typer.Option([], "--take-back", help="title, severity or priority: compute it again."),
    reason: str | None = Why,
) -> None:
    """Set what is otherwise computed, or say how it ended. What a person set stands until it is taken back."""
    given = {
        "title": title, "severity": severity, "priority": priority, "description": description, "note": note,
        "cause": cause, "take_back": take_back or None, "reason": reason,
    }  # fmt: skip
    with Server() as server:
        done(server.send("PATCH", server.path("incidents", id), json=_given(given)))


@app.command()
def respond(
    id: str = Id,
    name: str = typer.Argument(help="Who."),
    role: str = typer.Option(
        "responder", "--role", help="commander, communications, scribe, responder; none takes off."
    ),
) -> None:
    """Give someone a part in it, or take them off."""
    with Server() as server:
        wanted = {"name": name, "role": None if role == "none" else role}
        found = server.send("POST", server.path("incidents", id, "responders"), json=wanted)
    show.table(((one["role"], one["name"], show.instant(one["since"])) for one in found["responders"]),
               ("role", "name", "since"))  # fmt: skip


@app.command()
def link(
    id: str = Id,
    target: str = typer.Argument(help="An address, or an id as INC-7, TCK-2, CHG0012-3."),
    title: str = typer.Option("", "--title", help="What it is."),
    remove: bool = typer.Option(False, "--remove", help="Take the link away."),
) -> None:
    """Link it to something, or take a link away."""
    with Server() as server:
        path = server.path("incidents", id, "links")
        if remove:
            found = server.send("DELETE", path, params={"target": target})
        else:
            found = server.send("POST", path, json={"target": target, "title": title})
    show.table(((one["target"], one["title"], one["by"]) for one in found["links"]), ("target", "title", "by"))


@app.command()
def similar(id: str = Id, output: show.Format = show.Output) -> None:
    """Show past incidents that are like it, and how they ended."""
    with Server() as server:
        items = server.get(server.path("incidents", id, "similar"))["items"]
    if output is not show.Format.table:
        show.document(items, output)
        return
    rows = (
        (one["score"], one["id"], one["title"], _lasted(one["duration_s"]), one["resolved_by"],
         (one["resolution"] or {}).get("note", ""), "; ".join(one["reasons"]))
        for one in items
    )  # fmt: skip
    show.table(rows, ("score", "id", "title", "lasted", "ended by", "how", "alike"))


def _lasted(duration_s: float | None) -> str:
    if duration_s is None:
        return ""
    minutes = round(duration_s / 60)
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m"


# status updates


@app.command()
def update(
    id: str = Id,
    text: str | None = typer.Argument(None, help="What stakeholders are told."),
    template: str | None = typer.Option(None, "--template", "-t", help="The name of a StatusTemplate instead."),
    audience: list[str] = typer.Option(
        [], "--to", help="channel:NAME or team:NAME. [default: the audience of the service]"
    ),
    next_in: str | None = typer.Option(None, "--next", help="When the next one comes, as 30m; 0s promises none."),
) -> None:
    """Tell stakeholders how it stands."""
    given = {"text": text, "template": template, "audience": audience or None, "next_update_in": next_in}
    with Server() as server:
        sent = server.send("POST", server.path("incidents", id, "updates"), json=_given(given))
    to = ", ".join(sent["audience"]) or "nobody"
    following = f"; the next by {show.instant(sent['next_at'])}" if sent["next_at"] else ""
    show.done(f"{id} told {to}{following}")
    if sent["unreached"]:
        show.warning(f"nobody was told: {sent['unreached']}")


@app.command()
def updates(id: str = Id, output: show.Format = show.Output) -> None:
    """Show what stakeholders were told, newest first."""
    with Server() as server:
        items = server.get(server.path("incidents", id, "updates"))["items"]
    if output is not show.Format.table:
        show.document(items, output)
        return
    rows = ((show.instant(one["at"]), one["by"], one["state"], one["priority"], one["text"]) for one in items)
    show.table(rows, ("at", "by", "state", "priority", "text"))


@app.command()
def promise(id: str = Id, within: str = typer.Argument(help="As 30m or 2h; 0s promises none.")) -> None:
    """Promise stakeholders the next update; those who work on it are reminded."""
    with Server() as server:
        path = server.path("incidents", id, "updates", "promise")
        found = server.send("POST", path, json={"next_update_in": within})
    plan = found["updates"]
    show.done(f"{id} next update by {show.instant(plan['due_at'])}" if plan else f"{id} promises no update")


# checklists


@app.command()
def checklist(
    id: str = Id,
    add: str | None = typer.Option(None, "--add", help="The name of a Runbook whose steps are wanted."),
    output: show.Format = show.Output,
) -> None:
    """Show its checklists, or give it the steps of a runbook."""
    with Server() as server:
        path = server.path("incidents", id, "checklists")
        if add is not None:
            server.send("POST", path, json={"runbook": add})
        items = server.get(path)["items"]
    if output is not show.Format.table:
        show.document(items, output)
        return
    rows = (
        (one["id"], number, item["state"], item["title"], item["by"], show.instant(item["at"]), item["reason"])
        for one in items for number, item in enumerate(one["items"], 1)
    )  # fmt: skip
    show.table(rows, ("checklist", "step", "state", "what", "by", "at", "reason"))


@app.command()
def tick(
    checklist: str = typer.Argument(help="The checklist's id, as `oncue incident checklist` shows it."),
    step: int = typer.Argument(help="The number of the step."),
    skip: str | None = typer.Option(None, "--skip", help="Leave it out, and say why."),
    undo: bool = typer.Option(False, "--undo", help="It is open again."),
) -> None:
    """Tick a step of a checklist, skip it with a reason, or take that back."""
    state = "open" if undo else "skipped" if skip is not None else "done"
    with Server() as server:
        path = server.path("checklists", checklist, "steps", str(step))
        found = server.send("POST", path, json=_given({"state": state, "reason": skip}))
    left = sum(item["state"] == "open" for item in found["items"])
    show.done(f"{checklist} step {step} {state}; {left} of {len(found['items'])} open")


# reviews


@app.command()
def review(
    id: str = Id,
    begin: bool = typer.Option(False, "--begin", help="Begin it, with what the journal has."),
    publish: bool = typer.Option(False, "--publish", help="Publish it."),
    withdraw: bool = typer.Option(False, "--withdraw", help="Make it a draft again."),
    write: list[str] = typer.Option(
        [], "--write", help="SECTION=TEXT: summary, impact, causes, went_well, went_badly, lessons."
    ),
    action: str | None = typer.Option(None, "--action", help="Add an action that stays open until it is done."),
    assignee: str | None = typer.Option(None, "--assignee", help="Who has the action."),
    due: str | None = typer.Option(None, "--due", help="RFC 3339: by when the action is due."),
    output: show.Format = show.Output,
) -> None:
    """Show the review of an incident that is over, or work on it. The timeline is in `-o yaml`."""
    with Server() as server:
        path = server.path("incidents", id, "review")
        if begin:
            server.send("POST", path)
        if write:
            server.send("PATCH", path, json=_sections(write))
        if action is not None:
            server.send("POST", f"{path}/actions", json=_given({"title": action, "assignee": assignee, "due_at": due}))
        if publish or withdraw:
            server.send("POST", f"{path}/{'publish' if publish else 'withdraw'}")
        found = server.get(path)
    if output is not show.Format.table:
        show.document(found, output)
        return
    show.table(_reviewed(found), ("what", ""))


def _reviewed(found: dict[str, Any]) -> list[tuple[str, str]]:
    """A review in lines: what was drawn for it, what people wrote, and how much more there is."""
    drawn = found["drawn"]
    rows = [
        ("review", f"{found['id']} {found['state']}: {found['title']}"),
        ("opened", show.instant(drawn["opened_at"])),
        ("known after", _length(drawn["detect_s"])),
        ("taken after", _length(drawn["acknowledge_s"])),
        ("solved after", _length(drawn["resolve_s"])),
        ("people", ", ".join(drawn["people"])),
        ("suspects", ", ".join(one["name"] for one in drawn["suspects"])),
        ("known errors", ", ".join(drawn["known_errors"])),
        ("alerts", str(drawn["alerts_total"])),
        ("timeline", f"{show.counted(len(drawn['timeline']), 'line')}, in `-o yaml`"),
        *((section.replace("_", " "), found[section]) for section in SECTIONS),
        ("actions", ", ".join(found["actions"])),
    ]
    return [(what, said) for what, said in rows if said]


def _length(seconds: float | None) -> str:
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))


def _sections(write: list[str]) -> dict[str, str]:
    return {name.strip(): text for name, _, text in (one.partition("=") for one in write)}


# tasks


@tasks.command("add")
def add_task(
    incident: str = typer.Argument(help="The incident that it is for."),
    title: str = typer.Argument(help="What is to be done."),
    assignee: str | None = typer.Option(None, "--assignee", "-a", help="Who does it."),
    due: str | None = typer.Option(None, "--due", help="RFC 3339: by when."),
    description: str = Text,
) -> None:
    """Set a task for an incident."""
    given = {"title": title, "assignee": assignee, "due_at": due, "description": description}
    with Server() as server:
        _told(server.send("POST", server.path("incidents", incident, "tasks"), json=_given(given)))


@tasks.command("assign")
def assign_task(id: str = TaskId, to: str = typer.Argument(help='Who does it; "" is nobody.')) -> None:
    """Give it to someone."""
    with Server() as server:
        _told(server.send("PATCH", server.path("tasks", id), json={"assignee": to}))


@tasks.command("done")
def done_task(id: str = TaskId) -> None:
    """It is done."""
    _turn(id, "done", None)


@tasks.command("cancel")
def cancel_task(id: str = TaskId, reason: str | None = Why) -> None:
    """It is no longer wanted."""
    _turn(id, "cancelled", reason)


@tasks.command("reopen")
def reopen_task(id: str = TaskId, reason: str | None = Why) -> None:
    """It is to be done after all."""
    _turn(id, "open", reason)


def _turn(id: str, state: str, reason: str | None) -> None:
    with Server() as server:
        _told(server.send("POST", server.path("tasks", id, "state"), json=_given({"state": state, "reason": reason})))


def _told(task: dict[str, Any]) -> None:
    to = f", for {task['assignee']}" if task["assignee"] else ""
    due = f", due {show.instant(task['due_at'])}" if task["due_at"] else ""
    show.done(f"{task['id']} {task['state']}: {task['title']}{to}{due}")


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
