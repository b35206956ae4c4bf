"""`oncue replay`: feeds history through the engine again."""

from pathlib import Path

import msgspec
import typer

from oncue import config
from oncue.cli import show


def replay(
    verify: bool = typer.Option(False, "--verify", help="Compare every derived event with the recorded one."),
    data: Path | None = typer.Option(None, "--data", help="The data directory. [default: oncue-data]"),
    output: show.Format = show.Output,
) -> None:
    """Feed the journaled inputs through the engine again, and compare what it derives with what was recorded.

    Exit codes: 0 every derived event reproduced, 1 not, 2 inputs are erased (the range is named), 3 derived by another
    engine version. After retention it starts at the oldest snapshot. Reads only; a running server is not disturbed.
    """
    if not verify:
        raise typer.BadParameter("say what for: --verify", param_hint="--verify")
    from oncue.replay.verify import verify as verify_replay

    outcome = verify_replay(config.load({"data": data}).data)
    if output is not show.Format.table:
        show.document(msgspec.to_builtins(outcome), output)
    else:
        show.done(f"{outcome.result.replace('_', ' ')}: {outcome.detail}")
        show.note(
            f"{outcome.inputs} inputs replayed, {outcome.derived} derived events compared, {outcome.first} to {outcome.last}"
        )
    raise typer.Exit(outcome.exit_code)
