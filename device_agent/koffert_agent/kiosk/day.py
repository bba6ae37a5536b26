"""Today's measurements, from the schedule that was agreed with the patient, and the next visit. Times are the wall clock's in Oslo."""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from koffert_agent.kiosk.duty import local_time
from koffert_wire.commands import PlannedVisit, Round, Schedule

# So much earlier than agreed, a measurement still is the one that was agreed.
_EARLY_MIN = 60
# A visit that should have begun so long ago is not to come any more.
_LATE_MS = 30 * 60_000


class Planned(Struct, frozen=True):
    """One of today's rounds. `due`: its time has come, and nobody has measured for it."""

    at_min: int
    done: bool
    due: bool


class Today:
    """Knows which rounds of today are done; what was done on other days is forgotten."""

    def __init__(self) -> None:
        self._day = date.min
        self._done: set[int] = set()
        self._reminded: set[int] = set()

    def planned(self, schedule: Schedule, wall_ms: int) -> tuple[Planned, ...]:
        """Today's rounds in order."""
        self._turn(wall_ms)
        now_min, current = _minute(wall_ms), round_now(schedule, wall_ms)
        return tuple(
            Planned(
                one.at_min,
                done=one.at_min in self._done,
                due=one == current and now_min >= one.at_min and one.at_min not in self._done,
            )
            for one in _rounds(schedule, wall_ms)
        )

    def note_measured(self, schedule: Schedule, wall_ms: int) -> None:
        """There is a result: the round that it is for is done."""
        self._turn(wall_ms)
        current = round_now(schedule, wall_ms)
        if current is not None:
            self._done.add(current.at_min)

    def reminds(self, schedule: Schedule, wall_ms: int) -> bool:
        """Whether somebody should be woken for a round, which is said once of each."""
        due = [one.at_min for one in self.planned(schedule, wall_ms) if one.due]
        fresh = [at_min for at_min in due if at_min not in self._reminded]
        self._reminded.update(fresh)
        return bool(fresh)

    def _turn(self, wall_ms: int) -> None:
        day = local_time(wall_ms).date()
        if day != self._day:
            self._day, self._done, self._reminded = day, set(), set()


def round_now(schedule: Schedule, wall_ms: int) -> Round | None:
    """The round that a measurement of this moment is for; None before the first one and on days without."""
    now_min, current = _minute(wall_ms), None
    for one in _rounds(schedule, wall_ms):
        if one.at_min - _EARLY_MIN <= now_min:
            current = one
    return current


def next_visit(visits: tuple[PlannedVisit, ...], wall_ms: int) -> PlannedVisit | None:
    """The next visit to come, on whatever day."""
    return next((visit for visit in visits if visit.starts_ms > wall_ms - _LATE_MS), None)


def _rounds(schedule: Schedule, wall_ms: int) -> Iterator[Round]:
    weekday = 1 << local_time(wall_ms).weekday()
    return (one for one in schedule if one.weekdays & weekday)


def _minute(wall_ms: int) -> int:
    at = local_time(wall_ms)
    return at.hour * 60 + at.minute
