"""Of what kind a fact is that concerns an entity: remarks and escalations of a large incident are found without going through
all that concerns it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column, fill it from the facts that are still there, and index it."""
    op.add_column("fact_ref", sa.Column("of", sa.Text(), nullable=True))
    op.execute(
        'UPDATE fact_ref SET "of" = (SELECT fact.kind FROM fact WHERE fact.position = fact_ref.position '
        "AND fact.kind NOT IN ('alert', 'membership'))"
    )
    there = sa.text('"of" IS NOT NULL')
    op.create_index(
        "fact_ref_of", "fact_ref", ["kind", "id", "of", "position"], sqlite_where=there, postgresql_where=there
    )
