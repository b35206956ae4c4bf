"""What the handlers share: the configuration, the engine's line, queries, access, and how commands are given."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar
from uuid import uuid4

import msgspec
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from sqlalchemy import Connection

from oncue.access.roles import Principal
from oncue.access.store import AccessStore
from oncue.access.throttle import Throttle
from oncue.api.consuming import Consuming
from oncue.api.stream import Hub
from oncue.config import Config
from oncue.core.errors import Refusal
from oncue.runtime.client import EngineClient
from oncue.runtime.frames import SideWrite
from oncue.store.queries import Queries

ORIGIN: Final = "api"
RECENT_S: Final = 2.0
OVERVIEW_DEADLINE_S: Final = 10.0
SLOW_S: Final = 0.1
"""What took longer to work out is worked out beside who asks again."""
STALE_S: Final = 10.0
"""As long as it was good no longer ago than this."""

T = TypeVar("T")


class _Answer(NamedTuple):
    found: Any
    took_s: float
    good_until: float
    """Monotonic seconds."""


class Context:
    """One per front process."""

    def __init__(
        self,
        config: Config,
        client: EngineClient,
        queries: Queries,
        access: AccessStore,
        hub: Hub,
        throttle: Throttle,
    ) -> None:
        self.config = config
        self.client = client
        self.queries = queries
        self.access = access
        self.hub = hub
        self.throttle = throttle
        self.consuming: Final = Consuming(queries)
        self._answers: dict[Hashable, _Answer] = {}
        self._tasks: set[asyncio.Task[_Answer]] = set()
        self._asking: dict[Hashable, asyncio.Lock] = {}
        self.sign_in_lock = asyncio.Lock()
        """Held while a one-time link is used, so that it is used once."""

    async def recently(self, key: Hashable, query: Callable[[Connection], T]) -> T:
        """The answer of a query over everything, a few seconds old, or as old as `shared` gives; asked once at a time however
        many want it."""
        return await self.shared(key, partial(self.queries.run, query, OVERVIEW_DEADLINE_S), RECENT_S)

    async def shared(self, key: Hashable, ask: Callable[[], Awaitable[T]], least_s: float = 0.0) -> T:
        """An answer for all who want it: worked out once at a time, and good for five times as long as that took, so that it
        takes a part of the machine at the most however many look; for `least_s` at least. Who looks again soon does not wait for
        one that takes long: the last is given while the next is worked out."""
        known = self._answers.get(key)
        now = time.monotonic()
        if known is not None and known.took_s > SLOW_S and now < known.good_until + STALE_S:
            if now > known.good_until and not self._asking[key].locked():
                task = asyncio.get_running_loop().create_task(self._ask(key, ask, least_s))
                self._tasks.add(task)
                task.add_done_callback(self._asked)
        else:
            known = await self._ask(key, ask, least_s)
        found: T = known.found
        return found

    async def _ask(self, key: Hashable, ask: Callable[[], Awaitable[Any]], least_s: float) -> "_Answer":
        async with self._asking.setdefault(key, asyncio.Lock()):
            known = self._answers.get(key)
            begun_at = time.monotonic()
            if known is None or begun_at > known.good_until:
                if len(self._answers) > 1_000:
                    self._answers.clear()
                    self._asking = {asked: held for asked, held in self._asking.items() if held.locked()}
                found = await ask()
                ended_at = time.monotonic()
                took_s = ended_at - begun_at
                known = self._answers[key] = _Answer(found, took_s, ended_at + max(least_s, 5 * took_s))
            return known

    def _asked(self, task: "asyncio.Task[_Answer]") -> None:
        """What could not be worked out beside is asked for by the next who waits, who is told why."""
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    async def command(
        self, type: str, data: dict[str, Any], *, who: Principal, namespace: str, side: Sequence[SideWrite] = ()
    ) -> Any:
        """Give the engine a command; returns the reply's data after the commit, which writes the rows `side` as well unless
        the command is refused.

        Raises `Refusal` with the code of the engine's answer.
        """
        answer = await self.client.submit(
            [document(type, data, who.owner)],
            namespace=namespace,
            origin=ORIGIN,
            actor=who.actor,
            person=who.behind,
            urgent=True,
            side=list(side),
        )
        if answer.rejected:
            _, code, detail = answer.rejected[0]
            raise Refusal(code, detail)
        if not answer.replies:
            return None
        reply = answer.replies[0]
        if reply and reply.get("code"):
            raise Refusal(reply["code"], reply.get("detail") or "")
        return reply.get("data") if reply else None

    async def record(
        self,
        what: str,
        data: dict[str, Any],
        *,
        actor: str,
        namespace: str = "default",
        side: Iterable[SideWrite] = (),
    ) -> None:
        """Journal an audit event and, in the same transaction, write these rows of the access store."""
        writes = list(side)
        await self.client.submit(
            [document(f"oncue.audit.{what}", {"actor": actor, **data})],
            namespace=namespace,
            origin=ORIGIN,
            actor=actor,
            urgent=True,
            side=writes,
        )
        if writes:
            self.access.apply(writes)


Ctx = NamedDependency[SkipValidation[Context]]
Who = NamedDependency[SkipValidation[Principal]]


def document(type: str, data: dict[str, Any], owner: str | None = None) -> bytes:
    """An input of our own, as a structured CloudEvent; `owner` answers for the token with which it was asked for."""
    return msgspec.json.encode(
        {
            **({"tokenowner": owner} if owner is not None else {}),
            "specversion": "1.0",
            "id": uuid4().hex,
            "source": "/oncue/api",
            "type": type,
            "time": datetime.now(UTC),
            "datacontenttype": "application/json",
            "data": data,
        }
    )
