"""Restricting, closing and reopening a record, and ending what is collected; in the caller's transaction."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from koffert_hub import tables
from koffert_hub.loans import EndReason, LoanState
from koffert_hub.log_record import Event
from koffert_hub.provisioning.fleet import end_current_loan
from koffert_hub.registry import RegistryError
from koffert_hub.rights.journal import note
from koffert_hub.rights.states import RecordState, must_be_known, state_of
from koffert_hub.rights.tables import record_state
from koffert_hub.times import to_ms


class Changed(NamedTuple):
    """What a change of state did: its log record, and the suitcases whose loans it ended."""

    state: RecordState
    log_sequence: int
    ended: list[str]


def restrict(
    connection: sa.Connection, patient: str, by: str, reason: str, *, now: datetime
) -> Changed:
    """Collect no more, and let nobody read without a reason. Raises RegistryError."""
    must_be_known(connection, patient)
    ended = stop_collecting(connection, patient, now=now)
    return _move(connection, patient, RecordState.RESTRICTED, by, reason, ended=ended, now=now)


def close(
    connection: sa.Connection, patient: str, by: str, reason: str, *, now: datetime
) -> Changed:
    """Put a record away whose loans have all ended. Raises RegistryError."""
    must_be_known(connection, patient)
    lent = _lent(connection, patient)
    if lent:
        raise RegistryError(f"{patient} still has {', '.join(lent)}")
    return _move(connection, patient, RecordState.CLOSED, by, reason, ended=[], now=now)


def reopen(
    connection: sa.Connection, patient: str, by: str, reason: str, *, now: datetime
) -> Changed:
    """The patient wants to go on, or is back. Raises RegistryError."""
    must_be_known(connection, patient)
    return _move(connection, patient, RecordState.OPEN, by, reason, ended=[], now=now)


def stop_collecting(connection: sa.Connection, patient: str, *, now: datetime) -> list[str]:
    """End the patient's loans as withdrawn; each box is told when it next calls. Returns the boxes."""
    lent = _lent(connection, patient)
    for device in lent:
        end_current_loan(connection, device, EndReason.WITHDRAWN, now=now)
    return lent


def _lent(connection: sa.Connection, patient: str) -> list[str]:
    loan = tables.loan
    devices = connection.execute(
        sa.select(loan.c.device)
        .where(loan.c.patient == patient, loan.c.state != LoanState.ENDED)
        .order_by(loan.c.device)
    )
    return list(devices.scalars())


def _move(
    connection: sa.Connection,
    patient: str,
    state: RecordState,
    by: str,
    reason: str,
    *,
    ended: list[str],
    now: datetime,
) -> Changed:
    if not by.strip() or not reason.strip():
        raise RegistryError("say who decides and why")
    before = state_of(connection, patient)
    if before is state:
        raise RegistryError(f"the record of {patient} is {state} already")
    now_ms = to_ms(now)
    connection.execute(
        record_state.insert().values(
            patient=patient, at_ms=now_ms, by=by, state=state, reason=reason
        )
    )
    sequence = note(connection, Event.RECORD, patient, state.value, now_ms=now_ms)
    return Changed(state, sequence, ended)
