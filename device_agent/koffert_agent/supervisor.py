"""Every task of the box has a name, an owner, and somebody who notices when it fails or hangs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum
from types import TracebackType
from typing import Self

from msgspec import Struct

from koffert_wire.reconnect import HELD_S, Backoff

_LOG = logging.getLogger(__name__)

# A part that fails again and again must not take the processor from the others.
_RESTART = Backoff(first_s=0.5, cap_s=60.0)
# How long a cancelled part may take to let go before it is called hung.
_LET_GO_S = 2.0
_LOOK_INTERVAL_S = 0.5
# A process that got no processor for a while must not blame its parts: they have a turn before the second look.
_SILENT_LOOKS = 2


class Pulse:
    """How a part shows that it is alive: it beats, or says that it only waits."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._last_s = monotonic_s()
        self._resting = False

    def beat(self) -> None:
        """Say: I have just done something."""
        self._last_s = self._monotonic_s()
        self._resting = False

    def rest(self) -> None:
        """Say: until the next beat there may be nothing to do, for however long."""
        self._resting = True

    @property
    def silent_s(self) -> float:
        """How long the part has shown no sign of life."""
        return 0.0 if self._resting else self._monotonic_s() - self._last_s


class Part(Struct, frozen=True):
    """One task: `run` never returns by itself, and shows life at least every `patience_s`."""

    name: str
    run: Callable[[Pulse], Awaitable[None]]
    patience_s: float = 30.0


class PartCondition(StrEnum):
    """What the supervisor knows of a part."""

    RUNNING = "running"
    WAITING = "waiting to start again"
    HUNG = "hung"
    STOPPED = "stopped"


class PartState(Struct, frozen=True):
    """A part as `status` shows it."""

    name: str
    condition: PartCondition
    restarts: int


class Supervisor:
    """Runs parts until they are stopped; a part that fails or hangs is restarted alone, with back-off."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._group = asyncio.TaskGroup()
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._states: dict[str, PartState] = {}

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for keeper in self._keepers.values():
            keeper.cancel()
        await self._group.__aexit__(kind, error, trace)

    def start(self, part: Part) -> None:
        """Run `part` from now on; each name once."""
        self._note(part.name, PartCondition.RUNNING)
        self._keepers[part.name] = self._group.create_task(
            self._keep(part), name=f"keeper of {part.name}"
        )

    async def stop(self, name: str) -> None:
        """Ask the part to stop; returns once it has, or has been named as hung."""
        keeper = self._keepers.pop(name)
        keeper.cancel()
        await asyncio.wait({keeper})

    @property
    def states(self) -> list[PartState]:
        """All parts, by name."""
        return sorted(self._states.values(), key=lambda state: state.name)

    @property
    def healthy(self) -> bool:
        """False while a part hangs and cannot be stopped: if it stays so, only a new process helps."""
        return all(state.condition is not PartCondition.HUNG for state in self._states.values())

    async def _keep(self, part: Part) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            started_s = loop.time()
            task = await self._run_once(part)
            if not task.done():
                await asyncio.wait({task})
                _LOG.error("%s has let go after all", part.name)
                self._note_end(part.name, task)
            failures = 1 if loop.time() - started_s >= HELD_S else failures + 1
            self._note(part.name, PartCondition.WAITING)
            await asyncio.sleep(_RESTART.delay_s(failures, self._random()))
            self._note(part.name, PartCondition.RUNNING, restarted=1)

    async def _run_once(self, part: Part) -> "asyncio.Task[None]":
        """Run the part until it ends or has been asked to; one that hangs is not done yet."""
        loop = asyncio.get_running_loop()
        pulse = Pulse(loop.time)
        task = loop.create_task(_awaited(part.run(pulse)), name=part.name)
        silent_looks = 0
        try:
            while not task.done() and silent_looks < _SILENT_LOOKS:
                await asyncio.wait({task}, timeout=_LOOK_INTERVAL_S)
                silent_looks = silent_looks + 1 if pulse.silent_s > part.patience_s else 0
            if not task.done():
                _LOG.error("%s: no sign of life for %.0f s", part.name, pulse.silent_s)
        finally:
            await self._end(part.name, task)
        return task

    async def _end(self, name: str, task: "asyncio.Task[None]") -> None:
        task.cancel()
        await asyncio.wait({task}, timeout=_LET_GO_S)
        if not task.done():
            _LOG.critical("%s hangs and does not let go", name)
            self._note(name, PartCondition.HUNG)
        else:
            self._note_end(name, task)

    def _note_end(self, name: str, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            self._note(name, PartCondition.STOPPED)
        elif (error := task.exception()) is not None:
            _LOG.error("%s failed: %s", name, error, exc_info=error)
        else:
            _LOG.error("%s ended by itself", name)

    def _note(self, name: str, condition: PartCondition, restarted: int = 0) -> None:
        before = self._states.get(name)
        restarts = (before.restarts if before else 0) + restarted
        self._states[name] = PartState(name, condition, restarts)


async def _awaited(work: Awaitable[None]) -> None:
    await work
