"""Civil days in Europe/Oslo, Norwegian public holidays, and when a centre is staffed."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import astuple

OSLO = ZoneInfo("Europe/Oslo")
MIDNIGHT = time()
# Further ahead than any run of holidays: Maundy Thursday to Easter Monday are five days.
_SEARCH_DAYS = 15


class CivilDay(NamedTuple):
    """A day in Oslo: its number (as `date.toordinal`) and [start, end); 23 or 25 h long twice a year."""

    number: int
    start_ms: int
    end_ms: int


def civil_day(at_ms: int) -> CivilDay:
    """The day in Oslo that holds this moment."""
    local = datetime.fromtimestamp(at_ms / 1_000, OSLO).date()
    return _civil_day(local.toordinal())


def day_number(at_ms: int) -> int:
    """The number of that day."""
    return civil_day(at_ms).number


@lru_cache(maxsize=1_024)
def _civil_day(number: int) -> CivilDay:
    return CivilDay(number, _midnight_ms(number), _midnight_ms(number + 1))


def _midnight_ms(number: int) -> int:
    return local_ms(date.fromordinal(number), time())


def local_ms(day: date, clock: time) -> int:
    """A wall-clock time in Oslo; the first of the two in the hour that comes twice."""
    return int(datetime.combine(day, clock, OSLO).timestamp() * 1_000)


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8)."""
    century, in_century = divmod(year, 100)
    golden = year % 19
    leap, rest = divmod(century, 4)
    shift = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap - shift + 15) % 30
    weekday = (32 + 2 * rest + 2 * (in_century // 4) - epact - in_century % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=16)
def public_holidays(year: int) -> frozenset[date]:
    """The Norwegian public holidays of a year."""
    sunday = easter(year)
    # Maundy Thursday, Good Friday, Easter Sunday and Monday, Ascension, Whit Sunday and Monday.
    moving = {sunday + timedelta(days) for days in (-3, -2, 0, 1, 39, 49, 50)}
    fixed = {date(year, *day) for day in ((1, 1), (5, 1), (5, 17), (12, 25), (12, 26))}
    return frozenset(moving | fixed)


class Shift(Struct, frozen=True, forbid_unknown_fields=True):
    """From and to, wall-clock time in Oslo on the same day; `end` is exclusive, and 00:00 the day's end."""

    start: time
    end: time

    def __post_init__(self) -> None:
        """Refuse a shift that ends before it starts: it would be no shift, and nobody would be rung."""
        if self.end != MIDNIGHT and self.end <= self.start:
            raise ValueError(f"a shift from {self.start:%H:%M} to {self.end:%H:%M} is none")


class StaffingHours(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When someone watches; a day without a shift is closed, holidays have a shift of their own or none."""

    monday: Shift | None = None
    tuesday: Shift | None = None
    wednesday: Shift | None = None
    thursday: Shift | None = None
    friday: Shift | None = None
    saturday: Shift | None = None
    sunday: Shift | None = None
    holiday: Shift | None = None

    def shift_on(self, day: date) -> Shift | None:
        """The hours of one day."""
        if day in public_holidays(day.year):
            return self.holiday
        *week, _holiday = astuple(self)
        shift: Shift | None = week[day.weekday()]
        return shift

    def staffed(self, at_ms: int) -> bool:
        """Whether someone watches at this moment."""
        day = datetime.fromtimestamp(at_ms / 1_000, OSLO).date()
        shift = self.shift_on(day)
        return shift is not None and _span(day, shift)[0] <= at_ms < _span(day, shift)[1]

    def next_staffed_ms(self, at_ms: int) -> int | None:
        """When someone watches next: now, or the start of a later shift; None when not within 15 days."""
        if self.staffed(at_ms):
            return at_ms
        first = datetime.fromtimestamp(at_ms / 1_000, UTC).astimezone(OSLO).date()
        for ahead in range(_SEARCH_DAYS):
            day = first + timedelta(ahead)
            shift = self.shift_on(day)
            if shift is not None and _span(day, shift)[0] >= at_ms:
                return _span(day, shift)[0]
        return None


def _span(day: date, shift: Shift) -> tuple[int, int]:
    if shift.end == MIDNIGHT:
        return local_ms(day, shift.start), local_ms(day + timedelta(1), MIDNIGHT)
    return local_ms(day, shift.start), local_ms(day, shift.end)
