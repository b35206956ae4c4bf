"""An outside witness: a real HTTP server that counts the calls per idempotency key."""

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class _Quiet(ThreadingHTTPServer):
    request_queue_size = 256  # with the usual 5, Linux leaves callers that come at once waiting for a minute

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that is killed leaves its connection behind; that is what this is for."""


class Ledger:
    """Counts PUT and POST calls by path and by `Idempotency-Key`."""

    def __init__(self) -> None:
        self.paths: Counter[str] = Counter()
        self.keys: Counter[str] = Counter()
        self.answers = threading.Event()
        """Calls are counted as they come, and answered while this is set."""
        self.answers.set()
        lock = threading.Lock()
        ledger = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with lock:
                    ledger.paths[self.path] += 1
                    ledger.keys[self.headers.get("Idempotency-Key") or ""] += 1
                ledger.answers.wait(60)
                self.send_response(204)
                self.end_headers()

            do_POST = do_PUT

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing; the counters are what counts."""

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
