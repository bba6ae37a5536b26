"""What an engineer asks first: how much is stored, what is missing, what is wrong."""

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.database import open_database
from koffert_hub.database import reading as open_reading
from koffert_hub.gaps import GapState, decode_gaps
from koffert_hub.settings import Settings
from koffert_hub.technical_alerts import TechnicalAlert, open_alerts
from koffert_hub.transmission_log import position


class Status(Struct, frozen=True):
    """A moment's account of the hub."""

    log_records: int
    log_head: str
    transmissions: int
    quarantined: int
    lost: int
    dropped: int
    on_their_way: int
    alerts: list[TechnicalAlert]


def read_status(settings: Settings) -> Status:
    """The status of the hub whose settings these are; the hub may be running."""
    engine = open_database(settings.database_url)
    with open_reading(engine) as connection:
        found = status_of(connection)
    engine.dispose()
    return found


def status_of(connection: sa.Connection) -> Status:
    """See `read_status`."""
    here = position(connection)
    missing = _missing(connection)
    quarantine = tables.quarantine
    return Status(
        log_records=here.sequence,
        log_head=here.head.hex(),
        transmissions=_count(connection, tables.body),
        quarantined=_count(connection, quarantine, quarantine.c.requeued_ms.is_(None)),
        lost=missing[GapState.LOST],
        dropped=missing[GapState.DROPPED],
        on_their_way=missing[GapState.ON_ITS_WAY],
        alerts=open_alerts(connection),
    )


def _count(connection: sa.Connection, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
    counting = sa.select(sa.func.count()).select_from(table).where(*conditions)
    return connection.execute(counting).scalar_one()


def _missing(connection: sa.Connection) -> dict[GapState, int]:
    found = dict.fromkeys(GapState, 0)
    rows = connection.execute(
        sa.select(tables.lane_progress.c.gaps).where(tables.lane_progress.c.gaps != "[]")
    )
    for row in rows:
        for gap in decode_gaps(row.gaps):
            found[gap.state] += gap.last - gap.first + 1
    return found
