"""The configured sources, in memory: a request to `/in/{source}` costs a look-up. Read anew when configuration changed."""

from functools import partial

import msgspec

from oncue.access.roles import Principal, allowed
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.store.queries import Queries, manifests


class Catalogue:
    """Source manifests by name."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._by_name: dict[str, list[Manifest]] = {}

    async def reload(self) -> None:
        """Take the manifests in force."""
        by_name: dict[str, list[Manifest]] = {}
        for body in await self._queries.run(partial(manifests, kind="Source")):
            manifest = msgspec.json.decode(body, type=Manifest)
            by_name.setdefault(manifest.name, []).append(manifest)
        self._by_name = by_name

    @property
    def sources(self) -> list[Manifest]:
        """Every configured source, by name and namespace."""
        return [manifest for name in sorted(self._by_name) for manifest in self._by_name[name]]

    def source(self, name: str, who: Principal) -> Manifest:
        """The source that the sender means: in its own namespace, else the only one it may send to.

        Raises `Refusal` source.not_found.
        """
        found = [item for item in self._by_name.get(name, ()) if allowed(who, "event:write", item.namespace)]
        own = [manifest for manifest in found if manifest.namespace == who.home]
        if own:
            return own[0]
        if len(found) == 1:
            return found[0]
        raise Refusal("source.not_found", name[:100] if not found else f"{name} is in several namespaces")
