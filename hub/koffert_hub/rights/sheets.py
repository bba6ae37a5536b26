"""The tables of a patient's record as they are copied out: one sheet (CSV) for each, named in one list."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from koffert_hub import tables
from koffert_hub.alerts import tables as alert_tables
from koffert_hub.alerts.prescription import flat
from koffert_hub.alerts.records import Alert, Patient
from koffert_hub.documents.tables import document_dispatch
from koffert_hub.provisioning.tables import at_home, checklist, nurse_message
from koffert_hub.rights import tables as rights_tables
from koffert_hub.spirometry.tables import physique
from koffert_hub.times import from_ms
from koffert_hub.visits.tables import planned_visit
from koffert_hub.web import tables as web_tables

_ALERT = msgspec.msgpack.Decoder(Alert)
_PATIENT = msgspec.msgpack.Decoder(Patient)
_TIME = "_ms"


class Sheet(NamedTuple):
    """One table of the copy: the file's name, and which rows of which columns."""

    name: str
    query: Callable[[str], sa.Select[Any]]


def _all_of(table: sa.Table) -> Callable[[str], sa.Select[Any]]:
    return lambda patient: (
        sa.select(table).where(table.c.patient == patient).order_by(*table.primary_key.columns)
    )


def _of_loans(table: sa.Table) -> Callable[[str], sa.Select[Any]]:
    loans = tables.loan
    return lambda patient: (
        sa.select(table)
        .join(loans, loans.c.id == table.c.loan)
        .where(loans.c.patient == patient)
        .order_by(*table.primary_key.columns)
    )


def _of_alerts(table: sa.Table) -> Callable[[str], sa.Select[Any]]:
    alerts = alert_tables.alert
    return lambda patient: (
        sa.select(table)
        .join(alerts, alerts.c.id == table.c.alert)
        .where(alerts.c.patient == patient)
        .order_by(*table.primary_key.columns)
    )


def _consents(patient: str) -> sa.Select[Any]:
    consent, text = rights_tables.consent, rights_tables.consent_text
    return (
        sa.select(consent, text.c.text)
        .join(text, text.c.version == consent.c.version)
        .where(consent.c.patient == patient)
        .order_by(consent.c.id)
    )


SHEETS = (
    Sheet("loans", _all_of(tables.loan)),
    Sheet("identity-checks", _of_loans(tables.identity_check)),
    Sheet("checklists", _of_loans(checklist)),
    Sheet("alerts", _all_of(alert_tables.alert)),
    Sheet("alert-steps", _of_alerts(alert_tables.alert_change)),
    Sheet("alert-notices", _of_alerts(alert_tables.alert_notice)),
    Sheet("settings", _all_of(alert_tables.alert_setting)),
    Sheet("cards", _all_of(alert_tables.patient_card)),
    Sheet("notes", _all_of(web_tables.note)),
    Sheet("plans", _all_of(web_tables.self_plan)),
    Sheet("planned-visits", _all_of(planned_visit)),
    Sheet("at-home", _all_of(at_home)),
    Sheet("messages-to-the-patient", _all_of(nurse_message)),
    Sheet("sent-documents", _all_of(document_dispatch)),
    Sheet("entered-by-hand", _all_of(web_tables.hand_entry)),
    Sheet("struck-readings", _all_of(tables.correction)),
    Sheet("build", _all_of(physique)),
    Sheet("consents", _consents),
    Sheet("person-changes", _all_of(rights_tables.person_change)),
    Sheet("record-states", _all_of(rights_tables.record_state)),
    Sheet("who-looked", _all_of(web_tables.access_log)),
)


def cells(row: Any) -> dict[str, object]:
    """A row as people read it: times in UTC, what was packed opened, bytes in hex."""
    return {
        name.removesuffix(_TIME) if name.endswith(_TIME) else name: _cell(name, value)
        for name, value in row._asdict().items()
    }


def _cell(name: str, value: object) -> object:
    if value is None:
        return ""
    if name.endswith(_TIME) and isinstance(value, int):
        return from_ms(value).isoformat(timespec="milliseconds")
    if not isinstance(value, bytes):
        return value
    if name == "content":
        return msgspec.json.encode(_ALERT.decode(value)).decode()
    if name == "settings":
        return msgspec.json.encode(flat(_PATIENT.decode(value))).decode()
    return value.hex()
