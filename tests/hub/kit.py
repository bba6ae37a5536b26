"""A hub's store with one centre, ready to take in what boxes send."""

import os
from pathlib import Path

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from koffert_hub import registry, tables
from koffert_hub.alerts.rules import SignedDigest
from koffert_hub.database import open_database, reading
from koffert_hub.filing import Batch
from koffert_hub.ingest import Received
from koffert_hub.intake import Intake
from koffert_hub.log_record import LogRecord, decode_record, encode_record, next_head
from koffert_hub.migrations import migrate
from koffert_hub.status import Status, status_of
from koffert_hub.transmission_log import begin_log, rows_after
from koffert_wire.sealing import key_id
from tests.hub.box import NOON_NS, Box, Queued

NOON_MS = NOON_NS // 1_000_000
# As if a doctor had signed the rules.
SIGNED = SignedDigest("0" * 64)


class Store:
    """An engine with tables and an intake; the hub's clock stands at noon unless told."""

    def __init__(self, url: str, *, quarantine_per_device: int = 100) -> None:
        self.engine = open_database(url)
        migrate(self.engine)
        self.sealing = X25519PrivateKey.generate()
        self.intake = Intake(
            self.engine,
            {key_id(self.sealing.public_key()): self.sealing},
            random=os.urandom,
            quarantine_per_device=quarantine_per_device,
        )
        with self.engine.begin() as connection:
            begin_log(connection, os.urandom(16), now_ms=NOON_MS)
            self.centre = registry.create_centre(connection, "Dalane DMS", now_ms=NOON_MS)

    def box(self, device: str = "box-1", *, lent: bool = True) -> Box:
        """A registered box, lent to a new patient since an hour ago."""
        box = Box(device, self.sealing.public_key())
        with self.engine.begin() as connection:
            registry.create_device(
                connection, device, box.link_key, centre=self.centre, now_ms=NOON_MS
            )
            if lent:
                patient = registry.create_patient(
                    connection, self.centre, "Testpasient 1", now_ms=NOON_MS
                )
                box.loan = registry.start_loan(
                    connection, patient, device, rules=SIGNED, now_ms=NOON_MS - 3_600_000
                )
        return box

    def take(self, *queued: Queued, at_ns: int = NOON_NS) -> Batch:
        """Take these in as one batch, all arrived at `at_ns`."""
        batch = [Received(item.topic, item.payload(), at_ns) for item in queued]
        return self.take_raw(*batch)

    def take_raw(self, *received: Received) -> Batch:
        """Take in payloads as they are."""
        return self.intake.take(received, now_ms=NOON_MS)

    def records(self) -> list[LogRecord]:
        """The whole log."""
        with reading(self.engine) as connection:
            return [decode_record(row.record) for row in rows_after(connection, 0)]

    def status(self) -> Status:
        """What `koffert hub status` shows."""
        with reading(self.engine) as connection:
            return status_of(connection)

    def alerts(self) -> dict[tuple[str, str], int]:
        """Open technical alerts and how often each was raised."""
        return {(a.device, a.cause): a.count for a in self.status().alerts}

    def bodies(self) -> int:
        """How many bodies are stored."""
        with reading(self.engine) as connection:
            count = connection.execute(sa.select(sa.func.count()).select_from(tables.body))
            return int(count.scalar_one())


class NoSeries:
    """A time series that holds nothing."""

    def forget(self, patient: str) -> None:
        """Nothing is there."""


def sqlite_store(folder: Path, **settings: int) -> Store:
    """A store in a file."""
    return Store(f"sqlite:///{folder / 'hub.sqlite'}", **settings)


def rewrite(engine: sa.Engine, sequence: int) -> None:
    """What an administrator can do: change a record and recompute every hash after it."""
    with engine.begin() as connection:
        rows = list(rows_after(connection, sequence - 1))
        before = connection.execute(
            sa.select(tables.transmission_log.c.head).where(
                tables.transmission_log.c.sequence == sequence - 1
            )
        ).scalar_one()
        changed: LogRecord = msgspec.structs.replace(decode_record(rows[0].record), device="other")
        records = [encode_record(changed), *(row.record for row in rows[1:])]
        for row, record in zip(rows, records, strict=True):
            before = next_head(before, record)
            connection.execute(
                tables.transmission_log.update()
                .where(tables.transmission_log.c.sequence == row.sequence)
                .values(record=record, head=before)
            )
        connection.execute(tables.log_state.update().values(head=before))
