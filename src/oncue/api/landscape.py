"""The topology in the front process: kept in memory, brought up to date when configuration changes.

Everything that touches it runs in one thread of its own: 50,000 resources take a second or two to take in, and requests
are answered meanwhile. A change costs what has changed: manifests are read by position, from the newest that is known on.
"""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from sqlalchemy import Connection, or_, select, tuple_

from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.core.topology import NODE_KINDS, Link, Node, Topology
from oncue.store.queries import Queries, manifest_id_is
from oncue.store.schema import LISTED, entity

PAGE: Final = 1_000
"""Manifests that are read at once."""
PATIENCE_S: Final = 20.0
"""How long a request waits for the topology after a start."""

KEPT: Final = 8
"""Answers that are kept for the next question."""

T = TypeVar("T")


class Landscape:
    """The topology, its nodes in order, and what its links name in vain. Use it through `ask`."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="landscape")
        self._after = (-1, "")
        self._built = asyncio.Event()
        self.topology = Topology()
        self._nodes: dict[str, list[Node]] = {}
        self._missing: dict[str, list[tuple[str, Link]]] = {}
        self.memo: dict[Hashable, Any] = {}
        """What questions keep for the next one; forgotten when anything changes, and beyond `KEPT`."""

    async def reload(self) -> None:
        """Take what has changed since the last time."""
        while True:
            rows = await self._queries.run(partial(_changed, after=self._after))
            if rows:
                await self._here(partial(self._take, [body for _, _, body in rows]))
                self._after = (rows[-1][0], rows[-1][1])
            if len(rows) < PAGE:
                self._built.set()
                return

    async def ask(self, question: "Callable[[Landscape], T]") -> T:
        """The answer, from the landscape's own thread. Raises `Refusal` engine.unavailable while it is not built."""
        try:
            await asyncio.wait_for(self._built.wait(), PATIENCE_S)
        except TimeoutError as error:
            raise Refusal("engine.unavailable", "The topology is not read yet") from error
        return await self._here(partial(self._answer, question))

    def _answer(self, question: "Callable[[Landscape], T]") -> T:
        if len(self.memo) > KEPT:
            self.memo.clear()
        return question(self)

    async def _here(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _take(self, bodies: list[bytes]) -> None:
        for body in bodies:
            manifest = msgspec.json.decode(body, type=Manifest)
            if manifest.deleted:
                self.topology.drop(manifest.kind, manifest.namespace, manifest.name)
            else:
                self.topology.put(manifest)
        self._nodes.clear()
        self._missing.clear()
        self.memo.clear()

    def nodes(self, namespace: str) -> list[Node]:
        """The nodes of a namespace, by id."""
        if namespace not in self._nodes:
            self._nodes[namespace] = self.topology.nodes(namespace)
        return self._nodes[namespace]

    def missing(self, namespace: str) -> list[tuple[str, Link]]:
        """Links that lead nowhere, with the ids of their nodes."""
        if namespace not in self._missing:
            self._missing[namespace] = self.topology.missing(namespace)
        return self._missing[namespace]


Land = NamedDependency[SkipValidation[Landscape]]


def _changed(connection: Connection, after: tuple[int, str]) -> list[tuple[int, str, bytes]]:
    """(position, id, body) of the next manifests that are nodes, deleted ones included, in the order of their changes."""
    rows = connection.execute(
        select(entity.c.position, entity.c.id, entity.c.body)
        .where(
            entity.c.kind == "manifest",
            LISTED,
            tuple_(entity.c.position, entity.c.id) > after,
            or_(*(manifest_id_is(kind) for kind in NODE_KINDS)),
        )
        .order_by(entity.c.position, entity.c.id)
        .limit(PAGE)
    )
    return [(row.position, row.id, row.body) for row in rows]
