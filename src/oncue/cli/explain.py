"""`oncue explain`: why a thing is as it is, and why not otherwise."""

import typer

from oncue.cli import show
from oncue.cli.server import Server


def explain(
    kind: str = typer.Argument(help="alert, incident, run, ticket, silence, effect, monitor or policy."),
    id: str = typer.Argument(help="Its id; of a policy or monitor NAME in default, or NAMESPACE/NAME."),
    output: show.Format = show.Output,
) -> None:
    """Say why something is as it is: what led to it, which policies decided, and what did not happen."""
    if kind in ("policy", "monitor") and "/" not in id:
        id = f"default/{id}"
    with Server() as server:
        found = server.get(server.path("explain", kind, id))
    if output is not show.Format.table:
        show.document(found, output)
        return
    show.done(show.clean(found["summary"]))
    for reason in found["reasons"]:
        show.done(f"- {show.clean(reason)}")
    if found["decisions"]:
        show.done("\nDecisions")
        rows = [
            (show.instant(one["recorded_at"]), one["policy"], one["outcome"], one["reason"], one.get("detail", ""))
            for one in found["decisions"]
        ]
        show.table(rows, ("at", "policy", "outcome", "reason", "detail"))
    if found["facts"]:
        show.done("\nWhat happened")
        rows_ = [
            (show.instant(one["recorded_at"]), one["type"], one["id"], one.get("actor") or "", one["position"])
            for one in found["facts"]
        ]
        show.table(rows_, ("at", "fact", "about", "by", "position"))
