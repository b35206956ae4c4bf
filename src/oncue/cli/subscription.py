"""`oncue subscription`: consumers of events, how far each is, and what it did not take."""

import time
from typing import Any, Final

import msgspec
import typer

from oncue.cli import show
from oncue.cli.server import Server
from oncue.core.errors import Refusal

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="See and steer who consumes events."
)

Name = typer.Argument(..., help="A subscription: its name, or NAMESPACE/NAME.")
Namespace = typer.Option(None, "--namespace", "-n", help="Of the subscription. [default: default]")
Reason = typer.Option(None, "--reason", help="Why, for the journal.")

ACK_EVERY_S: Final = 1.0


@app.command("list")
def list_(
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="Only this namespace."),
    output: show.Format = show.Output,
) -> None:
    """List subscriptions: how each is, and how far behind."""
    with Server() as server:
        items = server.get("/subscriptions", namespace=namespace)["items"]
    if output is not show.Format.table:
        show.document(items, output)
        return
    show.table(
        (
            [one["namespace"], one["name"], one["delivery"], one["state"], _behind(one), one["delivered"],
             one["dead_letters"], show.ago(one["last_delivered_at"]), _why(one)]
            for one in items
        ),
        ("namespace", "name", "delivery", "state", "behind", "delivered", "dead letters", "last", "why"),
    )  # fmt: skip
    if not items:
        show.note("There are no subscriptions.")


@app.command("show")
def show_(name: str = Name, namespace: str | None = Namespace, output: show.Format = show.Output) -> None:
    """Show a subscription: its place, what waits, and what went wrong last."""
    with Server() as server:
        _shown(server.get(_path(server, name, namespace)), output)


@app.command()
def pause(
    name: str = Name, namespace: str | None = Namespace, reason: str | None = Reason, output: show.Format = show.Output
) -> None:
    """Deliver nothing until it is resumed. Its place is kept."""
    _steer("pause", name, namespace, output, {"reason": reason})


@app.command()
def resume(
    name: str = Name, namespace: str | None = Namespace, reason: str | None = Reason, output: show.Format = show.Output
) -> None:
    """Go on where it was: after a pause, after the consumer wanted no more, or without waiting for the next try."""
    _steer("resume", name, namespace, output, {"reason": reason})


@app.command()
def seek(
    name: str = Name,
    position: str | None = typer.Option(None, "--position", help="Go on after this cursor, as 0-1234."),
    at: str | None = typer.Option(None, "--at", help="Go on with what was recorded from this instant on."),
    now: bool = typer.Option(False, "--now", help="Skip all that waits."),
    earliest: bool = typer.Option(False, "--earliest", help="Deliver again all that the journal has."),
    namespace: str | None = Namespace,
    reason: str | None = Reason,
    output: show.Format = show.Output,
) -> None:
    """Go on elsewhere: what lies before is skipped, what lies after is delivered, be it again."""
    to = "now" if now else "earliest" if earliest else None
    if [position, at, to].count(None) != 2 or (now and earliest):
        raise typer.BadParameter("give one of --position, --at, --now and --earliest")
    _steer("seek", name, namespace, output, {"position": position, "at": at, "to": to, "reason": reason})


@app.command("test")
def try_(
    name: str = Name,
    namespace: str | None = Namespace,
    wait: float = typer.Option(10.0, "--wait", min=0, help="Seconds in which it should be settled."),
) -> None:
    """Send an event to this consumer alone, after all that waits, and see what becomes of it."""
    with Server() as server:
        path = _path(server, name, namespace)
        sent = server.send("POST", f"{path}/test", json={})
        ends_at = time.monotonic() + wait
        while True:
            found = server.get(path)
            if _number(found["settled"]) >= _number(sent["position"]):
                break
            if time.monotonic() > ends_at:
                show.note(
                    f"not settled within {wait:g} s; the subscription is {found['state']}. {found['last_error'] or ''}"
                )
                raise typer.Exit(1)
            time.sleep(0.2)
        letters = server.items(f"{path}/dead-letters", 1, state="waiting")
        dead = next((one for one in letters if one["event_position"] == sent["position"]), None)
    if dead is not None:
        show.note(f"not taken: {dead['code']}: {dead['detail']}")
        raise typer.Exit(1)
    show.done(f"{sent['position']} was taken")


def _number(cursor: str) -> int:
    return int(cursor.partition("-")[2])


