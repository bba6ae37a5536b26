"""Opening the hub's database: registry, log and bodies, in SQLite or PostgreSQL."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

# How long a writer waits for another: the hub's own threads, or a command beside it. SQLite's waiting is not
# fair, and a hub that takes in a backlog on a busy machine has kept one of its threads waiting for ten seconds.
BUSY_TIMEOUT_MS = 60_000

# name -> (what is set, what must be read back). FULL: a commit that was acknowledged survives a power
# cut; secure_delete: an erased value is overwritten, not only unlinked.
_SQLITE_PRAGMAS: dict[str, tuple[str, object]] = {
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "secure_delete": ("ON", 1),
    "foreign_keys": ("ON", 1),
    "busy_timeout": (str(BUSY_TIMEOUT_MS), BUSY_TIMEOUT_MS),
}


class DatabaseError(Exception):
    """The database cannot be used as the hub needs it; configuration, not a passing fault."""


def open_database(url: str) -> sa.Engine:
    """An engine for `url` (`sqlite:///…` or `postgresql+psycopg://…`); a write locks at BEGIN."""
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def reading(engine: sa.Engine) -> sa.Connection:
    """A connection for reading only: on SQLite it takes no write lock."""
    return engine.connect().execution_options(koffert_read_only=True)


def upserts(table: sa.Table, changing: tuple[str, ...]) -> dict[str, sa.Executable]:
    """By dialect, an INSERT that changes `changing` where the primary key is there already."""
    return {
        name: statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_={column: statement.excluded[column] for column in changing},
        )
        for name, statement in (
            ("sqlite", sqlite.insert(table)),
            ("postgresql", postgresql.insert(table)),
        )
    }


def inserts_or_ignores(table: sa.Table) -> dict[str, sa.Executable]:
    """By dialect, an INSERT that does nothing where the row is there already."""
    return {
        "sqlite": sqlite.insert(table).on_conflict_do_nothing(),
        "postgresql": postgresql.insert(table).on_conflict_do_nothing(),
    }


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: `_begin_sqlite` says how each one starts.
    connection.isolation_level = None
    for name, (value, expected) in _SQLITE_PRAGMAS.items():
        connection.execute(f"PRAGMA {name}={value}")
        (actual,) = connection.execute(f"PRAGMA {name}").fetchone()
        if actual != expected:
            raise DatabaseError(f"PRAGMA {name} is {actual!r}, not {expected!r}")


def _begin_sqlite(connection: sa.Connection) -> None:
    read_only = connection.get_execution_options().get("koffert_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
