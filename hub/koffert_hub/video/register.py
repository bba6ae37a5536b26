"""What the hub's database knows and keeps of calls; each function is one transaction."""

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.database import reading
from koffert_hub.loans import RULES
from koffert_hub.log_record import Event, LogRecord, Result
from koffert_hub.registry import DeviceState
from koffert_hub.transmission_log import LogWriter, draft
from koffert_hub.visits.calendar import note_held


class Suitcase(Struct, frozen=True):
    """The box that a patient has now."""

    device: str
    loan: str
    link_key: bytes


def suitcase_of(engine: sa.Engine, patient: str) -> Suitcase | None:
    """The box that may ring at this patient's, if there is one."""
    rings = [state for state, rules in RULES.items() if rules.rings]
    loan, device = tables.loan, tables.device
    query = (
        sa.select(loan.c.id, device.c.id.label("device"), device.c.link_key)
        .join(device, device.c.id == loan.c.device)
        .where(
            loan.c.patient == patient,
            loan.c.state.in_(rings),
            device.c.state == DeviceState.ACTIVE,
        )
    )
    with reading(engine) as connection:
        row = connection.execute(query).first()
    return None if row is None else Suitcase(row.device, row.id, row.link_key)


class VisitNote(Struct, frozen=True, kw_only=True):
    """One line about a call: what happened, to which box, by which account; never what was said.

    `held_ms` is when the patient answered: the calendar's visit was held.
    """

    at_ms: int
    device: str
    patient: str
    loan: str
    call: bytes
    what: str
    count: int | None = None
    bytes: int | None = None
    result: Result = Result.DONE
    held_ms: int | None = None


def write_note(engine: sa.Engine, note: VisitNote) -> None:
    """Put it into the transmission log."""
    with engine.begin() as connection:
        writer = LogWriter(connection)
        writer.add(_record(note))
        writer.flush()
        if note.held_ms is not None:
            note_held(connection, note.loan, at_ms=note.held_ms)


def _record(note: VisitNote) -> LogRecord:
    return draft(
        Event.VISIT,
        note.result,
        at_ms=note.at_ms,
        device=note.device,
        patient=note.patient,
        loan=note.loan,
        transmission=note.call.hex(),
        content="video",
        count=note.count,
        bytes=note.bytes,
        detail=note.what,
    )
