"""The HANA monitor against a stand-in: SQLite with the columns of HANA's monitoring views, behind the client's interface."""

import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from oncue.sdk import ActionError, Context, Probe, registry
from oncue.sdk.outbound import Allow
from oncue.sdk.testing import context

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
SCHEMA = """
ATTACH ':memory:' AS _SYS_STATISTICS;
CREATE TABLE M_HOST_RESOURCE_UTILIZATION (HOST, INSTANCE_TOTAL_MEMORY_USED_SIZE, ALLOCATION_LIMIT);
CREATE TABLE M_BACKUP_CATALOG (ENTRY_TYPE_NAME, STATE_NAME, UTC_END_TIME TIMESTAMP);
CREATE TABLE M_SERVICE_REPLICATION (SITE_NAME, SECONDARY_SITE_NAME, REPLICATION_STATUS);
CREATE TABLE _SYS_STATISTICS.STATISTICS_CURRENT_ALERTS (ALERT_ID, ALERT_RATING, ALERT_HOST, ALERT_DETAILS);
INSERT INTO M_HOST_RESOURCE_UTILIZATION VALUES ('hana01', 75, 100), ('hana02', 50, 200);
INSERT INTO M_BACKUP_CATALOG VALUES ('complete data backup', 'successful', '2026-05-01 02:00:00'),
  ('complete data backup', 'failed', '2026-05-01 11:00:00'), ('log backup', 'successful', '2026-05-01 11:59:00');
INSERT INTO M_SERVICE_REPLICATION VALUES ('Site1', 'Site2', 'ACTIVE'), ('Site1', 'Site2', 'ACTIVE');
"""


class Failure(Exception):
    """As the client's `dbapi.Error`."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.errorcode, self.errortext = code, text


class StandIn:
    """What `hdbcli.dbapi` offers, on a database in memory."""

    def __init__(self) -> None:
        self.script = SCHEMA
        self.failure: Failure | None = None
        self.told: dict[str, Any] = {}

    def connect(self, **told: Any) -> "Connection":
        self.told = told
        if self.failure is not None:
            raise self.failure
        return Connection(self.script)


class Connection(sqlite3.Connection):
    """Of SQLite, with HANA's reading of timestamps: a maximum of timestamps is one."""

    def __init__(self, script: str) -> None:
        super().__init__(":memory:", check_same_thread=False)
        self.executescript(script)

    def cursor(self, *given: Any, **more: Any) -> Any:
        found = super().cursor(*given, **more)
        found.row_factory = lambda _, row: tuple(
            datetime.fromisoformat(value) if isinstance(value, str) and value[:5] == "2026-" else value for value in row
        )
        return found


@pytest.fixture
def hana(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn()
    module = ModuleType("hdbcli.dbapi")
    module.connect = stand_in.connect  # type: ignore[attr-defined]
    module.Error = Failure  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "hdbcli", ModuleType("hdbcli"))
    monkeypatch.setitem(sys.modules, "hdbcli.dbapi", module)
    return stand_in


@pytest.fixture
def surroundings(tmp_path: Path) -> Context:
    return context(tmp_path, allows=[Allow("127.0.0.1")], secrets={"hana": "monitor-4711"})


async def probe(surroundings: Context) -> Probe:
    monitor = registry.monitor("sap.hana")
    given = {"host": "127.0.0.1", "port": 30015, "user": "MONITOR", "password": "secret://hana", "sid": "PRD"}
    return await monitor.probe(registry.fit(given, monitor.settings), surroundings, AT)


async def test_a_well_database_gives_memory_backup_replication_and_alerts(hana: StandIn, surroundings: Context) -> None:
    found = await probe(surroundings)
    assert found.fault is None
    assert {(one.metric, one.instance): one.value for one in found.readings} == {
        ("sap.hana.memory", "hana01"): 75.0,
        ("sap.hana.memory", "hana02"): 25.0,
        ("sap.hana.backup_age", ""): 10.0,
        ("sap.hana.replication_bad", ""): 0.0,
        ("sap.hana.alerts", ""): 0.0,
    }
    assert (hana.told["address"], hana.told["encrypt"], hana.told["password"]) == ("127.0.0.1", True, "monitor-4711")


async def test_broken_replication_and_high_alerts_are_a_fault(hana: StandIn, surroundings: Context) -> None:
    hana.script += (
        "UPDATE M_SERVICE_REPLICATION SET REPLICATION_STATUS = 'ERROR';"
        "INSERT INTO _SYS_STATISTICS.STATISTICS_CURRENT_ALERTS VALUES (2, 4, 'hana01', 'Disk usage'), (5, 3, 'hana01', 'x');"
    )
    found = await probe(surroundings)
    assert found.fault is not None
    assert found.fault.title == "HANA PRD@127.0.0.1: replication Site1 to Site2 is ERROR (2 services) and 1 more"
    assert "alert 2 on hana01: Disk usage" in found.fault.detail
    assert {one.metric: one.value for one in found.readings}["sap.hana.alerts"] == 2.0


async def test_a_database_without_backup_has_no_age_of_it(hana: StandIn, surroundings: Context) -> None:
    hana.script += "DELETE FROM M_BACKUP_CATALOG;"
    assert "sap.hana.backup_age" not in {one.metric for one in (await probe(surroundings)).readings}


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Failure(10, "authentication failed"), "sap.hana.credentials"),
        (Failure(258, "insufficient privilege: Not authorized"), "sap.hana.privilege"),
        (Failure(259, "invalid table name"), "sap.hana.sql"),
    ],
)
async def test_what_the_user_may_not_is_the_monitors_trouble(
    hana: StandIn, surroundings: Context, failure: Failure, code: str
) -> None:
    hana.failure = failure
    with pytest.raises(ActionError, match=code.replace(".", r"\.")):
        await probe(surroundings)


async def test_silence_is_a_finding(hana: StandIn, surroundings: Context) -> None:
    hana.failure = Failure(-10709, "Connection failed (RTE:[89006] System call 'connect' failed, rc=111)")
    found = await probe(surroundings)
    assert found.fault is not None
    assert (found.fault.code, found.readings) == ("sap.hana.down", [])


async def test_a_private_address_is_refused_before_anything_is_sent(hana: StandIn, tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"outbound\.refused"):
        await probe(context(tmp_path, secrets={"hana": "monitor-4711"}))
    assert hana.told == {}


async def test_without_saps_client_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, surroundings: Context
) -> None:
    monkeypatch.setitem(sys.modules, "hdbcli.dbapi", None)
    with pytest.raises(ActionError, match=r"monitor\.needs.*oncue\[hana\]"):
        await probe(surroundings)
