"""The live feed: the newest value of each patient, pushed to whoever watches.

Fed by the projector alone, so an event's id is the log sequence of the transmission that it came from.
A log record is one box's transmission under one loan, so it makes at most one event.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Self

import msgspec
from msgspec import Struct

from koffert_hub.waves import WaveFeed
from koffert_wire.messages import Mode

# A ward of 30 boxes at one reading a second fills this in more than two minutes: longer than any
# browser's reconnect, short enough to send at once.
RING_EVENTS = 4096
# What one slow browser may lag before it is told to start again from a snapshot.
SUBSCRIBER_EVENTS = 512
# The page greys a value after 4 s of silence (docs/explanation/hub.md); the feed says the same.
SILENT_AFTER_MS = 4_000


class Link(StrEnum):
    """Whether the suitcase has been heard from lately."""

    LIVE = "live"
    SILENT = "silent"


class Mark(StrEnum):
    """What must be known of a patient beside the numbers."""

    UNCONFIRMED = (
        "unconfirmed"  # nobody has yet seen that the person with the suitcase is the patient
    )
    ALIKE = "alike"  # another name on the ward is easily taken for this one
    STILL_SENT = "still-sent"  # a still is on its way to a unit that has not said it has it
    UNREAD = "unread"  # a message of ours is on the patient's screen, and not read
    PAUSED = "paused"  # the patient is away: nothing is asked nor alarmed


class LiveRow(Struct, frozen=True, kw_only=True):
    """What is known of one patient right now; `patient` is the pseudonymous key.

    `measured_at_ms` and `received_at_ms` are None and `sequence` is 0 until a first reading. A value is
    None whenever the meter gave none that counts (finger out, searching); `flags` say why.
    """

    patient: str
    display_name: str
    suitcase: str
    link: Link = Link.SILENT
    spo2_pct: float | None = None
    pulse_bpm: float | None = None
    quality: float = 0.0
    flags: tuple[str, ...] = ()
    mode: Mode = Mode.CONTINUOUS
    measured_at_ms: int | None = None
    received_at_ms: int | None = None
    sequence: int = 0
    marks: tuple[Mark, ...] = ()


class LiveEvent(Struct, frozen=True):
    """One change of one row; `id` is the log sequence."""

    id: int
    row: LiveRow
    kind: str = "reading"


class Resync(Struct, frozen=True):
    """Events were missed (too old or too slow): take a snapshot and go on from there."""


class Snapshot(Struct, frozen=True):
    """All rows as of log sequence `id`, ordered by display name."""

    id: int
    rows: tuple[LiveRow, ...]


class Subscription:
    """The events after one id, in order; an async iterator that must be closed."""

    def __init__(self, backlog: Iterable[LiveEvent | Resync], limit: int) -> None:
        self._queue: deque[LiveEvent | Resync] = deque(backlog)
        self._limit = limit
        self._arrived = asyncio.Event()
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LiveEvent | Resync:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._queue.popleft()

    async def aclose(self) -> None:
        """End the iteration; what was not read yet is dropped."""
        self._closed = True
        self._queue.clear()
        self._arrived.set()

    @property
    def closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._closed

    def offer(self, event: LiveEvent) -> None:
        """Queue one event; a reader that is too far behind gets a `Resync` in place of its backlog."""
        if len(self._queue) >= self._limit:
            self.resync()
            return
        self._queue.append(event)
        self._arrived.set()

    def resync(self) -> None:
        """Drop what is queued and tell the reader to start again from a snapshot."""
        self._queue.clear()
        self._queue.append(Resync())
        self._arrived.set()


class LiveFeed:
    """Rows by patient, a ring of the last events, and the subscribers. Belongs to one event loop.

    `waves` is the feed of pulse waves beside it: for who looks at one patient, without a memory.
    """

    def __init__(self, clock_ms: Callable[[], int], ring_events: int = RING_EVENTS) -> None:
        self.waves = WaveFeed()
        self._clock_ms = clock_ms
        self._rows: dict[str, LiveRow] = {}
        self._ring: deque[LiveEvent] = deque(maxlen=ring_events)
        self._subscribers: list[Subscription] = []
        self._last_id = 0
        self._forgotten_id = 0

    def snapshot(self) -> Snapshot:
        """All rows now, with `link` as of now."""
        rows = sorted(self._rows.values(), key=lambda row: (row.display_name, row.patient))
        return Snapshot(self._last_id, tuple(self._with_link(row) for row in rows))

    def subscribe(self, after: int | None = None) -> Subscription:
        """The events after id `after` (None: from now on). Close the subscription when done."""
        subscription = Subscription(self._missed(after), SUBSCRIBER_EVENTS)
        self._subscribers = [known for known in self._subscribers if not known.closed]
        self._subscribers.append(subscription)
        return subscription

    def set_patients(self, rows: Iterable[LiveRow], at_id: int) -> None:
        """Replace who is on the ward (a loan started or ended); values that are known stay."""
        self._rows = {row.patient: self._newest(row) for row in rows}
        self._last_id = max(self._last_id, at_id)
        self._forgotten_id = max(self._forgotten_id, at_id)
        self._ring.clear()
        for subscription in self._subscribers:
            subscription.resync()

    def row(self, patient: str) -> LiveRow | None:
        """The row of one patient, if on the ward."""
        return self._rows.get(patient)

    def publish(self, event: LiveEvent) -> None:
        """Show one new row to everyone."""
        self._rows[event.row.patient] = event.row
        self._last_id = event.id
        if len(self._ring) == self._ring.maxlen:
            self._forgotten_id = self._ring[0].id
        self._ring.append(event)
        for subscription in self._subscribers:
            subscription.offer(event)

    def _missed(self, after: int | None) -> list[LiveEvent | Resync]:
        if after is None or after == self._last_id:
            return []
        if after < self._forgotten_id or after > self._last_id:
            return [Resync()]
        return [event for event in self._ring if event.id > after]

    def _newest(self, row: LiveRow) -> LiveRow:
        known = self._rows.get(row.patient)
        if known is None or known.sequence < row.sequence:
            return row
        return msgspec.structs.replace(
            known, display_name=row.display_name, suitcase=row.suitcase, marks=row.marks
        )

    def _with_link(self, row: LiveRow) -> LiveRow:
        silent_ms = self._clock_ms() - (row.received_at_ms or 0)
        link = Link.LIVE if silent_ms < SILENT_AFTER_MS else Link.SILENT
        return msgspec.structs.replace(row, link=link)
