"""Which files of this machine monitors may look at: none of OnCue's own, and none of the kernel's."""

from pathlib import Path
from typing import Final

from oncue.sdk import ActionError, ErrorDoc

REFUSED: Final = ErrorDoc("file.refused", "The path leads into OnCue's own data, or into /proc, /sys or /dev.")

_CLOSED: Final = ("/proc", "/sys", "/dev")


def vet(path: Path) -> Path:
    """The path with its links followed. Raises `ActionError` file.refused: keys and other namespaces' data stay closed.

    The worker's working directory is the directory of OnCue's data.
    """
    try:
        found = path.resolve()
        own = Path.cwd().resolve()
    except (OSError, RuntimeError) as error:
        raise ActionError("file.refused", f"{path}: {error}") from error
    if found.is_relative_to(own) or any(found.is_relative_to(one) for one in _CLOSED):
        raise ActionError("file.refused", f"{path} is not open to monitors")
    return found
