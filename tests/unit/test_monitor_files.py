"""`file` and `log` on real files."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oncue.plugins.monitors.log import LINE_LIMIT, Log
from oncue.sdk import ActionError
from tests.monitors import code, probe, value

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def aged(path: Path, size: int, age_s: float) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(b"x" * size)
    changed = NOW.timestamp() - age_s
    os.utime(path, (changed, changed))


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    aged(tmp_path / "out/a.xml", 10, 60)
    aged(tmp_path / "out/deep/b.xml", 30, 7200)
    aged(tmp_path / "out/c.tmp", 500, 5)
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("pattern", "count", "size", "age", "oldest"),
    [("a.xml", 1, 10, 60, 60), ("*.xml", 1, 10, 60, 60), ("**/*.xml", 2, 40, 60, 7200), ("*", 2, 510, 5, 60)],
)
async def test_file_counts_weighs_and_dates_what_fits(
    outbox: Path, pattern: str, count: int, size: int, age: float, oldest: float
) -> None:
    found = await probe("file", {"path": f"{outbox}/{pattern}"}, outbox, at=NOW)
    assert code(found) is None
    assert [value(found, f"file.{one}") for one in ("count", "size", "age", "oldest")] == [count, size, age, oldest]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"path": "none.xml"}, "file.missing"),
        ({"path": "*.csv"}, "file.missing"),
        ({"path": "*.csv", "min_count": 0}, None),
        ({"path": "**/*", "max_count": 2}, "file.count"),
        ({"path": "**/*", "kind": "directory"}, None),
        ({"path": "a.xml", "kind": "directory"}, "file.missing"),
    ],
)
async def test_file_finds_too_few_and_too_many(outbox: Path, settings: dict[str, Any], expected: str | None) -> None:
    settings["path"] = f"{outbox}/{settings['path']}"
    assert code(await probe("file", settings, outbox, at=NOW)) == expected


@pytest.mark.parametrize("monitor", ["file", "log"])
async def test_what_is_ours_or_the_kernels_stays_closed(
    monitor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data/keys").mkdir(parents=True)
    (tmp_path / "data/keys/secrets.key").write_text("key")
    (tmp_path / "link").symlink_to(tmp_path / "data/keys/secrets.key")
    monkeypatch.chdir(tmp_path / "data")
    more = {"pattern": "."} if monitor == "log" else {}
    for path in ("/proc/self/environ", "/dev/zero", f"{tmp_path}/data/keys/secrets.key", f"{tmp_path}/link"):
        with pytest.raises(ActionError, match=r"file\.refused"):
            await probe(monitor, {"path": path, **more}, tmp_path)


async def test_a_pattern_does_not_reach_what_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/oncue.db").write_text("rows")
    monkeypatch.chdir(tmp_path / "data")
    assert code(await probe("file", {"path": f"{tmp_path}/*/*.db"}, tmp_path)) == "file.missing"


class Following:
    """A log file, and a monitor that follows it."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.path = directory / "app.log"
        self.settings = {"path": str(self.path), "pattern": "ERROR", "matches": 0, **settings}
        self.monitor = Log()
        self._directory = directory

    def write(self, text: str) -> None:
        with self.path.open("a") as opened:
            opened.write(text)

    async def look(self, at: datetime = NOW) -> Any:
        return await probe(self.monitor, self.settings, self._directory, at=at)

    async def matches(self) -> float:
        return value(await self.look(), "log.matches")


@pytest.fixture
async def following(tmp_path: Path) -> Following:
    made = Following(tmp_path)
    made.write("ERROR before anyone looked\n")
    assert await made.matches() == 0
    return made


async def test_log_counts_lines_once_and_waits_for_the_rest_of_half_a_line(following: Following) -> None:
    following.write("fine\nERROR one\nERROR two\nERR")
    assert await following.matches() == 2
    assert await following.matches() == 0
    following.write("OR three\n")
    assert await following.matches() == 1


def moved(file: Following) -> None:
    file.path.rename(file.path.with_suffix(".1"))


def copied_and_truncated(file: Following) -> None:
    os.truncate(file.path, 0)


@pytest.mark.parametrize("rotate", [moved, copied_and_truncated])
async def test_log_follows_through_rotation(following: Following, rotate: Callable[[Following], None]) -> None:
    following.write("ERROR one\n")
    assert await following.matches() == 1
    rotate(following)
    following.write("ERROR two\nERROR three\n")
    assert await following.matches() == 2


async def test_log_loses_nothing_that_was_written_just_before_the_file_was_moved(following: Following) -> None:
    following.write("ERROR one\nERROR two without an end")
    moved(following)
    following.write("ERROR three\n")
    assert await following.matches() == 3


async def test_log_knows_a_truncated_file_that_has_grown_beyond_where_it_was(following: Following) -> None:
    following.write("ERROR one\n")
    assert await following.matches() == 1
    copied_and_truncated(following)
    following.write("ERROR again\n" * 50)
    assert await following.matches() == 50


async def test_log_that_is_missing_is_a_fault_and_is_read_from_its_start_when_it_comes(tmp_path: Path) -> None:
    following = Following(tmp_path)
    assert code(await following.look()) == "log.missing"
    following.write("ERROR first\n")
    assert await following.matches() == 1
    following.path.unlink()
    assert code(await following.look()) == "log.missing"
    quiet = Following(tmp_path / "none", missing_ok=True)
    assert code(await quiet.look()) is None


async def test_log_fault_names_the_last_line_and_holds(tmp_path: Path) -> None:
    following = Following(tmp_path, matches=2, hold_s=60, ignore="harmless")
    following.write("")
    await following.look()
    following.write("ERROR one\nERROR harmless\n")
    assert code(await following.look()) is None
    following.write("ERROR one\nERROR disk is gone\nfine\n")
    found = await following.look()
    assert (found.fault.code, found.fault.title) == ("log.match", "app.log: ERROR disk is gone")
    assert code(await following.look(NOW + timedelta(seconds=59))) == "log.match"
    assert code(await following.look(NOW + timedelta(seconds=60))) is None


async def test_log_bounds_a_line_that_does_not_end(following: Following) -> None:
    following.write("ERROR" + "x" * (LINE_LIMIT * 3))
    assert await following.matches() == 1


async def test_log_says_what_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"log\.not_a_file"):
        await probe("log", {"path": str(tmp_path), "pattern": "x"}, tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ActionError, match=r"log\.not_a_file"):
        await probe("log", {"path": str(tmp_path / "pipe"), "pattern": "x"}, tmp_path)
    with pytest.raises(ActionError, match=r"inputs\.invalid: pattern"):
        await probe("log", {"path": str(tmp_path / "a"), "pattern": "("}, tmp_path)
