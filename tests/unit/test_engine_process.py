"""The engine's process and those who are connected to it."""

import asyncio
from pathlib import Path

import uvloop

from oncue import config
from oncue.runtime import frames
from oncue.runtime.client import read_frames
from oncue.runtime.engine_process import EngineProcess

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _connected(path: Path) -> tuple[Ends, asyncio.StreamWriter, asyncio.Server]:
    """The other end, what is written to it, and the server: one that nobody holds is closed by the collector."""
    came: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await came.put(writer)

    server = await asyncio.start_unix_server(serve, path)
    return await asyncio.open_unix_connection(path), await came.get(), server


def test_whoever_is_gone_keeps_no_answer_from_those_who_wait_for_theirs(tmp_path: Path) -> None:
    process = EngineProcess(config.load({"data": tmp_path}, {}))

    async def told() -> list[frames.Answer]:
        _, gone, _first = await _connected(tmp_path / "a")
        (reader, _kept), waits, _second = await _connected(tmp_path / "b")
        process._reply(gone, frames.Answer(seq=1))
        process._reply(waits, frames.Answer(seq=2))
        gone.close()
        await asyncio.sleep(0)
        process._send_replies()
        waits.close()
        return [frame async for some in read_frames(reader) for frame in some]

    assert uvloop.run(told()) == [frames.Answer(seq=2)]
