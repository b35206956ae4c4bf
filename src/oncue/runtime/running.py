"""Which configuration the server over a data directory runs with, for programs beside it.

The command line and the unit that started it may have set what neither `oncue.toml` nor this shell knows. The supervisor
writes its process id into the file that it holds locked; its children were given the whole configuration as variables, and
these are read from the system. So nothing is kept twice, and no credential lies in a further file.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

import psutil

from oncue import config

LOCK: Final = "oncue.lock"
"""Locked by the supervisor while it runs."""
PARENT: Final = "ONCUE_PARENT"
"""The variable that tells a child its supervisor's process id."""


def announce(lock: int) -> None:
    """This process is the supervisor; `lock` is the descriptor of its lock file."""
    with contextlib.suppress(OSError):  # on a full disk the server is worth more than what the doctor sees
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)


def running(data: Path) -> config.Config | None:
    """The configuration of the server that runs over this directory; None if none does, or has no child yet.

    Raises `PermissionError` if it runs as somebody else, `Refusal` config.invalid if it is of a version that knows other
    settings.
    """
    try:
        supervisor = int((data / LOCK).read_bytes())
        children = psutil.Process(supervisor).children()
    except (FileNotFoundError, NotADirectoryError, ValueError, psutil.NoSuchProcess):
        return None
    for child in children:
        try:
            variables = child.environ()
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied as error:
            raise PermissionError(f"the process {child.pid} cannot be looked into") from error
        # The number may have passed on to a process that is no supervisor, or that of another directory.
        if (
            variables.get(PARENT) == str(supervisor)
            and Path(variables.get("ONCUE_DATA", "/")).resolve() == data.resolve()
        ):
            return config.load(environ=variables)
    return None
