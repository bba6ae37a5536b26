"""What a hub does by itself each hour: closes records, writes past days of the log, drops what is too old.

The log itself is kept whole: it holds no clinical value.
Closing is not erasing: a record must be kept as long as the care makes it likely to be needed (pasientjournalloven
§ 25), and how long that is the controller decides (`docs/privacy/assessment.md`, section 4).
"""

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.database import reading
from koffert_hub.loans import LoanState
from koffert_hub.log_export import csv_lines, json_lines, span
from koffert_hub.registry import RegistryError
from koffert_hub.retention import count_old, drop_old, old_backups
from koffert_hub.rights.deciding import close
from koffert_hub.rights.states import RecordState, state_of
from koffert_hub.settings import UpkeepSettings
from koffert_hub.times import from_ms, to_ms

BY = "upkeep"
# A day is written when it has been over for so long: what was in hand at midnight is committed by then.
_SETTLED = timedelta(hours=1)
_EVERY_S = 3_600.0
_DAY = timedelta(days=1)

_LOG = logging.getLogger(__name__)


class Upkeep(Struct, frozen=True):
    """What was done, or with a dry run what would be: patients' keys, days, folders, entries of who looked."""

    closed: list[str]
    exported: list[date]
    dropped_backups: list[str] = []
    dropped_access: int = 0


def keep_up(
    engine: sa.Engine, settings: UpkeepSettings, *, now: datetime, dry_run: bool = False
) -> Upkeep:
    """Do what is due; raises OSError when the files cannot be written."""
    with reading(engine) as connection:
        due = _due(connection, settings.close_after_days, now)
        days = _missing_days(connection, settings.log_days, now)
        looks = count_old(connection, settings.keep_access_days, now)
    backups = old_backups(settings.backups, settings.keep_backups_days, now)
    names = [str(folder) for folder in backups]
    if dry_run:
        return Upkeep(due, days, names, looks)
    closed = [patient for patient in due if _close(engine, patient, settings, now)]
    for day in days:
        _write_day(engine, settings.log_days, day)
    for folder in backups:
        shutil.rmtree(folder)
    if looks:
        drop_old(engine, settings.keep_access_days, now)
    return Upkeep(closed, days, names, looks)


@asynccontextmanager
async def keeping_up(engine: sa.Engine, settings: UpkeepSettings | None) -> AsyncIterator[None]:
    """Do it each hour while the block runs; a fault is told in the journal, and tried again the next hour."""
    if settings is None:
        yield
        return
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_each_hour(engine, settings), name="upkeep")
        try:
            yield
        finally:
            task.cancel()


async def _each_hour(engine: sa.Engine, settings: UpkeepSettings) -> None:
    while True:
        try:
            done = await asyncio.to_thread(keep_up, engine, settings, now=datetime.now(UTC))
        except (OSError, sa.exc.SQLAlchemyError):
            _LOG.exception("upkeep failed; it is tried again in an hour")
        else:
            _LOG.info(
                "upkeep: %d closed, %d days written, %d backups and %d entries of who looked dropped",
                len(done.closed),
                len(done.exported),
                len(done.dropped_backups),
                done.dropped_access,
            )
        await asyncio.sleep(_EVERY_S)


def _due(connection: sa.Connection, after_days: int | None, now: datetime) -> list[str]:
    """Patients whose last loan ended so long ago and whose record is open."""
    if after_days is None:
        return []
    loan, patient = tables.loan, tables.patient
    over = sa.func.sum(sa.case((loan.c.state != LoanState.ENDED, 1), else_=0)) == 0
    rows = connection.execute(
        sa.select(loan.c.patient)
        .join(patient, patient.c.key == loan.c.patient)
        .where(patient.c.erased_ms.is_(None))
        .group_by(loan.c.patient)
        .having(over, sa.func.max(loan.c.ended_ms) <= to_ms(now - after_days * _DAY))
        .order_by(loan.c.patient)
    )
    return [key for key in rows.scalars().all() if state_of(connection, key) is RecordState.OPEN]


def _close(engine: sa.Engine, patient: str, settings: UpkeepSettings, now: datetime) -> bool:
    reason = f"{settings.close_after_days} days after the last loan"
    try:
        with engine.begin() as connection:
            close(connection, patient, BY, reason, now=now)
    except RegistryError:
        return False  # somebody lent, closed or erased meanwhile
    return True


def _missing_days(connection: sa.Connection, folder: Path | None, now: datetime) -> list[date]:
    """Whole days of the log, in UTC, that no file holds."""
    first_ms = connection.execute(sa.select(sa.func.min(tables.transmission_log.c.at_ms))).scalar()
    if folder is None or first_ms is None:
        return []
    first, last = from_ms(first_ms).date(), (now - _SETTLED).date() - _DAY
    days = [first + count * _DAY for count in range((last - first).days + 1)]
    return [day for day in days if not _file(folder, day, "csv").exists()]


def _write_day(engine: sa.Engine, folder: Path | None, day: date) -> None:
    if folder is None:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    with reading(engine) as connection:
        chosen = span(connection, to_ms(start), to_ms(start + _DAY))
        # The CSV last: where it is, the day is whole.
        _write(_file(folder, day, "jsonl"), json_lines(connection, chosen))
        _write(_file(folder, day, "csv"), csv_lines(connection, chosen))


def _file(folder: Path, day: date, kind: str) -> Path:
    return folder / f"log-{day.isoformat()}.{kind}"


def _write(path: Path, lines: Iterable[bytes]) -> None:
    """The file is there whole or not at all."""
    part = path.with_suffix(f"{path.suffix}.part")
    with part.open("wb") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
