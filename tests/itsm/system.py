"""A ticket system outside, on the loopback interface: what all of them have in common. Each is written from the published
description of its API, and keeps what it is told in memory.
"""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, unquote, urlsplit


class Request(NamedTuple):
    """What came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """By lower-case names."""
    body: Any


class Response(NamedTuple):
    """What is answered."""

    status: int
    body: Any = None
    """JSON; text as it is."""
    headers: dict[str, str] = {}


class Trouble(NamedTuple):
    """How the system misbehaves."""

    response: Response
    times: int
    after: bool
    """Whether what was asked is done all the same."""
    of: Callable[[Request], bool]


class System:
    """Answers while it is entered. `answer` is the API."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.now = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
        """Its clock; each change comes a second after the one before."""
        self._trouble: list[Trouble] = []
        self.slow_s = 0.0
        self.done: list[Callable[[Request], None]] = []
        """Called after a request was carried out, before it is answered."""
        self._lock = threading.Lock()
        self._server = _server(self)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self.port}"

    def answer(self, request: Request) -> Response:
        """What the API answers."""
        raise NotImplementedError

    def tick(self) -> datetime:
        """Its clock goes on by a second. Gives the time."""
        self.now += timedelta(seconds=1)
        return self.now

    def fail(
        self, status: int, body: Any = None, *, times: int = 1, after: bool = False, headers: dict[str, str] | None = None,
        of: Callable[[Request], bool] = lambda _: True,
    ) -> None:  # fmt: skip
        """The next requests `of` which this holds are answered so; `after` they were carried out, or instead."""
        self._trouble.append(Trouble(Response(status, body, headers or {}), times, after, of))

    def well(self) -> None:
        """It misbehaves no more."""
        self._trouble.clear()

    def asked(self, method: str, path: str = "") -> list[Request]:
        """Requests of this method whose path begins so."""
        return [one for one in self.requests if one.method == method and one.path.startswith(path)]

    def handle(self, request: Request) -> Response:
        """One request, from whichever thread."""
        time.sleep(self.slow_s)
        with self._lock:
            self.requests.append(request)
            trouble = next((one for one in self._trouble if one.of(request)), None)
            if trouble is not None:
                at = self._trouble.index(trouble)
                self._trouble[at : at + 1] = [trouble._replace(times=trouble.times - 1)] if trouble.times > 1 else []
                if not trouble.after:
                    return trouble.response
            response = self.answer(request)
        for one in list(self.done):
            one(request)
        return trouble.response if trouble is not None else response

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _server(system: System) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(content) if content else None
            request = Request(self.command, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)
            response = system.handle(request)
            text = response.body if isinstance(response.body, str) else json.dumps(response.body)
            sent = b"" if response.body is None else text.encode()
            try:
                self.send_response(response.status)
                for name, value in {"Content-Type": "application/json", **response.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)
            except (BrokenPipeError, ConnectionResetError):  # whoever asked is gone
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)
