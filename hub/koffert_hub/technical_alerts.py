"""Alerts for the engineer: at most one open per device and cause, with a count."""

from enum import StrEnum

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables


class Cause(StrEnum):
    """What is wrong, as a table key."""

    UNKNOWN_DEVICE = "unknown-device"
    REVOKED_DEVICE = "revoked-device"
    WRONG_MAC = "wrong-mac"
    UNKNOWN_KEY = "unknown-key"
    CLONED_OUTBOX = "cloned-outbox"
    QUARANTINED = "quarantined"
    QUARANTINE_FULL = "quarantine-full"
    LOST_TRANSMISSIONS = "lost-transmissions"
    WRONG_CLOCK = "wrong-clock"
    BATTERY_LOW = "battery-low"
    LINK_LOST = "link-lost"
    TOKEN_REUSED = "token-reused"  # noqa: S105 - a cause, not a secret
    CLONED_IDENTITY = "cloned-identity"
    TIME_SERIES_REFUSED = "time-series-refused"
    HUB_SILENT = "hub-silent"
    HUB_CONTRADICTS = "hub-contradicts"


class TechnicalAlert(Struct, frozen=True):
    """One open alert."""

    device: str
    cause: Cause
    detail: str
    opened_ms: int
    last_ms: int
    count: int


def raise_alert(
    connection: sa.Connection,
    device: str,
    cause: Cause,
    detail: str,
    *,
    now_ms: int,
    count: int = 1,
) -> bool:
    """Open an alert, or count it on the open one; returns whether it was opened."""
    table = tables.technical_alert
    counted = connection.execute(
        table.update()
        .where(table.c.device == device, table.c.cause == cause, table.c.closed_ms.is_(None))
        .values(count=table.c.count + count, last_ms=now_ms, detail=detail)
    )
    if counted.rowcount:
        return False
    connection.execute(
        table.insert().values(
            device=device,
            cause=cause,
            detail=detail,
            opened_ms=now_ms,
            last_ms=now_ms,
            count=count,
        )
    )
    return True


def close_alert(connection: sa.Connection, device: str, cause: Cause, *, now_ms: int) -> bool:
    """An engineer has dealt with it; returns whether there was one."""
    table = tables.technical_alert
    closed = connection.execute(
        table.update()
        .where(table.c.device == device, table.c.cause == cause, table.c.closed_ms.is_(None))
        .values(closed_ms=now_ms)
    )
    return bool(closed.rowcount)


def open_alerts(connection: sa.Connection) -> list[TechnicalAlert]:
    """All open alerts, the newest first."""
    table = tables.technical_alert
    rows = connection.execute(
        sa.select(
            table.c.device,
            table.c.cause,
            table.c.detail,
            table.c.opened_ms,
            table.c.last_ms,
            table.c.count,
        )
        .where(table.c.closed_ms.is_(None))
        .order_by(table.c.last_ms.desc())
    )
    return [
        TechnicalAlert(device, Cause(cause), detail, opened_ms, last_ms, count)
        for device, cause, detail, opened_ms, last_ms, count in rows
    ]
