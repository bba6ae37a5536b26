"""Backup of a running hub, and restoring one: the log goes on under a new epoch.

A backup holds the registry, log and bodies up to a record m. What the log had after m comes back from the
emergency centre's replica, so no record is ever lost or numbered twice; the bodies after m come back from the
boxes, which keep released transmissions for a week and send again what was receipted after m.
"""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.database import open_database
from koffert_hub.database import reading as open_reading
from koffert_hub.log_record import Event, SignedHead, decode_record
from koffert_hub.log_verify import GENESIS, LogPosition, LogRow, check_row
from koffert_hub.migrations import migrate
from koffert_hub.settings import Settings
from koffert_hub.transmission_log import (
    complete_through_restores,
    copy_rows,
    keep_signed_head,
    open_epoch,
    position,
    rows_after,
    signed_heads,
)

DATABASE_FILE = "hub.sqlite"
# All else in the data folder is keys and certificates, which keep their modes.
_NOT_DATABASES = shutil.ignore_patterns("*.sqlite*")
_ROWS_PER_TRANSACTION = 10_000


class BackupError(Exception):
    """The backup cannot be made or restored here; nothing was changed."""


class Restored(Struct, frozen=True):
    """Where a restored hub stands: bodies up to `complete_to` at least, records up to `log_records`.

    The patients of `erase_again` were erased after the backup, and are back with it.
    """

    complete_to: int
    log_records: int
    cites: str | None
    erase_again: tuple[str, ...] = ()


def back_up(settings: Settings, folder: Path) -> int:
    """Copy the embedded database and the keys to a new folder while the hub runs; returns the last record."""
    source = _database_file(settings)
    if folder.exists():
        raise BackupError(f"{folder} is there already")
    folder.mkdir(mode=0o700)
    shutil.copytree(settings.data_dir, folder, ignore=_NOT_DATABASES, dirs_exist_ok=True)
    target = folder / DATABASE_FILE
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        (sequence,) = copy.execute("SELECT sequence FROM log_state").fetchone()
    target.chmod(0o600)
    return int(sequence)


def restore(
    settings: Settings, folder: Path, epoch: bytes, *, replica: Path | None, now_ms: int
) -> Restored:
    """Put a backup in place of a hub that is gone and start a new epoch; raises BackupError."""
    target = _database_file(settings)
    if target.exists():
        raise BackupError(f"{target} is there: move it away first")
    if not (folder / DATABASE_FILE).is_file():
        raise BackupError(f"no backup in {folder}")
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copytree(folder, settings.data_dir, ignore=_NOT_DATABASES, dirs_exist_ok=True)
    shutil.copyfile(folder / DATABASE_FILE, target)
    for stale in settings.data_dir.glob(f"{settings.time_series_path.name}*"):
        stale.unlink()  # it may know records that are gone; it is made again from the bodies
    engine = open_database(settings.database_url)
    try:
        return _go_on(engine, epoch, replica, now_ms)
    except BackupError:
        target.unlink()
        raise
    finally:
        engine.dispose()


def restore_log(settings: Settings, epoch: bytes, replica: Path | None, *, now_ms: int) -> Restored:
    """Bring back log records that are gone and go on under a new epoch; raises BackupError.

    Either the log alone is gone, and all else is here, or the whole database is as old as the log, brought back by
    means of its own (PostgreSQL): then the boxes are asked for what came later. What is left of the log must be its
    beginning, whole: a record that was changed is for a person to look at.
    """
    engine = open_database(settings.database_url)
    try:
        with engine.begin() as connection:
            left = _what_is_left(connection)
            newest = sa.select(sa.func.max(tables.transmission.c.log_sequence))
            log_alone = (connection.execute(newest).scalar_one() or 0) > left.sequence
            if replica is None and log_alone:
                raise BackupError(f"records after {left.sequence} are gone: give --replica")
            connection.execute(tables.log_state.update().values(left._asdict()))
        if replica is not None:
            _fetch_records(engine, replica)
        with engine.begin() as connection:
            here = position(connection).sequence
            if here == left.sequence and replica is not None:
                raise BackupError("the replica holds no record that is missing here")
            return _open_epoch(connection, epoch, here if log_alone else left.sequence, now_ms)
    finally:
        engine.dispose()


def _what_is_left(connection: sa.Connection) -> LogPosition:
    here = GENESIS
    for row in rows_after(connection, 0):
        fault = check_row(here, row)
        if fault is not None:
            raise BackupError(
                f"record {row.sequence} here: {fault}; move the log's rest away first"
            )
        here = LogPosition(row.sequence, row.head)
    return here


def _go_on(engine: sa.Engine, epoch: bytes, replica: Path | None, now_ms: int) -> Restored:
    migrate(engine)
    with open_reading(engine) as connection:
        bodies_to = position(connection).sequence
    if replica is not None:
        _fetch_records(engine, replica)
    with engine.begin() as connection:
        return _open_epoch(connection, epoch, bodies_to, now_ms)


def _open_epoch(connection: sa.Connection, epoch: bytes, bodies_to: int, now_ms: int) -> Restored:
    """Begin the epoch of a database that has the bodies up to `bodies_to`, citing the newest signed head."""
    complete_to = complete_through_restores(connection, bodies_to)
    newest = signed_heads(connection)[-1:]
    cites = f"{newest[0].sequence}:{newest[0].head.hex()}" if newest else None
    open_epoch(
        connection,
        epoch,
        now_ms=now_ms,
        cites=cites,
        complete_to=complete_to,
        bodies_to=bodies_to,
    )
    again = _erased_after(connection, bodies_to)
    return Restored(complete_to, position(connection).sequence, cites, again)


def _erased_after(connection: sa.Connection, sequence: int) -> tuple[str, ...]:
    """The patients who by a later record were erased, and by this database were not."""
    table = tables.patient
    records = [decode_record(row.record) for row in rows_after(connection, sequence)]
    told = {one.patient for one in records if one.event is Event.ERASURE and one.patient}
    here = sa.select(table.c.key).where(table.c.key.in_(told), table.c.erased_ms.is_(None))
    return tuple(connection.execute(here.order_by(table.c.key)).scalars())


def _fetch_records(engine: sa.Engine, replica: Path) -> None:
    """Append what the replica holds after our last record; it must continue our chain."""
    source = open_database(f"sqlite:///{replica}")
    try:
        while True:
            with open_reading(engine) as connection:
                here = position(connection)
            with open_reading(source) as connection:
                rows = list(rows_after(connection, here.sequence, _ROWS_PER_TRANSACTION))
                heads = signed_heads(connection)
            if not rows:
                _keep(engine, heads)
                return
            _check(here, rows)
            with engine.begin() as connection:
                copy_rows(connection, rows)
    finally:
        source.dispose()


def _check(here: LogPosition, rows: Sequence[LogRow]) -> None:
    for row in rows:
        fault = check_row(here, row)
        if fault is not None:
            raise BackupError(f"the replica does not continue this log: record {row.sequence}")
        here = LogPosition(row.sequence, row.head)


def _keep(engine: sa.Engine, heads: Sequence[SignedHead]) -> None:
    with engine.begin() as connection:
        for head in heads:
            keep_signed_head(connection, head)


def _database_file(settings: Settings) -> Path:
    if settings.database is not None:
        raise BackupError(
            "this hub's database is not embedded: pg_dump and pg_restore, then koffert hub restore-log"
        )
    return settings.data_dir / DATABASE_FILE
