"""`oncue tail`: follows what happens."""

import time
from typing import Any

import msgspec
import typer

from oncue.cli import show
from oncue.cli.server import Server
from oncue.core.errors import Refusal


def tail(
    type: list[str] = typer.Option([], "--type", help="Only these types, as oncue.alert.*; may be given again."),
    namespace: str | None = typer.Option(None, "--namespace", "-n", help="Only this namespace."),
    since: str | None = typer.Option(None, "--since", help="Start after this cursor, as `position` in lists."),
    count: int | None = typer.Option(None, "--count", min=1, help="End after so many."),
    output: show.Format = show.Output,
) -> None:
    """Follow facts as they are committed, until Ctrl-C. A broken connection is resumed where it broke."""
    seen = 0
    cursor = since
    with Server() as server:
        started = False
        while True:
            try:
                for id, event, data in server.stream(cursor, types=",".join(type) or None, namespace=namespace):
                    started = True
                    cursor = id or cursor
                    if event == "reset":
                        show.note("Some facts are past retention and are not shown.")
                    elif event == "message":
                        _print(msgspec.json.decode(data), output)
                        seen += 1
                        if seen == count:
                            return
            except Refusal as refusal:
                if refusal.code != "server.unreachable" or not started:
                    raise
                show.note(f"{refusal.detail}; trying again")
            time.sleep(1)


def _print(fact: dict[str, Any], output: show.Format) -> None:
    if output is show.Format.json:
        print(msgspec.json.encode(fact).decode(), flush=True)
    elif output is show.Format.yaml:
        print("---\n" + show.as_yaml(fact), end="", flush=True)
    else:
        data = fact["event"].get("data")
        title = (data.get("title") or data.get("detail") or "") if isinstance(data, dict) else ""
        at = show.instant(fact["recorded_at"])
        line = f"{at}  {fact['type']:<32}  {fact['id']:<14}  {title or fact['event'].get('title') or ''}"
        print(show.clean(line).rstrip(), flush=True)
