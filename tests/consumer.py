"""A consumer of a subscription outside: agrees to be sent to, keeps what comes, and answers as it is told."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self


class Got(NamedTuple):
    """A request that came."""

    at: float
    """By the monotonic clock."""
    method: str
    path: str
    headers: dict[str, str]
    """By lower-case names."""
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of a structured or batched request."""
        document = json.loads(self.body)
        return document if isinstance(document, list) else [document]


Reply = tuple[int, dict[str, str]]


class Consumer:
    """Listens on a port of the loopback interface while it is entered; leave and enter it again to be away."""

    def __init__(self, answer: Callable[[Got], Reply] | None = None, port: int = 0) -> None:
        self.answer = answer or (lambda _: (204, {}))
        self.agrees: dict[str, str] = {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "*"}
        """Headers of the answer to the handshake."""
        self.asked: list[Got] = []
        """Handshakes."""
        self.got: list[Got] = []
        """Deliveries, whatever they were answered with."""
        self.taken: list[dict[str, Any]] = []
        """Events of deliveries that were answered with 2xx, in order."""
        self.port = port
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self.port}"

    def ids(self) -> list[str]:
        """Ids of the events that were taken, in order."""
        with self._lock:
            return [event["id"] for event in self.taken]

    def handle(self, got: Got) -> Reply:
        """What to answer."""
        with self._lock:
            if got.method == "OPTIONS":
                self.asked.append(got)
                return 200, self.agrees
            self.got.append(got)
        status, headers = self.answer(got)
        if 200 <= status < 300 and got.headers.get("content-type", "").startswith("application/cloudevents"):
            with self._lock:
                self.taken += got.events
        return status, headers

    def __enter__(self) -> Self:
        self._server = _server(self, self.port)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def _server(consumer: Consumer, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 30

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more = consumer.handle(Got(time.monotonic(), self.command, self.path, headers, body))
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            # Who is away must not go on answering over connections that are open already.
            self.send_header("connection", "close")
            self.end_headers()

        do_OPTIONS = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing; what came is what counts."""

    class Quiet(ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that is killed leaves its connection behind; that is what this is for."""

    return Quiet(("127.0.0.1", port), Handler)
