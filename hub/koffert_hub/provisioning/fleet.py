"""Who has which box, and what is still to be done with it; in the caller's transaction."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import registry, tables
from koffert_hub.alerts.rules import SignedDigest
from koffert_hub.loans import EndReason, LoanState
from koffert_hub.provisioning.desired_state import desire
from koffert_hub.provisioning.tables import box, checklist, desired_state, device_certificate
from koffert_hub.registry import DeviceState, RegistryError
from koffert_hub.rights.states import may_collect, must_be_known
from koffert_hub.times import to_ms


class Item(StrEnum):
    """What is done with a box between two patients, in this order."""

    CONTENTS = "contents"
    CLEANED = "cleaned"
    CALIBRATION = "calibration"
    BATTERIES = "batteries"
    METER_MEMORIES = "meter-memories"
    WIPED = "wiped"


class BoxState(StrEnum):
    """Where a box is in its life."""

    ANNOUNCED = "announced"
    READY = "ready"
    LENT = "lent"
    RETURNED = "returned"
    REVOKED = "revoked"


class BoxInfo(Struct, frozen=True):
    """A box as the engineer sees it. `loan` is the current one, else the last; `open_items` its rest."""

    device: str
    label: str
    state: BoxState
    centre: str
    added_ms: int
    loan: str | None
    loan_state: LoanState | None
    patient: str | None
    open_items: list[Item]
    certificate_expires_ms: int | None
    state_followed: bool | None


class LastLoan(Struct, frozen=True):
    """The loan of a box that goes on, else its newest; and what is open of its check list."""

    id: str
    patient: str
    state: LoanState
    open_items: list[Item]


def home_centre(connection: sa.Connection, name: str) -> str:
    """The id of the centre that this hub was made for; raises RegistryError."""
    centre: str | None = connection.execute(
        sa.select(tables.centre.c.id).where(tables.centre.c.name == name)
    ).scalar_one_or_none()
    if centre is None:
        raise RegistryError(f"no centre {name}")
    return centre


def boxes(connection: sa.Connection) -> list[BoxInfo]:
    """All boxes, by name."""
    names = connection.execute(sa.select(box.c.device).order_by(box.c.device)).scalars()
    return [describe(connection, name) for name in names.all()]


def describe(connection: sa.Connection, device: str) -> BoxInfo:
    """One box; raises RegistryError when there is none."""
    announced = connection.execute(sa.select(box).where(box.c.device == device)).first()
    if announced is None:
        raise RegistryError(f"no box {device}")
    registered = registry.devices(connection, [device]).get(device)
    loan = last_loan(connection, device)
    return BoxInfo(
        device=device,
        label=announced.label,
        state=_state(registered, loan),
        centre=announced.centre,
        added_ms=announced.added_ms,
        loan=loan.id if loan else None,
        loan_state=loan.state if loan else None,
        patient=loan.patient if loan else None,
        open_items=loan.open_items if loan else [],
        certificate_expires_ms=_certificate_expires_ms(connection, device),
        state_followed=_followed(connection, device),
    )


def relabel(connection: sa.Connection, device: str, label: str) -> None:
    """Change the words on a box; raises RegistryError."""
    changed = connection.execute(box.update().where(box.c.device == device).values(label=label))
    if changed.rowcount != 1:
        raise RegistryError(f"no box {device}")


def lend(
    connection: sa.Connection,
    device: str,
    patient: str,
    *,
    rules: SignedDigest | None,
    now: datetime,
    days: int,
) -> str:
    """Lend a box that is enrolled and ready, on signed alert rules; returns the loan's id.

    Raises RegistryError, also where the patient wants no more; UnsignedRules without a `signed_digest` of the rules in force.
    """
    info = describe(connection, device)
    if info.state is not BoxState.READY:
        raise RegistryError(_why_not_ready(info))
    must_be_known(connection, patient)
    may_collect(connection, patient)
    loan = registry.start_loan(connection, patient, device, rules=rules, now_ms=to_ms(now))
    ends_ms = to_ms(now + timedelta(days=days))
    desire(connection, device, loan=loan, ends_ms=ends_ms, now=now)
    return loan


def give_back(
    connection: sa.Connection,
    device: str,
    done: Iterable[Item],
    *,
    now: datetime,
    reason: EndReason = EndReason.RETURNED,
) -> BoxInfo:
    """End the loan of a box if it goes on, and note what has been done with it; raises RegistryError.

    That it was wiped is not a person's to say (`wiping.accept_wipe`).
    """
    loan = end_current_loan(connection, device, reason, now=now)
    if loan is None:
        raise RegistryError(f"{device} was never lent")
    for item in (set(done) & set(loan.open_items)) - {Item.WIPED}:
        connection.execute(checklist.insert().values(loan=loan.id, item=item, done_ms=to_ms(now)))
    return describe(connection, device)


def end_current_loan(
    connection: sa.Connection, device: str, reason: EndReason, *, now: datetime
) -> LastLoan | None:
    """End the loan of a box if one goes on; returns its last loan."""
    loan = last_loan(connection, device)
    if loan is not None and loan.state is not LoanState.ENDED:
        registry.end_loan(connection, loan.id, reason, now_ms=to_ms(now))
        desire(connection, device, loan=None, now=now)
    return loan


def last_loan(connection: sa.Connection, device: str) -> LastLoan | None:
    """The loan that goes on, else the newest one."""
    loan = tables.loan
    row = connection.execute(
        sa.select(loan.c.id, loan.c.patient, loan.c.state)
        .where(loan.c.device == device)
        .order_by(loan.c.state == LoanState.ENDED, loan.c.created_ms.desc(), loan.c.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    done = set(
        connection.execute(sa.select(checklist.c.item).where(checklist.c.loan == row.id)).scalars()
    )
    return LastLoan(
        row.id, row.patient, LoanState(row.state), [item for item in Item if item not in done]
    )


def _state(registered: registry.Device | None, loan: LastLoan | None) -> BoxState:
    if registered is None:
        return BoxState.ANNOUNCED
    if registered.state is DeviceState.REVOKED:
        return BoxState.REVOKED
    if loan is None:
        return BoxState.READY
    if loan.state is not LoanState.ENDED:
        return BoxState.LENT
    return BoxState.RETURNED if loan.open_items else BoxState.READY


def _why_not_ready(info: BoxInfo) -> str:
    if info.state is BoxState.RETURNED:
        return f"{info.device} is not ready: {', '.join(info.open_items)}"
    return {
        BoxState.ANNOUNCED: f"{info.device} has not been enrolled",
        BoxState.LENT: f"{info.device} is lent: loan {info.loan} has not ended",
        BoxState.REVOKED: f"{info.device} was revoked",
    }.get(info.state, f"{info.device} is {info.state}")


def _certificate_expires_ms(connection: sa.Connection, device: str) -> int | None:
    table = device_certificate
    expires_ms: int | None = connection.execute(
        sa.select(sa.func.max(table.c.expires_ms)).where(
            table.c.device == device, table.c.revoked_ms.is_(None)
        )
    ).scalar_one()
    return expires_ms


def _followed(connection: sa.Connection, device: str) -> bool | None:
    table = desired_state
    row = connection.execute(
        sa.select(table.c.revision, table.c.applied_revision).where(table.c.device == device)
    ).first()
    return None if row is None else row.applied_revision >= row.revision
