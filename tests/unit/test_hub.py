"""The hub of the live stream: facts that come with the word of a commit are handed on unread, and none twice or never."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from oncue.api.stream import QUEUE_LIMIT, Grown, Hub, Subscriber
from oncue.runtime.frames import News
from oncue.store.queries import FactRow, Queries

Fact = tuple[int, str, str, str, str, int, int, int, bytes]


def fact(position: int) -> Fact:
    return (position, "oncue.alert.opened", "default", "alert", "A-1", 1, position, position, b"{}")


class Database:
    """The facts that are written, and from where they were read."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.read_after: list[int] = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def run(self, read: Callable[..., Any]) -> list[FactRow]:
        after = read.keywords["position"]  # type: ignore[attr-defined]
        self.read_after.append(after)
        await self.answers.wait()
        return [FactRow(*one) for one in self.facts if one[0] > after]


async def handed(*told: tuple[int, int | None]) -> tuple[list[int], list[int]]:
    """The positions that a subscriber gets, and those from which was read, when commits are told of: (up to where, from where
    facts are given or None). There is a fact at each even position."""
    database = Database()
    hub = Hub(cast(Queries, database))
    subscriber = Subscriber((), (), None)
    hub.join(subscriber)
    running = asyncio.create_task(hub.run())
    for position, after in told:
        database.facts = [fact(at) for at in range(2, position + 1, 2)]
        news = News(after, [one for one in database.facts if one[0] > after]) if after is not None else None
        hub.committed_to(position, news)
        while hub.position < position:
            await asyncio.sleep(0)
    running.cancel()
    return positions(await subscriber.take()), database.read_after


def positions(rows: list[FactRow | Grown]) -> list[int]:
    return [row.position for row in rows if isinstance(row, FactRow)]


async def test_what_comes_with_the_word_of_a_commit_is_not_read() -> None:
    assert await handed((4, 0), (9, 4), (10, 9)) == ([2, 4, 6, 8, 10], [])


async def test_what_does_not_come_is_read_and_the_rest_goes_on_from_there() -> None:
    assert await handed((4, 0), (8, None), (12, 8)) == ([2, 4, 6, 8, 10, 12], [4])


async def test_a_gap_is_read_and_what_is_known_is_not_handed_on_again() -> None:
    assert await handed((4, 0), (10, 7), (12, 8)) == ([2, 4, 6, 8, 10, 12], [4])


async def test_what_is_given_during_a_read_comes_after_what_is_read_and_who_joins_then_gets_neither_twice() -> None:
    database = Database()
    hub = Hub(cast(Queries, database))
    first, second = Subscriber((), (), None), Subscriber((), (), None)
    hub.join(first)
    running = asyncio.create_task(hub.run())
    database.answers.clear()
    database.facts = [fact(2), fact(4)]
    hub.committed_to(4)
    await asyncio.sleep(0)
    hub.committed_to(6, News(4, [fact(6)]))
    assert not first.waiting
    hub.leave(first)
    hub.committed_to(8, News(6, [fact(8)]))
    assert hub.join(second) == 8
    database.answers.set()
    await asyncio.sleep(0)
    hub.committed_to(10, News(8, [fact(10)]))
    running.cancel()
    assert (positions(await second.take()), hub.position, database.read_after) == ([10], 10, [0])


async def test_who_does_not_keep_up_is_cut() -> None:
    hub = Hub(cast(Queries, Database()))
    slow, quick = Subscriber((), (), None), Subscriber((), (), None)
    hub.join(slow)
    hub.join(quick)
    for position in range(1, QUEUE_LIMIT + 2):
        hub.committed_to(position, News(position - 1, [fact(position)]))
        await quick.take()
    assert (slow.cut, len(slow.waiting), quick.cut) == (True, QUEUE_LIMIT, False)


async def test_what_was_committed_before_word_of_it_came_is_not_read_again() -> None:
    database = Database()
    hub = Hub(cast(Queries, database))
    subscriber = Subscriber((), (), None)
    hub.join(subscriber)
    running = asyncio.create_task(hub.run())
    database.facts = [fact(at) for at in range(2, 10, 2)]
    for position in (5, 9):
        hub.committed_to(position)
        while hub.position < position:
            await asyncio.sleep(0)
    running.cancel()
    assert (positions(await subscriber.take()), database.read_after) == ([2, 4, 6, 8], [0, 8])
