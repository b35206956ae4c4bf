"""The alerts of an incident: those that joined first are kept in mind, as long as they stay."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from sqlalchemy import Connection, create_engine, insert, update

from oncue.core.incident import Incident
from oncue.store.members import Early, alerts_of
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


def test_the_first_stay_the_first_while_others_join_and_are_looked_for_anew_when_one_leaves(
    connection: Connection,
) -> None:
    early = Early()
    put(connection, range(LIMIT - 1))
    assert len(early.of(connection, INCIDENT)) == LIMIT - 1
    put(connection, range(LIMIT - 1, LIMIT + 20))
    first = named(early.of(connection, INCIDENT))
    assert first == named(alerts_of(connection, INCIDENT, first=True)) == [f"al-{number:05}" for number in range(LIMIT)]
    assert named(early.of(connection, INCIDENT)) == first
    gone = update(entity).where(entity.c.id == "INC-1/al-00003").values(state="left")
    connection.execute(gone)
    after = named(early.of(connection, INCIDENT))
    assert "al-00003" not in after
    assert after == named(alerts_of(connection, INCIDENT, first=True))
    assert len(after) == LIMIT
