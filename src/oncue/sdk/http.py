"""One guarded HTTP exchange, bounded in time, size and redirects, with errors as stable codes."""

import asyncio
import re
import ssl
import time
import zlib
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

from oncue.sdk.errors import ActionError, ErrorDoc, nothing_done_yet

REDIRECTS: Final = 5
_REDIRECT_STATUS: Final = (301, 302, 303, 307, 308)
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization", "cookie"})
"""Headers that are for the first origin only, whoever set them."""
_PLAIN: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST"})
"""What OpenSSL calls it when an answer is no TLS."""

ERRORS: Final = (
    ErrorDoc("dns.failed", "The host's name does not resolve.", transient=True),
    ErrorDoc("http.connect", "No connection could be made.", transient=True),
    ErrorDoc(
        "http.tls",
        "The server's certificate is not valid for it, the server wants one of us, or it does not speak TLS.",
    ),
    ErrorDoc("http.protocol", "The server broke off or does not speak HTTP.", transient=True),
    ErrorDoc("http.redirects", "There were more than 5 redirects."),
    ErrorDoc("http.url", "The URL is not an http or https URL."),
)


class Fetched(msgspec.Struct):
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    """Names in lower case; repeated ones joined by commas."""
    body: bytes
    truncated: bool
    """Whether the server had more to say than was kept."""
    url: str
    """The last one, after redirects."""
    duration_ms: float
    tls_expires_at: datetime | None = None

    @property
    def text(self) -> str:
        """The body as text, in the encoding that the server names, else UTF-8; what cannot be read shows as replacement characters."""
        named = _CHARSET.search(self.headers.get("content-type", ""))
        try:
            return self.body.decode(named[1] if named else "utf-8", "replace")
        except (LookupError, UnicodeError):
            return self.body.decode("utf-8", "replace")


async def fetch(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    private_headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    follow_redirects: bool = False,
    body_limit: int = 65_536,
    first: bool = False,
) -> Fetched:
    """The server's answer, whatever its status.

    `private_headers` carry credentials: they are not sent on to another origin. A redirect changes the method as
    browsers do (303, and 301 or 302 after POST, become GET). The client's timeout is for the whole, however often
    something comes. `first` says that nothing was changed before by whoever asks: if not a byte of the request goes out, the
    error says `nothing_done`.
    Raises `ActionError` with the codes in `ERRORS`, outbound.refused and timeout.
    """
    deadline = asyncio.timeout(client.timeout.read)
    try:
        async with deadline:
            return await _exchanged(
                client, method, url, headers or {}, private_headers or {}, content, follow_redirects, body_limit, first
            )
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise ActionError("timeout", f"{_shown(url)} did not answer in time", transient=True) from error


async def _exchanged(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    headers: Mapping[str, str],
    private_headers: Mapping[str, str],
    content: bytes | None,
    follow_redirects: bool,
    body_limit: int,
    first: bool,
) -> Fetched:
    """As `fetch`, without an end of its own."""
    started = time.monotonic()
    with nothing_done_yet() if first else nullcontext():
        origin = _origin(url)
    for redirects in range(REDIRECTS + 1):
        unsent = first and redirects == 0
        if _origin(url) == origin:
            sent = {**headers, **private_headers}
        else:
            sent = {name: value for name, value in headers.items() if name.lower() not in _CREDENTIALS}
        try:
            request = client.build_request(method, url, headers=sent, content=content)
            response = await client.send(request, stream=True)
            try:
                location = response.headers.get("location")
                if follow_redirects and response.status_code in _REDIRECT_STATUS and location:
                    url = str(response.url.join(location))
                    if response.status_code == 303 or (response.status_code in (301, 302) and method == "POST"):
                        method, content = ("HEAD" if method == "HEAD" else "GET"), None
                    continue
                body, truncated = await _read(response, body_limit)
                return Fetched(
                    status=response.status_code,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=body,
                    truncated=truncated,
                    url=url,
                    duration_ms=(time.monotonic() - started) * 1000,
                    tls_expires_at=_tls_expiry(response),
                )
            finally:
                await response.aclose()
        except ActionError as error:  # of the guard, which looks before it connects
            error.nothing_done = unsent
            raise
        except httpx.TimeoutException as error:
            unsent = unsent and isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
            raise ActionError(
                "timeout", f"{_shown(url)} did not answer in time", transient=True, nothing_done=unsent
            ) from error
        except httpx.ConnectError as error:
            if (why := _no_tls(error)) is not None:
                raise ActionError("http.tls", f"{_shown(url)}: {why}", nothing_done=unsent) from error
            detail = f"{_shown(url)}: {str(error) or 'the connection broke'}"
            raise ActionError("http.connect", detail, transient=True, nothing_done=unsent) from error
        except ssl.SSLError as error:  # what httpx lets through: a server that ends TLS after the handshake
            raise ActionError("http.tls", f"{_shown(url)}: {error}") from error
        except httpx.TransportError as error:
            detail = str(error) or "the connection broke"
            raise ActionError("http.protocol", f"{_shown(url)}: {detail}", transient=True) from error
        except (httpx.InvalidURL, ValueError) as error:
            raise ActionError("http.url", f"{error}", nothing_done=unsent) from error
    raise ActionError("http.redirects", f"more than {REDIRECTS} redirects, the last to {_shown(url)}")


async def _read(response: httpx.Response, limit: int) -> tuple[bytes, bool]:
    kept = bytearray()
    more = False
    async for chunk in response.aiter_raw():
        kept += chunk
        if len(kept) > limit:
            more = True
            break
    body = bytes(kept[:limit])
    if body and response.headers.get("content-encoding", "").lower() in ("gzip", "x-gzip", "deflate"):
        return _unpacked(body, limit, more)
    return body, more


def _unpacked(body: bytes, limit: int, more: bool) -> tuple[bytes, bool]:
    """What a server packed although it was asked not to, up to the limit; as it came if it is no such thing."""
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        unpacked = unpacking.decompress(body, limit)
    except zlib.error:
        return body, more
    rest = unpacking.unconsumed_tail or unpacking.unused_data
    return unpacked, more or bool(rest) or not unpacking.eof


def _no_tls(error: BaseException) -> str | None:
    """Why there will be no TLS with the server, however often it is tried; None if it is not for that."""
    at: BaseException | None = error
    while at is not None and not isinstance(at, ssl.SSLError):
        at = at.__cause__ or at.__context__
    if at is None or isinstance(at, ssl.SSLEOFError):
        return None
    return "what answers does not speak TLS; with http:// it may be reached" if at.reason in _PLAIN else str(error)


def _tls_expiry(response: httpx.Response) -> datetime | None:
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    certificate = tls.getpeercert() if tls is not None else None
    if not certificate or "notAfter" not in certificate:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError as error:
        raise ActionError("http.url", f"{url!r}: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ActionError("http.url", f"{_shown(url)!r} is not an http or https URL")
    return parts.scheme, parts.hostname, port


def _shown(url: str) -> str:
    """The URL without user, password and query, for messages."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
