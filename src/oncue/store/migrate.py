"""Migrations: the schema is brought up to date at start, by Alembic, in one transaction."""

from pathlib import Path

from sqlalchemy import Engine, inspect, text

from oncue.store.revision import HEAD


def migrate(engine: Engine) -> None:
    """Bring the database to `HEAD`."""
    with engine.connect() as connection:
        if inspect(connection).has_table("alembic_version"):
            version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if version == HEAD:
                return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)
