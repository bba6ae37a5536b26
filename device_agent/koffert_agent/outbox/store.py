"""The outbox's one writer: rows go in, are read to be sent, are released by receipts.

Everything here blocks and belongs to one thread (`outbox.py` owns it).
"""

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from koffert_agent.outbox.ballast import Ballast
from koffert_agent.outbox.database import Database
from koffert_agent.outbox.records import (
    Batch,
    Draft,
    Drop,
    DropReason,
    LaneCount,
    OutboxError,
    OutboxReason,
    Quota,
    Row,
)
from koffert_wire.downlink import Receipt
from koffert_wire.envelope import Sealed
from koffert_wire.topics import Lane

_LOG = logging.getLogger(__name__)

# Making room frees this part of the quota at once: one `dropped` message per chunk, not per row.
_CHUNK_DIVISOR = 64
# What a full disk takes of the released rows or waveforms at once: some hundred readings' room, and a change
# that fits in the ballast.
_FULL_DISK_STEP_BYTES = 256 * 1024
# Pages for the tables' own growth and for the message that names what was dropped.
_FULL_DISK_MARGIN_BYTES = 64 * 1024
# Free pages kept for the next rows, so that the file does not shrink and grow all the time.
_FREE_PAGES_KEPT = 64
# Pages given back per visit: some tens of milliseconds on a slow card.
_FREE_PAGES_STEP = 512
# Days of traffic kept for `status`.
_TRAFFIC_DAYS = 62


