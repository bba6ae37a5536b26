"""Centres, patients, devices, loans and users: plain functions on an open SQLAlchemy transaction.

A patient is a random pseudonymous key everywhere; the name stands in `person` alone.
"""

import secrets
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.alerts.rules import SignedDigest
from koffert_hub.alike_names import Key, alike, name_key
from koffert_hub.broker_config import HUB_USER
from koffert_hub.documents.dispatch import patients_unreceived
from koffert_hub.live import Mark
from koffert_hub.loans import RULES, EndReason, LoanAction, LoanState, next_state
from koffert_hub.provisioning.tables import nurse_message
from koffert_wire.identifiers import is_device_id
from koffert_wire.sealing import LINK_KEY_BYTES

# 80 random bits: no two patients of a country collide, and a key says nothing of whom it names.
_KEY_BYTES = 10


# Ingest asks these for each batch; building a statement costs SQLAlchemy more than running it.
_DEVICES = sa.select(tables.device.c.id, tables.device.c.link_key, tables.device.c.state).where(
    tables.device.c.id.in_(sa.bindparam("identifiers", expanding=True))
)
_LOANS = sa.select(
    tables.loan.c.id,
    tables.loan.c.patient,
    tables.loan.c.device,
    tables.loan.c.centre,
    tables.loan.c.state,
    tables.loan.c.started_ms,
    tables.loan.c.ended_ms,
    tables.loan.c.end_reason,
    tables.patient.c.erased_ms,
).where(
    tables.loan.c.id.in_(sa.bindparam("identifiers", expanding=True)),
    tables.patient.c.key == tables.loan.c.patient,
)


_WARD = (
    sa.select(
        tables.loan.c.patient,
        tables.person.c.display_name,
        tables.loan.c.device,
        tables.loan.c.state,
        tables.identity_check.c.at_ms,
        sa.exists().where(
            nurse_message.c.loan == tables.loan.c.id, nurse_message.c.read_ms.is_(None)
        ),
    )
    .join(tables.person, tables.person.c.patient == tables.loan.c.patient)
    .outerjoin(tables.identity_check, tables.identity_check.c.loan == tables.loan.c.id)
    .where(
        tables.loan.c.state.in_(
            [state for state, rules in RULES.items() if rules.measures or rules.rings]
        )
    )
    .order_by(tables.person.c.display_name, tables.loan.c.patient)
)


class DeviceState(StrEnum):
    """Whether a box may still send."""

    ACTIVE = "active"
    REVOKED = "revoked"


class Role(StrEnum):
    """What a user of the hub may do."""

    NURSE = "nurse"
    DOCTOR = "doctor"
    AMK = "amk"
    ENGINEER = "engineer"
    ADMIN = "admin"
    RECEIVER = "receiver"


class RegistryError(Exception):
    """The request does not fit what is registered; tell the person, change nothing."""


class UnsignedRules(RegistryError):
    """No doctor has signed the alert rules in force: have them signed, then ask again."""


class Device(Struct, frozen=True):
    """A box: its link key, and whether it may send."""

    id: str
    link_key: bytes
    state: DeviceState


class Loan(Struct, frozen=True):
    """A box lent to a patient; readings are filed by `id`, unless the patient was erased.

    What was measured after `withdrawn_ms` the patient had not agreed to: the box had not heard of it yet.
    """

    id: str
    patient: str
    device: str
    centre: str
    state: LoanState
    started_ms: int | None
    erased: bool = False
    withdrawn_ms: int | None = None


class WardPlace(Struct, frozen=True):
    """One line of the ward list: a patient with a suitcase."""

    patient: str
    display_name: str
    suitcase: str
    marks: tuple[Mark, ...] = ()


class User(Struct, frozen=True):
    """Someone who may log in."""

    username: str
    role: Role
    display_name: str
    unit: str | None = None


def create_centre(connection: sa.Connection, name: str, *, now_ms: int) -> str:
    """Register a centre; return its id."""
    centre = _random_key("c")
    connection.execute(tables.centre.insert().values(id=centre, name=name, created_ms=now_ms))
    return centre


