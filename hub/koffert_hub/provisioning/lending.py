"""Lending as people do it, by command line and by web alike; in the caller's transaction.

Taking a box back is `fleet.give_back`, and the box's own proof that it is clean `wiping.accept_wipe`.
"""

from datetime import datetime

import sqlalchemy as sa

from koffert_hub import registry
from koffert_hub.alerts.prescription import NO_CHANGE, Change, begin
from koffert_hub.alerts.rules import SignedDigest
from koffert_hub.loans import LoanAction, LoanState
from koffert_hub.provisioning import fleet
from koffert_hub.provisioning.desired_state import note_changed
from koffert_hub.provisioning.fleet import BoxInfo
from koffert_hub.registry import RegistryError
from koffert_hub.times import to_ms
from koffert_hub.visits.calendar import plan_fortnight
from koffert_hub.zones import send_plan

# How long a centre follows a patient after discharge, unless it says otherwise.
LOAN_DAYS = 14
MOST_LOAN_DAYS = 365


def hand_out(
    connection: sa.Connection,
    device: str,
    patient: str,
    *,
    rules: SignedDigest | None,
    now: datetime,
    days: int = LOAN_DAYS,
    wanted: Change = NO_CHANGE,
    doctor: str = "",
) -> BoxInfo:
    """Lend a box that is ready, under signed rules and the patient's own settings.

    Raises RegistryError (UnsignedRules among them), NoDoctor and ImpossibleSettings; then nothing is lent.
    """
    loan = fleet.lend(connection, device, patient, rules=rules, now=now, days=days)
    begin(connection, patient, wanted, doctor, now_ms=to_ms(now))
    send_plan(connection, patient, now=now)
    plan_fortnight(connection, loan, now=now)
    return fleet.describe(connection, device)


def pause(connection: sa.Connection, device: str, *, now: datetime) -> BoxInfo:
    """The patient is away: nothing is asked nor alarmed, and the box is told.

    Raises RegistryError and WrongLoanState.
    """
    return _change(connection, device, LoanAction.PAUSE, now)


def resume(connection: sa.Connection, device: str, *, now: datetime) -> BoxInfo:
    """The patient is back; raises as `pause`."""
    return _change(connection, device, LoanAction.RESUME, now)


def _change(connection: sa.Connection, device: str, action: LoanAction, now: datetime) -> BoxInfo:
    loan = fleet.last_loan(connection, device)
    if loan is None or loan.state is LoanState.ENDED:
        raise RegistryError(f"{device} is not lent")
    registry.change_loan(connection, loan.id, action)
    note_changed(connection, loan.id, now)
    return fleet.describe(connection, device)
