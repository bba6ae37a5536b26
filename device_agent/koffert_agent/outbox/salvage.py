"""A damaged outbox file is set aside, and what can still be read of it is sent all the same."""

import logging
from pathlib import Path
from typing import Any

import apsw

from koffert_agent.outbox.database import Database
from koffert_agent.outbox.records import OutboxError

_LOG = logging.getLogger(__name__)

# Header, seal and SQLite's own part are more than this for every row.
_SMALLEST_ROW_BYTES = 200
_COLUMNS = "id, lane, sequence, state, header, body, checksum"


def replace_damaged(path: Path) -> None:
    """Set a damaged outbox aside, and make another one of what it still tells; nobody may have it open."""
    damaged = _set_aside(path)
    _salvage(damaged, damaged.with_name(f"{damaged.name}{path.suffix}"))


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_suffix(f".damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    wal = path.with_name(path.name + "-wal")
    if wal.exists():
        wal.rename(aside.with_name(aside.name + "-wal"))
    _LOG.critical("the outbox %s is damaged and set aside as %s", path.name, aside.name)
    return aside


def _salvage(damaged: Path, rescued: Path) -> None:
    """Copy every queued row that can be read into a new outbox, of the same identity where that is known.

    What is missing the hub sees as missing: its sequences are lower than all that is still queued.
    """
    source = apsw.Connection(str(damaged))
    target = Database(rescued, "")
    copied = 0
    try:
        with target.transaction():
            for (outbox_id,) in _read(source, "SELECT value FROM meta WHERE key = 'outbox_id'"):
                target.execute("UPDATE meta SET value = ? WHERE key = 'outbox_id'", outbox_id)
            for number in range(1, _last_number(source, damaged) + 1):
                copied += _copy(source, target, number)
            target.execute(
                "UPDATE lane SET next_sequence = coalesce((SELECT max(sequence) + 1"
                " FROM transmission WHERE transmission.lane = lane.lane), 0)"
            )
    except (apsw.Error, OutboxError) as error:
        _LOG.error("the damaged outbox tells nothing more: %s", error)
    finally:
        source.close(force=True)
        target.close()
    _LOG.warning("%d rows of the damaged outbox are saved", copied)


def _last_number(source: apsw.Connection, damaged: Path) -> int:
    """The highest number that a row may have. A damaged tree cannot be walked, only asked for each row."""
    for (last,) in _read(source, "SELECT seq FROM sqlite_sequence WHERE name = 'transmission'"):
        if isinstance(last, int):
            return last
    return damaged.stat().st_size // _SMALLEST_ROW_BYTES


def _read(source: apsw.Connection, statement: str, *values: int) -> list[Any]:
    try:
        return source.execute(statement, values).fetchall()
    except apsw.CorruptError:
        return []


def _copy(source: apsw.Connection, target: Database, number: int) -> int:
    statement = f"SELECT {_COLUMNS} FROM transmission WHERE number = ? AND state = 'queued'"  # noqa: S608 - constant
    found = _read(source, statement, number)
    for row in found:
        target.execute(
            f"INSERT OR IGNORE INTO transmission ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant
            *row,
        )
    return len(found)
