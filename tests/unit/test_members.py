"""The alerts of an incident, and why they are in it: from either end, and as fast in a large one as in a small one."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from sqlalchemy import Connection, create_engine, insert, update

from oncue.core.incident import Incident
from oncue.store.members import alerts_of, first_of, memberships_of
from oncue.store.queries import LIMIT
from oncue.store.schema import entity, metadata

NOW = datetime(2026, 3, 1, tzinfo=UTC)
INCIDENT = Incident(
    id="INC-1", namespace="default", title="t", state="open", severity="major", priority="P2", priority_reason="",
    service=None, resource=None, alerts_firing=0, alerts_total=0, opened_at=NOW, updated_at=NOW,
)  # fmt: skip


@pytest.fixture
def connection() -> Iterator[Connection]:
    with create_engine("sqlite://").connect() as opened:
        metadata.create_all(opened)
        yield opened


def put(connection: Connection, numbers: range) -> None:
    """Alerts of the incident, in the order in which they joined it."""
    common = {"live": True, "namespace": "default", "created_at": 0, "updated_at": 0}
    for number in numbers:
        alert = {"kind": "alert", "id": f"al-{number:05}", "state": "firing", "position": number}
        body = msgspec.json.encode({"id": alert["id"], "labels": {}})
        connection.execute(insert(entity).values(**alert, **common, body=body))
        member = {"kind": "membership", "id": f"INC-1/al-{number:05}", "state": "member", "position": number}
        connection.execute(insert(entity).values(**member, **common, body=b"{}"))


def named(bodies: list[bytes]) -> list[str]:
    return [msgspec.json.decode(body)["id"] for body in bodies]


def test_either_end_of_a_large_incident_is_what_began_there_and_stays(connection: Connection) -> None:
    put(connection, range(LIMIT + 20))
    first = [f"al-{number:05}" for number in range(LIMIT)]
    last = [f"al-{number:05}" for number in range(LIMIT + 19, 19, -1)]
    assert named(alerts_of(connection, INCIDENT, first=True)) == named(first_of(connection, INCIDENT)) == first
    assert named(alerts_of(connection, INCIDENT)) == last
    connection.execute(update(entity).where(entity.c.id == "INC-1/al-00003").values(state="left"))
    assert named(first_of(connection, INCIDENT)) == [*first[:3], *first[4:], f"al-{LIMIT:05}"]
    connection.execute(update(entity).where(entity.c.id == "INC-1/al-00510").values(state="left"))
    assert "al-00510" not in named(alerts_of(connection, INCIDENT))
    assert len(memberships_of(connection, "INC-1")) == LIMIT


def test_to_read_an_end_takes_as_many_steps_however_large_the_incident_is(connection: Connection) -> None:
    steps: list[int] = []
    raw: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]

    def counted() -> int:
        steps[-1] += 1
        return 0

    for size in (range(LIMIT), range(LIMIT, 5 * LIMIT)):
        put(connection, size)
        steps.append(0)
        raw.set_progress_handler(counted, 100)
        for first in (True, False):
            alerts_of(connection, INCIDENT, first=first)
        memberships_of(connection, "INC-1")
        raw.set_progress_handler(None, 100)
    assert steps[1] < 1.5 * steps[0]
