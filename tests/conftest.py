"""What all tests share: real servers that are verified when they stop, and the rule that nothing is skipped in CI."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.server import Server

settings.register_profile("oncue", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("oncue")

ALLOWED_SKIPS = ("ONCUE_CORPUS", "ONCUE_DATASETS")
"""Data that is not part of the project may be absent."""

LONG_FIRST = ("simulation", "browser", "docs", "e2e", "contract", "property", "itsm", "corpus", "unit")
"""Folders of tests, those with the longest files first, so that at the end no worker waits for another."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail on any skip but for absent corpus or datasets")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    rank = {name: number for number, name in enumerate(LONG_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.relative_to(tests).parts[0], len(rank)))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    skipped = [_reason(report) for report in terminalreporter.stats.get("skipped", [])]
    refused = [reason for reason in skipped if not any(name in reason for name in ALLOWED_SKIPS)]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} skipped, of which {len(refused)} count in CI")
    if refused and config.getoption("--no-skips"):
        for reason in refused:
            terminalreporter.write_line(f"skipped in CI: {reason}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not session.config.getoption("--no-skips") or exitstatus != pytest.ExitCode.OK:
        return
    reasons = [_reason(report) for report in reporter.stats.get("skipped", [])]
    if any(not any(name in reason for name in ALLOWED_SKIPS) for reason in reasons):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _reason(report: Any) -> str:
    where = getattr(report, "nodeid", "?")
    return f"{where}: {report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr}"


@pytest.fixture(scope="module")
def oncue_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests of one module, empty at first; afterwards it drains and its data are verified."""
    with Server(tmp_path_factory.mktemp("oncue") / "data") as server:
        yield server
    server.verify()


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Server]:
    """A server for one test, which may kill and restart it; afterwards its data are verified."""
    with Server(tmp_path / "data") as server:
        yield server
    server.verify()


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers, not yet started, each with a data directory of its own; all are stopped and verified."""
    made: list[Server] = []

    def make(**options: Any) -> Server:
        server = Server(tmp_path / f"data-{len(made)}", **options)
        made.append(server)
        return server

    yield make
    for server in made:
        if server.process is not None:
            if server.process.poll() is None:
                server.stop()
            server.verify()
        server.close()
