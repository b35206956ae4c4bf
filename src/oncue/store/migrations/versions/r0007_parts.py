"""Steps, effects and definitions leave the indexes that lists are read from: no list has them, and they are most of what a run
writes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INDEXES = ("entity_list", "entity_live", "entity_state")


def upgrade() -> None:
    """Let go of their position and state, and index only what has one. SQLite cannot change a column: there the table is made
    anew."""
    for index in INDEXES:
        op.drop_index(index, "entity")
    if op.get_bind().dialect.name == "sqlite":
        _anew()
    else:
        op.alter_column("entity", "state", nullable=True)
        op.alter_column("entity", "position", nullable=True)
        op.execute("UPDATE entity SET state = NULL, position = NULL WHERE kind IN ('definition', 'effect', 'step')")
    _index("entity_list", ["kind", "position"], "position IS NOT NULL")
    _index("entity_live", ["kind"], "live")
    _index("entity_state", ["kind", "state", "position"], "state IS NOT NULL")


def _anew() -> None:
    op.rename_table("entity", "entity_before")
    op.create_table(
        "entity",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("resource", sa.Text(), nullable=True),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("updated_at", BIG, nullable=False),
        sa.Column("position", BIG, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO entity SELECT kind, id, live, namespace, "
        "CASE WHEN kind IN ('definition', 'effect', 'step') THEN NULL ELSE state END, "
        "severity, type, resource, service, created_at, updated_at, "
        "CASE WHEN kind IN ('definition', 'effect', 'step') THEN NULL ELSE position END, "
        "body FROM entity_before ORDER BY kind, id"
    )
    op.drop_table("entity_before")


def _index(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "entity", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
