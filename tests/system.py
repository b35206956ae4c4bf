"""Programs of the system that tests need: found, or installed from Debian when the tests run as root.

Without root, what is missing skips the tests that need it, each by name.
"""

import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import pytest

PACKAGE_OF: Final = {
    "amtool": "prometheus-alertmanager",
    "chromium": "chromium",
    "curl": "curl",
    "faketime": "faketime",
    "logger": "bsdutils",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "rsyslogd": "rsyslog",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "strace": "strace",
}
"""Program to the Debian package that brings it."""

ACCOUNT: Final = "oncue-tests"

_LOCK: Final = Path(tempfile.gettempdir()) / "oncue-tests-apt.lock"
_UPDATED: Final = Path(tempfile.gettempdir()) / "oncue-tests-apt.updated"


def program(name: str) -> Path:
    """The path of a program, after installing its package if need be and possible; else skips the test."""
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    package = PACKAGE_OF[name]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip(f"needs {name} (Debian package {package}), and only root can install it")
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test workers may want it at once
        if shutil.which(name) is None:
            install(package)
    found = shutil.which(name)
    assert found is not None, f"{package} was installed but brought no {name}"
    return Path(found)


def install(package: str) -> None:
    """Install a Debian package without starting the service it may bring. Raises `CalledProcessError`."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    if not _UPDATED.exists():
        subprocess.run(["apt-get", "update", "-q"], check=True, env=environment, timeout=600, stdout=subprocess.DEVNULL)
        _UPDATED.touch()
    command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", package]
    subprocess.run(command, check=True, env=environment, timeout=900, stdout=subprocess.DEVNULL)


def account() -> str:
    """An account that is not root and has a shell: one for the tests, which root makes; else that of the tests."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.getuid()).pw_name
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not any(one.pw_name == ACCOUNT for one in pwd.getpwall()):
            command = ["useradd", "--system", "--no-create-home", "--home-dir", "/tmp", "--shell", "/bin/sh"]
            subprocess.run([*command, "--password", "*", ACCOUNT], check=True)  # sshd refuses accounts that are locked
    return ACCOUNT


def must_be_root(why: str) -> None:
    """Skips the test unless it runs as root."""
    if os.geteuid() != 0:
        pytest.skip(f"needs root: {why}")
