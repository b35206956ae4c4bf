"""`oncue journal`: whether the journal is what it was when it was written. Works on the files, without a server."""

from pathlib import Path

import msgspec
import typer

from oncue import config
from oncue.cli import show
from oncue.core.errors import Refusal

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Verify the journal, and prove what is in it.",
)

Data = typer.Option(None, "--data", help="The data directory. [default: oncue-data]")


@app.command()
def verify(
    data: Path | None = Data,
    checkpoint: Path | None = typer.Option(
        None,
        "--checkpoint",
        exists=True,
        dir_okay=False,
        readable=True,
        help="A checkpoint that was kept elsewhere; the journal must still lead through it.",
    ),
    output: show.Format = show.Output,
) -> None:
    """Check every record against the hash chain and its signed checkpoints.

    Exit codes: 0 intact, 1 tampered (the first bad position is named), 2 cannot tell. A running server is not disturbed.
    Without a checkpoint that was kept elsewhere, a tail that was cut off cannot be seen.
    """
    from oncue.store.verify import verify as verify_journal

    kept = None if checkpoint is None else checkpoint.read_text("utf-8", "replace")
    verdict = verify_journal(config.load({"data": data}).data, kept)
    if output is not show.Format.table:
        show.document(msgspec.to_builtins(verdict), output)
    else:
        at = f" at position {verdict.position}" if verdict.position is not None else ""
        show.done(f"{verdict.result.replace('_', ' ')}{at}: {verdict.detail}")
        show.note(f"{verdict.records} records in {verdict.batches} batches, {verdict.checkpoints} signed checkpoints")
        if verdict.erased_up_to:
            show.note(
                f"Positions up to {verdict.erased_up_to} are past retention: their chain verifies, their content is gone."
            )
    raise typer.Exit(verdict.exit_code)


@app.command("checkpoint")
def newest(data: Path | None = Data) -> None:
    """Print the newest signed checkpoint (C2SP form). Keep it where this machine's administrators cannot change it.

    One is signed a minute while events come, and when the server stops. Exit code 1 if there is none yet.
    """
    from oncue.store.verify import checkpoint

    note = checkpoint(config.load({"data": data}).data)
    if note is None:
        show.note("There is no checkpoint yet.")
        raise typer.Exit(1)
    print(note, end="")


@app.command()
def prove(
    position: str = typer.Argument(help="Of the record, as lists show it: 0-123."),
    data: Path | None = Data,
) -> None:
    """Print the proof that a record is in the journal, as JSON that SHA-256 alone can check."""
    from oncue.store.verify import check_proof
    from oncue.store.verify import prove as prove_record

    partition, _, number = position.rpartition("-")
    if not number.isdecimal() or partition not in ("", "0") or len(number) > 18:
        raise Refusal("request.cursor_invalid", position[:100], hint="Give a position as lists show it: 0-123.")
    proof = prove_record(config.load({"data": data}).data, int(number))
    if proof is None:
        raise Refusal(
            "request.not_found", f"no record at {position}", hint="It is past retention, or was never written."
        )
    show.document(msgspec.to_builtins(proof), show.Format.json)
    if not check_proof(proof):
        show.note("The proof does not hold together: the record was changed. See `oncue journal verify`.")
        raise typer.Exit(1)
