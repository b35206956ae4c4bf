"""The first schema, as it was; what tables are for is said in `schema.py`."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "access",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "alert_hot",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("count", BIG, nullable=False),
        sa.Column("last_seen_at", BIG, nullable=False),
        sa.Column("deadline_at", BIG, nullable=True),
        sa.Column("updated_at", BIG, nullable=False),
        sa.Column("last_position", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cell",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "chain",
        sa.Column("batch", BIG, autoincrement=False, nullable=False),
        sa.Column("first_position", BIG, nullable=False),
        sa.Column("last_position", BIG, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("batch"),
    )
    op.create_table(
        "checkpoint",
        sa.Column("batch", BIG, autoincrement=False, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("batch"),
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("position", BIG, nullable=True),
        sa.Column("redriven_at", BIG, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "entity",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("resource", sa.Text(), nullable=True),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("updated_at", BIG, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("entity_list", "entity", ["kind", "position"], unique=False)
    op.create_index(
        "entity_live", "entity", ["kind"], unique=False, sqlite_where=sa.text("live"), postgresql_where=sa.text("live")
    )
    op.create_index("entity_state", "entity", ["kind", "state", "position"], unique=False)
    op.create_table(
        "fact",
        sa.Column("position", BIG, autoincrement=False, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("recorded_at", BIG, nullable=False),
        sa.Column("input_position", BIG, nullable=False),
        sa.Column("cause_position", BIG, nullable=False),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("resource", sa.Text(), nullable=True),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("fact_cause", "fact", ["cause_position"], unique=False)
    op.create_index("fact_entity", "fact", ["kind", "id", "position"], unique=False)
    op.create_index("fact_input", "fact", ["input_position"], unique=False)
    op.create_index("fact_type", "fact", ["type", "position"], unique=False)
    op.create_table(
        "fact_ref",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("position", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", "position"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journal",
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("journal_id", sa.Text(), nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("cursor", BIG, nullable=False),
        sa.Column("chain_head", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", BIG, nullable=False),
        sa.Column("events", BIG, nullable=False),
        sa.Column("hot_batch", BIG, nullable=False),
        sa.PrimaryKeyConstraint("partition"),
    )
    op.create_table(
        "sample",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("step_s", sa.Integer(), nullable=False),
        sa.Column("at", BIG, autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("sum", sa.Double(), nullable=False),
        sa.Column("min", sa.Double(), nullable=False),
        sa.Column("max", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("series", "step_s", "at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "segment",
        sa.Column("batch", BIG, autoincrement=False, nullable=False),
        sa.Column("first_position", BIG, nullable=False),
        sa.Column("last_position", BIG, nullable=False),
        sa.Column("first_recorded_at", BIG, nullable=False),
        sa.Column("last_recorded_at", BIG, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("inputs", sa.Integer(), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("types", sa.Text(), nullable=False),
        sa.Column("namespaces", sa.Text(), nullable=False),
        sa.Column("ids", sa.LargeBinary(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.Column("hot", sa.LargeBinary(), nullable=True),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("batch"),
    )
    op.create_index("segment_first", "segment", ["first_position"], unique=False)
    op.create_index("segment_time", "segment", ["last_recorded_at"], unique=False)
    op.create_table(
        "snapshot",
        sa.Column("position", BIG, autoincrement=False, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
    )
