"""A web server outside: keeps what is asked of it, and answers as it is told."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class Receiver:
    """Listens on a port of the loopback interface while it is entered."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[float, str, str, bytes]] = []
        """(instant of the monotonic clock, method, path with query, body)."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                size = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(size)
                receiver.requests.append((time.monotonic(), self.command, self.path, body))
                self.send_response(receiver.status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"OK")

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def since(self, instant: float) -> list[tuple[str, str, bytes]]:
        """(method, path, body) of what came after this instant of the monotonic clock."""
        return [(method, path, body) for at, method, path, body in self.requests if at > instant]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
