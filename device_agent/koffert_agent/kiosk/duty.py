"""Whether somebody at the centre is watching now. In doubt nobody is."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from koffert_wire.commands import Staffing

_HOLIDAY = 7
_ZONE = ZoneInfo("Europe/Oslo")
_FIXED_HOLIDAYS = ((1, 1), (5, 1), (5, 17), (12, 25), (12, 26))
# Maundy Thursday, Good Friday, Easter Sunday and Monday, Ascension, Whit Sunday and Monday.
_DAYS_AFTER_EASTER = (-3, -2, 0, 1, 39, 49, 50)


def local_time(wall_ms: int) -> datetime:
    """The time on the patient's wall."""
    return datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(_ZONE)


def is_staffed(staffed: Staffing | None, wall_ms: int, *, trusted: bool) -> bool:
    """Whether it is staffed now; a clock that nobody has set knows no hours."""
    if staffed is None or not trusted:
        return False
    at = local_time(wall_ms)
    hours = staffed[_HOLIDAY if is_holiday(at.date()) else at.weekday()]
    return hours is not None and hours.start_min <= at.hour * 60 + at.minute < hours.end_min


def is_holiday(day: date) -> bool:
    """Whether `day` is a public holiday in Norway."""
    easter = easter_sunday(day.year)
    moving = {easter + timedelta(days=days) for days in _DAYS_AFTER_EASTER}
    return (day.month, day.day) in _FIXED_HOLIDAYS or day in moving


def easter_sunday(year: int) -> date:
    """Easter Sunday of a Gregorian year, by Gauss's rule with the usual two corrections."""
    century = year // 100
    moon = (15 + century - century // 4 - (8 * century + 13) // 25) % 30
    sun = (4 + century - century // 4) % 7
    full = (19 * (year % 19) + moon) % 30
    sunday = (2 * (year % 4) + 4 * (year % 7) + 6 * full + sun) % 7
    late = (full == 29 and sunday == 6) or (full == 28 and sunday == 6 and year % 19 > 10)
    return date(year, 3, 22) + timedelta(days=full + sunday - (7 if late else 0))
