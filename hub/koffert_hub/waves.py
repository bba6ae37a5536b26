"""The pulse wave, live: given to who looks at a patient just now, and kept nowhere. Belongs to one event loop."""

import asyncio
from collections import deque
from typing import Self

from msgspec import Struct

# A browser that has fallen this far behind sees a gap rather than the past.
WATCHER_BLOCKS = 30


class Wave(Struct, frozen=True):
    """Samples of one second or so, in the meter's own steps; `at_ms` is when the first was taken, on the hub's clock."""

    at_ms: int
    rate_hz: float
    samples: tuple[int, ...]


class Watcher:
    """The blocks of one patient from now on; an async iterator that must be closed."""

    def __init__(self) -> None:
        self._blocks: deque[Wave] = deque(maxlen=WATCHER_BLOCKS)
        self._arrived = asyncio.Event()
        self.closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Wave:
        while not self._blocks:
            if self.closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._blocks.popleft()

    def offer(self, block: Wave) -> None:
        """Queue one block; the oldest falls out when the browser does not keep up."""
        self._blocks.append(block)
        self._arrived.set()

    def close(self) -> None:
        """End the iteration."""
        self.closed = True
        self._blocks.clear()
        self._arrived.set()


class WaveFeed:
    """Who looks at whose wave."""

    def __init__(self) -> None:
        self._watchers: dict[str, list[Watcher]] = {}

    def watch(self, patient: str) -> Watcher:
        """The patient's blocks from now on. Close the watcher when done."""
        watcher = Watcher()
        self._watchers.setdefault(patient, []).append(watcher)
        return watcher

    def is_watched(self, patient: str) -> bool:
        """Whether unpacking a block is worth anything; forgets who has gone."""
        known = [each for each in self._watchers.get(patient, ()) if not each.closed]
        if known:
            self._watchers[patient] = known
        else:
            self._watchers.pop(patient, None)
        return bool(known)

    def publish(self, patient: str, block: Wave) -> None:
        """Give one block to everybody who looks at the patient."""
        for watcher in self._watchers.get(patient, ()):
            watcher.offer(block)
