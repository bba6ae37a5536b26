"""Text fields of any format into values; what says nothing becomes None, never an error."""

from __future__ import annotations

from datetime import date, datetime
from math import isfinite

from koffert_drivers.stills.records import Sex

_SEXES = {
    **dict.fromkeys(("m", "male", "mann"), Sex.MALE),
    **dict.fromkeys(("f", "female", "k", "kvinne"), Sex.FEMALE),
    **dict.fromkeys(("o", "other", "un", "undifferentiated"), Sex.OTHER),
}
_DIGITS_OF_SECOND, _DIGITS_OF_MINUTE, _DIGITS_OF_DAY = 14, 12, 8


def number(text: str | None) -> float | None:
    """Return the finite number that the text is."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if isfinite(value) else None


def sex(text: str | None) -> Sex | None:
    """Return the sex that a letter or word names."""
    return _SEXES.get((text or "").strip().casefold())


def day(text: str | None) -> date | None:
    """Return the date of `YYYYMMDD…` or `YYYY-MM-DD…`."""
    digits = "".join(mark for mark in (text or "")[:10] if mark.isascii() and mark.isdigit())
    try:
        return datetime.strptime(digits, "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None


def instant(text: str | None) -> datetime | None:
    """Return the time of `YYYYMMDDhhmm[ss[.f]][±zzzz]`, HL7's and DICOM's form."""
    whole = (text or "").strip()
    zone = whole[-5:] if len(whole) > _DIGITS_OF_MINUTE and whole[-5] in "+-" else ""
    plain, _, fraction = whole.removesuffix(zone).partition(".")
    if not plain.isascii() or not plain.isdigit():
        return None
    pattern = {_DIGITS_OF_SECOND: "%Y%m%d%H%M%S", _DIGITS_OF_MINUTE: "%Y%m%d%H%M", 8: "%Y%m%d"}
    try:
        found = datetime.strptime(  # noqa: DTZ007 - a zone is added if the text has one
            plain, pattern[len(plain)]
        )
        zoned = datetime.strptime(zone, "%z").tzinfo if zone else None
    except (KeyError, ValueError):
        return None
    microsecond = (
        int(fraction[:6].ljust(6, "0")) if fraction.isascii() and fraction.isdigit() else 0
    )
    return found.replace(microsecond=microsecond, tzinfo=zoned)


def day_and_time(day_text: str | None, time_text: str | None) -> datetime | None:
    """Return the time of two ISO fields, `YYYY-MM-DD` and `hh:mm:ss[.f]`."""
    on = day(day_text)
    clock = "".join(mark for mark in (time_text or "") if mark.isdigit() or mark == ".")
    return None if on is None else instant(f"{on:%Y%m%d}{clock}")
