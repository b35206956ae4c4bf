"""`oncue topology`: what needs what, and what is doubtful about it."""

from typing import Any

import typer

from oncue.cli import show
from oncue.cli.server import Server

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="See what needs what, and check it."
)

Namespace = typer.Option("default", "--namespace", "-n", help="Where.")


@app.command("show")
def show_(
    name: str = typer.Argument(help="A resource or service: its name, an alias, or NAMESPACE/NAME."),
    namespace: str = Namespace,
    hops: int = typer.Option(2, "--hops", min=1, max=9, help="How far to go."),
    output: show.Format = show.Output,
) -> None:
    """Show a resource or service, what it needs and what needs it, and what fires there."""
    where, _, last = name.rpartition("/")
    with Server() as server:
        found = server.get(server.path("topology", where or namespace, last), hops=hops)
    if output is not show.Format.table:
        show.document(found, output)
        return
    rows = [
        *(_row(one["place"], "needs", one) for one in found["needs"]),
        *(_row(one["place"], "needed by", one) for one in found["needed_by"]),
    ]
    show.table(
        [_row(found["place"], "", {"hops": 0, "way": ""}), *rows],
        ("", "hops", "id", "type", "criticality", "owner", "severity", "alerts", "way"),
    )
    for link in found["missing"]:
        show.warning(f"{link['of']} {link['relation']} {link['target']}, which is not there")
    if found["truncated"]:
        show.note("There is more than is shown.")


@app.command()
def check(namespace: str = Namespace, output: show.Format = show.Output) -> None:
    """Show links that lead nowhere, and circles. Both are tolerated: what is missing may come later."""
    with Server() as server:
        found = server.get("/topology/findings", namespace=namespace)
    if output is not show.Format.table:
        show.document(found, output)
        return
    rows = [("leads nowhere", link["of"], f"{link['relation']} {link['target']}") for link in found["missing"]]
    rows += [("circle", way[0], " -> ".join([*way, way[0]])) for way in found["circles"]]
    if rows:
        show.table(rows, ("what", "of", "detail"))
    more = found["missing_total"] - len(found["missing"])
    more_said = f" ({more} of them are not shown)" if more else ""
    show.note(
        f"{found['nodes']} nodes, {found['links']} links; {found['missing_total']} lead nowhere{more_said}, "
        f"{len(found['circles'])} circles"
    )


def _row(place: dict[str, Any], what: str, reached: dict[str, Any]) -> tuple[Any, ...]:
    return (
        what, reached["hops"], place["id"], place["type"], place["criticality"], place["owner"], place["severity"],
        place["alerts_firing"], reached["way"],
    )  # fmt: skip
