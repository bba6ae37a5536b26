"""Who the patients are: the one place that reads and writes names and birth numbers; in the caller's transaction."""

from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import registry, tables
from koffert_hub.alike_names import Key, alike, name_key
from koffert_hub.birth_number import compact, is_birth_number
from koffert_hub.loans import LoanState
from koffert_hub.log_record import Event
from koffert_hub.provisioning.tables import desired_state
from koffert_hub.registry import RegistryError
from koffert_hub.rights.journal import note
from koffert_hub.rights.tables import person_change

# What the page shows at once; a search finds the others.
MOST_LISTED = 500


class NotABirthNumber(RegistryError):
    """The digits do not fit: one is mistyped."""


class AlreadyRegistered(RegistryError):
    """The centre has a patient with this birth number; `patient` says which."""

    def __init__(self, patient: str) -> None:
        super().__init__("a patient with this birth number is registered")
        self.patient = patient


class Person(Struct, frozen=True, kw_only=True):
    """What tells a patient from all others, and whom to ring. `ward` discharged the patient."""

    display_name: str
    birth_number: str | None = None
    phone: str = ""
    next_of_kin: str = ""
    ward: str = ""


class PatientLine(Struct, frozen=True, kw_only=True):
    """One patient in the list; the loan is the one that goes on, else the newest."""

    key: str
    person: Person
    alike: bool
    loan: str | None
    loan_state: LoanState | None
    device: str | None
    started_ms: int | None
    ends_ms: int | None
    identity_confirmed: bool

    @property
    def goes_on(self) -> bool:
        """Whether the patient has a suitcase."""
        return self.loan_state in (LoanState.ACTIVE, LoanState.PAUSED)


_PERSON = [tables.person.c[name] for name in Person.__struct_fields__]


def register(connection: sa.Connection, centre: str, person: Person, *, now_ms: int) -> str:
    """Register a patient; return the pseudonymous key. Raises NotABirthNumber, AlreadyRegistered."""
    person = _checked(connection, centre, person)
    key = registry.create_patient(connection, centre, person.display_name, now_ms=now_ms)
    _write(connection, key, person)
    return key


def change_person(
    connection: sa.Connection, patient: str, person: Person, by: str, *, now_ms: int
) -> list[str]:
    """Correct what is known of a person; returns which fields. What stood before is kept, the log names the fields.

    Raises as `register`, and RegistryError when there is none.
    """
    table = tables.patient
    centre = connection.execute(
        sa.select(table.c.centre).where(table.c.key == patient, table.c.erased_ms.is_(None))
    ).scalar_one_or_none()
    if centre is None:
        raise RegistryError(f"no patient {patient}")
    before = person_of(connection, patient)
    after = _checked(connection, centre, person, but=patient)
    fields = [
        name for name in Person.__struct_fields__ if getattr(before, name) != getattr(after, name)
    ]
    if not fields:
        return fields
    connection.execute(
        person_change.insert(),
        [
            {
                "patient": patient,
                "at_ms": now_ms,
                "by": by,
                "field": name,
                "before": getattr(before, name) or "",
                "after": getattr(after, name) or "",
            }
            for name in fields
        ],
    )
    _write(connection, patient, after)
    note(connection, Event.CORRECTION, patient, " ".join(fields), content="person", now_ms=now_ms)
    return fields


def person_of(connection: sa.Connection, patient: str) -> Person | None:
    """Who a key stands for; None when there is none, or erased."""
    row = connection.execute(sa.select(*_PERSON).where(tables.person.c.patient == patient)).first()
    return None if row is None else _person(row)


def listed(connection: sa.Connection, text: str = "") -> list[PatientLine]:
    """Patients whose name, birth number or suitcase holds every word of `text`; who has a suitcase first."""
    lines = list(map(_line, connection.execute(_LINES)))
    confused = alike(line.person.display_name for line in lines if line.goes_on)
    words = text.casefold().split()
    found = [
        _marked(line, confused) for line in lines if all(word in _haystack(line) for word in words)
    ]
    return found[:MOST_LISTED]


def line_of(connection: sa.Connection, patient: str) -> PatientLine | None:
    """One patient as the list shows it, unmarked."""
    row = connection.execute(_LINES.where(tables.person.c.patient == patient)).first()
    return None if row is None else _line(row)


