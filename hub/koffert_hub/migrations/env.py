"""What Alembic runs: it is given a connection and knows the tables."""

from alembic import context

from koffert_hub.migrations.all_tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
