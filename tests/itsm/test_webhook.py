"""A system of one's own is told by POST: each thing under a key of its own, the same however often it is sent."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oncue.plugins.itsm.webhook import Webhook
from oncue.sdk import ActionError
from tests.itsm.misbehaviour import FAILURES
from tests.itsm.pushing import KEY, Desk, remark, view
from tests.itsm.system import Request, Response, System


class Receiver(System):
    """Does each thing once, by its key."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: dict[str, Any] = {}

    def answer(self, request: Request) -> Response:
        self.taken.setdefault(request.headers["idempotency-key"], request.body)
        return Response(200, {"id": "R1", "number": "REC-1", "state": "open"})

    def ops(self) -> list[str]:
        return [one["op"] for one in self.taken.values()]


@pytest.fixture
def system() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def desk(system: Receiver, tmp_path: Path) -> Desk:
    return Desk(Webhook(), system, tmp_path, {"t": "token-1", "k": "key-1"}, token="secret://t", secret="secret://k")


async def test_a_ticket_its_changes_and_its_remarks_are_told_in_order(system: Receiver, desk: Desk) -> None:
    desk.spec = {"states": {"resolved": "fixed"}, "fields": {"queue": "basis"}}
    pushed = await desk.push(view(), remark(1))
    assert (pushed.remote, pushed.number, pushed.state) == ("R1", "REC-1", "open")
    await desk.push(view(state="resolved"), remark(2))
    assert system.ops() == ["create", "remark", "update", "remark"]
    assert list(system.taken)[:2] == [KEY, f"{KEY}/co-1"]
    bodies = list(system.taken.values())
    assert (bodies[0]["key"], bodies[0]["fields"], bodies[2]["id"]) == (KEY, {"queue": "basis"}, "R1")
    assert (bodies[0]["ticket"]["state"], bodies[2]["ticket"]["state"]) == ("new", "fixed")


async def test_what_broke_off_is_sent_again_under_the_same_keys(system: Receiver, desk: Desk) -> None:
    system.fail(502, "gateway", after=True)
    with pytest.raises(ActionError):
        await desk.push(view(), remark(1))
    await desk.push(view(), remark(1), again=True)
    assert system.ops() == ["create", "update", "remark"]
    await desk.push(view(), remark(1), again=True)
    assert len(system.taken) == 3


async def test_what_changed_after_a_create_whose_answer_was_lost_is_told(system: Receiver, desk: Desk) -> None:
    system.fail(502, "gateway", after=True)
    with pytest.raises(ActionError):
        await desk.push(view())
    await desk.push(view(state="resolved"), again=True, version=1)
    assert [one["ticket"]["state"] for one in system.taken.values()] == ["new", "resolved"]


async def test_a_ticket_that_is_as_it_was_once_before_is_told_again(system: Receiver, desk: Desk) -> None:
    for version, state in enumerate(("new", "resolved", "in_progress", "resolved", "in_progress")):
        await desk.push(view(state=state), version=version)
    told = [one["ticket"]["state"] for one in system.taken.values()]
    assert told == ["new", "resolved", "in_progress", "resolved", "in_progress"]


async def test_what_is_sent_is_signed(system: Receiver, desk: Desk) -> None:
    await desk.push(view())
    (request,) = system.requests
    assert request.headers["authorization"] == "Bearer token-1"
    id, at, signed = (request.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    import msgspec

    text = f"{id}.{at}.".encode() + msgspec.json.encode(request.body)
    wanted = base64.b64encode(hmac.new(b"key-1", text, hashlib.sha256).digest()).decode()
    assert signed == f"v1,{wanted}"


@pytest.mark.parametrize(("status", "body", "headers", "code", "transient", "pause_s"), FAILURES)
async def test_what_goes_wrong_has_a_code_of_its_own(
    system: Receiver, desk: Desk, status: int, body: Any, headers: dict[str, str], code: str, transient: bool,
    pause_s: float | None,
) -> None:  # fmt: skip
    system.fail(status, body, headers=headers)
    with pytest.raises(ActionError) as caught:
        await desk.push(view())
    assert (caught.value.code, caught.value.transient, caught.value.retry_after_s) == (code, transient, pause_s)


async def test_it_cannot_be_asked(desk: Desk) -> None:
    with pytest.raises(ActionError, match=r"webhook\.no_answers"):
        await desk.pull()
