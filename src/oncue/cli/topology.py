"""`oncue topology`: what needs what, what is doubtful about it, and where it comes from."""

from pathlib import Path
from typing import Any, Final

import msgspec
import typer
from rich.markup import escape

from oncue.cli import show
from oncue.cli.server import Server
from oncue.core.errors import Refusal
from oncue.manifests import imported, servicenow, topology_csv

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="See what needs what, check it, import it."
)

BATCH: Final = 500
"""Manifests that are applied at once."""

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


@app.command("import")
def import_(
    file: list[Path] = typer.Argument(help="CSV with a column `name`, or tables of a ServiceNow CMDB as CSV or JSON."),
    namespace: str | None = typer.Option(
        None, "--namespace", "-n", help="Of the manifests. [default: the token's own]"
    ),
    apply: bool = typer.Option(False, "--apply", help="Apply the manifests instead of printing them."),
) -> None:
    """Make manifests of an inventory: print them as YAML, or apply them.

    CSV has the columns name, type, aliases, depends_on, runs_on, part_of, criticality, owner and service, lists separated
    by semicolons. Of ServiceNow it takes rows of cmdb_ci and cmdb_rel_ci. What cannot be converted is listed on standard
    error, and the rest is taken; if a file is not what it should be, nothing is.
    """
    read = _read(file)
    if not read.errors and not read.items:
        read.errors.append(f"{', '.join(map(str, file))}: there is nothing in it")
    made = list(imported.manifests(read, namespace)) if not read.errors else []
    for text in read.left_out:
        show.warning(f"not converted: {text}")
    if read.errors:
        for text in read.errors:
            show.err.print(f"[red]error[/] {escape(show.clean(text))}")
        show.note(f"{show.counted(len(read.errors), 'error')}; nothing was {'applied' if apply else 'printed'}")
        raise typer.Exit(1)
    if apply:
        _apply(made)
    else:
        print("---\n".join(imported.as_yaml(manifest) for _, manifest in made), end="")
    services = sum(item.kind == "Service" for item in read.items)
    show.note(
        f"{len(made) - services} resources, {services} services, {sum(len(item.links) for item in read.items)} links; "
        f"{len(read.left_out)} not converted"
    )


def _read(files: list[Path]) -> imported.Import:
    found, rows, tables = imported.Import(), servicenow.Rows(), 0
    for file in files:
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else f"it is not UTF-8: {error.reason}"
            found.errors.append(f"{file}: {reason}")
            continue
        if text.lstrip()[:1] in ("{", "["):
            try:
                servicenow.read_json(msgspec.json.decode(text), str(file), rows, found.errors)
            except msgspec.DecodeError as error:
                found.errors.append(f"{file}: {error}")
        elif servicenow.is_export(text.partition("\n")[0].replace('"', "").split(",")):
            servicenow.read_csv(text, str(file), rows, found.errors)
        else:
            topology_csv.read(text, str(file), found)
            tables += 1
    if tables and (rows.items or rows.relations):
        found.errors.append("tables of a CMDB and other tables are not imported at once")
    topology_csv.link(found)
    servicenow.convert(rows, found)
    imported.settle(found)
    return found


def _apply(made: list[tuple[imported.Item, dict[str, Any]]]) -> None:
    """In batches, each wholly or not at all. Says what is in force if one is refused."""
    counts: dict[str, int] = {}
    with Server() as server:
        for first in range(0, len(made), BATCH):
            batch = made[first : first + BATCH]
            try:
                result = server.send("POST", "/manifests", json=[manifest for _, manifest in batch])
            except Refusal as refusal:
                show.refused(refusal)
                show.note(
                    f"applied {first} of {len(made)}; those from {batch[0][0].place} to {batch[-1][0].place} were "
                    f"refused, and the rest was not tried"
                )
                raise typer.Exit(1) from refusal
            for change in result["changes"]:
                counts[change["change"]] = counts.get(change["change"], 0) + 1
    show.done(", ".join(f"{count} {change}" for change, count in sorted(counts.items())))


def _row(place: dict[str, Any], what: str, reached: dict[str, Any]) -> tuple[Any, ...]:
    return (
        what, reached["hops"], place["id"], place["type"], place["criticality"], place["owner"], place["severity"],
        place["alerts_firing"], reached["way"],
    )  # fmt: skip
