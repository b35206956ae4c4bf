"""Migrations: a new database is made as the schema is now; an older one is brought up to date by Alembic. Both in one
transaction, at start."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, insert, inspect, select

from oncue.store.revision import HEAD
from oncue.store.schema import metadata

versions = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
"""Where Alembic keeps the revision of the database."""


def migrate(engine: Engine) -> None:
    """Bring the database to `HEAD`. Only one that is older loads Alembic, which takes longer than all the rest."""
    with _whole(engine) as connection:
        tables = inspect(connection).get_table_names()
        if not tables:
            metadata.create_all(connection)
            versions.create(connection)
            connection.execute(insert(versions).values(version_num=HEAD))
            return
        if "alembic_version" in tables and connection.execute(select(versions.c.version_num)).scalar() == HEAD:
            return
    upgrade(engine)


@contextmanager
def _whole(engine: Engine) -> Iterator[Connection]:
    """A transaction that covers changes of the schema, too: Python's driver for SQLite begins none for those by itself."""
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def upgrade(engine: Engine, to: str = HEAD) -> None:
    """Go through the revisions, one after the other."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with _whole(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)
