"""`oncue apply` and `oncue diff`: manifests to the server."""

import difflib
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import msgspec
import typer

from oncue import manifests
from oncue.cli import show
from oncue.cli.get import as_document
from oncue.cli.server import Server
from oncue.cli.validate import Files, accepted
from oncue.core.errors import Refusal

DIFFERS: Final = 1
UNKNOWN: Final = 2
"""Exit codes of `oncue diff`."""

Propose = typer.Option(
    None,
    "--propose",
    metavar="REASON",
    help="Draft a change that does it when people have agreed, as a protected namespace asks for.",
)
Namespace = typer.Option(None, "--namespace", "-n", help="For manifests that name none. [default: the token's own]")


def apply(
    file: list[Path] = Files,
    namespace: str | None = Namespace,
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what would change, change nothing."),
    propose: str | None = Propose,
) -> None:
    """Apply manifests: create what is new, update what has changed. All of them, or none."""
    documents = accepted(file, elsewhere=True)
    with Server() as server:
        result = _given(server, documents, namespace, dry_run, propose)
    only = dry_run or propose is not None
    for change in result["changes"]:
        word = f"would be {change['change']}" if only and change["change"] != "unchanged" else change["change"]
        show.done(f"{change['id']} {word}")
    if result.get("proposed"):
        said_proposed(result["proposed"])


def said_proposed(id: str) -> None:
    """A change was drafted."""
    show.done(f"{id} proposes it: `oncue change show {id}`")


def diff(
    file: list[Path] = Files,
    namespace: str | None = Namespace,
    output: show.Format = show.Output,
) -> None:
    """Show what `oncue apply` would change, as a unified diff of YAML. Changes nothing.

    Exit codes: 0 nothing would change, 1 something would, 2 it cannot be told.
    """
    try:
        documents = _documents(file)
        with Server() as server:
            result = _given(server, documents, namespace, True)
            changed = [change for change in result["changes"] if change["change"] != "unchanged"]
            texts = [_compared(server, documents, change) for change in changed]
    except Refusal as refusal:
        show.refused(refusal)
        raise typer.Exit(UNKNOWN) from refusal
    if output is not show.Format.table:
        show.document(result, output)
    else:
        for text in texts:
            differs(text)
        if not changed:
            show.note("Nothing would change.")
    if changed:
        raise typer.Exit(DIFFERS)


def _documents(files: list[Path]) -> list[manifests.Document]:
    try:
        return accepted(files, elsewhere=True)
    except typer.Exit as ended:
        raise typer.Exit(UNKNOWN) from ended


def _compared(server: Server, documents: list[manifests.Document], change: dict[str, Any]) -> list[str]:
    """The lines of a unified diff from the manifest in force to the one that is given."""
    kind, namespace, name = change["id"].split("/")
    given = next(
        document
        for document in documents
        if (document.kind, document.name) == (kind, name) and document.namespace in (namespace, None)
    )
    new = as_document({**msgspec.structs.asdict(given), "namespace": namespace})
    if change["change"] == "created":
        before, old = "/dev/null", ""
    else:
        kept = server.get(server.path("manifests", kind, namespace, name))
        before, old = (
            f"{change['id']} in force, gen {kept['generation']}",
            show.as_yaml(_ordered(as_document(kept), new)),
        )
    after = f"{change['id']} given"
    lines = difflib.unified_diff(old.splitlines(), show.as_yaml(new).splitlines(), before, after, lineterm="")
    return list(lines)


def _ordered(value: Any, like: Any) -> Any:
    """The same value, its members in the order that they have in `like`: their order means nothing."""
    if isinstance(value, dict) and isinstance(like, dict):
        names = [name for name in like if name in value] + [name for name in value if name not in like]
        return {name: _ordered(value[name], like.get(name)) for name in names}
    if isinstance(value, list) and isinstance(like, list):
        return [_ordered(one, other) for one, other in zip_longest(value, like[: len(value)])]
    return value


TEXT_SENT: Final = 262_144
"""Characters up to which documents are sent as they are written, comments included; more of them as data, which is read faster."""
_STYLES: Final = (("---", "bold"), ("+++", "bold"), ("@@", "cyan"), ("-", "red"), ("+", "green"))


def differs(lines: list[str]) -> None:
    """A unified diff, for people."""
    for line in lines:
        style = next((style for mark, style in _STYLES if line.startswith(mark)), None)
        show.out.print(show.clean(line), style=style, markup=False)


def _given(
    server: Server,
    documents: list[manifests.Document],
    namespace: str | None,
    dry_run: bool,
    propose: str | None = None,
) -> Any:
    params = {"dry_run": "true" if dry_run else None, "namespace": namespace, "propose": propose}
    texts = [document.source.text for document in documents]
    try:
        if all(texts) and sum(map(len, texts)) <= TEXT_SENT:
            body = "---\n".join(texts).encode()
            result = server.send("POST", "/manifests", body=body, content_type="application/yaml", params=params)
        else:
            values = [document.source.value for document in documents]
            result = server.send("POST", "/manifests", json=values, params=params)
    except Refusal as refusal:
        raise _placed(refusal, documents) from refusal
    for warning in result.get("warnings") or []:
        show.warning(warning)
    return result


def _placed(refusal: Refusal, documents: list[manifests.Document]) -> Refusal:
    """The refusal, with what the server found at its places in the files."""
    found = refusal.more.get("problems")
    if not isinstance(found, list) or not found:
        return refusal
    problems = manifests.located([msgspec.convert(one, manifests.Problem) for one in found], documents)
    more = {**refusal.more, "problems": [msgspec.to_builtins(problem) for problem in problems]}
    return Refusal(refusal.code, str(problems[0]), **more)
