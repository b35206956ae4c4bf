"""`oncue plugin`: a package of one's own, what is installed, and whether it keeps to what plugins promise."""

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from string import Template
from typing import Any, Final

import msgspec
import typer

from oncue.cli import show
from oncue.core.errors import Refusal

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Write plugins of your own, and see which are installed.",
)

TEMPLATES: Final = Path(__file__).parent / "scaffold"
LONGEST: Final = 36
"""Characters of a name, so that every line of the package that is written fits."""
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:[._][a-z][a-z0-9]*)*").fullmatch


class Kind(StrEnum):
    """What a plugin can be."""

    action = "action"
    monitor = "monitor"
    notifier = "notifier"
    source = "source"


IMPORTED: Final = {Kind.action: "Outputs", Kind.monitor: "Settings", Kind.notifier: "Settings"}
"""What the tests of each kind need beside the class."""
USAGE: Final = {
    Kind.action: (
        "apiVersion: oncue/v1\nkind: Workflow\nmetadata: {{name: greet}}\nspec:\n  steps:\n    - id: greet\n"
        "      uses: {name}\n      with: {{path: /tmp/greeting, text: hello}}\n"
    ),
    Kind.monitor: (
        "apiVersion: oncue/v1\nkind: Monitor\nmetadata: {{name: lines}}\nspec:\n  uses: {name}\n  every: 1m\n"
        "  with: {{path: /etc/hosts}}\n"
    ),
    Kind.notifier: (
        "apiVersion: oncue/v1\nkind: Channel\nmetadata: {{name: file}}\nspec:\n  type: {name}\n"
        "  with: {{path: /tmp/messages}}\n"
    ),
    Kind.source: "apiVersion: oncue/v1\nkind: Source\nmetadata: {{name: in-1}}\nspec: {{type: {name}}}\n",
}
"""A manifest that uses a plugin of each kind."""


@app.command()
def new(
    name: str = typer.Argument(help="Of the plugin: words in lower case with dots between them, as disk.usage."),
    kind: Kind = typer.Option(Kind.action, "--kind", "-k", help="What it is."),
    directory: Path | None = typer.Option(
        None, "--directory", "-d", help="Where to write it. [default: oncue-NAME in this directory]"
    ),
) -> None:
    """Write a small package with a plugin that works, its tests, and a README. Nothing that is there is written over."""
    if _NAME(name) is None or len(name) > LONGEST:
        raise Refusal("request.invalid", f"{name!r}: write words in lower case with dots, at most {LONGEST} characters")
    package = f"oncue-{re.sub('[._]', '-', name)}"
    where = directory or Path(package)
    files = written(name, kind, package)
    try:
        for path, text in files.items():
            (where / path).parent.mkdir(parents=True, exist_ok=True)
            with (where / path).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise Refusal("request.invalid", f"{where}: {error.strerror}: {error.filename}") from error
    show.done(f"{where}: the {kind} {name}")
    show.note(f"Try it: cd {where} && python -m pytest. Then: pip install . && oncue plugin check {name}")


def written(name: str, kind: Kind, package: str) -> dict[str, str]:
    """The files of a package, by their paths in it."""
    module = package.replace("-", "_")
    class_name = "".join(word.capitalize() for word in re.split("[._]", name)) + kind.capitalize()
    values = {
        "name": name,
        "pattern": re.escape(name),
        "kind": kind.value,
        "what": f"The {kind}",
        "package": package,
        "module": module,
        "class_name": class_name,
        "imports": ", ".join(sorted(filter(None, (class_name, IMPORTED.get(kind))), key=str.lower)),
        "metric": name if "." in name else f"{name}.lines",
        "usage": f"Then, in a manifest:\n\n```yaml\n{USAGE[kind].format(name=name)}```\n",
    }
    sources = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"src/{module}/plugin.py": f"{kind}.py",
        f"tests/test_{module}.py": f"test_{kind}.py",
    }
    files = {
        path: Template((TEMPLATES / f"{source}.template").read_text("utf-8")).substitute(values)
        for path, source in sources.items()
    }
    files[f"src/{module}/__init__.py"] = f'"""The {kind} `{name}` for OnCue."""\n'
    files[f"src/{module}/py.typed"] = ""
    files[".gitignore"] = "__pycache__/\n.venv/\ndist/\n"
    return files


@app.command("list")
def list_(
    kind: Kind | None = typer.Option(None, "--kind", "-k", help="Only of this kind."),
    others: bool = typer.Option(False, "--others", help="Only those that do not come with OnCue."),
    output: show.Format = show.Output,
) -> None:
    """List the plugins that are installed here, from which package, and whether each loads. 1 if one does not."""
    from oncue.sdk import registry

    found = [
        one for one in registry.installed() if kind in (None, one.kind) and not (others and one.package == registry.OWN)
    ]
    if output is show.Format.table:
        columns = ("kind", "name", "package", "version", "state")
        show.table(((one.kind, one.name, one.package, one.version, one.problem or "ok") for one in found), columns)
        if not found:
            show.note("None is installed beside those of OnCue." if others else "There are none.")
    else:
        show.document(msgspec.to_builtins(found), output)
    if any(one.problem for one in found):
        raise typer.Exit(1)


@app.command()
def check(
    name: str = typer.Argument(help="Of the plugin."),
    kind: Kind | None = typer.Option(None, "--kind", "-k", help="What it is, if several are called so."),
) -> None:
    """See whether an installed plugin loads and is whole, by what can be seen without using it. Its own tests see more."""
    from oncue.sdk import registry

    found = [one for one in registry.installed() if one.name == name and kind in (None, one.kind)]
    if not found:
        raise Refusal("action.unknown", f"no plugin {name!r} is installed here; see `oncue plugin list`")
    for one in found:
        problems = [one.problem] if one.problem else _faults(one)
        for problem in problems:
            show.warning(f"{one.kind} {name} of {one.package} {one.version}: {problem}")
        if problems:
            raise typer.Exit(1)
        show.done(f"{one.kind} {name} of {one.package} {one.version}: ok")


def _faults(one: Any) -> list[str]:
    """What of a plugin that loads is not as it should be."""
    from oncue.sdk import registry, testing

    load: dict[str, Callable[[str], object]] = {
        "action": registry.action, "monitor": registry.monitor, "notifier": registry.notifier, "source": registry.source,
        "itsm": registry.itsm,
    }  # fmt: skip
    try:
        testing.check_plugin(load[one.kind](one.name))
    except AssertionError as error:
        return [str(error)]
    return []
