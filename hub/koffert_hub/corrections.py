"""Readings, spirometry sessions and diaries that a person has said do not count: logged, never deleted, honoured by every projection."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa

from koffert_hub import tables
from koffert_hub.log_record import Event, Result
from koffert_hub.projection import Opened, StoredBody, open_stored
from koffert_hub.transmission_log import LogWriter, draft

BODY_COLUMNS = (
    tables.body.c.log_sequence,
    tables.body.c.patient,
    tables.body.c.header,
    tables.body.c.messages,
    tables.body.c.time_basis,
)


class Reason(StrEnum):
    """Why a reading counts no more."""

    NOT_THIS_PATIENT = "not-this-patient"
    INVALID = "invalid"


class NoSuchReading(Exception):
    """The patient has no such reading in this body."""


class Chosen(NamedTuple):
    """One reading, and the log record that it came under."""

    body_sequence: int
    reading: bytes


class Correction(NamedTuple):
    """One reading that counts no more, with the log record that says so."""

    log_sequence: int
    patient: str
    loan: str | None
    reading: bytes
    body_sequence: int
    reason: Reason
    at_ms: int


class Struck(NamedTuple):
    """That something does not count: why, and who said so."""

    reason: Reason
    by: str


def correct(
    connection: sa.Connection,
    patient: str,
    chosen: Iterable[Chosen],
    reason: Reason,
    username: str,
    *,
    now_ms: int,
) -> int:
    """Say of these readings that they do not count, in one log record; returns how many are new.

    Raises NoSuchReading.
    """
    known = corrected_ids(connection, patient)
    fresh = {one.reading: one for one in chosen if one.reading not in known}
    if not fresh:
        return 0
    loans = {one: _loan_of(connection, patient, one) for one in fresh.values()}
    writer = LogWriter(connection)
    loan = next(iter(loans.values()))
    sequence = writer.add(
        draft(
            Event.CORRECTION,
            Result.DONE,
            at_ms=now_ms,
            patient=patient,
            loan=loan,
            count=len(fresh),
            detail=reason.value,
        )
    )
    writer.flush()
    connection.execute(
        tables.correction.insert(),
        [
            {
                "patient": patient,
                "reading": one.reading,
                "loan": loan,
                "body_sequence": one.body_sequence,
                "log_sequence": sequence,
                "at_ms": now_ms,
                "username": username,
                "reason": reason,
            }
            for one, loan in loans.items()
        ],
    )
    return len(fresh)


def corrections_between(connection: sa.Connection, after: int, until: int) -> list[Correction]:
    """Those that the log records after `after`, up to `until`, tell of."""
    table = tables.correction
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Correction._fields))
        .where(table.c.log_sequence > after, table.c.log_sequence <= until)
        .order_by(table.c.log_sequence)
    )
    return [Correction(*row)._replace(reason=Reason(row.reason)) for row in rows]


def corrected_ids(connection: sa.Connection, patient: str) -> set[bytes]:
    """The readings, sessions and diaries of a patient that do not count."""
    return set(struck(connection, patient))


def struck(connection: sa.Connection, patient: str) -> dict[bytes, Struck]:
    """What of a patient does not count, and who said so: by name, if the person is known here."""
    table, user = tables.correction, tables.user
    by = sa.func.coalesce(user.c.display_name, table.c.username).label("by")
    rows = connection.execute(
        sa.select(table.c.reading, table.c.reason, by)
        .outerjoin_from(table, user, user.c.username == table.c.username)
        .where(table.c.patient == patient)
    )
    return {row.reading: Struck(Reason(row.reason), row.by) for row in rows}


def open_body(connection: sa.Connection, sequence: int) -> Opened | None:
    """The body of a log record; None when it is gone."""
    row = connection.execute(
        sa.select(*BODY_COLUMNS).where(tables.body.c.log_sequence == sequence)
    ).first()
    return None if row is None else open_stored(StoredBody(*row))


def only(opened: Opened, readings: set[bytes]) -> Opened:
    """A body with just these of its readings, sessions and diaries."""
    return opened._replace(
        readings=[one for one in opened.readings if one[0].id in readings],
        said=tuple(one for one in opened.said if one[0].id in readings),
    )


def without(opened: Opened, readings: set[bytes]) -> Opened:
    """A body without these of its readings."""
    return opened._replace(readings=[one for one in opened.readings if one[0].id not in readings])


def _loan_of(connection: sa.Connection, patient: str, chosen: Chosen) -> str | None:
    opened = open_body(connection, chosen.body_sequence)
    if opened is None or opened.patient != patient:
        raise NoSuchReading(chosen.reading.hex())
    found = only(opened, {chosen.reading})
    if not found.readings and not found.said:
        raise NoSuchReading(chosen.reading.hex())
    return opened.header.loan
