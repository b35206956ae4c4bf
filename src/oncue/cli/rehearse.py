"""`oncue test`: runs policy tests without a server."""

from pathlib import Path

import typer

from oncue.cli import show
from oncue.manifests import Problem
from oncue.rehearsal.run import run


def rehearse(
    paths: list[Path] = typer.Argument(None, help="Test files, or directories of them. [default: .]"),
    match: str = typer.Option("", "--match", "-m", help="Only cases with this in their name."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Print only what failed, and the last line."),
) -> None:
    """Run policy tests: given these events at these times, these alerts, messages, runs and tickets, and no others.

    A test is a file that ends in .test.yaml, beside the manifests that it is about. Works without a server, and takes no
    longer than its events: time is moved. Exit code 1 if a case fails or cannot be run.
    """
    passed = failed = 0
    for found in run(paths or [Path()]):
        if isinstance(found, Problem):
            show.problems([found])
            failed += 1
        elif match.lower() not in found.case.lower():
            continue
        elif not found.wrong:
            passed += 1
            if not quiet:
                show.done(f"ok      {found.test}: {found.case}")
        else:
            failed += 1
            show.done(f"FAILED  {found.test}: {found.case} ({found.file}:{found.line})")
            for line in found.wrong:
                show.done(f"        {line}")
            for line in found.because[:20]:
                show.done(f"          {line}")
    show.done(f"{passed} passed, {failed} failed")
    if failed or not passed:
        raise typer.Exit(1)
