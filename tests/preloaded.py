"""`oncue` on the command line, forked from a process that has loaded it already.

Arguments, environment, directory, streams and exit code are its own, as those of any process; what it saves is most of a second
of imports. That `oncue` begins from nothing is proved by every server, and by every page whose commands are run.
"""

import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

APART: Final = ("oncue.plugins.limited", "oncue.plugins.ansible_callbacks")
"""What only runs in processes of its own."""


def run(
    arguments: Sequence[str], stdin: str, environment: Mapping[str, str], timeout_s: int
) -> subprocess.CompletedProcess[str]:
    """Run `oncue` with these arguments. Raises `subprocess.TimeoutExpired`."""
    command = ["oncue", *arguments]
    request = {"command": command, "environment": dict(environment), "directory": str(Path.cwd()), "timeout": timeout_s}
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        socket.socket(socket.AF_UNIX) as line,
    ):
        given.write(stdin.encode())
        given.seek(0)
        line.connect(_address())
        socket.send_fds(line, [b"{"], [given.fileno(), out.fileno(), err.fileno()])
        line.sendall(json.dumps(request).encode()[1:])
        line.shutdown(socket.SHUT_WR)
        status = int(line.recv(16))
        if status == -signal.SIGALRM:
            raise subprocess.TimeoutExpired(command, timeout_s)
        return subprocess.CompletedProcess(command, status, _text(out), _text(err))


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()


@cache
def _address() -> str:
    """Where the process listens that has loaded everything. It ends with this one, which holds the other end of its input."""
    address = f"\0oncue-tests-{os.getpid()}"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(16)
    process = subprocess.Popen(
        [sys.executable, __file__, str(listener.fileno())], stdin=subprocess.PIPE, pass_fds=[listener.fileno()]
    )
    listener.close()
    _held.append(process)
    return address


_held: Final[list[Any]] = []


def serve(listener: socket.socket) -> None:
    """Returns in a new process for each request, which is then what was asked for."""
    signals = selectors.DefaultSelector()
    signals.register(listener, selectors.EVENT_READ)
    signals.register(0, selectors.EVENT_READ)
    while True:
        ready = {key.fd for key, _ in signals.select()}
        if 0 in ready:
            os._exit(0)
        line, _ = listener.accept()
        if os.fork() == 0 and _become(line):
            return
        line.close()
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _become(line: socket.socket) -> bool:
    """True in the process that is what was asked for; the one between waits for it, says how it ended, and ends."""
    first, streams, _, _ = socket.recv_fds(line, 1, 3)
    parts = [first]
    while part := line.recv(65_536):
        parts.append(part)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        line.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    request = json.loads(b"".join(parts))
    line.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["command"]
    signal.alarm(request["timeout"])
    return True


def _load() -> None:
    from oncue import plugins
    from oncue.cli.main import COMMANDS

    for name in sorted({module for module, _ in COMMANDS.values()}):
        importlib.import_module(name)
    for module in pkgutil.walk_packages(plugins.__path__, "oncue.plugins."):
        if not module.name.startswith(APART):
            importlib.import_module(module.name)


if __name__ == "__main__":
    sys.path[0] = str(Path(sys.executable).parent)  # as for the program itself
    _load()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        serve(asked)
    from oncue.cli.main import main

    main()
