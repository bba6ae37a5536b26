"""From the meters to the outbox: what they say is gathered for a moment, then committed in one go."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Protocol

from koffert_agent.outbox.outbox import Outbox
from koffert_agent.outbox.records import Draft, OutboxError, OutboxReason
from koffert_agent.supervisor import Pulse
from koffert_agent.transmission import Sealer, kind_of
from koffert_wire.messages import CallButton, Message, Quarantined, Reading, WaveformBlock
from koffert_wire.topics import Lane

_LOG = logging.getLogger(__name__)

# Vitals are promised to be committed within 100 ms; the disk gets the other half.
GATHER_S = 0.05
# Readings that came together travel together, up to this many.
_MESSAGES_PER_TRANSMISSION = 16
# While the disk refuses, this much waits in memory: a minute of four meters with waveforms.
_WAITING_LIMIT = 512
_DISK_RETRY_S = 1.0

_Waiting = list[tuple[Lane, Message]]


class Sink(Protocol):
    """Where meters put what they bring."""

    def submit(self, messages: Iterable[Message], /) -> None:
        """Hand it over; returns at once."""

    async def keep(self, messages: Iterable[Message], /) -> bool:
        """Hand it over, and tell whether all of it is safe on the disk."""


class Pipeline:
    """Gathers messages and commits them; a reading counts as acknowledged only after that.

    `committed` is told of each transmission that is safe on the disk, and what is in it.
    `damaged` is set when the outbox's file turns out to be damaged: only a new start helps then.
    """

    def __init__(
        self,
        outbox: Outbox,
        sealer: Sealer,
        acknowledge: Callable[[Reading], None],
        committed: Callable[[bytes, Sequence[Message]], None] = lambda *_: None,
    ) -> None:
        self._outbox = outbox
        self._sealer = sealer
        self._acknowledge = acknowledge
        self._committed = committed
        self._waiting: _Waiting = []
        self._given_up: Counter[Lane] = Counter()
        self._arrived = asyncio.Event()
        self._urgent = asyncio.Event()
        self._committing = asyncio.Lock()
        self._promises: dict[bytes, asyncio.Future[bool]] = {}
        self.unacknowledged = 0
        self.damaged = asyncio.Event()

    def submit(self, messages: Iterable[Message]) -> None:
        """Hand over what a meter brought; returns at once."""
        arrived = [(lane_of(message), message) for message in messages]
        self._waiting += arrived
        if arrived:
            self._trim()
            self._arrived.set()
        if any(lane is Lane.ALARM for lane, _ in arrived):
            self._urgent.set()

    async def keep(self, messages: Iterable[Message]) -> bool:
        """Hand over what a meter forgets once it is told to; True when all readings of it are safe.

        Waits for as long as the disk does; a caller that gives up meanwhile must not let the meter forget.
        """
        messages = list(messages)
        loop = asyncio.get_running_loop()
        promises = {
            message.id: self._promises.setdefault(message.id, loop.create_future())
            for message in messages
            if isinstance(message, Reading | Quarantined)
        }
        self.submit(messages)
        try:
            return all([await asyncio.shield(promise) for promise in promises.values()])
        finally:
            for identity in promises:
                self._promises.pop(identity, None)

    def submit_alarm(self, message: Message) -> None:
        """Hand over what must not wait for the next commit."""
        self._waiting.append((Lane.ALARM, message))
        self._arrived.set()
        self._urgent.set()

    async def run(self, pulse: Pulse) -> None:
        """Commit what comes, for ever."""
        while True:
            pulse.rest()
            await self._arrived.wait()
            pulse.beat()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await self._urgent.wait()
            try:
                await self.flush()
            except OutboxError as error:
                _LOG.error("the outbox cannot be written: %s", error)
                if error.reason is OutboxReason.DAMAGED:
                    self.damaged.set()
                await asyncio.sleep(_DISK_RETRY_S)

    async def flush(self) -> None:
        """Commit what is waiting; raises OutboxError, and then it still waits."""
        async with self._committing:
            taken, self._waiting = self._waiting, []
            self._arrived.clear()
            self._urgent.clear()
            if not taken:
                return
            batches = list(_batches(taken))
            given_up, self._given_up = self._given_up, Counter()
            try:
                drafts = [self._sealer.draft(lane, messages) for lane, messages in batches]
                stored = {row.id for row in await self._outbox.append(drafts, given_up)}
            except OutboxError:
                self._given_up += given_up
                self._waiting = taken + self._waiting
                self._trim()
                self._arrived.set()
                raise
            self._report(batches, drafts, stored)

    def _report(
        self, batches: list[tuple[Lane, list[Message]]], drafts: list[Draft], stored: set[bytes]
    ) -> None:
        for (_, messages), draft in zip(batches, drafts, strict=True):
            for message in messages:
                self._settle(message, safe=draft.id in stored)
            if draft.id in stored:
                self._committed(draft.id, messages)

    def _settle(self, message: Message, *, safe: bool) -> None:
        """The end of a message's way to the disk, good or bad."""
        if isinstance(message, Reading | Quarantined):
            promise = self._promises.get(message.id)
            if promise is not None and not promise.done():
                promise.set_result(safe)
        if isinstance(message, Reading):
            if safe:
                self._acknowledge(message)
            else:
                self.unacknowledged += 1

    def _trim(self) -> None:
        """While the disk refuses, the oldest fall out, waveforms first; the hub will be told."""
        while len(self._waiting) > _WAITING_LIMIT:
            lanes = [lane for lane, _ in self._waiting]
            place = lanes.index(Lane.BULK) if Lane.BULK in lanes else 0
            lane, message = self._waiting.pop(place)
            self._given_up[lane] += 1
            self._settle(message, safe=False)


def lane_of(message: Message) -> Lane:
    """The lane of a message: a person who calls for help overtakes everything."""
    if isinstance(message, CallButton):
        return Lane.ALARM
    return Lane.BULK if isinstance(message, WaveformBlock) else Lane.VITALS


def _batches(waiting: _Waiting) -> Iterator[tuple[Lane, list[Message]]]:
    """The messages of each transmission, alarms first; a waveform block travels alone."""
    order = {lane: rank for rank, lane in enumerate(Lane)}
    by_kind = sorted(waiting, key=lambda item: (order[item[0]], kind_of(item[1])))
    for (lane, _), group in groupby(by_kind, key=lambda item: (item[0], kind_of(item[1]))):
        messages = [message for _, message in group]
        size = 1 if lane is Lane.BULK else _MESSAGES_PER_TRANSMISSION
        for start in range(0, len(messages), size):
            yield lane, messages[start : start + size]
