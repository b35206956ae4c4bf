"""Where the demonstration's mail goes, as bytes that it has seen itself.

With an SMTP server: a tap, which passes OnCue's own SMTP conversation on to the server, command by command, and keeps
what went through, and whether the server took it. Without one: the Maildir in which OnCue's server keeps mail, read on
disk.
"""

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec
import psutil

TIMEOUT_S: Final = 20.0
LINE_LIMIT: Final = 8192
MESSAGE_LIMIT: Final = 1024 * 1024

_HIDDEN: Final = re.compile(rb"^(STARTTLS|PIPELINING|CHUNKING)\b", re.IGNORECASE)
"""What of the server's abilities is not passed on: the tap reads the conversation line by line, in clear."""


class _Lines(Protocol):
    def readline(self, size: int, /) -> bytes: ...


class _Sink(Protocol):
    def write(self, content: bytes, /) -> int: ...
    def flush(self) -> None: ...


class Seen(msgspec.Struct, frozen=True):
    """A message that went through."""

    content: bytes
    accepted: bool
    """Whether the server answered 250."""
    answer: str


class Tap:
    """A context manager that listens on a free port of the loopback interface and passes on to `host`:`port`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._seen: list[Seen] = []
        self._lock = threading.Lock()
        self._server = _Listener(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def seen(self) -> list[Seen]:
        """What went through until now."""
        with self._lock:
            return list(self._seen)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reach(self) -> None:
        """Raises `OSError` unless something listens at the target."""
        socket.create_connection(self._target, timeout=5).close()

    def converse(self, client: _Lines, reply: _Sink) -> None:
        """Pass one conversation on until either side ends it."""
        with (
            socket.create_connection(self._target, timeout=TIMEOUT_S) as onward,
            onward.makefile("rb") as server,
            onward.makefile("wb") as to_server,
        ):
            _send(reply, _answer(server))
            while line := client.readline(LINE_LIMIT):
                _send(to_server, line)
                answer = _answer(server)
                _send(reply, answer)
                if line.strip().upper() == b"DATA" and answer.startswith(b"354"):
                    content = _message(client)
                    _send(to_server, content)
                    answer = _answer(server)
                    said = answer.decode("utf-8", "replace").strip()
                    self._keep(Seen(_unstuffed(content), answer.startswith(b"250"), said))
                    _send(reply, answer)
                if not answer or line.strip().upper() == b"QUIT":
                    return

    def _keep(self, seen: Seen) -> None:
        with self._lock:
            self._seen.append(seen)


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        super().__init__(("127.0.0.1", 0), _Conversation)

    def handle_error(self, request: object, client_address: object) -> None:
        """A conversation that breaks off shows as mail that is missing."""


class _Conversation(socketserver.StreamRequestHandler):
    timeout = TIMEOUT_S
    server: _Listener

    def handle(self) -> None:
        """Pass it on; a server that breaks off ends it for the client, too."""
        self.server.tap.converse(self.rfile, self.wfile)


def _send(to: _Sink, content: bytes) -> None:
    to.write(content)
    to.flush()


def _answer(server: _Lines) -> bytes:
    """One reply, of however many lines, without the abilities that are hidden."""
    lines: list[bytes] = []
    while line := server.readline(LINE_LIMIT):
        lines.append(line)
        if line[3:4] != b"-":
            break
    kept = [line for line in lines if not _HIDDEN.match(line[4:])]
    if not kept:
        return b""
    return b"".join(line[:3] + b"-" + line[4:] for line in kept[:-1]) + kept[-1][:3] + b" " + kept[-1][4:]


def _message(client: _Lines) -> bytes:
    content = bytearray()
    while (line := client.readline(LINE_LIMIT)) and len(content) < MESSAGE_LIMIT:
        content += line
        if line == b".\r\n":
            break
    return bytes(content)


def _unstuffed(content: bytes) -> bytes:
    text = content.removesuffix(b".\r\n")
    return re.sub(rb"(?m)^\.", b"", text)


def on_disk(mail: str) -> bytes | None:
    """The bytes of a mail of OnCue's local mailbox, by its name there; None if no server of this machine has it.

    The server's processes work in its data directory, which need not be known otherwise.
    """
    for directory in _directories():
        for folder in ("new", "cur"):
            path = directory / "mailbox" / folder / mail
            try:
                if path.is_file():
                    return path.read_bytes()
            except OSError:
                continue
    return None


def _directories() -> Iterator[Path]:
    known: set[str] = set()
    for process in psutil.process_iter():
        try:
            directory = process.cwd()
        except psutil.Error:
            continue
        if directory and directory not in known:
            known.add(directory)
            yield Path(directory)
