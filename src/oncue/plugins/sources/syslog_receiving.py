"""How syslog arrives: datagrams, and streams of messages in either framing of RFC 6587, in the clear or in TLS (RFC 5425).

Nothing here waits for ever or grows without bound: a message is cut at `MESSAGE_LIMIT`, a connection that does not end one
is closed after `UNENDED_S`, and one whose octet counts cannot be right is closed at once, because nothing after it can be
told apart. While the inbox is full, streams are not read, so that their senders wait; datagrams are shed, and counted.
"""

import asyncio
import contextlib
import ipaddress
import re
import socket
import ssl
import struct
import tempfile
from collections.abc import Callable, Sequence
from typing import Final, Literal

from oncue.sdk.source import Inbox, Received, Refusal

MESSAGE_LIMIT: Final = 65_536
"""Bytes of one message; what follows is dropped, and the message says so."""
COUNT_LIMIT: Final = 16 * 1024 * 1024
"""An octet count beyond this is none."""
UNENDED_S: Final = 60.0
"""How long a message may take to arrive once it has begun."""
HANDSHAKE_S: Final = 10.0
RENEW_S: Final = 60.0
"""How often it is seen whether the certificate was renewed."""
READ_BYTES: Final = 65_536
RECEIVE_BYTES: Final = 8 * 1024 * 1024
"""The kernel's buffer for datagrams, as far as it allows."""
COUNT_S: Final = 1.0
"""How often it is seen what the kernel dropped."""
DATAGRAMS: Final = 256
"""Datagrams taken in one turn of the loop."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_DROPS: Final = 8
"""The place of SK_MEMINFO_DROPS in what SO_MEMINFO tells (Linux, sock_diag.h)."""
_ADDRESS: Final = re.compile(r"(?:\[([0-9a-fA-F:.%a-z]+)\]|([A-Za-z0-9._-]+|\*)):(\d{1,5})").fullmatch


def address_of(text: str) -> tuple[str, int] | None:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`; None if it is neither."""
    found = _ADDRESS(text)
    if found is None or not 0 < int(found[3]) < 65_536:
        return None
    host = found[1] or found[2]
    return "0.0.0.0" if host == "*" else host, int(found[3])  # noqa: S104 - only where a manifest says so


class Framing:
    """Cuts a stream into messages."""

    def __init__(self, framing: Literal["auto", "octet-counting", "newline"] = "auto") -> None:
        self._framing = framing
        self._rest = bytearray()
        self._skip = 0
        """Octets of a message too long that are still to come."""
        self._skip_line = False
        self._counted = False
        """Whether the last message came with its count."""
        self.broken: str | None = None
        """Why the stream cannot be told apart any more. Feed nothing then."""

    @property
    def pending(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._rest) or self._skip > 0 or self._skip_line

    def feed(self, data: bytes) -> list[tuple[bytes, bool]]:
        """The messages that are complete with `data`, and whether each was cut."""
        self._rest += data
        found: list[tuple[bytes, bool]] = []
        while self._rest:
            if self._skip:
                gone = min(self._skip, len(self._rest))
                del self._rest[:gone]
                self._skip -= gone
            elif self._skip_line:
                end = self._rest.find(b"\n")
                self._skip_line = end < 0
                del self._rest[: len(self._rest) if end < 0 else end + 1]
            elif not self._next(found):
                break
        return found

    def _break(self, why: str) -> bool:
        self.broken = why
        self._rest.clear()
        return False

    def end(self) -> list[tuple[bytes, bool]]:
        """What is left when the sender closes: the last line, or a message that its count says is not whole."""
        rest, self._rest = bytes(self._rest), bytearray()
        if not rest.strip():
            return []
        counted = _COUNT(rest) if self._is_counted(rest) else None
        return [(rest[counted.end() :], True)] if counted is not None else [(rest, False)]

    def _next(self, found: list[tuple[bytes, bool]]) -> bool:
        rest = self._rest
        if self._counted and rest[0] in b"\r\n\0":  # some senders end what they have counted with a newline
            del rest[:1]
            return True
        if not self._is_counted(rest):
            if self._framing == "auto":
                if _BEGUN(rest) is not None:  # this may become a count
                    return False
                if self._counted and rest[0] not in b"<":
                    return self._break(f"after a message that was counted: {bytes(rest[:16])!r}")
            return self._line(found)
        count = _COUNT(rest)
        if count is None:
            if len(rest) > 9 or not rest.isdigit():
                return self._break(f"no octet count: {bytes(rest[:16])!r}")
            return False
        size, start = int(count[1]), count.end()
        if size > COUNT_LIMIT:
            return self._break(f"an octet count of {size}")
        take = min(size, MESSAGE_LIMIT)
        if len(rest) < start + take:
            return False
        found.append((bytes(rest[start : start + take]), size > take))
        del rest[: start + take]
        self._skip = size - take
        self._counted = True
        return True

    def _is_counted(self, rest: bytes | bytearray) -> bool:
        if self._framing != "auto":
            return self._framing == "octet-counting"
        return _COUNTED(rest) is not None

    def _line(self, found: list[tuple[bytes, bool]]) -> bool:
        end = self._rest.find(b"\n", 0, MESSAGE_LIMIT + 1)
        if end < 0 and len(self._rest) <= MESSAGE_LIMIT:
            return False
        self._counted = False
        self._skip_line = end < 0
        end = MESSAGE_LIMIT if end < 0 else end
        found.append((bytes(self._rest[:end]), self._skip_line))
        del self._rest[: end if self._skip_line else end + 1]
        return True


