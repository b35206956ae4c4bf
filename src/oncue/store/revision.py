"""Which form a database has, and whether this program can open it. Loads no more than it needs: every start begins here."""

import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

from oncue.core.errors import Refusal

FILE_NAME: Final = "oncue.db"
"""Of the database in a data directory."""
HEAD: Final = "0007"
"""The newest revision; a database that has it is opened without loading Alembic."""
OLDEST: Final = "0005"
"""The oldest that is brought up to date: earlier ones keep runs otherwise, and none was released."""


def check(file: Path) -> None:
    """Whether this program can open the database, if it is there.

    Raises `Refusal`: data.foreign if another program made it, data.newer if a later version did, data.older if it
    was written before the first release in a form that is no longer read, data.damaged.
    """
    if not file.exists():
        return
    connection = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and not tables >= {"alembic_version", "journal"}:
            raise Refusal("data.foreign", f"{file} holds the tables {', '.join(sorted(tables))[:200]}")
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchone() if tables else None
    except sqlite3.DatabaseError as error:
        raise Refusal("data.damaged", f"{file}: {error}") from error
    finally:
        connection.close()
    if revision is not None and revision[0] < OLDEST:
        raise Refusal("data.older", f"the schema of {file} is {revision[0]}, this program reads {OLDEST} and later")
    if revision is not None and revision[0] > HEAD:
        raise Refusal("data.newer", f"the schema of {file} is {revision[0]}, this program knows {HEAD}")
