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


class DocumentService:
    """Files documents and sessions as their parts come in. Works in one process alone, as the projector does."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._wake = asyncio.Event()
        self._stopping = False

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
                self._stopping = True
                self._wake.set()

    async def _run(self) -> None:
        with OwnThread("documents") as thread:
            projections = (
                await thread(partial(DocumentProjection, self._engine)),
                await thread(partial(SpirometryProjection, self._engine)),
            )
            while True:
                self._wake.clear()
                stopping = self._stopping
                for projection in projections:
                    while await thread(projection.follow):
                        pass
                if stopping:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._wake.wait()