class OutboxStore:
    """One loan's outbox file. All methods raise OutboxError, and then nothing has changed."""

    def __init__(
        self, path: Path, quota: Quota, report: Callable[[Drop], Draft], *, vfs: str = ""
    ) -> None:
        self._database = Database(path, vfs)
        self._quota = quota
        self._report = report
        self._ballast = Ballast(path.with_suffix(".ballast"))
        self._refused: Counter[Lane] = Counter()
        self._unreadable: set[int] = set()
        try:
            self.outbox_id: bytes = self._meta("outbox_id")
            self.age_ns: int = self._meta("age_ns")
        except OutboxError:
            self._database.close()
            raise
        self._ballast.fill()

    def close(self) -> None:
        """Close the file; a last checkpoint empties the WAL."""
        self._database.close()

    def _meta(self, key: str) -> Any:
        found = self._database.all("SELECT value FROM meta WHERE key = ?", key)
        if not found:
            raise OutboxError(OutboxReason.DAMAGED, f"{key} is not there")
        return found[0][0]

    # -- in ---------------------------------------------------------------------------------------

    def append(
        self, drafts: Sequence[Draft], given_up: Mapping[Lane, int] | None = None
    ) -> list[Row]:
        """Queue what there is room for, in one commit; on return it survives a power cut.

        What found no room is counted, as is `given_up`, and told to the hub as soon as that fits.
        """
        try:
            rows = self._append(drafts, given_up or {})
        except OutboxError as error:
            if error.reason is not OutboxReason.FULL:
                raise
            rows = self._append_to_full_disk(drafts, given_up or {})
        return rows

    def _append(self, drafts: Sequence[Draft], given_up: Mapping[Lane, int]) -> list[Row]:
        rows: list[Row] = []
        refused = self._refused + Counter(given_up)
        with self._database.transaction():
            for draft in drafts:
                if self._make_room(draft.lane, draft.weight_bytes):
                    self._report_refused(draft.lane, refused.pop(draft.lane, 0))
                    rows.append(self._write(draft))
                else:
                    refused[draft.lane] += 1
        self._refused = refused
        return rows

    def _append_to_full_disk(
        self, drafts: Sequence[Draft], given_up: Mapping[Lane, int]
    ) -> list[Row]:
        """The disk is fuller than the quota foresaw: rows take the pages of what matters less.

        Meanwhile the write-ahead log has the ballast's room, which only an alarm may keep.
        """
        _LOG.error("the disk is full: making room for what matters more than waveforms")
        for append in (self._append_beside_ballast, self._append_in_free_pages):
            try:
                return append(drafts, given_up)
            except OutboxError as error:
                if error.reason is not OutboxReason.FULL:
                    raise
        self._refused.update(given_up)
        self._refused.update(draft.lane for draft in drafts)
        self._ballast.fill()
        return []

    def _append_beside_ballast(
        self, drafts: Sequence[Draft], given_up: Mapping[Lane, int]
    ) -> list[Row]:
        """Where it is only the write-ahead log that fills the disk, nothing need be given up."""
        self._ballast.release()
        self._database.empty_wal()
        self._ballast.fill()
        return self._append(drafts, given_up)

    def _append_in_free_pages(
        self, drafts: Sequence[Draft], given_up: Mapping[Lane, int]
    ) -> list[Row]:
        self._ballast.release()
        fits = self._free_pages_for(sum(draft.weight_bytes for draft in drafts))
        kept = [draft for draft in drafts if fits or draft.lane is Lane.ALARM]
        if not kept:
            raise OutboxError(OutboxReason.FULL, "only an alarm may use up the ballast")
        refused = Counter(draft.lane for draft in drafts)
        refused.subtract(draft.lane for draft in kept)
        rows = self._append(kept, +refused + Counter(given_up))
        with contextlib.suppress(OutboxError):  # the rows are safe where they are
            self._database.empty_wal()
        self._ballast.fill()
        return rows

    def _free_pages_for(self, row_bytes: int) -> bool:
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

    def _write(self, draft: Draft) -> Row:
        sequence = self._database.one(
            "SELECT next_sequence FROM lane WHERE lane = ?", draft.lane.value
        )
        sealed = draft.seal(self.outbox_id, sequence)
        self._database.execute(
            "INSERT INTO transmission (id, lane, sequence, state, header, body, checksum)"
            " VALUES (?, ?, ?, 'queued', ?, ?, ?)",
            *(draft.id, draft.lane.value, sequence),
            *(*sealed, _checksum(sealed)),
        )
        number = self._database.last_row
        self._advance(draft.lane, 1)
        return Row(number, draft.id, draft.lane, sequence, sealed)

    def _advance(self, lane: Lane, count: int) -> None:
        self._database.execute(
            "UPDATE lane SET next_sequence = next_sequence + ? WHERE lane = ?", count, lane.value
        )

    # -- out --------------------------------------------------------------------------------------

    def queued(self, lane: Lane, after: int, up_to: int, max_rows: int) -> Batch:
        """Queued rows of `lane` with `after` < number <= `up_to`, oldest first.

        A damaged row is set aside, reported to the hub and left out.
        """
        found = self._database.all(
            "SELECT number FROM transmission WHERE state = 'queued' AND lane = ?"
            " AND number > ? AND number <= ? ORDER BY number LIMIT ?",
            lane.value,
            after,
            up_to,
            max_rows,
        )
        return self.rows([number for (number,) in found])

    def rows(self, numbers: Iterable[int]) -> Batch:
        """Those of the rows that are still queued."""
        rows, damaged = [], []
        for number in numbers:
            if number in self._unreadable:
                continue
            try:
                row = self._row(number)
            except _DamagedRowError:
                damaged.append(number)
            else:
                rows += [] if row is None else [row]
        for number in damaged:
            self._set_aside(number)
        return Batch(rows, self.lowest_queued())

    def lowest_queued(self) -> dict[Lane, int]:
        """Per lane the lowest sequence still queued; the next one to come when nothing is."""
        found = self._database.all(
            "SELECT lane, coalesce((SELECT sequence FROM transmission AS queued WHERE"
            " state = 'queued' AND queued.lane = lane.lane ORDER BY number LIMIT 1), next_sequence)"
            " FROM lane"
        )
        return {Lane(lane): sequence for lane, sequence in found}

    def release(self, receipts: Iterable[Receipt]) -> list[int]:
        """Mark in one commit what the hub has stored; returns the numbers of the rows that were still queued."""
        numbers: list[int] = []
        stored = [(each, transmission) for each in receipts for transmission in each.stored]
        with self._database.transaction():
            for receipt, transmission in stored:
                found = self._database.all(
                    "UPDATE transmission SET state = 'released', hub_epoch = ?,"
                    " log_sequence = ?, released_age_ns = ?"
                    " WHERE id = ? AND state = 'queued' RETURNING number",
                    receipt.hub_epoch,
                    receipt.log_sequence,
                    self.age_ns,
                    transmission,
                )
                numbers += (number for (number,) in found)
        return numbers

    @property
    def hub_epoch(self) -> bytes | None:
        """The hub's epoch as this outbox last met it."""
        found: list[tuple[bytes]] = self._database.all(
            "SELECT value FROM meta WHERE key = 'hub_epoch'"
        )
        return found[0][0] if found else None

    def enter_epoch(self, hub_epoch: bytes, log_sequence: int) -> int:
        """Note the hub's epoch; when new, queue again what an older one receipted after `log_sequence`.

        Returns how many rows are queued again.
        """
        if hub_epoch == self.hub_epoch:
            return 0
        with self._database.transaction():
            self._database.execute(
                "UPDATE transmission SET state = 'queued' WHERE state = 'released'"
                " AND hub_epoch <> ? AND log_sequence > ?",
                hub_epoch,
                log_sequence,
            )
            again = self._database.changed_rows
            self._database.execute("INSERT OR REPLACE INTO meta VALUES ('hub_epoch', ?)", hub_epoch)
        return again

    def _row(self, number: int) -> Row | None:
        try:
            found = self._database.all(
                "SELECT id, lane, sequence, header, body, checksum FROM transmission"
                " WHERE number = ? AND state = 'queued'",
                number,
            )
        except OutboxError as error:
            if error.reason is OutboxReason.DAMAGED:
                raise _DamagedRowError from error
            raise
        if not found:
            return None
        transmission, lane, sequence, header, body, checksum = found[0]
        sealed = Sealed(header, body)
        if checksum != _checksum(sealed):
            raise _DamagedRowError
        return Row(number, transmission, Lane(lane), sequence, sealed)

    def _set_aside(self, number: int) -> None:
        """Quarantine one row: out of the queue, kept on disk, named to the hub."""
        self._unreadable.add(number)
        with self._database.transaction():
            (found,) = self._database.all(
                "SELECT lane, sequence FROM transmission INDEXED BY queued"
                " WHERE number = ? AND state = 'queued' AND lane IN ('alarm', 'vitals', 'bulk')",
                number,
            )
            lane, sequence = Lane(found[0]), found[1]
            self._give_up(Drop(lane, sequence, sequence, 1, DropReason.DAMAGED))
        _LOG.error("row %d (%s %d) is damaged and set aside", number, lane.value, sequence)
        with contextlib.suppress(OutboxError), self._database.transaction():
            self._database.execute(
                "UPDATE transmission SET state = 'damaged' WHERE number = ?", number
            )

    # -- room -------------------------------------------------------------------------------------

    def tidy(self, age_ns: int, keep_released_ns: int) -> None:
        """Note the outbox's age in running time, forget old released rows, give space back."""
        with self._database.transaction():
            self._database.execute("UPDATE meta SET value = ? WHERE key = 'age_ns'", age_ns)
            self._database.execute(
                "DELETE FROM transmission WHERE state = 'released' AND released_age_ns < ?",
                age_ns - keep_released_ns,
            )
        self.age_ns = age_ns
        self._database.give_back_pages(_FREE_PAGES_KEPT, _FREE_PAGES_STEP)
        self._ballast.fill()

    def _make_room(self, lane: Lane, row_bytes: int) -> bool:
        """Whether a row of `lane` fits, after giving up what matters less."""
        limit_bytes = self._quota.limit_bytes(lane)
        if (excess_bytes := self._held_bytes() + row_bytes - limit_bytes) <= 0:
            return True
        goal_bytes = excess_bytes + self._quota.total_bytes // _CHUNK_DIVISOR
        goal_bytes -= self._forget_released(goal_bytes)
        if goal_bytes > 0:
            self._drop_oldest_bulk(goal_bytes)
        return self._held_bytes() + row_bytes <= limit_bytes

    def _held_bytes(self) -> int:
        held: int = self._database.one("SELECT sum(bytes) FROM tally")
        return held

    def _forget_released(self, goal_bytes: int) -> int:
        """Delete the oldest released rows, about `goal_bytes` of them; returns how many bytes."""
        return sum(size for _, size in self._delete_oldest("state = 'released'", goal_bytes))

    def _drop_oldest_bulk(self, goal_bytes: int) -> int:
        """Give up the oldest waveforms, about `goal_bytes` of them; returns how many bytes."""
        dropped = self._delete_oldest("state = 'queued' AND lane = 'bulk'", goal_bytes)
        if dropped:
            first, last = dropped[0][0], dropped[-1][0]
            self._give_up(Drop(Lane.BULK, first, last, len(dropped), DropReason.FULL))
        return sum(size for _, size in dropped)

    def _delete_oldest(self, which: str, goal_bytes: int) -> list[tuple[int, int]]:
        """Delete the oldest rows of a kind; returns (sequence, size) of each."""
        deleted, freed_bytes = [], 0
        oldest_first = f"SELECT number, sequence, size FROM transmission WHERE {which}"  # noqa: S608 - `which` is a constant of this file
        for number, sequence, size in self._database.all(
            f"{oldest_first} ORDER BY number LIMIT 4096"
        ):
            if freed_bytes >= goal_bytes:
                break
            self._database.execute("DELETE FROM transmission WHERE number = ?", number)
            deleted.append((sequence, size))
            freed_bytes += size
        return deleted

    def _report_refused(self, lane: Lane, count: int) -> None:
        """Give the refused ones the sequences they would have had, and name those as dropped."""
        if count:
            first = self._database.one("SELECT next_sequence FROM lane WHERE lane = ?", lane.value)
            self._advance(lane, count)
            self._give_up(Drop(lane, first, first + count - 1, count, DropReason.FULL))

    def _give_up(self, drop: Drop) -> None:
        """Count a loss and queue the message that names it, whatever the quota says."""
        self._database.execute(
            "UPDATE lane SET dropped = dropped + ? WHERE lane = ?", drop.count, drop.lane.value
        )
        self._write(self._report(drop))

    # -- counts -----------------------------------------------------------------------------------

    def last_number(self) -> int:
        """The number of the newest row ever queued."""
        found = self._database.all("SELECT seq FROM sqlite_sequence WHERE name = 'transmission'")
        return int(found[0][0]) if found else 0

    def count(self) -> dict[Lane, LaneCount]:
        """What the outbox holds, by lane."""
        tally = {
            (lane, state): (rows, row_bytes)
            for lane, state, rows, row_bytes in self._database.all("SELECT * FROM tally")
        }
        dropped = dict(self._database.all("SELECT lane, dropped FROM lane"))
        return {
            lane: LaneCount(
                *tally[lane.value, "queued"],
                *tally[lane.value, "released"],
                tally[lane.value, "damaged"][0],
                dropped[lane.value] + self._refused[lane],
                self._oldest_header(lane),
            )
            for lane in Lane
        }

    def _oldest_header(self, lane: Lane) -> bytes | None:
        found: list[tuple[bytes]] = self._database.all(
            "SELECT header FROM transmission WHERE state = 'queued' AND lane = ?"
            " ORDER BY number LIMIT 1",
            lane.value,
        )
        return found[0][0] if found else None

    def add_traffic(self, day: int, sent: dict[Lane, tuple[int, int]]) -> None:
        """Add (transmissions, bytes) handed to the link on `day` (days since 1970)."""
        with self._database.transaction():
            for lane, (transmissions, sent_bytes) in sent.items():
                self._database.execute(
                    "INSERT INTO traffic VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE"
                    " SET transmissions = transmissions + ?3, bytes = bytes + ?4",
                    *(day, lane.value, transmissions, sent_bytes),
                )
            self._database.execute(
                "DELETE FROM traffic WHERE day NOT IN"
                " (SELECT DISTINCT day FROM traffic ORDER BY day DESC LIMIT ?)",
                _TRAFFIC_DAYS,
            )

    def traffic(self, day: int) -> dict[Lane, tuple[int, int]]:
        """What was handed to the link on `day`: (transmissions, bytes) by lane."""
        found = self._database.all(
            "SELECT lane, transmissions, bytes FROM traffic WHERE day = ?", day
        )
        return {Lane(lane): (transmissions, sent) for lane, transmissions, sent in found}


class _DamagedRowError(Exception):
    """A row that cannot be read, or whose bytes are not those that were written."""


def _checksum(sealed: Sealed) -> int:
    return crc32(sealed.body, crc32(sealed.header))
