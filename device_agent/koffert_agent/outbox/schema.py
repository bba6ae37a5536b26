"""The outbox file: how it is opened, and what is in it.

`synchronous=FULL` in WAL mode is what keeps a committed row through a power cut; NORMAL does not
(tests/device_agent/test_power_loss.py shows both). The exclusive lock keeps a second agent out and
saves the shared-memory file.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import apsw

from koffert_agent.outbox.records import OutboxError, OutboxReason

# SQLite's number for synchronous=FULL, as PRAGMA synchronous reads back.
_FULL = 2
# The WAL is cut back to this after a checkpoint; a burst must not keep its space for ever.
_JOURNAL_LIMIT_BYTES = 4 * 1024 * 1024
# One entry per schema version; a file is brought from its user_version to the newest by running the rest.
# 128 in `size` is what SQLite and its indexes add to a row.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE lane (
      lane TEXT PRIMARY KEY,
      next_sequence INTEGER NOT NULL DEFAULT 0,
      dropped INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE transmission (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      id BLOB NOT NULL UNIQUE,
      lane TEXT NOT NULL,
      sequence INTEGER NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('queued', 'released', 'damaged')),
      header BLOB NOT NULL,
      body BLOB NOT NULL,
      checksum INTEGER NOT NULL,
      size INTEGER GENERATED ALWAYS AS
        (length(header) + length(body) + 128) VIRTUAL,
      hub_epoch BLOB,
      log_sequence INTEGER,
      released_age_ns INTEGER
    ) STRICT;
    CREATE INDEX queued ON transmission (lane, number, sequence) WHERE state = 'queued';
    CREATE INDEX released ON transmission (number) WHERE state = 'released';
    CREATE TABLE tally (
      lane TEXT, state TEXT, rows INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (lane, state)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER row_came AFTER INSERT ON transmission BEGIN
      UPDATE tally SET rows = rows + 1, bytes = bytes + new.size
        WHERE lane = new.lane AND state = new.state;
    END;
    CREATE TRIGGER row_went AFTER DELETE ON transmission BEGIN
      UPDATE tally SET rows = rows - 1, bytes = bytes - old.size
        WHERE lane = old.lane AND state = old.state;
    END;
    CREATE TRIGGER row_moved AFTER UPDATE OF state ON transmission BEGIN
      UPDATE tally SET rows = rows - 1, bytes = bytes - old.size
        WHERE lane = old.lane AND state = old.state;
      UPDATE tally SET rows = rows + 1, bytes = bytes + new.size
        WHERE lane = new.lane AND state = new.state;
    END;
    INSERT INTO lane (lane) VALUES ('alarm'), ('vitals'), ('bulk');
    INSERT INTO tally (lane, state) SELECT lane, state FROM lane,
      (SELECT 'queued' AS state UNION SELECT 'released' UNION SELECT 'damaged');
    INSERT INTO meta VALUES ('outbox_id', randomblob(16)), ('age_ns', 0);
    CREATE TABLE traffic (
      day INTEGER, lane TEXT, transmissions INTEGER NOT NULL, bytes INTEGER NOT NULL,
      PRIMARY KEY (day, lane)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    DROP INDEX released;
    CREATE INDEX released ON transmission (lane, number) WHERE state = 'released';
    """,
)


def open_database(path: Path, vfs: str = "") -> apsw.Connection:
    """The outbox at `path`, made or brought up to date; raises OutboxError.

    `vfs` names another SQLite file layer, as the power-loss test does.
    """
    with typed_errors():
        _make_folder(path.parent)
        database = apsw.Connection(str(path), vfs=vfs or None)
    try:
        with typed_errors():
            _configure(database)
            _migrate(database)
    except OutboxError:
        with contextlib.suppress(apsw.Error):
            database.close(force=True)
        raise
    return database


@contextlib.contextmanager
def typed_errors() -> Iterator[None]:
    """Turn SQLite's and the system's errors into OutboxError."""
    try:
        yield
    except apsw.BusyError as error:
        raise OutboxError(OutboxReason.BUSY, "another process has this outbox open") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise OutboxError(OutboxReason.DAMAGED, str(error)) from error
    except apsw.FullError as error:
        raise OutboxError(OutboxReason.FULL, str(error)) from error
    except (apsw.Error, OSError) as error:
        raise OutboxError(OutboxReason.DISK, str(error)) from error


def _make_folder(folder: Path) -> None:
    """Make it and put its name on the disk, else a power cut could take the folder with the file."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    parent = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _configure(database: apsw.Connection) -> None:
    database.pragma("locking_mode", "EXCLUSIVE")
    if not database.pragma("page_count"):
        # Only while the file is new: it writes each time, and a full disk must not keep the box from starting.
        database.pragma("auto_vacuum", "INCREMENTAL")
    database.pragma("journal_mode", "WAL")
    database.pragma("synchronous", "FULL")
    database.pragma("journal_size_limit", _JOURNAL_LIMIT_BYTES)
    database.pragma("cell_size_check", "ON")
    database.pragma("recursive_triggers", "ON")
    mode, synchronous = database.pragma("journal_mode"), database.pragma("synchronous")
    if (mode, synchronous) != ("wal", _FULL):
        detail = f"journal_mode {mode}, synchronous {synchronous} read back instead of WAL, FULL"
        raise OutboxError(OutboxReason.UNSAFE, detail)


def _migrate(database: apsw.Connection) -> None:
    version = database.pragma("user_version")
    if version > len(MIGRATIONS):
        detail = f"schema {version} was written by newer software; this one knows {len(MIGRATIONS)}"
        raise OutboxError(OutboxReason.NEWER, detail)
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        database.execute(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT")
