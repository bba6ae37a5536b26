"""The folder with all outboxes of a box: the current loan's, earlier loans', and rescued ones."""

import asyncio
import contextlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from koffert_agent.clock import Clock
from koffert_agent.outbox.outbox import Outbox
from koffert_agent.outbox.records import Draft, Drop, LaneCount, OutboxError, OutboxReason, Quota
from koffert_agent.outbox.salvage import replace_damaged
from koffert_wire.topics import Lane

_SUFFIX = ".sqlite3"


def outbox_name(loan: str | None) -> str:
    """The file of a loan's outbox; the loan id itself stands in no file name."""
    return sha256((loan or "").encode()).hexdigest()[:16] + _SUFFIX


class OutboxFolder:
    """Opens outboxes; `changed` is set whenever one of them may have more to send."""

    def __init__(
        self, folder: Path, quota: Quota, report: Callable[[Drop], Draft], clock: Clock
    ) -> None:
        self.changed = asyncio.Event()
        self._folder = folder
        self._quota = quota
        self._report = report
        self._clock = clock

    async def open(self, stack: contextlib.AsyncExitStack, loan: str | None) -> list[Outbox]:
        """The loan's outbox, then the others that still hold something. `stack` closes them.

        A damaged file is set aside and what it still tells becomes one of the others.
        """
        current = self._folder / outbox_name(loan)
        outboxes = [await self._open_or_replace(current)]
        stack.push_async_callback(outboxes[0].close)
        for path in sorted(set(self._folder.glob("*" + _SUFFIX)) - {current}):
            outbox = await self._open_or_replace(path)
            if _is_empty(await outbox.count()):
                await outbox.close()
                _remove(path)
            else:
                stack.push_async_callback(outbox.close)
                outboxes.append(outbox)
        return outboxes

    async def _open_or_replace(self, path: Path) -> Outbox:
        try:
            return await self._open(path)
        except OutboxError as error:
            if error.reason is not OutboxReason.DAMAGED:
                raise
        replace_damaged(path)
        return await self._open(path)

    async def _open(self, path: Path) -> Outbox:
        return await Outbox.open(path, self._quota, self._report, self._clock, self.changed)


def _is_empty(counts: dict[Lane, LaneCount]) -> bool:
    """Whether an outbox has done its work: nothing to send, nothing to send again, nothing set aside."""
    return not any(each.queued or each.released or each.damaged for each in counts.values())


def _remove(path: Path) -> None:
    for suffix in ("", "-wal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    for room in (".ballast", ".spare"):
        path.with_suffix(room).unlink(missing_ok=True)
