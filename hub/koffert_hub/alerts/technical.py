"""Faults of a suitcase, blue on the ward and apart from what is clinical: raised and closed as they come and go.

What ingest found out stands in `technical_alerts`, one for each device and cause. Here the batteries of the
meters and a clock that is right again are added, and the ward's alerts are brought in line with what is open.
"""

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from koffert_hub import meters, tables
from koffert_hub.alerts.history import ALERTING
from koffert_hub.alerts.records import TECHNICAL_PREFIX, Alert, Finding, Priority
from koffert_hub.alerts.tables import alert as alert_table
from koffert_hub.alerts.texts import sentences
from koffert_hub.clock import TimeBasis, measured_at
from koffert_hub.technical_alerts import Cause, close_alert, raise_alert
from koffert_hub.time_series.records import TimeQuality
from koffert_wire.messages import Message, Reading, SensorState

# Low enough that somebody should bring new ones, and a step apart so that it does not flicker.
BATTERY_LOW_PCT = 20.0
BATTERY_GOOD_PCT = 30.0
# What a nurse can do something about, or must know of. The rest is for who runs the hub.
ON_WARD = (
    Cause.BATTERY_LOW,
    Cause.LINK_LOST,
    Cause.WRONG_CLOCK,
    Cause.LOST_TRANSMISSIONS,
    Cause.QUARANTINED,
    Cause.CLONED_OUTBOX,
    Cause.CLONED_IDENTITY,
)


_WRONG_CLOCKS = sa.select(tables.technical_alert.c.device).where(
    tables.technical_alert.c.cause == Cause.WRONG_CLOCK,
    tables.technical_alert.c.closed_ms.is_(None),
)


class Fault(NamedTuple):
    """An open fault of a lent suitcase, and the ward's alert of it where there is one."""

    loan: str
    cause: str
    opened_ms: int
    told: bool


def note(
    connection: sa.Connection,
    device: str,
    messages: Iterable[Message],
    basis: TimeBasis,
    wrong_clocks: set[str],
    *,
    now_ms: int,
) -> None:
    """What a box says of its meters' batteries and, by a right time, of its clock.

    One of `wrong_clocks` that is right again is taken out.
    """
    for message in messages:
        if isinstance(message, SensorState):
            meters.keep(connection, device, message, at_ms=now_ms)
        match message:
            case SensorState(battery_pct=float(pct)) if pct <= BATTERY_LOW_PCT:
                detail = f"{message.sensor}: {pct:g} %"
                raise_alert(connection, device, Cause.BATTERY_LOW, detail, now_ms=now_ms)
            case SensorState(battery_pct=float(pct)) if pct >= BATTERY_GOOD_PCT:
                _close_battery(connection, device, message.sensor, now_ms=now_ms)
            case Reading() if device in wrong_clocks and _tells_the_time(message, basis):
                close_alert(connection, device, Cause.WRONG_CLOCK, now_ms=now_ms)
                wrong_clocks.remove(device)


def with_wrong_clock(connection: sa.Connection) -> set[str]:
    """The boxes whose clock was found wrong and not yet right again."""
    return set(connection.execute(_WRONG_CLOCKS).scalars())


def open_faults(connection: sa.Connection) -> list[Fault]:
    """Every open fault of a suitcase whose loan may raise an alert."""
    fault, loan = tables.technical_alert, tables.loan
    told = (
        sa.select(alert_table.c.id)
        .where(
            alert_table.c.loan == loan.c.id,
            alert_table.c.cause == TECHNICAL_PREFIX + fault.c.cause,
            alert_table.c.opened_ms >= fault.c.opened_ms,
        )
        .exists()
    )
    rows = connection.execute(
        sa.select(loan.c.id, fault.c.cause, fault.c.opened_ms, told)
        .join(loan, loan.c.device == fault.c.device)
        .where(fault.c.closed_ms.is_(None), fault.c.cause.in_(ON_WARD), loan.c.state.in_(ALERTING))
    )
    return [Fault(*row) for row in rows]


def alert_of(fault: Fault, version: str) -> Alert:
    """The blue alert for a fault."""
    finding = Finding(f"technical-{fault.cause}", {}, {})
    text_nb, text_en = sentences(finding, version)
    return Alert(
        fault.opened_ms,
        Priority.BLUE,
        TECHNICAL_PREFIX + fault.cause,
        finding.rule,
        version,
        {},
        {},
        {},
        text_nb,
        text_en,
    )


def _tells_the_time(reading: Reading, basis: TimeBasis) -> bool:
    return measured_at(reading.at, basis).quality is TimeQuality.WALL


def _close_battery(connection: sa.Connection, device: str, sensor: str, *, now_ms: int) -> None:
    """Another meter's low battery stays what it is."""
    table = tables.technical_alert
    connection.execute(
        table.update()
        .where(
            table.c.device == device,
            table.c.cause == Cause.BATTERY_LOW,
            table.c.closed_ms.is_(None),
            table.c.detail.startswith(f"{sensor}: ", autoescape=True),
        )
        .values(closed_ms=now_ms)
    )