def create_patient(
    connection: sa.Connection, centre: str, display_name: str, *, now_ms: int
) -> str:
    """Register a patient; return the pseudonymous key."""
    key = _random_key("p")
    connection.execute(tables.patient.insert().values(key=key, centre=centre, created_ms=now_ms))
    connection.execute(tables.person.insert().values(patient=key, display_name=display_name))
    return key


def create_device(
    connection: sa.Connection, device_id: str, link_key: bytes, *, centre: str, now_ms: int
) -> None:
    """Register a box with the 32-byte key that it shares with the hub; raises RegistryError."""
    if not is_device_id(device_id) or device_id == HUB_USER:
        raise RegistryError(f"not a device id: {device_id!r}")
    if len(link_key) != LINK_KEY_BYTES:
        raise RegistryError(f"a link key has {LINK_KEY_BYTES} bytes, not {len(link_key)}")
    connection.execute(
        tables.device.insert().values(
            id=device_id,
            centre=centre,
            link_key=link_key,
            state=DeviceState.ACTIVE,
            created_ms=now_ms,
        )
    )


def revoke_device(connection: sa.Connection, device_id: str) -> None:
    """From now on nothing that this box sends is taken in."""
    changed = connection.execute(
        tables.device.update()
        .where(tables.device.c.id == device_id)
        .values(state=DeviceState.REVOKED)
    )
    if changed.rowcount != 1:
        raise RegistryError(f"no device {device_id}")


def start_loan(
    connection: sa.Connection,
    patient: str,
    device: str,
    *,
    rules: SignedDigest | None,
    now_ms: int,
) -> str:
    """Lend `device` to `patient` from now; return the loan's id. One active loan per box and patient.

    `rules` is the `signed_digest` of the alert rules in force. Raises UnsignedRules without one, and
    RegistryError when the box or the patient has a loan.
    """
    if rules is None:
        raise UnsignedRules("no doctor has signed the alert rules of this hub")
    loan = tables.loan
    taken = connection.execute(
        sa.select(loan.c.id).where(
            sa.or_(loan.c.device == device, loan.c.patient == patient),
            loan.c.state.in_((LoanState.ACTIVE, LoanState.PAUSED)),
        )
    ).first()
    if taken is not None:
        raise RegistryError(f"loan {taken.id} has not ended")
    centre = connection.execute(
        sa.select(tables.patient.c.centre).where(tables.patient.c.key == patient)
    ).scalar_one()
    identifier = _random_key("l")
    connection.execute(
        loan.insert().values(
            id=identifier,
            patient=patient,
            device=device,
            centre=centre,
            state=next_state(LoanState.PLANNED, LoanAction.START),
            created_ms=now_ms,
            started_ms=now_ms,
            rules=rules,
        )
    )
    return identifier


def end_loan(
    connection: sa.Connection, loan_id: str, reason: EndReason = EndReason.RETURNED, *, now_ms: int
) -> None:
    """End a loan; raises RegistryError when there is none and WrongLoanState when it has ended."""
    state = _loan_state(connection, loan_id)
    connection.execute(
        tables.loan.update()
        .where(tables.loan.c.id == loan_id)
        .values(state=next_state(state, LoanAction.END), ended_ms=now_ms, end_reason=reason)
    )


def change_loan(connection: sa.Connection, loan_id: str, action: LoanAction) -> LoanState:
    """Pause or resume a loan; return its new state."""
    state = next_state(_loan_state(connection, loan_id), action)
    connection.execute(tables.loan.update().where(tables.loan.c.id == loan_id).values(state=state))
    return state


def create_user(
    connection: sa.Connection,
    username: str,
    password: str,
    role: Role,
    display_name: str,
    *,
    centre: str | None = None,
    unit: str | None = None,
) -> None:
    """Register a local account; the password is kept as argon2id. `unit` is where a receiver works."""
    connection.execute(
        tables.user.insert().values(
            username=username,
            password_hash=PasswordHasher().hash(password),
            role=role,
            display_name=display_name,
            centre=centre,
            unit=unit,
        )
    )


