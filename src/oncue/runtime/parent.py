"""A child process must not outlive its parent, however that ends."""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies (Linux; elsewhere nothing).

    Source: prctl(2). The parent may have died before the call, so that is checked afterwards.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    expected = os.environ.get("ONCUE_PARENT")
    if expected is not None and os.getppid() != int(expected):
        os._exit(1)


def environment_of_child() -> dict[str, str]:
    """This process's environment, for a child that calls `die_with_parent`."""
    return {**os.environ, "ONCUE_PARENT": str(os.getpid())}
