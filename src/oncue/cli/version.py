"""`oncue version`: which version this is."""

import platform
import sqlite3

from oncue import __version__


def version() -> None:
    """Print the version of OnCue, and of what it stands on."""
    print(f"oncue {__version__} (Python {platform.python_version()}, SQLite {sqlite3.sqlite_version})")
