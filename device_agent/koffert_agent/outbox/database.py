"""An open outbox file: transactions, typed errors, and the write-ahead log moved on its own time."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from koffert_agent.outbox.records import OutboxError
from koffert_agent.outbox.schema import open_database, typed_errors

_LOG = logging.getLogger(__name__)

# SQLite's own default for moving the WAL into the file: 4 MB.
_CHECKPOINT_PAGES = 1000


class Database:
    """Belongs to one thread. All methods raise OutboxError."""

    def __init__(self, path: Path, vfs: str) -> None:
        self._connection = open_database(path, vfs)
        self._wal = _WalLength()
        self._connection.set_wal_hook(self._wal.note)

    def close(self) -> None:
        """Close the file; a last checkpoint empties the WAL."""
        with typed_errors():
            self._connection.close(force=True)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; on leaving, what was written survives a power cut."""
        with typed_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has already rolled back by itself after a full disk or an I/O error.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        if self._wal.pages >= _CHECKPOINT_PAGES:
            self._checkpoint()

    def execute(self, statement: str, *values: object) -> None:
        """Run one statement."""
        with typed_errors():
            self._connection.execute(statement, values)

    def all(self, statement: str, *values: object) -> list[Any]:
        """All rows that a statement gives."""
        with typed_errors():
            return self._connection.execute(statement, values).fetchall()

    def one(self, statement: str, *values: object) -> Any:
        """The one value that a statement gives."""
        return self.all(statement, *values)[0][0]

    @property
    def last_row(self) -> int:
        """The number of the row that was inserted last."""
        return self._connection.last_insert_rowid()

    @property
    def changed_rows(self) -> int:
        """How many rows the last statement changed."""
        return self._connection.changes()

    def give_back_pages(self, keep: int, most: int) -> None:
        """Cut up to `most` free pages off the file, leaving `keep`."""
        with typed_errors():
            spare = self._connection.pragma("freelist_count") - keep
            if spare > 0:
                step = min(spare, most)
                self._connection.execute(f"PRAGMA incremental_vacuum({step})").fetchall()

    def free_bytes(self) -> int:
        """The room that rows can take without the file growing."""
        with typed_errors():
            pages: int = self._connection.pragma("freelist_count")
            page_bytes: int = self._connection.pragma("page_size")
        return pages * page_bytes

    def empty_wal(self) -> None:
        """Move the WAL into the file and give its room back to the disk."""
        self._wal.pages = 0
        with typed_errors():
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def _checkpoint(self) -> None:
        """Move the WAL into the file. Apart from the commit, for a failure here has lost nothing."""
        self._wal.pages = 0
        try:
            with typed_errors():
                self._connection.wal_checkpoint()
        except OutboxError as error:
            _LOG.error("the write-ahead log could not be moved into the outbox: %s", error)


class _WalLength:
    """How many pages the WAL held after the last commit."""

    def __init__(self) -> None:
        self.pages = 0

    def note(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self.pages = pages
        return apsw.SQLITE_OK
