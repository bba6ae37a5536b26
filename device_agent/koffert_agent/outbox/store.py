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

from msgspec.structs import replace

from koffert_agent.outbox.ballast import BALLAST_BYTES, SPARE_BYTES, Ballast
from koffert_agent.outbox.counts import Counts
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
from koffert_agent.outbox.room import Room
from koffert_wire.downlink import Receipt
from koffert_wire.envelope import Sealed
from koffert_wire.topics import Lane

_LOG = logging.getLogger(__name__)

# Free pages kept for the next rows, so that the file does not shrink and grow all the time.
_FREE_PAGES_KEPT = 64
# Pages given back per visit: some tens of milliseconds on a slow card.
_FREE_PAGES_STEP = 512


class OutboxStore:
    """One loan's outbox file. All methods raise OutboxError, and then nothing has changed."""

    def __init__(
        self, path: Path, quota: Quota, report: Callable[[Drop], Draft], *, vfs: str = ""
    ) -> None:
        self._database = Database(path, vfs)
        self.counts = Counts(self._database)
        self._room = Room(self._database, self.counts, quota, self._give_up)
        self._report = report
        self._disk_full = False
        self._ballast = Ballast(path.with_suffix(".ballast"), BALLAST_BYTES)
        self._spare = Ballast(path.with_suffix(".spare"), SPARE_BYTES)
        self._refused: Counter[Lane] = Counter()
        self._unreadable: set[int] = set()
        try:
            self.outbox_id: bytes = self._meta("outbox_id")
            self.age_ns: int = self._meta("age_ns")
        except OutboxError:
            self._database.close()
            raise
        self._ballast.fill()
        self._spare.fill()

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
            self._note_disk(full=True)
            return self._append_to_full_disk(drafts, given_up or {})
        self._note_disk(full=False)
        return rows

    def _note_disk(self, *, full: bool) -> None:
        """Log when it becomes full and when it no longer is; not once for each row meanwhile."""
        if full and not self._disk_full:
            _LOG.error("the disk is full: making room for what matters more than waveforms")
        elif self._disk_full and not full:
            _LOG.warning("the disk takes rows again")
        self._disk_full = full

    def _append(self, drafts: Sequence[Draft], given_up: Mapping[Lane, int]) -> list[Row]:
        rows: list[Row] = []
        refused = self._refused + Counter(given_up)
        with self._database.transaction():
            for draft in drafts:
                if self._room.make(draft.lane, draft.weight_bytes):
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
        for append in (
            self._append_beside_ballast,
            self._append_into_spare,
            self._append_in_free_pages,
        ):
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

    def _append_into_spare(
        self, drafts: Sequence[Draft], given_up: Mapping[Lane, int]
    ) -> list[Row]:
        """What a disk that is full for some hours leaves room for, before anything is forgotten."""
        if not self._spare.is_there:
            raise OutboxError(OutboxReason.FULL, "the spare room is used up")
        self._spare.release()
        self._ballast.fill()
        return self._append(drafts, given_up)

    def _append_in_free_pages(
        self, drafts: Sequence[Draft], given_up: Mapping[Lane, int]
    ) -> list[Row]:
        self._ballast.release()
        fits = self._room.free_pages(sum(draft.weight_bytes for draft in drafts))
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
        self._spare.fill()

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

    def count(self) -> dict[Lane, LaneCount]:
        """What the outbox holds, by lane; what found no room counts as dropped before that could be written."""
        return {
            lane: replace(count, dropped=count.dropped + self._refused[lane])
            for lane, count in self.counts.lanes().items()
        }


class _DamagedRowError(Exception):
    """A row that cannot be read, or whose bytes are not those that were written."""


def _checksum(sealed: Sealed) -> int:
    return crc32(sealed.body, crc32(sealed.header))
