"""Recorded histories lead to the decisions that were recorded."""

from pathlib import Path

import pytest

from tests.simulation.golden import FOLDER, replayed


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.jsonl")), ids=lambda path: path.stem)
def test_a_golden_journal_replays_to_the_same_decisions(path: Path) -> None:
    assert replayed(path) is None


def test_a_difference_is_found(tmp_path: Path) -> None:
    path = next(iter(sorted(FOLDER.glob("*.jsonl"))))
    changed = tmp_path / "changed.jsonl"
    changed.write_bytes(path.read_bytes().replace(b"db-1", b"db-9"))
    assert "it was" in str(replayed(changed))
