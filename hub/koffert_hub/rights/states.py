"""Open, restricted, closed: what may still be done with a record; in the caller's transaction.

Restricted is a patient who no longer wants the follow-up: nothing more is collected, what there is stays on record
(pasientjournalloven § 25), and whoever reads it says why. Closed is a follow-up that is over and done with.
"""

from enum import StrEnum

import sqlalchemy as sa

from koffert_hub import tables
from koffert_hub.registry import RegistryError
from koffert_hub.rights.tables import consent, record_state


class RecordState(StrEnum):
    """What may be done with a record."""

    OPEN = "open"
    RESTRICTED = "restricted"
    CLOSED = "closed"


class NeedsReason(RegistryError):
    """The record is restricted or closed: whoever reads it says why."""


def state_of(connection: sa.Connection, patient: str) -> RecordState:
    """What holds now."""
    table = record_state
    found = connection.execute(
        sa.select(table.c.state)
        .where(table.c.patient == patient)
        .order_by(table.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return RecordState.OPEN if found is None else RecordState(found)


def must_be_known(connection: sa.Connection, patient: str) -> None:
    """Raises RegistryError where there is no such patient; holds the row fast until the commit."""
    table = tables.patient
    known = sa.select(table.c.key).where(table.c.key == patient, table.c.erased_ms.is_(None))
    if connection.execute(known.with_for_update()).first() is None:
        raise RegistryError(f"no patient {patient}")


def may_collect(connection: sa.Connection, patient: str) -> None:
    """Raises RegistryError where no suitcase may be lent to this patient."""
    state = state_of(connection, patient)
    if state is not RecordState.OPEN:
        raise RegistryError(f"the record of {patient} is {state}")
    given = connection.execute(
        sa.select(consent.c.given)
        .where(consent.c.patient == patient)
        .order_by(consent.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    if given is False:
        raise RegistryError(f"{patient} has withdrawn the consent")


def may_read(connection: sa.Connection, patient: str, reason: str) -> None:
    """Raises NeedsReason where somebody wants to read a record that is not open and does not say why."""
    state = state_of(connection, patient)
    if state is not RecordState.OPEN and not reason.strip():
        raise NeedsReason(f"the record of {patient} is {state}")
