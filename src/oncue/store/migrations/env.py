"""Alembic's entry: runs the revisions on the connection that `oncue.store.migrate` hands over."""

from alembic import context

from oncue.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
