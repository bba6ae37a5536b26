"""What each box should be: changed by people at the hub, followed by the box, in the caller's transaction."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.loans import LoanState
from koffert_hub.provisioning.tables import desired_state
from koffert_hub.times import to_ms


class Desired(Struct, frozen=True):
    """What one box should be, and how far it has followed."""

    device: str
    revision: int
    loan: str | None
    ends_ms: int | None
    locked: bool
    applied_revision: int
    settings: bytes | None = None
    answered_call: bytes | None = None
    plan: bytes | None = None
    paused: bool = False
    visits: bytes | None = None
    message: bytes | None = None

    @property
    def followed(self) -> bool:
        """Whether the box is what it should be."""
        return self.applied_revision >= self.revision


# The pause is the loan's own state; everything else is kept for the box.
_PAUSED = sa.func.coalesce(tables.loan.c.state == LoanState.PAUSED, sa.false()).label("paused")
_DESIRED = sa.select(
    *(desired_state.c[name] for name in Desired.__struct_fields__ if name != "paused"), _PAUSED
).select_from(desired_state.outerjoin(tables.loan, tables.loan.c.id == desired_state.c.loan))


def desire(
    connection: sa.Connection,
    device: str,
    *,
    loan: str | None,
    now: datetime,
    ends_ms: int | None = None,
    locked: bool = False,
) -> int:
    """Want this of a box from now on; returns the revision that the box will name when it has followed.

    What it goes by under a loan is added when the hub sends it (`box_settings`).
    """
    table = desired_state
    values = {"loan": loan, "ends_ms": ends_ms, "locked": locked, "changed_ms": to_ms(now)}
    values |= dict.fromkeys(("settings", "setting", "home", "answered_call"))
    values |= dict.fromkeys(("plan", "visits", "message"))
    known: int | None = connection.execute(
        table.update()
        .where(table.c.device == device)
        .values(revision=table.c.revision + 1, **values)
        .returning(table.c.revision)
    ).scalar_one_or_none()
    if known is not None:
        return known
    connection.execute(
        table.insert().values(device=device, revision=1, applied_revision=0, **values)
    )
    return 1


def note_answered(connection: sa.Connection, loan: str, call: bytes, now: datetime) -> None:
    """Somebody has taken this press of the call button; the box tells the patient."""
    table = desired_state
    connection.execute(
        table.update()
        .where(table.c.loan == loan)
        .values(revision=table.c.revision + 1, answered_call=call, changed_ms=to_ms(now))
    )


def note_changed(connection: sa.Connection, loan: str, now: datetime) -> None:
    """The loan's own state has changed: the box that holds it must be told."""
    table = desired_state
    connection.execute(
        table.update()
        .where(table.c.loan == loan)
        .values(revision=table.c.revision + 1, changed_ms=to_ms(now))
    )


def unlock(connection: sa.Connection, device: str, now: datetime) -> None:
    """A box that was shut out is trusted again; its loan, and all that the patient has on it, stay as they are."""
    table = desired_state
    connection.execute(
        table.update()
        .where(table.c.device == device, table.c.locked)
        .values(revision=table.c.revision + 1, locked=False, changed_ms=to_ms(now))
    )


def desired(connection: sa.Connection, device: str) -> Desired | None:
    """What a box should be; None when nothing was ever wanted of it."""
    row = connection.execute(_DESIRED.where(desired_state.c.device == device)).first()
    return None if row is None else _read(row)


def _read(row: sa.Row[*tuple[Any, ...]]) -> Desired:
    return Desired(**row._asdict())


def unfollowed(connection: sa.Connection) -> list[Desired]:
    """Every box that is not yet what it should be."""
    table = desired_state
    rows = connection.execute(_DESIRED.where(table.c.applied_revision < table.c.revision))
    return [_read(row) for row in rows]


def note_applied(connection: sa.Connection, device: str, revision: int, now: datetime) -> None:
    """The box says that it has followed up to `revision`; an older word changes nothing."""
    table = desired_state
    connection.execute(
        table.update()
        .where(
            table.c.device == device,
            table.c.applied_revision < revision,
            table.c.revision >= revision,
        )
        .values(applied_revision=revision, applied_ms=to_ms(now))
    )