_COUNT: Final = re.compile(rb"([1-9]\d{0,8}) ").match
_COUNTED: Final = re.compile(rb"[1-9]\d{0,8} <").match
_BEGUN: Final = re.compile(rb"[1-9]\d{0,8} ?\Z").match


async def receive(
    inbox: Inbox,
    *,
    listen: str,
    protocol: Literal["udp", "tcp", "tls"],
    framing: Literal["auto", "octet-counting", "newline"],
    senders: Sequence[str],
    connections: int,
    certificate: str | None,
    key: str | None,
    client_ca: str | None,
) -> None:
    """Receive until cancelled. Raises `OSError` when the address cannot be had, `Refusal` for what TLS needs."""
    address = address_of(listen)
    if address is None:
        raise Refusal("manifest.invalid", f"{listen!r} is not ADDRESS:PORT")
    networks = [ipaddress.ip_network(sender, strict=False) for sender in senders]
    if protocol == "udp":
        await _Datagrams(inbox, networks).receive(*address)
        return
    stream = _Streams(inbox, networks, framing, connections)
    if protocol == "tcp":
        await stream.receive(*address, None)
        return
    if certificate is None or key is None:
        raise Refusal("manifest.invalid", "TLS needs certificate and key")
    tls = _Certificates(inbox.secret, certificate, key, client_ca)
    renewing = asyncio.create_task(tls.renew(inbox))
    try:
        await stream.receive(*address, tls.context)
    finally:
        renewing.cancel()


def _permitted(networks: Sequence[Network], peer: str) -> bool:
    if not networks:
        return True
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in networks)


def _peer(name: object) -> str:
    """The address of a peer, an IPv4 one as itself though it came over IPv6."""
    peer = str(name[0]) if isinstance(name, tuple) and name else ""
    return peer.removeprefix("::ffff:") if "." in peer else peer


class _Datagrams:
    """UDP (RFC 5426): a datagram is a message."""

    def __init__(self, inbox: Inbox, networks: Sequence[Network]) -> None:
        self._inbox = inbox
        self._networks = networks
        self._dropped = 0
        """By the kernel, as far as it has been said."""
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def receive(self, host: str, port: int) -> None:
        """Receive until cancelled."""
        loop = asyncio.get_running_loop()
        family, kind, number, _, address = (
            await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
        )[0]
        with socket.socket(family, kind, number) as channel:
            channel.setblocking(False)
            if family == socket.AF_INET6:
                channel.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self._enlarge(channel)
            channel.bind(address)
            self._inbox.opened()
            loop.add_reader(channel.fileno(), self._read, channel)
            try:
                while not self._failed.done():
                    await asyncio.wait([self._failed], timeout=COUNT_S)
                    self._count(channel)
                self._failed.result()
            finally:
                loop.remove_reader(channel.fileno())

    @staticmethod
    def _enlarge(channel: socket.socket) -> None:
        """As large a buffer as we may have."""
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        with contextlib.suppress(OSError):  # this needs a privilege, and Linux
            channel.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BYTES)

    def _read(self, channel: socket.socket) -> None:
        for _ in range(DATAGRAMS):
            try:
                body, sender = channel.recvfrom(MESSAGE_LIMIT)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if not self._failed.done():
                    self._failed.set_exception(error)
                return
            peer = _peer(sender)
            if _permitted(self._networks, peer):
                self._inbox.offer(Received(body, peer=peer))
            else:
                self._inbox.refused(f"{peer} is not among the senders")

    def _count(self, channel: socket.socket) -> None:
        """Say what the kernel dropped for want of room in its buffer, where it tells."""
        with contextlib.suppress(OSError):
            said = channel.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * (_DROPS + 1))
            if len(said) == 4 * (_DROPS + 1):
                dropped = struct.unpack_from("I", said, 4 * _DROPS)[0]
                self._inbox.lost((dropped - self._dropped) % 2**32)
                self._dropped = dropped


