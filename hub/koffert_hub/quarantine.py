"""Payloads that could not be filed: list them, and take them in again once the cause is mended."""

import os
from collections import Counter

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.database import open_database
from koffert_hub.database import reading as open_reading
from koffert_hub.ingest import Received
from koffert_hub.intake import Intake
from koffert_hub.keys import load_keys
from koffert_hub.log_record import Result
from koffert_hub.settings import Settings
from koffert_hub.setup import wall_ms

_NS_PER_MS = 1_000_000


class Held(Struct, frozen=True):
    """One payload in quarantine."""

    id: int
    device: str
    reason: str
    detail: str
    received_ms: int
    size_bytes: int


class Requeued(Struct, frozen=True):
    """What became of a requeue; `discarded` had been measured after a withdrawal, and is kept no more."""

    stored: int
    still_held: int
    discarded: int = 0


def held(settings: Settings) -> list[Held]:
    """Everything in quarantine, the oldest first."""
    table = tables.quarantine
    engine = open_database(settings.database_url)
    with open_reading(engine) as connection:
        rows = connection.execute(
            sa.select(
                table.c.id,
                table.c.device,
                table.c.reason,
                table.c.detail,
                table.c.received_ms,
                sa.func.length(table.c.payload),
            )
            .where(table.c.requeued_ms.is_(None))
            .order_by(table.c.id)
        ).all()
    engine.dispose()
    return [Held(*row) for row in rows]


def requeue(settings: Settings, items: tuple[int, ...] = ()) -> Requeued:
    """Take `items` (or all) in again, each by itself; what still cannot be filed stays held."""
    engine = open_database(settings.database_url)
    intake = Intake(engine, load_keys(settings.data_dir).sealing, random=os.urandom)
    outcome = requeue_through(engine, intake, items)
    engine.dispose()
    return outcome


def requeue_through(engine: sa.Engine, intake: Intake, items: tuple[int, ...]) -> Requeued:
    """See `requeue`."""
    table = tables.quarantine
    chosen = table.c.id.in_(items) if items else sa.true()
    with open_reading(engine) as connection:
        waiting = connection.execute(
            sa.select(table.c.id, table.c.topic, table.c.payload, table.c.received_ms)
            .where(chosen, table.c.requeued_ms.is_(None))
            .order_by(table.c.id)
        ).all()
    results = Counter(
        intake.take_again(
            row.id, Received(row.topic, row.payload, row.received_ms * _NS_PER_MS), now_ms=wall_ms()
        )
        for row in waiting
    )
    return Requeued(results[Result.STORED], results[None], results[Result.DISCARDED])
