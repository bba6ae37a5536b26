"""Boxes on bad links and a centre that is killed and restored, through rounds of faults, and what it came to."""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable
from math import inf
from pathlib import Path

from msgspec import Struct

from tests.device_agent.support import eventually
from tests.faults.box import BoxUnderFaults
from tests.faults.centre import HEALS_WITHIN_S, LOOK_EVERY_S, Centre
from tests.faults.invariants import Findings, examine, missing
from tests.faults.schedule import Fault, Round, Step

_LOG = logging.getLogger(__name__)

# One reading that came, or one second of a lane's oldest rows: less may be the clocks' grain.
_PROGRESS = 0.5


class Outcome(Struct, frozen=True):
    """What a run came to."""

    boxes: int
    faults: dict[str, int]
    findings: Findings  # the last look; an earlier one that was not good ends the run
    looks: int
    exits: int  # of agents, hub and register by themselves
    acknowledged: int
    alarms: int
    log_records: int
    restores: int
    oldest_backup_s: float
    longest_healing_s: float
    peak_memory_mb: float
    took_s: float

    @property
    def good(self) -> bool:
        """Whether the invariants held and nothing gave up."""
        return self.findings.good and not self.exits


async def suffer_all(
    folder: Path,
    rounds: list[Round],
    look_every: int = 1,
    within_s: float = inf,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> Outcome:
    """As many boxes as the rounds have, and a look at both ends after every so many rounds and at the end.

    No new round begins after `within_s`. `tell` hears of each look.
    """
    return await _Run(folder, len(rounds[0].boxes)).suffer_all(rounds, look_every, within_s, tell)


class _Run:
    def __init__(self, folder: Path, count: int) -> None:
        self._centre = Centre(folder)
        names = [f"box-{number}" for number in range(1, count + 1)]
        lent = [self._centre.lend(name, number) for number, name in enumerate(names, start=1)]
        self._boxes = [
            BoxUnderFaults(folder / name, name, one, self._centre.broker)
            for name, one in zip(names, lent, strict=True)
        ]
        self._counts: Counter[Fault] = Counter()
        self._began_s = time.monotonic()
        self._oldest_backup_s = 0.0
        self._longest_healing_s = 0.0
        self._looks = 0

    async def suffer_all(
        self,
        rounds: list[Round],
        look_every: int,
        within_s: float,
        tell: Callable[[Outcome], None],
    ) -> Outcome:
        async with contextlib.AsyncExitStack() as stack:
            self._centre.start()
            stack.callback(self._centre.stop)
            for box in self._boxes:
                await stack.enter_async_context(box)
            await (
                self._copied()
            )  # a register that was killed before its first start ended has no file
            for number, one in enumerate(rounds, start=1):
                await self._suffer(one)
                last = number == len(rounds) or self._took_s > within_s
                if last:
                    self._oldest_backup_s = self._took_s
                    await self._centre.lose_everything_since_the_start()
                    self._counts[Fault.RESTORE_HUB] += 1
                if last or number % look_every == 0:
                    outcome = self._outcome(await self._look())
                    tell(outcome)
                    if last or not outcome.findings.good:
                        break
                    await asyncio.gather(*(box.start() for box in self._boxes))
            return outcome

    @property
    def _took_s(self) -> float:
        return time.monotonic() - self._began_s

    def _outcome(self, findings: Findings) -> Outcome:
        return Outcome(
            boxes=len(self._boxes),
            faults={fault.value: self._counts[fault] for fault in Fault},
            findings=findings,
            looks=self._looks,
            exits=self._centre.exits + sum(box.exits for box in self._boxes),
            acknowledged=sum(len(box.agent.acknowledged) for box in self._boxes),
            alarms=sum(len(box.pressed) for box in self._boxes),
            log_records=self._centre.position(),
            restores=self._centre.restores,
            oldest_backup_s=self._oldest_backup_s,
            longest_healing_s=self._longest_healing_s,
            peak_memory_mb=max(box.peak_memory_mb for box in self._boxes),
            took_s=self._took_s,
        )

    async def _suffer(self, one: Round) -> None:
        async with asyncio.TaskGroup() as everywhere:
            everywhere.create_task(self._suffer_at(self._centre, one.centre), name="centre")
            for box, at_box in zip(self._boxes, one.boxes, strict=True):
                for steps in at_box:
                    everywhere.create_task(self._suffer_at(box, steps), name=box.device)

    async def _suffer_at(self, place: Centre | BoxUnderFaults, steps: list[Step]) -> None:
        for step in steps:
            await place.suffer(step)
            self._counts[step.fault] += 1

    async def _look(self) -> Findings:
        """Wait until everything has healed, stop the boxes, and look at both ends."""
        began_s = time.monotonic()
        for box in self._boxes:
            await box.measures()
        stuck = await self._heal()
        self._longest_healing_s = max(self._longest_healing_s, time.monotonic() - began_s)
        for box in self._boxes:
            await box.stop()
        await self._copied()
        self._looks += 1
        findings = examine(self._centre, self._boxes, stuck)
        if not findings.good:
            for box in self._boxes:
                box.keep_evidence()
        return findings

    async def _copied(self) -> None:
        await eventually(
            self._centre.caught_up, "the register's copy", HEALS_WITHIN_S, LOOK_EVERY_S
        )

    async def _heal(self) -> int:
        """Wait until all that is queued now has been receipted and the hub has all that was acknowledged.

        Or until nothing of it has moved for long: how fast it moves is the machine's matter. How many lanes still hold such rows; what is not at the hub is counted once the boxes are stopped.
        """
        began_s = progress_s = time.monotonic()
        asked = [{*box.agent.acknowledged, *box.pressed} for box in self._boxes]
        least = inf
        while True:
            now_s = time.monotonic()
            boxes = await asyncio.gather(*(box.waiting(now_s - began_s) for box in self._boxes))
            waiting = [lane for lanes in boxes for lane in lanes]
            # In a thread: the boxes' links run through this process.
            lost = await asyncio.to_thread(missing, self._centre, self._boxes, asked)
            left = lost + sum(lane.behind_s for lane in waiting)
            if left < least - _PROGRESS:
                least, progress_s = left, now_s
            if not (lost or waiting) or now_s - progress_s > HEALS_WITHIN_S:
                break
            self._centre.restart_if_ended()
            await asyncio.sleep(LOOK_EVERY_S)
        for lane in waiting:
            _LOG.error("no receipt came: %s", lane)
        return len(waiting)
