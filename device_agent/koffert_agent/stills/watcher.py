"""Takes what lies in a watched folder: into the outbox first, and only then out of the way.

A crash anywhere in between sends some parts twice at most; the hub makes one document of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from koffert_agent.clock import Clock, now
from koffert_agent.outbox.outbox import Outbox
from koffert_agent.outbox.records import Draft, OutboxError
from koffert_agent.stills.folder import StillFolder
from koffert_agent.stills.survey import LOOK_INTERVAL_S, Ready, Survey
from koffert_agent.supervisor import Part, Pulse
from koffert_agent.transmission import Sealer
from koffert_agent.worker import Worker
from koffert_wire.documents import split
from koffert_wire.topics import Lane

_LOG = logging.getLogger(__name__)

# Some 5 ms of sealing and one commit: a vital that comes meanwhile is still kept within its 100 ms.
_PARTS_PER_COMMIT = 16
# After what only time mends: a full outbox, a stick that is pulled out.
_RETRY_S = 30.0
# Reading the largest file takes a slow box some seconds, in which nothing shows life.
PATIENCE_S = 120.0


class StillWatcher:
    """Watches one folder for the loan that `sealer` seals for; `run` as a part of the box."""

    def __init__(
        self, folder: StillFolder, outbox: Outbox, sealer: Sealer, loan: str, clock: Clock
    ) -> None:
        self._survey = Survey(folder, loan)
        self._outbox = outbox
        self._sealer = sealer
        self._clock = clock

    async def run(self, pulse: Pulse) -> None:
        """Look again and again, for ever."""
        worker = Worker("stills")
        try:
            while True:
                pulse.beat()
                await asyncio.sleep(await self._look(worker, pulse))
        finally:
            worker.stop()

    async def look(self, worker: Worker, pulse: Pulse) -> bool:
        """Take what is complete; False when a still found no room. Raises OSError or OutboxError.

        Whatever was not taken is still where it was.
        """
        room = True
        now_ns = self._clock.boottime_ns()
        for path in await worker.call(partial(self._survey.look, now_ns)):
            pulse.beat()
            ready = await worker.call(partial(self._survey.examine, path))
            if ready is None:
                continue
            if await self._send(ready, worker, pulse):
                await worker.call(partial(self._survey.finish, ready))
            else:
                room = False
        return room

    async def _look(self, worker: Worker, pulse: Pulse) -> float:
        """Look once, whatever happens; how long to wait for the next time."""
        try:
            if await self.look(worker, pulse):
                return LOOK_INTERVAL_S
            _LOG.warning("a still waits: the outbox has no room for it")
        except OSError as error:
            # The whole message would name the file.
            _LOG.warning("a folder for stills cannot be used: %s", error.strerror)
        except OutboxError as error:
            _LOG.error("a still waits: %s", error)
        return _RETRY_S

    async def _send(self, ready: Ready, worker: Worker, pulse: Pulse) -> bool:
        """Queue every part; whether all are safe on the disk."""
        # Packing a large still takes the worker some tenths of a second, and the loop nothing.
        drafts = self._drafts(ready)
        while some := await worker.call(lambda: list(islice(drafts, _PARTS_PER_COMMIT))):
            pulse.beat()
            if len(await self._outbox.append(some)) < len(some):
                return False
        _LOG.info("a still is queued: %s, %d bytes", ready.take.kind, len(ready.take.content))
        return True

    def _drafts(self, ready: Ready) -> Iterator[Draft]:
        take = ready.take
        for part in split(
            take.content,
            at=now(self._clock),
            kind=take.kind,
            media_type=take.media_type,
            new_id=self._sealer.new_id,
        ):
            yield self._sealer.draft(Lane.BULK, [part])


def still_parts(
    folders: Sequence[Path], outbox: Outbox, sealer: Sealer, loan: str | None, clock: Clock
) -> list[Part]:
    """A part of the box for each folder; none while the box is not lent, for a still is always a patient's.

    The first folder is the box's own: it is made, for a wipe removes it. The others are sticks.
    """
    if loan is None:
        return []
    for own in folders[:1]:
        own.mkdir(parents=True, exist_ok=True)
    watchers = [StillWatcher(StillFolder(each), outbox, sealer, loan, clock) for each in folders]
    return [
        Part(f"stills {number}", watcher.run, PATIENCE_S)
        for number, watcher in enumerate(watchers, 1)
    ]
