"""`oncue doctor`: looks at every part of an installation, with or without a running server.

Each check yields findings: ok, warn or fail, what was seen, and what to do about it. A check that cannot be made says so;
none of them changes anything.
"""

from collections.abc import Iterator
from pathlib import Path

import typer
from rich.markup import escape

from oncue import config
from oncue.cli import doctor_data, doctor_machine, doctor_manifests, doctor_outside, doctor_server, show
from oncue.cli.doctor_finding import Finding
from oncue.core.errors import Refusal
from oncue.runtime.running import running
from oncue.store.revision import FILE_NAME


def doctor(
    data: Path | None = typer.Option(None, "--data", help="The data directory. [default: oncue-data]"),
    output: show.Format = show.Output,
    json: bool = typer.Option(False, "--json", help="The same as --output json."),
    strict: bool = typer.Option(False, "--strict", help="Let warnings count as failures."),
) -> None:
    """Look at every part, and say what is wrong and what to do about it.

    Looks at this machine, the data directory, and the server at ONCUE_SERVER as far as ONCUE_TOKEN may see it; what is not
    there is left out. Exit codes: 0 nothing fails, 1 something fails (with --strict: or warns), 2 wrong usage.
    """
    found = list(findings(data))
    form = show.Format.json if json else output
    if form is show.Format.table:
        for finding in found:
            style = show.STYLES[finding.state]
            show.out.print(f"[{style}]{finding.state:<4}[/]  {finding.part:<14}  {escape(show.clean(finding.seen))}")
            if finding.hint and finding.state != "ok":
                show.out.print(f"      {'':<14}  [dim]{escape(finding.hint)}[/]")
    else:
        show.document([{**one._asdict(), "hint": "" if one.state == "ok" else one.hint} for one in found], form)
    bad = ("fail", "warn") if strict else ("fail",)
    if any(finding.state in bad for finding in found):
        raise typer.Exit(1)


def findings(data: Path | None = None) -> Iterator[Finding]:
    """All findings, in the order in which one would look."""
    yield from doctor_machine.findings()
    remote, url = True, None
    try:
        loaded = config.load({"data": data})
    except Refusal as refusal:
        yield Finding("configuration", "fail", refusal.detail, refusal.entry.hint)
    else:
        live, finding = _live(loaded)
        yield finding
        loaded = live or loaded
        yield from doctor_data.findings(loaded)
        yield from doctor_server.engine(loaded.data)
        yield from doctor_manifests.findings(loaded)
        yield from doctor_outside.findings(loaded)
        remote = not (loaded.data / FILE_NAME).exists()
        url = live.own_url if live is not None else None
    yield from doctor_server.findings(remote=remote, url=url)


def _live(loaded: config.Config) -> tuple[config.Config | None, Finding]:
    """The configuration that the server runs with, if it runs, and what is to be said of it."""
    source = loaded.data / config.FILE
    seen = f"{source}" if source.exists() else "defaults and environment"
    try:
        live = running(loaded.data)
    except PermissionError as error:
        hint = "Run this as the server's user: its options and variables may differ from what is looked at here."
        return None, Finding("configuration", "warn", f"{seen}; {error}", hint)
    except Refusal as refusal:
        hint = "Restart it with this version."
        return None, Finding("configuration", "warn", f"{seen}; the running server has others: {refusal.detail}", hint)
    return live, Finding("configuration", "ok", seen if live is None else "as the running server has it")
