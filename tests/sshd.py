"""A real OpenSSH server of this machine, with keys of its own, for what logs in over SSH."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.server import free_port
from tests.system import program

USER = pwd.getpwuid(os.getuid()).pw_name


class Sshd(msgspec.Struct):
    """A running server that lets whoever has the key in, as whom they want."""

    port: int
    directory: Path
    host_key: str
    """As `known_hosts` of an action or monitor has it."""
    key: str
    """The private key that it lets in."""
    pid: int

    def login(self, **more: Any) -> dict[str, Any]:
        """How to log in, with the key as the secret `key`."""
        return {"host": "127.0.0.1", "port": self.port, "known_hosts": [self.host_key], "user": USER,
                "key": "secret://key", **more}  # fmt: skip

    def restrict(self, public_key: str, options: str) -> None:
        """Let this key in, too, with these options of authorized_keys."""
        with (self.directory / "authorized").open("a") as file:
            file.write(f"{options} {public_key}\n")


def keypair(directory: Path, name: str, passphrase: str = "") -> tuple[str, str]:
    """A new private key, and the public one without a comment."""
    path = directory / name
    command = [str(program("ssh-keygen")), "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)]
    subprocess.run(command, check=True)
    return path.read_text(), " ".join(path.with_suffix(".pub").read_text().split()[:2])


@contextmanager
def running() -> Iterator[Sshd]:
    """A server of this machine. Skips the test where there is no sshd and none can be installed."""
    with tempfile.TemporaryDirectory(prefix="oncue-sshd-") as name:
        Path(name).chmod(0o755)  # whoever logs in reads the keys that are let in
        yield from _serve(Path(name))


def _serve(directory: Path) -> Iterator[Sshd]:
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin") or str(program("sshd"))
    port = free_port()
    _, host_key = keypair(directory, "host")
    key, public = keypair(directory, "user")
    (directory / "authorized").write_text(f"{public}\n")
    (directory / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {directory}/host\nAuthorizedKeysFile {directory}/authorized\n"
        f"PidFile {directory}/pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
        "MaxStartups 100\nSubsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True, mode=0o755)
    process = subprocess.Popen([sshd, "-D", "-e", "-f", directory / "config"], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not _answers(port):
            assert process.poll() is None, "sshd has ended"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield Sshd(port, directory, host_key, key, process.pid)
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
