"""The migrations lead to the tables that the code knows."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from koffert_hub.migrations import migrate
from koffert_hub.migrations.all_tables import metadata
from tests.hub.kit import sqlite_store


def test_the_migrations_make_the_tables_of_the_code(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path)
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    store.engine.dispose()


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path)
    store.take(store.box().queue())
    migrate(store.engine)
    assert store.bodies() == 1
    store.engine.dispose()
