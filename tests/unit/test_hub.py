"""The hub of the live stream: facts that come with the word of a commit are handed on unread, and none twice or never."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from oncue.api.stream import Hub, Subscriber
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

    async def run(self, read: Callable[..., Any]) -> list[FactRow]:
        after = read.keywords["position"]  # type: ignore[attr-defined]
        self.read_after.append(after)
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
    rows = [subscriber.queue.get_nowait() for _ in range(subscriber.queue.qsize())]
    return [row.position for row in rows if isinstance(row, FactRow)], database.read_after


async def test_what_comes_with_the_word_of_a_commit_is_not_read() -> None:
    assert await handed((4, 0), (9, 4), (10, 9)) == ([2, 4, 6, 8, 10], [])


async def test_what_does_not_come_is_read_and_the_rest_goes_on_from_there() -> None:
    assert await handed((4, 0), (8, None), (12, 8)) == ([2, 4, 6, 8, 10, 12], [4])


async def test_a_gap_is_read_and_what_is_known_is_not_handed_on_again() -> None:
    assert await handed((4, 0), (10, 7), (12, 8)) == ([2, 4, 6, 8, 10, 12], [4])
