"""A web server outside: keeps what is asked of it, counts it, and answers as it is told."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self


class Request(NamedTuple):
    """What came."""

    at: float
    """By the monotonic clock."""
    method: str
    path: str
    """With its query."""
    headers: dict[str, str]
    """By lower-case names."""
    body: bytes


class Receiver:
    """Listens on a port of the loopback interface while it is entered. Tells the sender which `Authorization` it sent."""

    def __init__(self) -> None:
        self.status = 200
        """Of the answers."""
        self.answers = threading.Event()
        """Requests are kept as they come, and answered while this is set."""
        self.answers.set()
        self.requests: list[Request] = []
        self.paths: Counter[str] = Counter()
        """Requests that change something, by path."""
        self.keys: Counter[str] = Counter()
        """The same, by `Idempotency-Key`."""
        self._lock = threading.Lock()
        self._server = _server(self)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self.port}"

    def since(self, instant: float) -> list[Request]:
        """What came after this instant of the monotonic clock."""
        return [request for request in self.requests if request.at > instant]

    def to(self, path: str) -> list[Request]:
        """What came for this path."""
        return [request for request in self.requests if request.path == path]

    def keep(self, request: Request) -> None:
        """It came."""
        with self._lock:
            self.requests.append(request)
            if request.method != "GET":
                self.paths[request.path] += 1
                self.keys[request.headers.get("idempotency-key", "")] += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def _server(receiver: Receiver) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.keep(Request(time.monotonic(), self.command, self.path, headers, body))
            receiver.answers.wait(60)
            answer = json.dumps({"you_sent": headers.get("authorization", "")}).encode()
            self.send_response(receiver.status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing; what came is what counts."""

    class Quiet(ThreadingHTTPServer):
        request_queue_size = 256  # with the usual 5, Linux leaves callers that come at once waiting for a minute
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A caller that is killed leaves its connection behind; that is what this is for."""

    return Quiet(("127.0.0.1", 0), Handler)
