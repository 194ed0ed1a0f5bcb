"""Runs migrations on the connection that `stores.ledger.schema` opened and locked."""

from alembic import context

from stores.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
    target_metadata=metadata,
)
# No transaction is begun here: the connection is in one, which holds the schema's lock.
context.run_migrations()
