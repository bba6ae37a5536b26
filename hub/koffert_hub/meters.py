"""The meters of a suitcase as it last told of them: which, whether linked, and their batteries."""

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.database import upserts
from koffert_wire.messages import SensorLink, SensorState

_LINK = ("serial", "link", "at_ms")
# A meter that does not tell its battery this time has still told it before.
_KEEP = {told: upserts(tables.meter, _LINK + ("battery_pct",) * told) for told in (False, True)}


class Meter(Struct, frozen=True):
    """One meter; `battery_pct` is None where it has not told."""

    sensor: str
    serial: str | None
    link: SensorLink
    battery_pct: float | None
    at_ms: int


def keep(connection: sa.Connection, device: str, state: SensorState, *, at_ms: int) -> None:
    """From now on this is what is known of the meter."""
    values = {
        "device": device,
        "sensor": state.sensor,
        "serial": state.sensor_serial,
        "link": state.link,
        "battery_pct": state.battery_pct,
        "at_ms": at_ms,
    }
    statement = _KEEP[state.battery_pct is not None][connection.dialect.name]
    connection.execute(statement, values)


def meters_of(connection: sa.Connection, device: str) -> list[Meter]:
    """What is known of this suitcase's meters, by name."""
    table = tables.meter
    rows = connection.execute(
        sa.select(table).where(table.c.device == device).order_by(table.c.sensor)
    )
    return [
        Meter(row.sensor, row.serial, SensorLink(row.link), row.battery_pct, row.at_ms)
        for row in rows
    ]
