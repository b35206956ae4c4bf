"""`oncue import`: what another tool was told, as manifests."""

from pathlib import Path
from typing import Any, Final

import msgspec
import typer

from oncue import manifests
from oncue.cli import show
from oncue.core.errors import Refusal
from oncue.manifests import alertmanager, imported

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Make manifests of another tool's configuration.",
)

FILE: Final = "alertmanager.yaml"
"""What is written into the directory."""


@app.callback()
def _group() -> None:
    """Make manifests of another tool's configuration."""


@app.command("alertmanager")
def alertmanager_(
    file: Path = typer.Option(..., "--file", "-f", help="Alertmanager's configuration; - is standard input."),
    namespace: str | None = typer.Option(
        None, "--namespace", "-n", help="Of the manifests. [default: that of the token that applies them]"
    ),
    owner: str | None = typer.Option(None, "--owner", help="Who answers for them, as team:NAME."),
    output: str = typer.Option(
        "-",
        "--output",
        "-o",
        help=f"A directory for {FILE}; - prints it; json prints all that is found as one document.",
    ),
    force: bool = typer.Option(False, "--force", help=f"Overwrite a {FILE} that is there."),
    strict: bool = typer.Option(False, "--strict", help="Exit code 1 if anything could not be converted as it was."),
) -> None:
    """Convert Alertmanager's routes, receivers, inhibition rules and mute times.

    Prints manifests, or writes them into a directory. What could not be converted, or means something else now, is listed
    with line, column, why, and what to do instead: in a table, and as comments at the head of the file. Credentials are not
    copied: the secrets to be set are listed as well. Works without a server.
    """
    found = _converted(file, namespace, owner)
    if output == "json":
        show.document(msgspec.to_builtins(found), show.Format.json)
    else:
        text = as_text(found, "standard input" if str(file) == "-" else file.name, namespace)
        if output == "-":
            print(text, end="")
            for one in found.remarks:
                show.warning(f"{one.line}:{one.column}: {one.field}: {one.level}: {one.why} ({one.instead})")
        else:
            into = Path(output) / FILE
            _write(into, text, force=force)
            if found.remarks:
                rows = [
                    (f"{one.line}:{one.column}", one.level, one.field, one.why, one.instead) for one in found.remarks
                ]
                show.table(rows, ("line", "what", "field", "why", "instead"))
            for secret in found.secrets:
                show.note(f"oncue secret set {secret.name}{_in(namespace)}    # line {secret.line}: {secret.value}")
            show.note(f"wrote {into}")
    left_out = sum(one.level == "left out" for one in found.remarks)
    show.note(
        f"{show.counted(len(found.manifests), 'manifest')}; {left_out} left out, {len(found.remarks) - left_out} with another "
        f"meaning; {show.counted(len(found.secrets), 'secret')} to set"
    )
    if strict and found.remarks:
        raise typer.Exit(1)


def _converted(file: Path, namespace: str | None, owner: str | None) -> alertmanager.Conversion:
    """What has become of the file. Raises `Refusal` manifest.malformed if it holds no configuration."""
    if namespace is not None and imported.valid_name(namespace) != namespace:
        raise Refusal("manifest.invalid", f"{namespace!r} is not a name of a namespace")
    if str(file) == "-":
        documents = manifests.parse_yaml(typer.get_binary_stream("stdin").read(), "standard input", merging=True)
    else:
        try:
            documents = manifests.parse_yaml(file.read_bytes(), str(file), merging=True)
        except OSError as error:
            raise Refusal("manifest.malformed", f"{file}: {error.strerror}", hint="Check the path.") from error
    given = documents[0].value if len(documents) == 1 else None
    if not isinstance(given, dict) or not isinstance(given.get("route"), dict):
        raise Refusal(
            "manifest.malformed",
            f"{file} is no configuration of Alertmanager: it is no YAML document with a route",
            hint="Give the file that `amtool check-config` accepts.",
        )
    found = alertmanager.convert(documents[0], namespace, owner)
    if not found.manifests:
        for one in found.remarks:
            show.warning(f"{one.line}:{one.column}: {one.field}: {one.why}")
        raise Refusal("manifest.malformed", f"nothing in {file} could be converted")
    return found


def as_text(found: alertmanager.Conversion, name: str, namespace: str | None) -> str:
    """The manifests as YAML, with what is to be known and done at the head."""
    lines = [f"Made of {name} by `oncue import alertmanager`."]
    if found.secrets:
        lines += ["", "Secrets to set, each to what is said behind it; the values were not copied:"]
        lines += [
            f"  oncue secret set {one.name}{_in(namespace)}    # line {one.line}: {one.value}" for one in found.secrets
        ]
    if found.remarks:
        lines += ["", "What could not be converted, or means something else now:"]
        for one in found.remarks:
            lines += [f"  {one.line}:{one.column} {one.field} ({one.level})", f"    {one.why}", f"    -> {one.instead}"]
    head = "".join(f"# {show.clean(line)}".rstrip() + "\n" for line in lines)
    return head + "".join(f"---\n{show.as_yaml(_plain(manifest))}" for manifest in found.manifests)


def _plain(value: Any) -> Any:
    """The value without sharing, which YAML would write as anchors."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _in(namespace: str | None) -> str:
    return f" -n {namespace}" if namespace is not None else ""


def _write(file: Path, text: str, *, force: bool) -> None:
    if file.exists() and not force:
        raise Refusal("manifest.malformed", f"{file} is there already", hint="Give another directory, or --force.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    except OSError as error:
        raise Refusal("manifest.malformed", f"{file}: {error.strerror}", hint="Check the path.") from error
