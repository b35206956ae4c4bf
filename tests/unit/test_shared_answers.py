"""An answer that takes long is worked out once for all who look, and who looks again does not wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from oncue.api import context as module
from oncue.api.context import Context
from oncue.core.errors import Refusal

Asking = Callable[[], Awaitable[int]]


class World:
    """A clock that is moved, and an answer that takes as long as it says and counts how often it was worked out."""

    def __init__(self) -> None:
        nothing = cast(Any, None)
        self.context = Context(nothing, nothing, nothing, nothing, nothing, nothing)
        self.now = 1_000.0
        self.takes_s = 0.5
        self.asked = 0
        self.fails = False

    async def answer(self) -> int:
        await asyncio.sleep(0)
        self.now += self.takes_s
        self.asked += 1
        if self.fails:
            raise Refusal("engine.unavailable", "it is away")
        return self.asked

    async def look(self) -> int:
        return await self.context.shared("what", self.answer)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


async def test_it_is_worked_out_once_for_all_who_look_at_the_same_time(world: World) -> None:
    assert await asyncio.gather(*(world.look() for _ in range(10))) == [1] * 10
    world.now += 5 * world.takes_s
    assert await world.look() == 1


async def test_what_is_quick_is_worked_out_anew_for_who_looks_later(world: World) -> None:
    world.takes_s = 0.01
    assert await world.look() == 1
    world.now += 0.06
    assert await world.look() == 2


async def test_who_looks_again_is_given_the_last_one_while_the_next_is_worked_out(world: World) -> None:
    await world.look()
    world.now += 2.6
    before = world.now
    assert [await world.look(), await world.look()] == [1, 1]
    assert world.now == before
    await settled()
    assert (world.asked, await world.look()) == (2, 2)


async def test_what_is_old_is_given_to_nobody(world: World) -> None:
    await world.look()
    world.now += 2.5 + module.STALE_S
    assert await world.look() == 2


async def test_what_fails_beside_is_told_to_who_must_wait_for_it(world: World) -> None:
    await world.look()
    world.fails = True
    world.now += 3.0
    assert await world.look() == 1
    await settled()
    world.now += module.STALE_S
    with pytest.raises(Refusal, match="it is away"):
        await world.look()
