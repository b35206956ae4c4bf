"""The monitor `icmp`: whether a host answers echo requests, how fast, and how many are lost.

An unprivileged ping socket is used where the kernel grants one (net.ipv4.ping_group_range), else a raw one (CAP_NET_RAW).
"""

import asyncio
import os
import secrets
import socket
import struct
import time
from datetime import datetime
from statistics import fmean, pstdev
from typing import Annotated, Final

import msgspec

from oncue.plugins.monitors import reaching
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading

_TOKEN: Final = 16
"""Random bytes in each request, by which answers to it are known."""


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whom to ask, and how often."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    count: Annotated[int, msgspec.Meta(ge=1, le=20)] = 3
    """Requests per probe."""
    interval_s: Annotated[float, msgspec.Meta(ge=0.01, le=10)] = 0.2
    """Between two of them."""
    size: Annotated[int, msgspec.Meta(ge=_TOKEN, le=1400)] = 56
    """Bytes of data in each."""


class Icmp:
    """Sends a few requests per probe; the host is at fault if none is answered."""

    name = "icmp"
    settings = Settings
    primary = ""
    remote = True
    passive = False
    metrics = (
        MetricDoc("icmp.up", "", "Up", "1 if any request was answered, else 0."),
        MetricDoc("icmp.loss", "%", "Packet loss", "Requests that were not answered."),
        MetricDoc("icmp.rtt", "ms", "Round trip", "Mean time to the answer; absent without any."),
        MetricDoc("icmp.rtt_max", "ms", "Longest round trip", "Of the slowest answer."),
        MetricDoc("icmp.jitter", "ms", "Jitter", "Standard deviation of the round trips."),
    )
    errors = (
        reaching.REFUSED,
        ErrorDoc(
            "monitor.needs",
            "OnCue may not ping: its group must lie within net.ipv4.ping_group_range, or it must have CAP_NET_RAW.",
        ),
    )

    def subject(self, settings: Settings) -> str:
        """The host."""
        return settings.host

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """The requests."""
        try:
            address = (await context.guard.addresses(settings.host, 0))[0]
        except ActionError as error:
            return reaching.silent(settings.host, f"{settings.host} cannot be asked", error, "icmp")
        sock, raw = _socket(address)
        try:
            sock.setblocking(False)
            sock.connect((address, 0))
            trips = await _ask(sock, raw, ":" in address, settings, reaching.share(context))
        except OSError as error:
            return reaching.silent(settings.host, f"{settings.host} cannot be reached", error, "icmp")
        finally:
            sock.close()
        loss = 100.0 * (settings.count - len(trips)) / settings.count
        readings = [
            Reading(metric="icmp.up", value=1.0 if trips else 0.0, unit=""),
            Reading(metric="icmp.loss", value=round(loss, 1), unit="%"),
        ]
        if not trips:
            title = f"{settings.host} does not answer"
            detail = f"{settings.count} requests to {address} were not answered"
            return Probe(readings=readings, fault=Fault(code="icmp.silent", title=title, detail=detail))
        readings += [
            Reading(metric="icmp.rtt", value=round(fmean(trips), 3), unit="ms"),
            Reading(metric="icmp.rtt_max", value=round(max(trips), 3), unit="ms"),
            Reading(metric="icmp.jitter", value=round(pstdev(trips), 3), unit="ms"),
        ]
        return Probe(readings=readings)


def _socket(address: str) -> tuple[socket.socket, bool]:
    """A socket that can ping, and whether it is a raw one. Raises `ActionError` monitor.needs."""
    family, protocol = (
        (socket.AF_INET6, socket.IPPROTO_ICMPV6) if ":" in address else (socket.AF_INET, socket.IPPROTO_ICMP)
    )
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(family, kind, protocol), kind == socket.SOCK_RAW
        except OSError:
            continue
    group = os.getegid()
    raise ActionError(
        "monitor.needs",
        f"OnCue may not ping: `sysctl net.ipv4.ping_group_range` must include its group {group}, "
        "or the service needs AmbientCapabilities=CAP_NET_RAW",
    )


async def _ask(sock: socket.socket, raw: bool, six: bool, settings: Settings, within_s: float) -> list[float]:
    """The round trips of the requests that were answered, in ms."""
    token = secrets.token_bytes(_TOKEN)
    payload = token.ljust(settings.size, b"\0")
    sent: dict[int, float] = {}
    trips: dict[int, float] = {}

    async def listen() -> None:
        loop = asyncio.get_running_loop()
        while len(trips) < settings.count:
            packet = await loop.sock_recv(sock, 65_535)
            number = answered(packet, raw, six, token)
            if number in sent and number not in trips:
                trips[number] = (time.monotonic() - sent[number]) * 1000

    listening = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(within_s):
            for number in range(settings.count):
                if number:
                    await asyncio.sleep(settings.interval_s)
                sent[number] = time.monotonic()
                sock.send(request(number, payload, six))
            await listening
    except TimeoutError:
        pass
    finally:
        listening.cancel()
    if listening.done() and not listening.cancelled() and (failure := listening.exception()) is not None:
        raise failure
    return list(trips.values())


def request(number: int, payload: bytes, six: bool) -> bytes:
    """An echo request (RFC 792, RFC 4443). The kernel reckons ICMPv6's checksum, and ping sockets' identifier."""
    kind = 128 if six else 8
    head = struct.pack("!BBHHH", kind, 0, 0, os.getpid() & 0xFFFF, number)
    return (
        struct.pack("!BBHHH", kind, 0, 0 if six else _checksum(head + payload), os.getpid() & 0xFFFF, number) + payload
    )


def answered(packet: bytes, raw: bool, six: bool, token: bytes) -> int | None:
    """The number of the request that this packet answers; None if it answers none of ours."""
    if raw and not six and packet:
        packet = packet[(packet[0] & 0x0F) * 4 :]
    if len(packet) < 8 + len(token) or packet[0] != (129 if six else 0) or packet[8 : 8 + len(token)] != token:
        return None
    return int.from_bytes(packet[6:8], "big")


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
