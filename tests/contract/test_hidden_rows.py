"""The rows that keep what must not be written down: there with the command that brings them, gone with what holds them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from oncue.core import workflow
from oncue.runtime import frames
from oncue.runtime.frames import SideWrite
from oncue.store import schema
from oncue.store.queries import access_rows
from tests.contract.writing import Writing

SCHEMA = {
    "type": "object", "required": ["password"],
    "properties": {"password": {"type": "string", "writeOnly": True}, "host": {"type": "string"}},
}  # fmt: skip
REFERENCE = "secret://run/aa/password"
ROW = SideWrite("input", "default/run/aa/password", b'{"sealed": "..."}')


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[Writing]:
    made = Writing(tmp_path)
    made.apply("Workflow", "waits", {"inputs": SCHEMA, "steps": [{"id": "rest", "wait": {"for": "1h"}}]})
    made.apply("Workflow", "ends", {"inputs": SCHEMA, "steps": [{"id": "note", "set": {"a": "b"}}]})
    yield made
    made.close()


def start(writing: Writing, name: str, *side: SideWrite, id: str = "start-1", **inputs: Any) -> Any:
    """What the engine says to a run of this workflow."""
    document = {"specversion": "1.0", "id": id, "source": "/oncue/api", "type": "oncue.command.run.start"}
    body = msgspec.json.encode({**document, "data": {"workflow": name, "inputs": inputs}})
    answer: frames.Answer = writing.submit(body, urgent=True, side=list(side))
    return answer.replies[0] if answer.replies else answer.rejected


def kept(writing: Writing) -> list[str]:
    with writing.reading.connect() as connection:
        return [id for kind, id, _ in access_rows(connection) if kind == "input"]


def test_a_command_that_holds_it_leaves_nothing_however_often_it_comes(writing: Writing) -> None:
    before = len(writing.records())
    for _ in range(2):
        said = start(writing, "waits", ROW, password="hunter2")
        assert (said["code"], said["detail"]) == ("workflow.inputs_hidden", "password")
    assert len(writing.records()) == before
    assert kept(writing) == []
    with writing.reading.connect() as connection:
        assert connection.execute(select(schema.dead_letter)).all() == []
    assert start(writing, "waits", ROW, password=REFERENCE)["code"] is None, "the same id, and nothing was taken of it"


def test_the_row_is_there_as_long_as_the_run_and_who_may_do_what_is_not_read_anew_for_it(writing: Writing) -> None:
    run = start(writing, "waits", ROW, password=REFERENCE)["data"]["id"]
    assert kept(writing) == [ROW.id]
    command = {"run": run}
    writing.submit(writing.event("oncue.command.run.cancel", data=command), urgent=True)
    assert kept(writing) == []
    assert not any(after.access_changed for after in writing.after)


def test_a_run_that_is_over_at_once_leaves_none(writing: Writing) -> None:
    assert start(writing, "ends", ROW, password=REFERENCE)["data"]["state"] == "succeeded"
    assert kept(writing) == []


def test_a_command_that_is_refused_leaves_none(writing: Writing) -> None:
    assert start(writing, "waits", ROW, password=REFERENCE, host=7)["code"] == "workflow.inputs_invalid"
    assert kept(writing) == []


def test_it_is_held_over_a_restart(tmp_path: Path) -> None:
    first = Writing(tmp_path)
    first.apply("Workflow", "waits", {"inputs": SCHEMA, "steps": [{"id": "rest", "wait": {"for": "1h"}}]})
    run = start(first, "waits", ROW, password=REFERENCE)["data"]["id"]
    first.close()
    again = Writing(tmp_path)
    assert kept(again) == [ROW.id]
    again.submit(again.event("oncue.command.run.cancel", data={"run": run}), urgent=True)
    assert kept(again) == []
    again.close()


def test_a_command_that_could_not_be_handled_leaves_none_and_is_not_tried_again_without_it(
    writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(workflow, "start", breaks)
        ((_, code, _),) = start(writing, "waits", ROW, password=REFERENCE)
    assert (code, kept(writing)) == ("event.poison", [])
    with writing.reading.connect() as connection:
        (letter,) = connection.execute(select(schema.dead_letter)).all()
    redrive = writing.event("oncue.command.dead_letter.redrive", data={"id": letter.id})
    (reply,) = writing.submit(redrive, urgent=True).replies or []
    assert reply["code"] == "workflow.inputs_hidden"
    assert start(writing, "waits", ROW, id="start-2", password=REFERENCE)["code"] is None
