"""Taking in a batch: looked up, decided, and committed whole."""

from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa

from koffert_hub import registry, tables
from koffert_hub.filing import Batch, Filing
from koffert_hub.ingest import (
    Parsed,
    Received,
    Registered,
    Store,
    decide,
    parse,
)
from koffert_hub.log_record import Result
from koffert_wire.sealing import SealingKeys

# A box gone wrong must not fill the disk; an engineer sees these long before.
QUARANTINE_PER_DEVICE = 100


class Intake:
    """Takes in batches; one object per writer thread or process. Randomness and caps are given."""

    def __init__(
        self,
        engine: sa.Engine,
        sealing_keys: SealingKeys,
        *,
        random: Callable[[int], bytes],
        quarantine_per_device: int = QUARANTINE_PER_DEVICE,
    ) -> None:
        self._engine = engine
        self._keys = sealing_keys
        self._random = random
        self._quarantine_per_device = quarantine_per_device

    def take(self, batch: Sequence[Received], *, now_ms: int) -> Batch:
        """Commit a batch whole; a fault of the database is raised and nothing was taken in."""
        first = [parse(received) for received in batch]
        parsed = [item for item in first if isinstance(item, Parsed)]
        registered = self._look_up(parsed)
        decisions = [
            decide(item, registered, self._keys) if isinstance(item, Parsed) else item
            for item in first
        ]
        with self._engine.begin() as connection:
            return self._filing(connection, registered, now_ms).file(decisions)

    def take_again(self, item: int, received: Received, *, now_ms: int) -> Result | None:
        """File payload `item` of the quarantine if that is possible now, None while it is not.

        Discarded when it was measured after the patient had withdrawn: nothing of it is kept then.
        """
        parsed = parse(received)
        if not isinstance(parsed, Parsed):
            return None
        registered = self._look_up([parsed])
        decision = decide(parsed, registered, self._keys)
        if not isinstance(decision, Store):
            return None
        table = tables.quarantine
        with self._engine.begin() as connection:
            result = self._filing(connection, registered, now_ms).file_again(decision)
            connection.execute(
                table.update().where(table.c.id == item).values(requeued_ms=now_ms, payload=b"")
            )
        return result

    def _filing(self, connection: sa.Connection, registered: Registered, now_ms: int) -> Filing:
        return Filing(
            connection, self._random, now_ms, self._quarantine_per_device, registered.devices
        )

    def _look_up(self, parsed: Iterable[Parsed]) -> Registered:
        devices = {item.topic.device for item in parsed}
        loans = {item.payload.header.loan for item in parsed}
        with self._engine.connect().execution_options(koffert_read_only=True) as connection:
            return Registered(
                registry.devices(connection, devices),
                registry.loans(connection, [loan for loan in loans if loan is not None]),
            )
