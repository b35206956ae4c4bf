"""What work tells while it is under way: lines and progress of steps. Nothing was kept of it before."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "step_log",
        sa.Column("sequence", BIG, autoincrement=True, nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sqlite_autoincrement=True,
    )
    op.create_index("step_log_run", "step_log", ["run", "sequence"])
    op.create_index("step_log_at", "step_log", ["at"])
    op.create_table(
        "step_progress",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("done", sa.Double(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run", "step", "attempt"),
        sqlite_with_rowid=False,
    )
    op.create_index("step_progress_at", "step_progress", ["at"])
    op.create_table(
        "run_log",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("left_out", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("run"),
        sqlite_with_rowid=False,
    )
    op.create_index("run_log_size", "run_log", ["size"])
