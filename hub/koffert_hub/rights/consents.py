"""What a patient agreed to, in which words, and when that ended; in the caller's transaction.

A withdrawn consent stops the collection; what was recorded before stays (GDPR article 7(3)).
"""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from koffert_hub.log_record import Event
from koffert_hub.registry import RegistryError
from koffert_hub.rights.deciding import stop_collecting
from koffert_hub.rights.journal import note
from koffert_hub.rights.states import must_be_known
from koffert_hub.rights.tables import consent, consent_text
from koffert_hub.times import to_ms
from koffert_wire.identifiers import is_device_id


class Consent(NamedTuple):
    """One answer of a patient: to which words, and who recorded it."""

    at_ms: int
    version: str
    given: bool
    by: str


class Withdrawn(NamedTuple):
    """What the withdrawal did: its log record, and the suitcases whose loans it ended."""

    version: str
    log_sequence: int
    ended: list[str]


def add_text(connection: sa.Connection, version: str, text: str, *, now_ms: int) -> None:
    """Keep the words of a version; raises RegistryError when it is known with other words."""
    # The version goes into the log, which takes codes and no words.
    if not is_device_id(version):
        raise RegistryError(f"not a version: {version!r} (a-z, 0-9 and dashes)")
    if not text.strip():
        raise RegistryError("the text is empty")
    table = consent_text
    known = connection.execute(
        sa.select(table.c.text).where(table.c.version == version)
    ).scalar_one_or_none()
    if known is None:
        connection.execute(table.insert().values(version=version, added_ms=now_ms, text=text))
    elif known != text:
        raise RegistryError(f"version {version} has other words")


def give(connection: sa.Connection, patient: str, version: str, by: str, *, now_ms: int) -> int:
    """The patient agrees to the words of `version`; returns the log record. Raises RegistryError."""
    must_be_known(connection, patient)
    _must_be_somebody(by)
    table = consent_text
    known = connection.execute(sa.select(table.c.version).where(table.c.version == version))
    if known.first() is None:
        raise RegistryError(f"no consent text {version}")
    return _keep(connection, patient, Consent(now_ms, version, given=True, by=by))


def withdraw(connection: sa.Connection, patient: str, by: str, *, now: datetime) -> Withdrawn:
    """The patient no longer agrees: loans end, boxes are told. Raises RegistryError."""
    must_be_known(connection, patient)
    _must_be_somebody(by)
    newest = consents(connection, patient)[:1]
    if not newest or not newest[0].given:
        raise RegistryError(f"{patient} has given no consent that stands")
    version = newest[0].version
    ended = stop_collecting(connection, patient, now=now)
    sequence = _keep(connection, patient, Consent(to_ms(now), version, given=False, by=by))
    return Withdrawn(version, sequence, ended)


def consents(connection: sa.Connection, patient: str) -> list[Consent]:
    """What a patient said, the newest first."""
    table = consent
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Consent._fields))
        .where(table.c.patient == patient)
        .order_by(table.c.id.desc())
    )
    return [Consent(*row) for row in rows]


def _must_be_somebody(by: str) -> None:
    if not by.strip():
        raise RegistryError("say who records it")


def _keep(connection: sa.Connection, patient: str, said: Consent) -> int:
    connection.execute(consent.insert().values(patient=patient, **said._asdict()))
    detail = f"{'given' if said.given else 'withdrawn'} {said.version}"
    return note(connection, Event.CONSENT, patient, detail, now_ms=said.at_ms)