def ended_ms(connection: sa.Connection, loan: str) -> int | None:
    """When a loan ended; None while it goes on."""
    ended: int | None = connection.execute(
        sa.select(tables.loan.c.ended_ms).where(tables.loan.c.id == loan)
    ).scalar_one()
    return ended


def alike_names(connection: sa.Connection, patient: str, name: str) -> list[str]:
    """Other patients whose names are easily taken for this one."""
    table, key = tables.person, name_key(name)
    rows = connection.execute(sa.select(table.c.display_name).where(table.c.patient != patient))
    return sorted(other for other in rows.scalars() if name_key(other) == key)


def confirm_identity(
    connection: sa.Connection, loan: str, username: str, display_name: str, *, now_ms: int
) -> None:
    """Somebody has seen that the person with the suitcase is the patient; the first word stands."""
    check = tables.identity_check
    if connection.execute(sa.select(check.c.loan).where(check.c.loan == loan)).first() is None:
        connection.execute(
            check.insert().values(
                loan=loan, username=username, display_name=display_name, at_ms=now_ms
            )
        )


def _checked(
    connection: sa.Connection, centre: str, person: Person, but: str | None = None
) -> Person:
    number = compact(person.birth_number or "")
    if not number:
        return msgspec.structs.replace(person, birth_number=None)
    if not is_birth_number(number):
        raise NotABirthNumber("the check digits of the birth number do not fit")
    table = tables.person
    known = connection.execute(
        sa.select(table.c.patient)
        .join(tables.patient, tables.patient.c.key == table.c.patient)
        .where(table.c.birth_number == number, tables.patient.c.centre == centre)
    ).scalar()
    if known is not None and known != but:
        raise AlreadyRegistered(known)
    return msgspec.structs.replace(person, birth_number=number)


def _person(row: Any) -> Person:
    return Person(**{name: getattr(row, name) for name in Person.__struct_fields__})


def _write(connection: sa.Connection, patient: str, person: Person) -> None:
    table = tables.person
    connection.execute(
        table.update().where(table.c.patient == patient).values(**msgspec.structs.asdict(person))
    )


def _select_lines() -> sa.Select[Any]:
    loan, check = tables.loan, tables.identity_check
    newest = (
        sa.func.row_number()
        .over(
            partition_by=loan.c.patient,
            order_by=(loan.c.state == LoanState.ENDED, loan.c.created_ms.desc(), loan.c.id.desc()),
        )
        .label("place")
    )
    loans = sa.select(
        loan.c.id, loan.c.patient, loan.c.device, loan.c.state, loan.c.started_ms, newest
    ).subquery()
    return (
        sa.select(
            tables.person.c.patient.label("key"),
            *_PERSON,
            loans.c.id.label("loan"),
            loans.c.state,
            loans.c.device,
            loans.c.started_ms,
            desired_state.c.ends_ms,
            check.c.at_ms.label("confirmed_ms"),
        )
        .outerjoin(loans, sa.and_(loans.c.patient == tables.person.c.patient, loans.c.place == 1))
        .outerjoin(desired_state, desired_state.c.loan == loans.c.id)
        .outerjoin(check, check.c.loan == loans.c.id)
        .order_by(
            sa.func.coalesce(loans.c.state, LoanState.ENDED) == LoanState.ENDED,
            tables.person.c.display_name,
            tables.person.c.patient,
        )
    )


_LINES = _select_lines()


def _line(row: Any) -> PatientLine:
    return PatientLine(
        key=row.key,
        person=_person(row),
        alike=False,
        loan=row.loan,
        loan_state=None if row.state is None else LoanState(row.state),
        device=row.device,
        started_ms=row.started_ms,
        ends_ms=row.ends_ms,
        identity_confirmed=row.confirmed_ms is not None,
    )


def _haystack(line: PatientLine) -> str:
    person = line.person
    return " ".join((person.display_name, person.birth_number or "", line.device or "")).casefold()


def _marked(line: PatientLine, confused: frozenset[Key]) -> PatientLine:
    return msgspec.structs.replace(line, alike=name_key(line.person.display_name) in confused)