def verify_user(connection: sa.Connection, username: str, password: str) -> User | None:
    """The user whose password this is, else None; an unknown name takes as long as a known one."""
    row = connection.execute(
        sa.select(tables.user).where(tables.user.c.username == username)
    ).first()
    hasher = PasswordHasher()
    if row is None:
        hasher.hash(password)
        return None
    try:
        hasher.verify(row.password_hash, password)
    except VerificationError:
        return None
    return User(row.username, Role(row.role), row.display_name)


def devices(connection: sa.Connection, identifiers: Iterable[str]) -> dict[str, Device]:
    """Those of `identifiers` that are registered."""
    rows = connection.execute(_DEVICES, {"identifiers": list(identifiers)})
    return {row.id: Device(row.id, row.link_key, DeviceState(row.state)) for row in rows}


def living(connection: sa.Connection, patients: set[str]) -> set[str]:
    """Those who have not been erased; held fast until the commit, so that none of them is meanwhile."""
    patient = tables.patient.c
    rows = connection.execute(
        sa.select(patient.key)
        .where(patient.key.in_(patients), patient.erased_ms.is_(None))
        .with_for_update()
    )
    return set(rows.scalars())


def loans(connection: sa.Connection, identifiers: Iterable[str]) -> dict[str, Loan]:
    """Those of `identifiers` that exist."""
    rows = connection.execute(_LOANS, {"identifiers": list(identifiers)})
    return {
        row.id: Loan(
            id=row.id,
            patient=row.patient,
            device=row.device,
            centre=row.centre,
            state=LoanState(row.state),
            started_ms=row.started_ms,
            erased=row.erased_ms is not None,
            withdrawn_ms=row.ended_ms if row.end_reason == EndReason.WITHDRAWN else None,
        )
        for row in rows
    }


class WardRow(NamedTuple):
    """A patient with a suitcase, as stored."""

    patient: str
    display_name: str
    suitcase: str
    state: str
    checked_ms: int | None
    unread: bool


class WardRows(NamedTuple):
    """The ward as stored: cheap enough to ask each second whether anything changed."""

    rows: list[WardRow]
    still_sent: frozenset[str]


def ward(connection: sa.Connection) -> list[WardPlace]:
    """Every patient who has a suitcase now."""
    return ward_places(ward_rows(connection))


def ward_rows(connection: sa.Connection) -> WardRows:
    """Every patient who has a suitcase now, by name."""
    rows = [WardRow(*row) for row in connection.execute(_WARD)]
    return WardRows(rows, patients_unreceived(connection))


def ward_places(ward: WardRows) -> list[WardPlace]:
    """The ward with what must be known of each patient before the numbers are believed."""
    confused = alike(row.display_name for row in ward.rows)
    return [
        WardPlace(
            row.patient, row.display_name, row.suitcase, _marks(row, confused, ward.still_sent)
        )
        for row in ward.rows
    ]


def _marks(row: WardRow, confused: frozenset[Key], sent: frozenset[str]) -> tuple[Mark, ...]:
    holds = {
        Mark.UNCONFIRMED: row.checked_ms is None,
        Mark.ALIKE: name_key(row.display_name) in confused,
        Mark.STILL_SENT: row.patient in sent,
        Mark.UNREAD: row.unread,
        Mark.PAUSED: row.state == LoanState.PAUSED,
    }
    return tuple(mark for mark, yes in holds.items() if yes)


def _loan_state(connection: sa.Connection, loan_id: str) -> LoanState:
    state = connection.execute(
        sa.select(tables.loan.c.state).where(tables.loan.c.id == loan_id)
    ).scalar_one_or_none()
    if state is None:
        raise RegistryError(f"no loan {loan_id}")
    return LoanState(state)


def _random_key(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(_KEY_BYTES)}"
