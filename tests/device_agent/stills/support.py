"""A watched folder with a real outbox behind it; the box's clock moves when it is told to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

from koffert_agent.clock import now
from koffert_agent.outbox.outbox import Outbox
from koffert_agent.outbox.records import Quota
from koffert_agent.stills.folder import StillFolder
from koffert_agent.stills.survey import GIVEN_UP_NS, SETTLED_NS
from koffert_agent.stills.watcher import StillWatcher
from koffert_agent.supervisor import Pulse
from koffert_agent.worker import Worker
from koffert_wire.documents import join
from koffert_wire.envelope import SendStamp, open_body, parse_payload, stamp_payload
from koffert_wire.messages import DocumentPart
from koffert_wire.topics import Lane
from tests.device_agent.support import (
    LINK_KEY,
    QUOTA,
    SEALING_KEYS,
    ManualClock,
    make_sealer,
    open_outbox,
)

_NS_PER_S = 1_000_000_000
_EVERYTHING = 2**62


class Cart:
    """The folder, and the box that looks into it."""

    def __init__(self, root: Path, outbox: Outbox, clock: ManualClock, worker: Worker) -> None:
        self.root = root
        self.outbox = outbox
        self._clock = clock
        self._worker = worker
        self.start_again()

    def start_again(self, loan: str = "loan-1") -> Self:
        """As after a crash: what the watcher kept in memory is gone."""
        sealer = make_sealer(self._clock, loan)
        folder = StillFolder(self.root)
        self._watcher = StillWatcher(folder, self.outbox, sealer, loan, self._clock)
        return self

    def leave(self, name: str, content: bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    async def look(self) -> bool:
        """One look, at this moment."""
        return await self._watcher.look(self._worker, Pulse(lambda: 0.0))

    async def look_twice(self) -> bool:
        """Two looks, so far apart that a file which did not change is complete."""
        await self.look()
        self._clock.advance(SETTLED_NS / _NS_PER_S)
        return await self.look()

    async def look_for_long(self) -> None:
        """So long that a damaged file is no slow copy."""
        await self.look_twice()
        self._clock.advance(GIVEN_UP_NS / _NS_PER_S)
        await self.look()

    async def parts(self) -> list[DocumentPart]:
        """Every part that is queued, in order."""
        batch = await self.outbox.queued(Lane.BULK, 0, _EVERYTHING, 10_000)
        stamp = SendStamp(self._clock.boot_id, now(self._clock), {})
        found: list[DocumentPart] = []
        for row in batch.rows:
            payload = parse_payload(stamp_payload(row.sealed, stamp, LINK_KEY))
            assert payload.header.kind == "document-part"
            bodies = open_body(payload, SEALING_KEYS)
            found += [message for message in bodies if isinstance(message, DocumentPart)]
            assert len(bodies) == 1
        return found

    async def documents(self) -> list[bytes]:
        """What is queued, put together."""
        by_document: dict[bytes, dict[int, DocumentPart]] = {}
        for part in await self.parts():
            by_document.setdefault(part.document, {})[part.index] = part
        return [join(list(parts.values())) for parts in by_document.values()]

    def waiting(self) -> set[str]:
        """Names of files that were neither taken nor set aside."""
        return {path.name for path in StillFolder(self.root).files()}

    def put_away(self, where: str) -> set[str]:
        """Names of the files in `done` or `quarantine`."""
        return {path.name for path in (self.root / where).rglob("*") if path.is_file()}


@contextlib.asynccontextmanager
async def cart(tmp_path: Path, quota: Quota = QUOTA) -> AsyncIterator[Cart]:
    """A folder that is not there yet."""
    clock = ManualClock()
    worker = Worker("stills of a test")
    async with open_outbox(tmp_path / "o.sqlite3", clock, asyncio.Event(), quota) as outbox:
        try:
            yield Cart(tmp_path / "stills", outbox, clock, worker)
        finally:
            worker.stop()
