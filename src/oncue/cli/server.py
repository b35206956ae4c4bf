"""The server, as the command line sees it: requests in, JSON or a `Refusal` out."""

import ssl
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx
import msgspec

from oncue import __version__
from oncue.config import load_client
from oncue.core.errors import CODES, Refusal

TIMEOUT_S: Final = 30.0
PAGE: Final = 500


class Server:
    """A connection to the API of `ONCUE_SERVER`; a context manager.

    Every method raises `Refusal`: server.unreachable, or what the server's problem document says.
    """

    def __init__(self, otherwise: str | None = None) -> None:
        """`otherwise` is where the server is if ONCUE_SERVER does not say."""
        client = load_client(otherwise=otherwise)
        self.url = client.server
        headers = {b"user-agent": f"oncue/{__version__}".encode(), b"accept": b"application/json"}
        if client.token is not None:
            headers[b"authorization"] = b"Bearer " + client.token.encode("utf-8", "surrogateescape")
        # A proxy that the environment names cannot reach this machine's own loopback.
        loopback = (httpx.URL(client.server).host or "") in ("localhost", "127.0.0.1", "::1")
        self._http = httpx.Client(
            base_url=client.server,
            headers=headers,
            timeout=TIMEOUT_S,
            trust_env=not loopback,
            verify=_trusted() if client.server.startswith("https:") else False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    @staticmethod
    def path(*parts: str) -> str:
        """The path of these parts, each escaped."""
        return "".join("/" + quote(part, safe="") for part in parts)

    def get(self, path: str, **params: Any) -> Any:
        """The JSON at `/api/v1` + path. Parameters that are None are left out."""
        return self.send("GET", path, params=params)

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: dict[str, Any] | None = None,
    ) -> Any:
        """Send a request to `/api/v1` + path; returns the answer's JSON, None for an empty one."""
        content = msgspec.json.encode(json) if json is not None else body
        headers = {"content-type": content_type} if content is not None else {}
        given = {name: value for name, value in (params or {}).items() if value is not None}
        response = self.raw(method, f"/api/v1{path}", content=content, headers=headers, params=given)
        if response.is_error:
            raise refusal_of(response)
        return decoded(response) if response.content else None

    def raw(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A response as it came. Raises `Refusal` server.unreachable."""
        try:
            return self._http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise Refusal("request.invalid", f"{path}: {error}") from error

    def items(self, path: str, limit: int, **params: Any) -> Iterator[dict[str, Any]]:
        """The items of a list, newest first, page by page, at most `limit`."""
        cursor = None
        while limit > 0:
            page = self.get(path, limit=min(limit, PAGE), cursor=cursor, **params)
            yield from page["items"]
            limit -= len(page["items"])
            cursor = page["next"]
            if cursor is None:
                return

    def stream(
        self, last_event_id: str | None, path: str = "/stream", **params: Any
    ) -> Iterator[tuple[str, str, bytes]]:
        """Messages of the live stream, or another one, as (id, event, data), until the server closes it."""
        headers = {"accept": "text/event-stream"}
        if last_event_id is not None:
            headers["last-event-id"] = last_event_id
        given = {name: value for name, value in params.items() if value is not None}
        timeout = httpx.Timeout(TIMEOUT_S, read=60.0)
        try:
            with self._http.stream("GET", f"/api/v1{path}", params=given, headers=headers, timeout=timeout) as response:
                if response.is_error:
                    response.read()
                    raise refusal_of(response)
                yield from _messages(response.iter_lines())
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> Refusal:
        said = f"{self.url}: {error or type(error).__name__}"
        if "CERTIFICATE_VERIFY_FAILED" in said:
            said += "; have this machine trust its authority, or name that one's certificate in SSL_CERT_FILE"
        return Refusal("server.unreachable", said)


def _trusted() -> ssl.SSLContext:
    """Whom this machine trusts, as for everything that the server calls; not only a list of the library's own."""
    from oncue.sdk.outbound import tls_context  # what only an https address needs

    return tls_context()


def refusal_of(response: httpx.Response) -> Refusal:
    """The refusal in a problem document."""
    try:
        problem = msgspec.json.decode(response.content)
        code = problem["code"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return Refusal(
            "request.invalid", f"HTTP {response.status_code} from {response.request.url}: not OnCue's answer"
        )
    known = ("type", "title", "status", "code", "detail")
    more = {name: value for name, value in problem.items() if name not in known}
    if code not in CODES:
        # A newer server may know more codes than this client does.
        return Refusal("request.invalid", f"{code}: {problem.get('title')}: {problem.get('detail', '')}", **more)
    return Refusal(code, problem.get("detail", ""), **more)


def decoded(response: httpx.Response) -> Any:
    """A response's JSON. Raises `Refusal` if it is none."""
    try:
        return msgspec.json.decode(response.content)
    except msgspec.DecodeError as error:
        detail = f"{response.request.url} did not answer with JSON; is it an OnCue server?"
        raise Refusal("server.unreachable", detail) from error


def _messages(lines: Iterator[str]) -> Iterator[tuple[str, str, bytes]]:
    """Server-sent events from lines, by the HTML standard's section 9.2.6."""
    id, event, data = "", "", []
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                id = value
            elif name == "event":
                event = value
            elif name == "data":
                data.append(value)
        elif data:
            yield id, event or "message", "\n".join(data).encode()
            event, data = "", []
