"""Erasing a patient: no readable value stays in any store, and the log still verifies.

The log keeps its records of that patient's transmissions: they hold a pseudonymous key and a salted hash,
and the salt goes with the body. The erasure is itself a record.
"""

from typing import Protocol

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import registry, tables
from koffert_hub.alerts import tables as alert_tables
from koffert_hub.alerts.register import forget as forget_alerts
from koffert_hub.documents.tables import (
    document,
    document_decision,
    document_dispatch,
    document_part,
    forget_documents,
)
from koffert_hub.erasure_files import clear_files
from koffert_hub.loans import LoanState
from koffert_hub.log_beside import QUARANTINE_CONTENT
from koffert_hub.log_record import Event, Result
from koffert_hub.provisioning.tables import at_home, nurse_message
from koffert_hub.registry import RegistryError
from koffert_hub.rights.tables import consent, forget_rights, person_change, record_state
from koffert_hub.spirometry.tables import forget_spirometry, physique, spirometry_part
from koffert_hub.transmission_log import LogWriter, draft
from koffert_hub.visits.tables import planned_visit
from koffert_hub.web.tables import hand_entry, note, self_plan
from koffert_wire.envelope import parse_payload
from koffert_wire.errors import UnreadablePayload

# PostgreSQL only marks a deleted row: what held a patient's data is written anew without it.
REWRITTEN = (
    tables.body,
    tables.correction,
    tables.person,
    tables.quarantine,
    alert_tables.alert,
    alert_tables.alert_change,
    alert_tables.alert_notice,
    alert_tables.alert_reading,
    alert_tables.alert_setting,
    alert_tables.alert_state,
    alert_tables.patient_card,
    document,
    document_decision,
    document_dispatch,
    document_part,
    physique,
    spirometry_part,
    consent,
    person_change,
    record_state,
    hand_entry,
    note,
    self_plan,
    planned_visit,
    at_home,
    nurse_message,
)


class Forgets(Protocol):
    """A projection that can forget one patient."""

    def forget(self, patient: str) -> None:
        """Remove everything of this patient, overwritten where the store can do that."""
        ...


class Erased(Struct, frozen=True):
    """What was removed; `left_in` says in which files of the database server it may still be, and what to do."""

    bodies: int
    quarantined: int
    log_sequence: int
    left_in: tuple[str, ...]


def erase_patient(engine: sa.Engine, time_series: Forgets, patient: str, *, now_ms: int) -> Erased:
    """Erase a patient whose loans have ended; raises RegistryError. What arrives later is discarded."""
    with engine.begin() as connection:
        loans = _ended_loans(connection, patient)
        bodies = connection.execute(
            tables.body.delete().where(tables.body.c.patient == patient)
        ).rowcount
        quarantined = _erase_quarantine(connection, loans)
        forget_alerts(connection, patient)
        for table in (
            *(tables.correction, note, hand_entry, self_plan),
            *(planned_visit, at_home, nurse_message),
        ):
            connection.execute(table.delete().where(table.c.patient == patient))
        connection.execute(tables.person.delete().where(tables.person.c.patient == patient))
        connection.execute(
            tables.patient.update().where(tables.patient.c.key == patient).values(erased_ms=now_ms)
        )
        # After the mark, for which the projection waits: what it files later would stay.
        forget_documents(connection, patient)
        forget_spirometry(connection, patient)
        forget_rights(connection, patient)
        writer = LogWriter(connection)
        for device, record in quarantined:
            told = {"device": device, "content": QUARANTINE_CONTENT, "detail": str(record)}
            writer.add(draft(Event.ERASURE, Result.DONE, at_ms=now_ms, **told))
        sequence = writer.add(draft(Event.ERASURE, Result.DONE, at_ms=now_ms, patient=patient))
        writer.flush()
    time_series.forget(patient)
    left = clear_files(engine, REWRITTEN)
    return Erased(bodies, len(quarantined), sequence, left)


def _ended_loans(connection: sa.Connection, patient: str) -> dict[str, str]:
    """The patient's loans, and the device of each; raises unless all of them have ended."""
    known = connection.execute(
        sa.select(tables.patient.c.key).where(
            tables.patient.c.key == patient, tables.patient.c.erased_ms.is_(None)
        )
    ).first()
    if known is None:
        raise RegistryError(f"no patient {patient}")
    loan = tables.loan
    rows = connection.execute(
        sa.select(loan.c.id, loan.c.device, loan.c.state).where(loan.c.patient == patient)
    ).all()
    if any(row.state != LoanState.ENDED for row in rows):
        raise RegistryError(f"a loan of {patient} has not ended")
    return {row.id: row.device for row in rows}


def _erase_quarantine(connection: sa.Connection, loans: dict[str, str]) -> list[tuple[str, int]]:
    """What their boxes sent and could not be filed, unless its header names a loan of somebody else.

    Returns the device and the log record of each: the record says nothing of the patient, so the log must say that it went.
    """
    table = tables.quarantine
    rows = connection.execute(
        sa.select(table.c.id, table.c.payload, table.c.device, table.c.log_sequence)
        .where(table.c.device.in_(set(loans.values())))
        .order_by(table.c.id)
    ).all()
    named = {row.id: _named_loan(row.payload) for row in rows}
    known = registry.loans(connection, {loan for loan in named.values() if loan is not None})
    theirs = [row for row in rows if named[row.id] in loans or named[row.id] not in known]
    if theirs:
        connection.execute(table.delete().where(table.c.id.in_([row.id for row in theirs])))
    return [(row.device, row.log_sequence) for row in theirs]


def _named_loan(payload: bytes) -> str | None:
    try:
        return parse_payload(payload).header.loan
    except UnreadablePayload:
        return None
