"""Who has to leave when an outbox is full: what was receipted, then the oldest waveforms, nothing else.

Of what was receipted the waveforms go first: a hub restored from a backup then misses those before any reading.
"""

from collections.abc import Callable

from koffert_agent.outbox.counts import Counts
from koffert_agent.outbox.database import Database
from koffert_agent.outbox.records import Drop, DropReason, Quota
from koffert_wire.topics import Lane

# Making room frees this part of the quota at once: one `dropped` message per chunk, not per row.
_CHUNK_DIVISOR = 64
# What a full disk takes of the released rows or waveforms at once: some hundred readings' room, and a change
# that fits in the ballast.
_FULL_DISK_STEP_BYTES = 256 * 1024
# Pages for the tables' own growth and for the message that names what was dropped.
_FULL_DISK_MARGIN_BYTES = 64 * 1024
_FORGOTTEN_IN_ORDER = (Lane.BULK, Lane.VITALS, Lane.ALARM)


class Room:
    """Keeps an outbox within its quota; `give_up` counts and names a loss. Methods raise OutboxError."""

    def __init__(
        self, database: Database, counts: Counts, quota: Quota, give_up: Callable[[Drop], None]
    ) -> None:
        self._database = database
        self._counts = counts
        self._quota = quota
        self._give_up = give_up

    def make(self, lane: Lane, row_bytes: int) -> bool:
        """Whether a row of `lane` fits, after giving up what matters less; inside a transaction."""
        limit_bytes = self._quota.limit_bytes(lane)
        if (excess_bytes := self._counts.held_bytes() + row_bytes - limit_bytes) <= 0:
            return True
        goal_bytes = excess_bytes + self._quota.total_bytes // _CHUNK_DIVISOR
        goal_bytes -= self._forget_released(goal_bytes)
        if goal_bytes > 0:
            self._drop_oldest_bulk(goal_bytes)
        return self._counts.held_bytes() + row_bytes <= limit_bytes

    def free_pages(self, row_bytes: int) -> bool:
        """Whether rows fit in free pages, after giving up what matters least, a little at a time.

        What was receipted goes before what was not; a hub restored from a backup might ask for it, so
        never all at once.
        """
        needed_bytes = row_bytes + _FULL_DISK_MARGIN_BYTES
        for give_up in (self._forget_released, self._drop_oldest_bulk):
            freed_bytes = 1
            while freed_bytes and self._database.free_bytes() < needed_bytes:
                with self._database.transaction():
                    freed_bytes = give_up(_FULL_DISK_STEP_BYTES)
                self._database.empty_wal()
        return self._database.free_bytes() >= needed_bytes

    def _forget_released(self, goal_bytes: int) -> int:
        """Delete released rows, about `goal_bytes`, the oldest of what matters least; returns how many bytes."""
        freed_bytes = 0
        for lane in _FORGOTTEN_IN_ORDER:
            if freed_bytes < goal_bytes:
                deleted = self._delete_oldest("released", lane, goal_bytes - freed_bytes)
                freed_bytes += sum(size for _, size in deleted)
        return freed_bytes

    def _drop_oldest_bulk(self, goal_bytes: int) -> int:
        """Give up the oldest waveforms, about `goal_bytes` of them; returns how many bytes."""
        dropped = self._delete_oldest("queued", Lane.BULK, goal_bytes)
        if dropped:
            first, last = dropped[0][0], dropped[-1][0]
            self._give_up(Drop(Lane.BULK, first, last, len(dropped), DropReason.FULL))
        return sum(size for _, size in dropped)

    def _delete_oldest(self, state: str, lane: Lane, goal_bytes: int) -> list[tuple[int, int]]:
        """Delete the oldest rows of a state and lane; returns (sequence, size) of each."""
        deleted, freed_bytes = [], 0
        # The state stands in the statement: only so does SQLite see that a partial index serves it.
        oldest_first = (
            f"SELECT number, sequence, size FROM transmission WHERE state = '{state}'"  # noqa: S608 - one of two words of this file
            " AND lane = ? ORDER BY number LIMIT 4096"
        )
        for number, sequence, size in self._database.all(oldest_first, lane.value):
            if freed_bytes >= goal_bytes:
                break
            self._database.execute("DELETE FROM transmission WHERE number = ?", number)
            deleted.append((sequence, size))
            freed_bytes += size
        return deleted
