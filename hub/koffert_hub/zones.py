"""A patient's self-management plan: what is usual (green), a warning (yellow) and a call for help (red).

Written for each patient by nurse or doctor together with the patient; no template is copied. In the
caller's transaction.
"""

from datetime import datetime

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.loans import LoanState
from koffert_hub.provisioning.tables import desired_state
from koffert_hub.registry import RegistryError
from koffert_hub.times import to_ms
from koffert_hub.web.tables import self_plan
from koffert_wire.commands import SelfPlan

_ENCODE = msgspec.msgpack.Encoder().encode


class Written(Struct, frozen=True):
    """A plan, and who wrote it when."""

    plan: SelfPlan
    at_ms: int
    display_name: str


def plans(connection: sa.Connection, patient: str) -> list[Written]:
    """Every plan that a patient has had, the one that holds first."""
    table = self_plan
    rows = connection.execute(
        sa.select(table).where(table.c.patient == patient).order_by(table.c.id.desc())
    )
    return [
        Written(SelfPlan(row.green, row.yellow, row.red), row.at_ms, row.display_name)
        for row in rows
    ]


def write_plan(
    connection: sa.Connection,
    patient: str,
    plan: SelfPlan,
    username: str,
    display_name: str,
    *,
    now: datetime,
) -> None:
    """From now on this plan holds, and the patient's box is told; raises RegistryError."""
    known = sa.select(tables.patient.c.key).where(
        tables.patient.c.key == patient, tables.patient.c.erased_ms.is_(None)
    )
    if connection.execute(known).first() is None:
        raise RegistryError(f"no patient {patient}")
    connection.execute(
        self_plan.insert().values(
            patient=patient,
            at_ms=to_ms(now),
            username=username,
            display_name=display_name,
            **msgspec.structs.asdict(plan),
        )
    )
    send_plan(connection, patient, now=now)


def send_plan(connection: sa.Connection, patient: str, *, now: datetime) -> None:
    """Want of the patient's box that it holds the plan; nothing without a plan or a box."""
    known = plans(connection, patient)
    if not known:
        return
    loan, table = tables.loan, desired_state
    lent = sa.select(loan.c.id).where(loan.c.patient == patient, loan.c.state != LoanState.ENDED)
    connection.execute(
        table.update()
        .where(table.c.loan.in_(lent))
        .values(
            plan=_ENCODE(known[0].plan),
            revision=table.c.revision + 1,
            changed_ms=to_ms(now),
        )
    )
