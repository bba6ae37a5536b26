"""The projections of documents and of spirometry at work, on a thread of their own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

import sqlalchemy as sa

from koffert_hub.documents.projection import DocumentProjection
from koffert_hub.own_thread import OwnThread
from koffert_hub.spirometry.projection import SpirometryProjection

# How soon what another process took in is noticed; nobody waits for a still to the second.
POLL_S = 1.0
# Each look costs what many records cost: a busy hub looks this often, not at each commit.
PAUSE_S = 0.5


class DocumentService:
    """Files documents and sessions as their parts come in. Works in one process alone, as the projector does."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()

    def wake(self) -> None:
        """Something was committed."""
        self._wake.set()

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Follow the log inside the block; on leaving it, file what is there. A fault ends the block."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run(), name="documents")
            try:
                yield
            finally:
                self._stop.set()
                self._wake.set()

    async def _run(self) -> None:
        with OwnThread("documents") as thread:
            projections = (
                await thread(partial(DocumentProjection, self._engine)),
                await thread(partial(SpirometryProjection, self._engine)),
            )
            while True:
                self._wake.clear()
                stopping = self._stop.is_set()
                for projection in projections:
                    while await thread(projection.follow):
                        pass
                if stopping:
                    return
                await _wait(self._stop, PAUSE_S)
                await _wait(self._wake, POLL_S)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
