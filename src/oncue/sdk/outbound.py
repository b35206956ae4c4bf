"""The guard on everything outbound: no request that others shape may reach into the server's own network.

A name is resolved, every address is judged, and the connection is made to a judged address, never to the name again, so
that a second DNS answer changes nothing. Loopback, private, link-local, cloud metadata, multicast and reserved addresses
are refused unless an `OutboundAllow` manifest of the namespace opens an exception. As the judgement happens where the
connection is made, each redirect passes through it, too.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import certifi
import httpcore
import httpx
import msgspec

from oncue.sdk.errors import ActionError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Place = tuple[str, int]
"""Host and port."""
Resolver = Callable[[str, int], Awaitable[list[str]]]

METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
"""Where clouds serve credentials to whoever asks from inside."""

_UNICAST6: Final = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is handed out as public; site-local, IPv4-compatible, translated and local NAT64 lie outside."""
_SPECIAL: Final = tuple(ipaddress.ip_network(text) for text in ("192.88.99.0/24", "3fff::/20"))
"""Reserved ranges that not every supported Python knows as such."""
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_LOOPBACK: Final = ("127.0.0.1", "::1")
"""What `localhost` is, RFC 6761, section 6.3."""


CONNECT_SHARE: Final = 0.9
"""Of the time that an HTTP request has: how long connecting may take, so that it can be said that nothing was sent."""


class Allow(msgspec.Struct, frozen=True):
    """An exception: the spec of an `OutboundAllow` manifest."""

    host: str
    """A name, an address or a CIDR range. A name does not open link-local and metadata addresses."""
    port: int | None = None
    expires_at: datetime | None = None


class Guard:
    """Judges where connections may go, for one namespace."""

    def __init__(
        self,
        allows: Sequence[Allow] = (),
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        resolve: Resolver | None = None,
    ) -> None:
        self.allows = tuple(allows)
        self._now = now
        self._resolve = resolve or _resolve

    def permits(self, host: str, address: str, port: int) -> bool:
        """Whether a connection to this address, reached under this name, may be made."""
        found = _unwrapped(ipaddress.ip_address(address))
        if _is_public(found):
            return True
        return any(self._opens(allow, host, found, port) for allow in self.allows)

    def _opens(self, allow: Allow, host: str, address: Address, port: int) -> bool:
        if allow.port not in (None, port) or (allow.expires_at is not None and allow.expires_at <= self._now()):
            return False
        try:
            return address in ipaddress.ip_network(allow.host, strict=False)
        except ValueError:
            by_name = allow.host.lower().rstrip(".") == host.lower().rstrip(".")
            return by_name and not address.is_link_local and not address.is_multicast and address not in METADATA

    def present(self) -> list[tuple[str, int | None]]:
        """The exceptions that hold now, as (host, port)."""
        now = self._now()
        return [(one.host, one.port) for one in self.allows if one.expires_at is None or one.expires_at > now]

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of this host to which a connection may be made, in the resolver's order.

        Raises `ActionError`: dns.failed (transient), outbound.refused.
        """
        return self._permitted(host, port, _written(host) or await self._resolve(host, port))

    def foresee(self, host: str, port: int) -> None:
        """Whether a connection may be made, as far as that is known without asking for the addresses of a name: of addresses, and of
        `localhost`. Raises `ActionError` outbound.refused.
        """
        found = _LOOPBACK if host.lower().rstrip(".") == "localhost" else _written(host)
        if found:
            self._permitted(host, port, found)

    def _permitted(self, host: str, port: int, found: Sequence[str]) -> list[str]:
        permitted = [address for address in found if self.permits(host, address, port)]
        if not permitted:
            raise ActionError(
                "outbound.refused",
                f"{host} port {port} is a private, loopback, link-local or reserved address; "
                "an OutboundAllow manifest can open an exception",
            )
        return permitted

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connected, non-blocking socket to a permitted address. Raises as `addresses`, and `OSError`."""
        failure: OSError | None = None
        for address in await self.addresses(host, port):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
            except OSError as error:
                sock.close()
                failure = error
            except asyncio.CancelledError:
                sock.close()
                raise
            else:
                return sock
        assert failure is not None
        raise failure

    def client(
        self, *, timeout_s: float = 30.0, verify: bool = True, tls: ssl.SSLContext | None = None
    ) -> httpx.AsyncClient:
        """An HTTP client that reaches only what the guard permits. It follows no redirects and reads no proxy settings.

        `tls` is for servers that have a certificate authority of their own, or want to know us by a certificate.
        """
        tls = tls or tls_context(verify)
        transport = httpx.AsyncHTTPTransport(verify=tls)
        # httpx has no argument for httpcore's network backend, where the name is exchanged for the judged address.
        transport._pool = httpcore.AsyncConnectionPool(  # noqa: SLF001 - see above
            ssl_context=tls, network_backend=_GuardedBackend(self), max_connections=10
        )
        return httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(timeout_s, connect=timeout_s * CONNECT_SHARE),
            trust_env=False,
            follow_redirects=False,
            headers={"user-agent": "OnCue", "accept-encoding": "identity"},
        )


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to judged addresses; TLS still names and checks the host."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception | None = None
        for address in await self._guard.addresses(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise ActionError("outbound.refused", "Unix sockets are not reachable from here")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def place_of(url: Any) -> Place | None:
    """What a URL names; None as long as `${...}` stands there, and of what is none."""
    try:
        found = urlsplit(str(url))
        port = found.port or (443 if found.scheme == "https" else 80)
    except ValueError:
        return None
    return (found.hostname, port) if found.hostname and "${" not in found.netloc else None


@cache
def tls_context(verify: bool = True) -> ssl.SSLContext:
    """The TLS settings of everything outbound: the machine's certificate store, and Mozilla's as certifi packs it."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _written(host: str) -> list[str]:
    """The address, if the host is one and no name."""
    try:
        return [str(ipaddress.ip_address(host.strip("[]").split("%")[0]))]
    except ValueError:
        return []


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address in METADATA:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST6:
        return False
    return not any(address in network for network in _SPECIAL)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that stands for it, else the address."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return inner
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


async def _resolve(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise ActionError("dns.failed", f"{host}: {error}", transient=True) from error
    return list(dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found))
