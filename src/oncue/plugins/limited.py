"""Runs one program under resource limits: `python -I -S limited.py MEMORY_BYTES FILE_BYTES CPU_S PROGRAM ARG...`.

A process of its own, so that limits are set after the fork without running Python code between fork and exec in the
worker. The program dies with the worker. `CPU_S` of 0 sets no limit. Imports the standard library only.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


def main(arguments: list[str]) -> None:
    """Become the program. Exits with 127 if it cannot be started."""
    memory, file_size, cpu_s, *argv = arguments
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(file_size), int(file_size)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if int(cpu_s):
        # The second after the first limit ends what ignores the signal of the first.
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s), int(cpu_s) + 1))
    try:
        os.execve(argv[0], argv, dict(os.environ))  # noqa: S606 - an array, and no shell, is the point
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
