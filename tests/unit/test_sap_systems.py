"""How SAP systems are shown: what is declared of them, beside the newest readings and alerts of a real database file."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import create_engine, insert

from oncue.api.sap_systems import overview
from oncue.api.shapes import SAPSystemView
from oncue.cli import get
from oncue.core.manifest import Manifest
from oncue.runtime.rows import series_name
from oncue.store import schema
from oncue.store.queries import Queries, micros

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PRD: dict[str, Any] = {
    "sid": "PRD",
    "tier": "production",
    "instances": [
        {"host": "prdascs", "number": "01", "features": ["MESSAGESERVER", "ENQUE"]},
        {"host": "prdpas.example.com", "number": "00", "features": ["ABAP"]},
    ],
}
SYSTEM: dict[str, Any] = {"uses": "sap.system", "every": "30s", "with": {"host": "h", "instance": "00", "sid": "PRD"}}


class Database:
    """A database file, filled as the writer fills it."""

    def __init__(self, path: Path) -> None:
        self._writing = create_engine(f"sqlite:///{path}")
        schema.metadata.create_all(self._writing)
        self._queries = Queries(path)

    def close(self) -> None:
        self._queries.close()
        self._writing.dispose()

    def shown(self, visible: frozenset[str] | None = None) -> list[SAPSystemView]:
        return self._queries.run_here(partial(overview, visible=visible, now=NOW))

    def put(self, table: Any, **row: Any) -> None:
        with self._writing.begin() as connection:
            connection.execute(insert(table), [row])

    def apply(self, kind: str, name: str, spec: dict[str, Any], namespace: str = "basis") -> None:
        id = f"{kind}/{namespace}/{name}"
        body = Manifest(
            id=id, kind=kind, namespace=namespace, name=name, generation=1, hash="", labels={}, owner=None,
            review_by=None, description=None, spec=spec, applied_by="user:basis-1", updated_at=NOW,
        )  # fmt: skip
        self.entity("manifest", id, namespace, msgspec.json.encode(body), state="")

    def alert(
        self, id: str, resource: str, severity: str, *, quiet: bool = False, namespace: str = "basis", **more: Any
    ) -> None:
        body = b'{"quiet":[{"reason":"silenced"}]}' if quiet else b'{"quiet":[]}'
        self.entity(
            "alert", id, namespace, body, **{"state": "firing", "severity": severity, "resource": resource, **more}
        )

    def entity(self, kind: str, id: str, namespace: str, body: bytes, **more: Any) -> None:
        at = micros(NOW)
        row = {"kind": kind, "id": id, "live": True, "namespace": namespace, "created_at": at, "updated_at": at,
               "position": 1, "body": body, "severity": None, "type": None, "resource": None, "service": None}  # fmt: skip
        self.put(schema.entity, **{**row, **more})

    def read(
        self, host: str, number: str, state: float, age: timedelta, *, resource: str = "PRD", **labels: str
    ) -> None:
        told = {"sid": "PRD", "host": host, "instance": number, "features": "ABAP|IGS", **labels}
        series = series_name("basis", resource, "sap.instance.state", told)
        self.put(schema.sample, series=series, step_s=60, at=micros(NOW - age), count=2, sum=state, min=0.0, max=state)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "oncue.db")
    made.apply("SAPSystem", "prd", PRD)
    yield made
    made.close()


def states(view: SAPSystemView) -> dict[str, str]:
    return {one.name: one.state for one in view.instances}


def test_without_a_monitor_nothing_is_known_of_what_is_declared(database: Database) -> None:
    (view,) = database.shown()
    assert states(view) == {"prdascs_PRD_01": "unknown", "prdpas.example.com_PRD_00": "unknown"}
    assert (view.severity, view.alerts_firing, view.monitors, view.database) == ("clear", 0, [], None)


def test_the_newest_minute_counts_whatever_the_labels_of_its_series(database: Database) -> None:
    database.apply("Monitor", "prd-system", SYSTEM)
    database.read("prdascs", "01", 3.0, timedelta(minutes=2))
    database.read("prdascs", "01", 0.0, timedelta(minutes=1), tier="production")
    database.read("prdpas", "00", 1.0, timedelta(minutes=1))
    database.read("prdpas", "00", 0.0, timedelta(minutes=2))
    (view,) = database.shown()
    assert states(view) == {"prdascs_PRD_01": "GREEN", "prdpas_PRD_00": "YELLOW"}
    assert view.instances[1].host == "prdpas.example.com"
    assert view.instances[1].seen_at == NOW - timedelta(minutes=1)
    assert view.monitors == ["prd-system"]


def test_old_readings_are_not_believed_and_what_nobody_declared_goes_with_them(database: Database) -> None:
    database.apply("Monitor", "prd-system", SYSTEM)
    database.read("prdascs", "01", 0.0, timedelta(minutes=3))
    database.read("prdnew", "04", 0.0, timedelta(minutes=3))
    (view,) = database.shown()
    assert states(view)["prdascs_PRD_01"] == "unknown"
    assert view.instances[0].seen_at == NOW - timedelta(minutes=3)
    assert len(view.instances) == 2
    database.apply("Monitor", "prd-rarely", {**SYSTEM, "every": "2m"})
    (patient,) = database.shown()
    assert states(patient)["prdascs_PRD_01"] == "GREEN"
    assert [(one.name, one.declared) for one in patient.instances][2:] == [("prdnew_PRD_04", False)]


def test_readings_under_a_resource_that_the_monitor_names_are_found(database: Database) -> None:
    database.apply("Monitor", "prd-system", {**SYSTEM, "resource": "erp"})
    database.read("prdascs", "01", 2.0, timedelta(0), resource="erp")
    database.read("prdascs", "01", 0.0, timedelta(0))
    database.read("qaspas", "00", 0.0, timedelta(0), resource="erp", sid="QAS")
    (view,) = database.shown()
    assert states(view)["prdascs_PRD_01"] == "RED"
    assert len(view.instances) == 2


def test_firing_alerts_of_the_system_and_its_instances_count_and_quiet_ones_do_not_colour(database: Database) -> None:
    database.apply("Monitor", "prd-system", SYSTEM)
    database.read("prdpas", "00", 0.0, timedelta(0))
    database.alert("al-1", "prdpas_PRD_00", "minor")
    database.alert("al-2", "prdpas_PRD_00", "critical", quiet=True)
    database.alert("al-3", "PRD", "warning")
    database.alert("al-4", "prdascs_PRD_01", "critical", state="resolved")
    database.alert("al-5", "prdpas_PRD_00", "critical", namespace="other")
    (view,) = database.shown()
    assert (view.severity, view.alerts_firing) == ("minor", 3)
    assert [(one.severity, one.alerts_firing) for one in view.instances] == [("clear", 0), ("minor", 2)]


def test_an_instance_is_called_as_its_monitors_call_it(database: Database) -> None:
    database.apply("Monitor", "prd-system", SYSTEM)
    given = {"host": "prdpas.example.com", "instance": "00", "sid": "PRD"}
    database.apply("Monitor", "prd-processes", {"uses": "sap.processes", "with": given})
    database.read("prdpas", "00", 0.0, timedelta(0))
    database.alert("al-1", "prdpas.example.com_PRD_00", "major")
    (view,) = database.shown()
    assert [(one.name, one.alerts_firing) for one in view.instances] == [
        ("prdascs_PRD_01", 0), ("prdpas.example.com_PRD_00", 1),
    ]  # fmt: skip
    assert (view.severity, view.monitors) == ("major", ["prd-processes", "prd-system"])


def test_namespaces_do_not_see_each_others_systems_monitors_or_readings(database: Database) -> None:
    database.apply("SAPSystem", "prd", PRD, namespace="other")
    database.apply("Monitor", "prd-system", SYSTEM)
    database.read("prdascs", "01", 0.0, timedelta(0))
    assert [one.id for one in database.shown(frozenset({"other"}))] == ["other/prd"]
    mine, foreign = sorted(database.shown(), key=lambda one: one.id)
    assert (states(mine)["prdascs_PRD_01"], states(foreign)["prdascs_PRD_01"]) == ("GREEN", "unknown")
    assert foreign.monitors == []


def test_a_monitor_that_cannot_work_hides_nothing_else(database: Database) -> None:
    database.apply("Monitor", "broken", {**SYSTEM, "with": {"sid": "PRD"}})
    database.apply("Monitor", "prd-system", SYSTEM)
    database.read("prdascs", "01", 0.0, timedelta(0))
    (view,) = database.shown()
    assert states(view)["prdascs_PRD_01"] == "GREEN"
    assert view.monitors == ["broken", "prd-system"]


def test_the_command_line_says_in_a_line_how_many_run_and_which_differ(database: Database) -> None:
    database.apply("Monitor", "prd-system", SYSTEM)
    database.read("prdascs", "01", 0.0, timedelta(0))
    database.read("prdnew", "04", 1.0, timedelta(0))
    (view,) = database.shown()
    item = {**msgspec.to_builtins(view.manifest), "found": msgspec.to_builtins(view)}
    shown = {title: value(item) for title, value in get.SAP_SYSTEM_COLUMNS}
    assert shown["running"] == "1/2"
    assert shown["differs"] == ["prdpas.example.com 00 unknown", "prdnew 04 YELLOW undeclared"]
