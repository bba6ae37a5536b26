"""What a lent box goes by: limits, times and language of its patient, and the centre's hours and telephone.

Made from what stands in the database and the hub's settings, so that it does not matter by which command or
page somebody changed it. A change is a new revision of the box's desired state.
"""

from datetime import datetime, time

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import at_home, tables
from koffert_hub.alerts.case import case_of
from koffert_hub.alerts.civil import MIDNIGHT, Shift, StaffingHours
from koffert_hub.alerts.history import settled
from koffert_hub.alerts.opening import AlertSettings
from koffert_hub.alerts.records import Patient
from koffert_hub.alerts.rules import RuleSet, load_rules
from koffert_hub.alerts.tables import alert_setting
from koffert_hub.at_home import AtHome
from koffert_hub.provisioning.tables import at_home as at_home_table
from koffert_hub.provisioning.tables import desired_state
from koffert_hub.times import to_ms
from koffert_wire.commands import BoxSettings, Hours

_DAY_MIN = 24 * 60
_ANYHOW = AtHome()
_ENCODE = msgspec.msgpack.Encoder().encode


class Standard(Struct, frozen=True):
    """What holds for all boxes of this hub."""

    rules: RuleSet
    staffing: StaffingHours | None = None
    telephone: str | None = None


def standard_of(alerts: AlertSettings) -> Standard:
    """What the hub's settings say for all boxes; raises RulesError."""
    return Standard(load_rules(alerts.rules), alerts.staffing, alerts.telephone)


def settings_for(standard: Standard, patient: Patient, home: AtHome = _ANYHOW) -> BoxSettings:
    """What the box of this patient goes by."""
    limits = case_of(standard.rules, patient).limits
    hours = standard.staffing or StaffingHours()
    return BoxSettings(
        limits.spo2_floor_pct,
        limits.pulse_low_bpm,
        limits.pulse_high_bpm,
        tuple(map(_hours, msgspec.structs.astuple(hours))),
        standard.telephone,
        home.language,
        home.schedule,
    )


def bring_up_to_date(
    connection: sa.Connection, standard: Standard, now: datetime, *, every: bool = False
) -> None:
    """Give lent boxes what they should go by, where a doctor has changed it or nobody has said it yet.

    `every` looks at all of them: the rules, the hours or the telephone may be others than at the last start.
    """
    table, loan = desired_state, tables.loan
    setting, home = _newest(alert_setting), _newest(at_home_table)
    lent = sa.select(
        table.c.device,
        table.c.loan,
        table.c.settings,
        loan.c.patient,
        setting.label("setting"),
        home.label("home"),
    ).join(loan, loan.c.id == table.c.loan)
    if not every:
        stale = sa.or_(
            table.c.settings.is_(None),
            sa.func.coalesce(table.c.setting, 0) < sa.func.coalesce(setting, 0),
            sa.func.coalesce(table.c.home, 0) < sa.func.coalesce(home, 0),
        )
        lent = lent.where(stale)
    for row in connection.execute(lent).all():
        patient = settled(connection, row.patient) or Patient()
        agreed = at_home.standing(connection, row.patient)
        packed = _ENCODE(settings_for(standard, patient, agreed))
        values: dict[str, object] = {"setting": row.setting, "home": row.home}
        if packed != row.settings:
            values |= {"settings": packed, "changed_ms": to_ms(now)}
            values["revision"] = table.c.revision + 1
        connection.execute(
            table.update()
            .where(table.c.device == row.device, table.c.loan == row.loan)
            .values(values)
        )


def _newest(table: sa.Table) -> "sa.ScalarSelect[int]":
    """The id of the newest row of a loan's patient."""
    newest = sa.select(sa.func.max(table.c.id)).where(table.c.patient == tables.loan.c.patient)
    return newest.scalar_subquery()


def _hours(shift: Shift | None) -> Hours | None:
    if shift is None:
        return None
    end_min = _DAY_MIN if shift.end == MIDNIGHT else _minutes(shift.end)
    return Hours(_minutes(shift.start), end_min)


def _minutes(clock: time) -> int:
    return clock.hour * 60 + clock.minute
