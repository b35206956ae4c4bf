"""How a stream becomes messages, whatever the pieces that it comes in; and sockets that refuse, wait and lose."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncue.plugins.sources import syslog_receiving
from oncue.plugins.sources.syslog import SyslogSource
from oncue.plugins.sources.syslog_receiving import MESSAGE_LIMIT, Framing, address_of
from oncue.sdk.source import Received, Refusal
from tests.certificates import certify
from tests.server import free_port


def cut(stream: bytes, framing: Any = "auto") -> tuple[list[bytes], str | None]:
    """The messages of a stream that its sender then closes, and why it could not be told apart any more."""
    made = Framing(framing)
    found = made.feed(stream)
    found += made.end() if made.broken is None else []
    return [body for body, _ in found], made.broken


@pytest.mark.parametrize(
    ("stream", "messages"),
    [
        (b"16 <1>2 - - - - - -17 <4>11 - - - - - -", [b"<1>2 - - - - - -", b"<4>11 - - - - - -"]),
        (b"28 <1>3 - - - - - - hello\nworld", [b"<1>3 - - - - - - hello\nworld"]),
        (b"<1>2 - - - - - -\n<4>11 - - - - - -\n", [b"<1>2 - - - - - -", b"<4>11 - - - - - -"]),
        (b"<13>one\n5 <13>a<13>two\n", [b"<13>one", b"<13>a", b"<13>two"]),
        (b"5 <13>a\n5 <13>b\n", [b"<13>a", b"<13>b"]),
        (b"2026 began\n<13>x\n", [b"2026 began", b"<13>x"]),
        (b"no priority\nno newline", [b"no priority", b"no newline"]),
        (b"", []),
    ],
)
def test_the_framing_is_seen_at_each_message(stream: bytes, messages: list[bytes]) -> None:
    assert cut(stream) == (messages, None)


@given(
    st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=40).filter(lambda one: b"\n" not in one))),
    st.lists(st.integers(1, 30)),
)
def test_messages_are_the_same_in_whatever_pieces_they_come(sent: list[tuple[bool, bytes]], sizes: list[int]) -> None:
    bodies = [b"<13>" + body for _, body in sent]
    stream = b"".join(
        b"%d %s" % (len(body), body) if counted else body + b"\n"
        for (counted, _), body in zip(sent, bodies, strict=True)
    )
    made, found, rest = Framing(), [], stream
    for size in [*sizes, len(stream)]:
        found += made.feed(rest[:size])
        rest = rest[size:]
    assert made.broken is None
    assert found == [(body, False) for body in bodies]
    assert not made.pending


@pytest.mark.parametrize(
    ("stream", "framing", "before"),
    [
        (b"16 <1>217 <11>1 - - - - - -", "auto", 1),  # a count too small: what follows is no message
        (b"99999999 <1>x", "auto", 0),
        (b"<13>x\n", "octet-counting", 0),
        (b"012 <13>x", "octet-counting", 0),
        (b"1234567890123 <13>x", "octet-counting", 0),
    ],
)
def test_a_count_that_lies_ends_the_stream_and_keeps_what_came_before(stream: bytes, framing: str, before: int) -> None:
    messages, broken = cut(stream, framing)
    assert len(messages) == before
    assert broken


def test_a_message_too_long_is_cut_and_the_next_is_whole() -> None:
    long = b"<13>" + b"x" * (3 * MESSAGE_LIMIT)
    for stream in (b"%d %s5 <13>a" % (len(long), long), long + b"\n<13>a\n"):
        made, found = Framing(), []
        for start in range(0, len(stream), 50_000):
            found += made.feed(stream[start : start + 50_000])
        assert found == [(long[:MESSAGE_LIMIT], True), (b"<13>a", False)]


def test_a_message_that_its_count_says_is_not_whole_is_marked() -> None:
    made = Framing()
    assert made.feed(b"100 <13>begun") == []
    assert made.pending
    assert made.end() == [(b"<13>begun", True)]


def test_a_stream_that_never_ends_a_message_does_not_grow() -> None:
    made = Framing()
    found = [one for _ in range(200) for one in made.feed(b"x" * 10_000)]
    assert [len(body) for body, _ in found] == [MESSAGE_LIMIT]
    assert len(made._rest) <= MESSAGE_LIMIT + 10_000


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0:5514", ("0.0.0.0", 5514)), ("[::]:6514", ("::", 6514)), ("*:514", ("0.0.0.0", 514)),
        ("localhost:1", ("localhost", 1)), ("5514", None), ("::1:5514", None), ("h:0", None), ("h:65536", None),
    ],
)  # fmt: skip
def test_addresses(text: str, address: tuple[str, int] | None) -> None:
    assert address_of(text) == address


CORPUS = Path(os.environ.get("ONCUE_CORPUS") or "/nowhere") / "syslog"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="ONCUE_CORPUS is not set")
@pytest.mark.parametrize(
    ("file", "count", "is_whole"),
    [
        ("non_transparent_strict_tcp_1st_avg_ok", 1, True),
        ("non_transparent_strict_tcp_1st_min_ok_2nd_min_ok", 2, True),
        ("octet_counting_best_effort_tcp_1st_underflow_malfunction", 1, False),
        ("octet_counting_maxlength_ok", 1, True),
        ("octet_counting_strict_tcp_1st_avg_ok", 1, True),
        ("octet_counting_strict_tcp_1st_max_ok", 1, True),
        ("octet_counting_strict_tcp_1st_min_ok_2nd_min_ok", 2, True),
        ("octet_counting_strict_tcp_1st_newline_ok", 1, True),
        ("octet_counting_strict_tcp_1st_utf8_ok", 1, True),
        ("rfc3164_non_transparent_strict_tcp", 1, True),
        ("rfc3164_octet_counting_strict_tcp", 1, True),
    ],
)
def test_streams_that_others_recorded(file: str, count: int, is_whole: bool) -> None:
    messages, broken = cut((CORPUS / f"framing_{file}.txt").read_bytes())
    assert len([one for one in messages if one.strip()]) == count
    assert (broken is None) == is_whole


# Sockets


class Box:
    """An inbox of `room` messages."""

    def __init__(self, room: int = 1_000, secrets: dict[str, str] | None = None) -> None:
        self.connections = 0
        self.taken: list[Received] = []
        self.turned_away: list[str] = []
        self.dropped = 0
        self.room = room
        self.open = asyncio.Event()
        self.emptied = asyncio.Event()
        self._secrets = secrets or {}

    def opened(self) -> None:
        self.open.set()

    def offer(self, received: Received) -> bool:
        if len(self.taken) >= self.room:
            self.dropped += 1
            return False
        self.taken.append(received)
        return True

    async def put(self, received: Received) -> None:
        while len(self.taken) >= self.room:
            self.emptied.clear()
            await self.emptied.wait()
        self.taken.append(received)

    def lost(self, count: int) -> None:
        self.dropped += count

    def refused(self, why: str) -> None:
        self.turned_away.append(why)

    def secret(self, reference: str) -> str:
        if reference not in self._secrets:
            raise Refusal("secret.not_found", reference)
        return self._secrets[reference]


@asynccontextmanager
async def listening(box: Box, **settings: Any) -> AsyncIterator[int]:
    """The port at which the source listens into the box."""
    port = free_port()
    task = asyncio.create_task(SyslogSource().listen({"listen": f"127.0.0.1:{port}", **settings}, box))
    await asyncio.wait([task, asyncio.create_task(box.open.wait())], return_when=asyncio.FIRST_COMPLETED)
    try:
        if task.done():
            task.result()
        yield port
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(check: Any) -> None:
    async with asyncio.timeout(10):
        while not check():
            await asyncio.sleep(0.005)


def datagram(port: int, body: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(body, ("127.0.0.1", port))


async def test_a_datagram_is_a_message() -> None:
    box = Box()
    async with listening(box) as port:
        datagram(port, b"<13>one\ntwo")
        await until(lambda: box.taken)
    assert box.taken == [Received(b"<13>one\ntwo", peer="127.0.0.1")]


async def test_datagrams_beyond_the_room_are_counted() -> None:
    box = Box(room=3)
    async with listening(box) as port:
        for _ in range(10):
            datagram(port, b"<13>x")
        await until(lambda: box.dropped == 7)
    assert len(box.taken) == 3


async def test_what_the_kernel_drops_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslog_receiving, "COUNT_S", 0.02)
    box = Box(room=1_000_000)
    async with listening(box) as port:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(20_000):  # this blocks the loop, so that nobody reads meanwhile
                sender.sendto(b"<13>" + b"x" * 2_000, ("127.0.0.1", port))
        await until(lambda: len(box.taken) + box.dropped == 20_000)
    assert box.dropped > 0


async def test_a_stream_waits_while_there_is_no_room_and_nothing_is_lost() -> None:
    box = Box(room=10)
    async with listening(box, protocol="tcp") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(b"%d <13>%d" % (len(str(n)) + 4, n) for n in range(1_000)))
        writer.write_eof()
        found: list[Received] = []
        while len(found) < 1_000:
            await until(lambda: box.taken)
            assert len(box.taken) <= 10
            found, box.taken = found + box.taken, []
            box.emptied.set()
        assert await reader.read() == b""
    assert [int(one.body[4:]) for one in found] == list(range(1_000))
    assert (box.turned_away, box.dropped) == ([], 0)


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
async def test_who_is_not_among_the_senders_is_turned_away(protocol: str) -> None:
    box = Box()
    async with listening(box, protocol=protocol, senders=["192.0.2.0/24"]) as port:
        if protocol == "udp":
            datagram(port, b"<13>x")
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            writer.close()
        await until(lambda: box.turned_away)
    assert (box.taken, box.turned_away) == ([], ["127.0.0.1 is not among the senders"])


async def test_connections_are_bounded() -> None:
    box = Box()
    async with listening(box, protocol="tcp", connections=2) as port:
        pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        await until(lambda: box.connections == 2)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        for _, each in [*pairs, (reader, writer)]:
            each.close()
        await until(lambda: box.connections == 0)
    assert box.turned_away == ["more than 2 connections are open"]


async def test_a_message_that_does_not_end_is_taken_as_it_is_and_its_connection_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(syslog_receiving, "UNENDED_S", 0.05)
    box = Box()
    async with listening(box, protocol="tcp") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"<13>begun and")
        assert await reader.read() == b""
        writer.close()
    assert [one.body for one in box.taken] == [b"<13>begun and"]
    assert "did not end" in box.turned_away[0]


async def test_an_address_in_use_is_said() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(OSError, match="in use"):
            await SyslogSource().listen({"listen": f"127.0.0.1:{other.getsockname()[1]}", "protocol": "tcp"}, Box())


async def test_a_certificate_that_is_none_is_said() -> None:
    given = {"listen": f"127.0.0.1:{free_port()}", "protocol": "tls", "certificate": "secret://c", "key": "secret://k"}
    with pytest.raises(Refusal, match="secret://c"):
        await SyslogSource().listen(given, Box())
    with pytest.raises(Refusal, match="cannot be used"):
        await SyslogSource().listen(given, Box(secrets={"secret://c": "x", "secret://k": "y"}))


TLS = {"protocol": "tls", "certificate": "secret://c", "key": "secret://k"}


def secrets(home: Path) -> dict[str, str]:
    certify(home, "ca", "server", "oncue.example.org")
    certify(home, "clients", "client", "web-1.example.org")
    names = {"secret://c": "server.pem", "secret://k": "server.key", "secret://ca": "clients.pem"}
    return {reference: (home / name).read_text() for reference, name in names.items()}


async def greeted(home: Path, port: int, *, shows: bool = False) -> bytes:
    """Send a message over TLS, and return what the server says to it: nothing, if all is well."""
    context = ssl.create_default_context(cafile=str(home / "ca.pem"))
    if shows:
        context.load_cert_chain(home / "client.pem", home / "client.key")
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="oncue.example.org")
    try:
        writer.write(b"8 <13>sent")
        writer.write_eof() if writer.can_write_eof() else writer.close()
        return await reader.read()
    finally:
        writer.close()


async def test_tls_takes_who_shows_a_certificate_where_that_is_asked(tmp_path: Path) -> None:
    box = Box(secrets=secrets(tmp_path))
    async with listening(box, **TLS, client_ca="secret://ca") as port:
        with suppress(ssl.SSLError, ConnectionError):
            await greeted(tmp_path, port)
        await greeted(tmp_path, port, shows=True)
        await until(lambda: box.taken)
    assert [one.body for one in box.taken] == [b"<13>sent"]


async def test_a_renewed_certificate_is_taken_and_a_broken_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syslog_receiving, "RENEW_S", 0.02)
    kept = secrets(tmp_path)
    box = Box(secrets=kept)
    async with listening(box, **TLS) as port:
        await greeted(tmp_path, port)
        kept["secret://c"] = "broken"
        await until(lambda: box.turned_away)
        await greeted(tmp_path, port)
        kept.update(secrets(tmp_path))
        async with asyncio.timeout(10):
            while len(box.taken) < 3:
                with suppress(ssl.SSLCertVerificationError):  # of the old certificate, until the new one is there
                    await greeted(tmp_path, port)
                await asyncio.sleep(0.01)
    assert "cannot be used" in box.turned_away[0]
