"""What is dropped when it is too old: backups, and entries of who looked at whom."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from koffert_hub.backup import DATABASE_FILE
from koffert_hub.log_record import Event, Result
from koffert_hub.times import to_ms
from koffert_hub.transmission_log import LogWriter, draft
from koffert_hub.web.tables import access_log


def old_backups(folder: Path | None, keep_days: int | None, now: datetime) -> list[Path]:
    """The backups in `folder` that were made longer ago; nothing that is not a backup, and never the newest."""
    if folder is None or keep_days is None or not folder.is_dir():
        return []
    oldest = now - timedelta(days=keep_days)
    made = sorted(
        (datetime.fromtimestamp(file.stat().st_mtime, UTC), one)
        for one in folder.iterdir()
        if (file := one / DATABASE_FILE).is_file()
    )
    # Where backups have stopped, the last one is all that is left.
    return [one for at, one in made[:-1] if at < oldest]


def count_old(connection: sa.Connection, keep_days: int | None, now: datetime) -> int:
    """How many entries of who looked are older."""
    if keep_days is None:
        return 0
    query = sa.select(sa.func.count()).select_from(access_log).where(_before(keep_days, now))
    return int(connection.execute(query).scalar_one())


def drop_old(engine: sa.Engine, keep_days: int | None, now: datetime) -> None:
    """Drop them; the log says how many went."""
    if keep_days is None:
        return
    with engine.begin() as connection:
        gone = connection.execute(access_log.delete().where(_before(keep_days, now))).rowcount
        writer = LogWriter(connection)
        told = draft(Event.ERASURE, Result.DONE, at_ms=to_ms(now), content="access-log", count=gone)
        writer.add(told)
        writer.flush()


def _before(keep_days: int, now: datetime) -> sa.ColumnElement[bool]:
    return access_log.c.at_ms < to_ms(now - timedelta(days=keep_days))
