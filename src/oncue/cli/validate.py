"""`oncue validate`: checks manifests without a server."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import typer

from oncue import manifests
from oncue.cli import show
from oncue.core.errors import Refusal

Files = typer.Option(
    ..., "--file", "-f", help="A manifest, or a directory of them; - is standard input. May be given again."
)


def validate(
    file: list[Path] = Files,
    strict: bool = typer.Option(False, "--strict", help="Count warnings as errors."),
    output: show.Format = show.Output,
) -> None:
    """Check manifests: schema, expressions, names, and what several say together. Works without a server.

    Each problem is printed with its code, file, line and column; with `-o json`, as one document for a machine, with level
    and hint besides. Exit code 1 if there is an error.
    """
    found = parsed(file)
    if not found:
        raise nothing_in(file)
    documents, problems = manifests.load(found)
    unsound, ids = manifests.unsound(found, documents)
    problems += manifests.missing([*documents, *unsound], ids)
    problems += manifests.contradicting(documents)
    problems += manifests.misgiven(documents)
    problems += manifests.unreached(documents)
    problems = in_order(problems)
    errors = sum(problem.level == "error" for problem in problems)
    warnings = len(problems) - errors
    failed = errors > 0 or (strict and warnings > 0)
    if output is not show.Format.table:
        show.document({"problems": [_whole(problem) for problem in problems], "manifests": len(found)}, output)
        raise typer.Exit(failed)
    show.problems(problems)
    if failed:
        show.note(f"{show.counted(errors, 'error')}, {show.counted(warnings, 'warning')}")
        raise typer.Exit(1)
    sound = "1 manifest is sound" if len(documents) == 1 else f"{len(documents)} manifests are sound"
    show.done(sound + (f", {show.counted(warnings, 'warning')}" if warnings else ""))


def _whole(problem: manifests.Problem) -> dict[str, Any]:
    """The problem, with what is empty in it and its hint."""
    return {**msgspec.structs.asdict(problem), "hint": problem.hint}


def accepted(files: list[Path], *, elsewhere: bool = False) -> list[manifests.Document]:
    """The documents of these files, all sound. Prints what is wrong and ends the command if one is not.

    Doubts are left to the server, which knows what else is there; so is, with `elsewhere`, what is installed.
    """
    documents, problems = manifests.load(parsed(files), elsewhere=elsewhere)
    errors = in_order(problem for problem in problems if problem.level == "error")
    if errors:
        show.problems(errors)
        raise typer.Exit(1)
    if not documents:
        raise nothing_in(files)
    return documents


def nothing_in(files: list[Path]) -> Refusal:
    """That these files hold no manifest: nothing but comments, or nothing at all."""
    names = ", ".join("standard input" if str(file) == "-" else str(file) for file in files)
    return Refusal(
        "manifest.malformed",
        f"there is no manifest in {names}",
        hint="A manifest is a YAML document with apiVersion, kind, metadata and spec; see examples/starter.",
    )


def in_order(problems: Iterable[manifests.Problem]) -> list[manifests.Problem]:
    """The problems as someone who goes through the files from above meets them."""
    return sorted(problems, key=lambda problem: (problem.file, problem.line))


def parsed(files: list[Path]) -> list[manifests.Parsed]:
    """The documents of these files as they are written. Raises `Refusal` manifest.malformed."""
    found: list[manifests.Parsed] = []
    for file in files:
        if str(file) == "-":
            found += manifests.parse_yaml(typer.get_binary_stream("stdin").read(), "standard input")
        else:
            found += manifests.read([file])
    return found