@app.command("dead-letters")
def dead_letters(
    name: str = Name,
    namespace: str | None = Namespace,
    all_: bool = typer.Option(False, "--all", help="Those that were redriven, too."),
    limit: int = typer.Option(50, "--limit", min=1, help="How many at most."),
    output: show.Format = show.Output,
) -> None:
    """List events that the consumer did not take, newest first."""
    with Server() as server:
        path = f"{_path(server, name, namespace)}/dead-letters"
        items = list(server.items(path, limit, state=None if all_ else "waiting"))
    if output is not show.Format.table:
        show.document(items, output)
        return
    show.table(
        (
            [one["event_position"], one["type"], one["event_id"], one["state"], one["attempts"],
             show.instant(one["created_at"]), f"{one['code']}: {one['detail']}".strip(": ")]
            for one in items
        ),
        ("position", "type", "id", "state", "attempts", "at", "why"),
    )  # fmt: skip
    if not items:
        show.note("There are no dead letters.")


@app.command()
def redrive(
    name: str = Name,
    positions: list[str] = typer.Argument(None, help="Positions of dead letters, as 0-1234."),
    all_: bool = typer.Option(False, "--all", help="All that wait."),
    namespace: str | None = Namespace,
) -> None:
    """Deliver dead letters again."""
    if bool(positions) is all_:
        raise typer.BadParameter("name positions, or give --all")
    with Server() as server:
        path = f"{_path(server, name, namespace)}/dead-letters/redrive"
        found = server.send("POST", path, json={"all": True} if all_ else {"positions": positions})
    show.done(f"{found['redriven']} on their way again, {found['waiting']} left")


@app.command()
def tail(
    name: str = Name,
    namespace: str | None = Namespace,
    since: str | None = typer.Option(None, "--since", help="After this cursor, instead of where it stands."),
    ack: bool = typer.Option(False, "--ack", help="Acknowledge what was printed, so that it goes on there next time."),
    count: int | None = typer.Option(None, "--count", min=1, help="End after so many."),
) -> None:
    """Read a subscription that is a stream: an event a line, as JSON, until Ctrl-C. A broken connection is resumed."""
    cursor, seen, started = since, 0, False
    acked, acked_at = cursor, 0.0
    with Server() as server:
        path = _path(server, name, namespace)
        try:
            while count is None or seen < count:
                try:
                    for id, event, data in server.stream(cursor, f"{path}/events"):
                        started = True
                        cursor = id or cursor
                        if event == "gap":
                            show.note(f"Past retention, and not to be had: {data.decode()}")
                        elif event == "message":
                            print(data.decode(), flush=True)
                            seen += 1
                        if ack and cursor != acked and time.monotonic() - acked_at > ACK_EVERY_S:
                            server.send("POST", f"{path}/ack", json={"position": cursor})
                            acked, acked_at = cursor, time.monotonic()
                        if seen == count:
                            break
                except Refusal as refusal:
                    if refusal.code != "server.unreachable" or not started:
                        raise
                    show.note(f"{refusal.detail}; trying again")
                if count is None or seen < count:
                    time.sleep(1)
        finally:
            if ack and cursor is not None and cursor != acked:
                server.send("POST", f"{path}/ack", json={"position": cursor})


def _path(server: Server, name: str, namespace: str | None) -> str:
    where, _, last = name.rpartition("/")
    return server.path("subscriptions", where or namespace or "default", last)


def _steer(how: str, name: str, namespace: str | None, output: show.Format, body: dict[str, Any]) -> None:
    given = {key: value for key, value in body.items() if value is not None}
    with Server() as server:
        _shown(server.send("POST", f"{_path(server, name, namespace)}/{how}", json=given), output)


def _shown(one: dict[str, Any], output: show.Format) -> None:
    if output is not show.Format.table:
        show.document(one, output)
        return
    rows = [
        ("name", one["id"]),
        ("delivery", f"webhook {one['url']} ({one['mode']})" if one["url"] else "stream"),
        ("events", f"{one['events']} {msgspec.json.encode(one['match']).decode()}"),
        ("state", f"{one['state']} since {show.instant(one['since'])}"),
        ("why", _why(one)),
        ("place", f"{one['settled']}, {_behind(one) or 'nothing'} behind"),
        ("delivered", f"{one['delivered']}, last {show.instant(one['last_delivered_at']) or 'never'}"),
        ("next try", show.instant(one["next_try_at"])),
        ("last error", f"{show.instant(one['last_error_at'])} {one['last_error']}" if one["last_error"] else ""),
        ("dead letters", f"{one['dead_letters']}, {one['redriving']} on their way again"),
        ("gaps", one["gaps"] or ""),
    ]
    show.table(((key, value) for key, value in rows if value != ""), ("what", ""))


def _behind(one: dict[str, Any]) -> str:
    """What is known of how far behind it is: `30 events, 4 s`."""
    if one["behind_events"] is None:
        return f"{one['behind_records']} records" if one["behind_records"] else ""
    return f"{one['behind_events']} events, {one['behind_s']:.0f} s" if one["behind_events"] else ""


def _why(one: dict[str, Any]) -> str:
    return f"{one['error_code']}: {one['detail']}" if one["error_code"] else ""
