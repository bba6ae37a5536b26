"""Taking what was deleted out of the database's own files too, and saying what cannot be taken out from here.

SQLite overwrites pages by `secure_delete`; its write-ahead log must be cut. PostgreSQL keeps more than one trace:

- deleted rows, until their table is written anew; those that an open transaction may still see are kept even then;
- samples of columns, which ANALYZE keeps in `pg_statistic` for the planner;
- its write-ahead log: since the last checkpoint, and in segments that were renamed to be filled again.
"""

import time
from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from psycopg.errors import InsufficientPrivilege

# A page or a command that reads holds its snapshot for seconds; a backup by pg_dump for as long as it takes.
_SNAPSHOTS_WITHIN_S = 60
_POLL_S = 0.2

# Columns of which ANALYZE has kept samples; keys are pseudonymous, and other tables hang on them.
_SAMPLED = sa.text("""
    SELECT s.tablename, s.attname, format_type(a.atttypid, a.atttypmod) AS type
    FROM pg_stats s
    JOIN pg_attribute a
      ON a.attrelid = format('%I.%I', s.schemaname, s.tablename)::regclass AND a.attname = s.attname
    WHERE s.schemaname = current_schema() AND s.tablename = ANY(:tables)
      AND NOT EXISTS (SELECT FROM pg_constraint c
                      WHERE a.attrelid IN (c.conrelid, c.confrelid)
                        AND c.contype IN ('p', 'f') AND a.attnum = ANY(c.conkey))
""")
_OLDER_SNAPSHOT = sa.text("""
    SELECT EXISTS (SELECT FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()
                     AND (age(backend_xmin) > age(CAST(:since AS xid))
                          OR age(backend_xid) > age(CAST(:since AS xid))))
""")
_SEES_TRANSACTIONS = sa.text("SELECT pg_has_role('pg_read_all_stats', 'USAGE')")
_OWNS_DATABASE = sa.text("""
    SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()
""")
_SETTINGS = sa.text("""
    SELECT name, setting FROM pg_settings
    WHERE name IN ('wal_recycle', 'wal_keep_size', 'archive_mode')
    UNION ALL SELECT 'slots', count(*)::text FROM pg_replication_slots
""")


def clear_files(
    engine: sa.Engine, tables: Iterable[sa.Table], *, within_s: float = _SNAPSHOTS_WITHIN_S
) -> tuple[str, ...]:
    """Overwrite or remove what was deleted from `tables`; returns where it may still be, in words for the operator."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            if raw is not None:
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return ()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        left = _wait_for_older(connection, within_s)
        left += _rewrite(connection, [table.name for table in tables])
        left += _cut_write_ahead_log(connection)
        found = connection.execute(_SETTINGS).all()
        return (*left, *kept_by_settings({row.name: row.setting for row in found}))


_OPEN_TRANSACTION = "the tables: a transaction from before the erasure is still open; erase again"
_UNSEEN_TRANSACTIONS = (
    "the tables, if another role's transaction was open: GRANT pg_read_all_stats TO the hub's role"
)
_NOT_OWNER = "the planner's statistics: make the hub's role the owner of its database"
_NO_CHECKPOINT = (
    "the write-ahead log: GRANT pg_checkpoint TO the hub's role, "
    "and GRANT EXECUTE ON FUNCTION pg_switch_wal() TO it"
)


def kept_by_settings(settings: Mapping[str, str]) -> list[str]:
    """Where a server with these settings keeps old write-ahead log."""
    kept = {
        "the write-ahead log: set wal_recycle = off": settings["wal_recycle"] != "off",
        "the write-ahead log: wal_keep_size keeps it": settings["wal_keep_size"] != "0",
        "the write-ahead log: a replication slot keeps it": settings["slots"] != "0",
        "the archived write-ahead log, as long as you keep it": settings["archive_mode"] != "off",
    }
    return [where for where, is_kept in kept.items() if is_kept]


def _wait_for_older(connection: sa.Connection, within_s: float) -> list[str]:
    """Wait for transactions that may still see what was deleted: a table keeps for them what is written anew."""
    left = [] if connection.execute(_SEES_TRANSACTIONS).scalar_one() else [_UNSEEN_TRANSACTIONS]
    since = connection.exec_driver_sql("SELECT pg_current_xact_id()::xid::text").scalar_one()
    deadline_s = time.monotonic() + within_s
    while connection.execute(_OLDER_SNAPSHOT, {"since": since}).scalar_one():
        if time.monotonic() > deadline_s:
            return [*left, _OPEN_TRANSACTION]
        time.sleep(_POLL_S)
    return left


def _rewrite(connection: sa.Connection, names: list[str]) -> list[str]:
    """Write the tables anew, and drop what ANALYZE kept of their columns."""
    quote = connection.dialect.identifier_preparer.quote
    for name in names:
        connection.exec_driver_sql(f"VACUUM (FULL) {quote(name)}")
    for row in connection.execute(_SAMPLED, {"tables": names}).all():
        # The same type again: PostgreSQL forgets the column's statistics and leaves the rows as they are.
        column = f"ALTER COLUMN {quote(row.attname)} TYPE {row.type}"
        connection.exec_driver_sql(f"ALTER TABLE {quote(row.tablename)} {column}")
    if not connection.execute(_OWNS_DATABASE).scalar_one():
        return [_NOT_OWNER]
    connection.exec_driver_sql("VACUUM (FULL) pg_statistic")
    for name in names:
        connection.exec_driver_sql(f"ANALYZE {quote(name)}")
    return []


def _cut_write_ahead_log(connection: sa.Connection) -> list[str]:
    """Begin a new segment and a checkpoint in it: the server needs no older one any more."""
    try:
        connection.exec_driver_sql("SELECT pg_switch_wal()")
        connection.exec_driver_sql("CHECKPOINT")
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        return [_NO_CHECKPOINT]
    return []
