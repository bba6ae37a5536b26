"""The outbox as the rest of the box sees it: awaitable, with its own thread for the slow card."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from koffert_agent.clock import Clock
from koffert_agent.outbox.records import Batch, Draft, Drop, LaneCount, OutboxError, Quota, Row
from koffert_agent.outbox.store import OutboxStore
from koffert_agent.worker import Worker
from koffert_wire.downlink import Receipt
from koffert_wire.topics import Lane

# Released rows wait this long for a hub that may have to be restored from a backup (running time).
KEEP_RELEASED_NS = 7 * 24 * 3600 * 1_000_000_000
NS_PER_DAY = 24 * 3600 * 1_000_000_000


class Outbox:
    """One loan's outbox. All methods raise OutboxError, and then nothing has changed.

    `changed` is set whenever there may be more to send; several outboxes may share it. `last_number`
    is the newest row.
    """

    def __init__(
        self, store: OutboxStore, worker: Worker, clock: Clock, changed: asyncio.Event
    ) -> None:
        self._store = store
        self._worker = worker
        self._clock = clock
        self._age_at_boot_ns = store.age_ns - clock.boottime_ns()
        self.id = store.outbox_id
        self.hub_epoch = store.hub_epoch
        self.last_number = store.counts.last_number()
        self._changed = changed

    @classmethod
    async def open(
        cls,
        path: Path,
        quota: Quota,
        report: Callable[[Drop], Draft],
        clock: Clock,
        changed: asyncio.Event,
    ) -> "Outbox":
        """Open or make the file and start its thread."""
        worker = Worker(f"outbox {path.stem}")
        try:
            store = await worker.call(lambda: OutboxStore(path, quota, report))
            try:
                return await worker.call(lambda: cls(store, worker, clock, changed))
            except OutboxError:
                await worker.call(store.close)
                raise
        except BaseException:
            worker.stop()
            raise

    async def close(self) -> None:
        """Close the file and end the thread."""
        try:
            await self._worker.call(self._store.close)
        finally:
            self._worker.stop()

    @property
    def busy_s(self) -> float:
        """How long the disk has kept the thread with one call."""
        return self._worker.busy_s

    async def append(
        self, drafts: Sequence[Draft], given_up: Mapping[Lane, int] | None = None
    ) -> list[Row]:
        """Queue in one commit; the rows returned survive a power cut, the others were refused.

        `given_up` counts what was lost before it came here, to be named to the hub as dropped.
        """
        rows = await self._worker.call(lambda: self._store.append(drafts, given_up or {}))
        if rows:
            self.last_number = max(self.last_number, rows[-1].number)
            self._changed.set()
        return rows

    async def queued(self, lane: Lane, after: int, up_to: int, max_rows: int) -> Batch:
        """Queued rows of `lane` with `after` < number <= `up_to`, oldest first."""
        return await self._worker.call(lambda: self._store.queued(lane, after, up_to, max_rows))

    async def rows(self, numbers: Sequence[int]) -> Batch:
        """Those of the rows that are still queued."""
        return await self._worker.call(lambda: self._store.rows(numbers))

    async def release(self, receipts: Sequence[Receipt]) -> list[int]:
        """Mark in one commit what the hub has stored; returns the numbers of the rows that were still queued."""
        return await self._worker.call(lambda: self._store.release(receipts))

    async def enter_epoch(self, hub_epoch: bytes, log_sequence: int) -> int:
        """Note the hub's epoch; when new, queue again what it may have lost; returns how many."""
        again = await self._worker.call(lambda: self._store.enter_epoch(hub_epoch, log_sequence))
        self.hub_epoch = hub_epoch
        if again:
            self._changed.set()
        return again

    async def count(self) -> dict[Lane, LaneCount]:
        """What the outbox holds, by lane."""
        return await self._worker.call(self._store.count)

    async def tidy(self) -> None:
        """Forget what was released long ago and give the space back; call it now and then."""
        age_ns = self._age_at_boot_ns + self._clock.boottime_ns()
        await self._worker.call(lambda: self._store.tidy(age_ns, KEEP_RELEASED_NS))

    async def add_traffic(self, sent: dict[Lane, tuple[int, int]]) -> None:
        """Add (transmissions, bytes) handed to the link, to today's account."""
        day = self._clock.wall_ns() // NS_PER_DAY
        await self._worker.call(lambda: self._store.counts.add_traffic(day, sent))

    async def traffic_today(self) -> dict[Lane, tuple[int, int]]:
        """What was handed to the link today (UTC): (transmissions, bytes) by lane."""
        day = self._clock.wall_ns() // NS_PER_DAY
        return await self._worker.call(lambda: self._store.counts.traffic(day))