class _Streams:
    """TCP and TLS."""

    def __init__(self, inbox: Inbox, networks: Sequence[Network], framing: str, connections: int) -> None:
        self._inbox = inbox
        self._networks = networks
        self._framing: Literal["auto", "octet-counting", "newline"] = framing  # type: ignore[assignment]
        self._limit = connections
        self._open: set[asyncio.Task[None]] = set()

    async def receive(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Receive until cancelled."""
        server = await asyncio.start_server(
            self._accept,
            host,
            port,
            limit=READ_BYTES,
            backlog=512,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE_S if tls is not None else None,
        )
        self._inbox.opened()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = _peer(writer.get_extra_info("peername"))
        if not _permitted(self._networks, peer):
            self._inbox.refused(f"{peer} is not among the senders")
        elif len(self._open) >= self._limit:
            self._inbox.refused(f"more than {self._limit} connections are open")
        else:
            task = asyncio.current_task()
            assert task is not None
            self._open.add(task)
            self._inbox.connections = len(self._open)
            try:
                await self._converse(reader, writer, peer)
            except (ConnectionError, ssl.SSLError, TimeoutError) as error:
                self._inbox.refused(f"{peer}: {error or type(error).__name__}")
            finally:
                self._open.discard(task)
                self._inbox.connections = len(self._open)
                writer.close()
            return
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        channel = writer.get_extra_info("socket")
        if channel is not None:
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        loop = asyncio.get_running_loop()
        framing = Framing(self._framing)
        ends_at: float | None = None
        while True:
            try:
                async with asyncio.timeout_at(ends_at):
                    data = await reader.read(READ_BYTES)
            except TimeoutError as error:
                await self._take(framing.end(), peer)
                raise TimeoutError(f"a message did not end within {UNENDED_S:g} s") from error
            if not data:
                await self._take(framing.end(), peer)
                return
            found = framing.feed(data)
            await self._take(found, peer)
            if framing.broken is not None:
                raise ConnectionAbortedError(framing.broken)
            if not framing.pending:
                ends_at = None
            elif found or ends_at is None:
                ends_at = loop.time() + UNENDED_S

    async def _take(self, found: list[tuple[bytes, bool]], peer: str) -> None:
        for body, cut in found:
            if body.strip():
                await self._inbox.put(Received(body, peer=peer, cut=cut))


class _Certificates:
    """The server's side of TLS, from secrets; renewed ones hold for connections from then on."""

    def __init__(self, secret: Callable[[str], str], certificate: str, key: str, client_ca: str | None) -> None:
        self._secret = secret
        self._names = (certificate, key, client_ca)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._said = self._load(None)

    async def renew(self, inbox: Inbox) -> None:
        """See from time to time whether there is a new certificate."""
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                self._said = self._load(self._said)
            except Refusal as refusal:
                inbox.refused(f"the new certificate is not taken: {refusal.detail}")

    def _load(self, known: tuple[str, str, str | None] | None) -> tuple[str, str, str | None]:
        certificate, key, client_ca = self._names
        said = (self._secret(certificate), self._secret(key), self._secret(client_ca) if client_ca else None)
        if said == known:
            return said
        try:
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # readable by us alone, and gone at once
                file.write(f"{said[0].strip()}\n{said[1].strip()}\n")
                file.flush()
                self.context.load_cert_chain(file.name)
            if said[2] is not None:
                self.context.load_verify_locations(cadata=said[2])
                self.context.verify_mode = ssl.CERT_REQUIRED
        except (ssl.SSLError, ValueError) as error:
            raise Refusal("manifest.invalid", f"certificate, key and client_ca cannot be used: {error}") from error
        return said
