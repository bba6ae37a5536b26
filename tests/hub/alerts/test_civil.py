"""Days, holidays and staffing in Oslo."""

from datetime import UTC, date, datetime, time

import pytest

from koffert_hub.alerts.civil import (
    Shift,
    StaffingHours,
    civil_day,
    easter,
    local_ms,
    public_holidays,
)

HOUR_MS = 3_600_000
OFFICE = Shift(time(8), time(15, 30))
HOURS = StaffingHours(
    monday=OFFICE, tuesday=OFFICE, wednesday=OFFICE, thursday=OFFICE, friday=OFFICE
)


def utc_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-22", 24)]
)
def test_a_day_lasts_from_midnight_to_midnight(day: str, hours: int) -> None:
    noon_ms = utc_ms(f"{day}T11:00:00")
    civil = civil_day(noon_ms)
    assert civil.end_ms - civil.start_ms == hours * HOUR_MS
    assert civil.number == date.fromisoformat(day).toordinal()
    assert civil_day(civil.start_ms) == civil_day(civil.end_ms - 1) == civil
    assert civil_day(civil.end_ms).number == civil.number + 1


def test_both_hours_of_the_long_night_belong_to_the_same_day() -> None:
    first, second = utc_ms("2026-10-25T00:30:00"), utc_ms("2026-10-25T01:30:00")  # 02:30 twice
    assert civil_day(first) == civil_day(second)


def test_a_winter_evening_in_utc_is_the_next_day_in_oslo() -> None:
    assert civil_day(utc_ms("2026-11-21T23:30:00")).number == date(2026, 11, 22).toordinal()


# Published dates of Easter Sunday; 1961, 2038 and 2049 are awkward years of the reckoning.
@pytest.mark.parametrize(
    "sunday",
    ["1961-04-02", "2000-04-23", "2019-04-21", "2024-03-31", "2025-04-20", "2026-04-05",
     "2027-03-28", "2038-04-25", "2049-04-18"],
)  # fmt: skip
def test_easter(sunday: str) -> None:
    assert easter(int(sunday[:4])).isoformat() == sunday


def test_holidays_of_2026() -> None:
    assert sorted(day.isoformat()[5:] for day in public_holidays(2026)) == [
        "01-01", "04-02", "04-03", "04-05", "04-06", "05-01", "05-14", "05-17", "05-24", "05-25",
        "12-25", "12-26",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("moment", "staffed"),
    [
        ("2026-11-23T06:59:59", False),  # Monday 07:59:59
        ("2026-11-23T07:00:00", True),
        ("2026-11-23T14:29:59", True),
        ("2026-11-23T14:30:00", False),
        ("2026-11-22T11:00:00", False),  # Sunday
        ("2026-05-14T10:00:00", False),  # Ascension Day, a Thursday
        ("2026-06-15T06:00:00", True),  # 08:00 in summer time
    ],
)
def test_staffing(moment: str, staffed: bool) -> None:  # noqa: FBT001 - a table
    assert HOURS.staffed(utc_ms(moment)) is staffed


def test_after_easter_someone_is_back_on_tuesday() -> None:
    wednesday_evening = utc_ms("2026-04-01T18:00:00")
    assert HOURS.next_staffed_ms(wednesday_evening) == local_ms(date(2026, 4, 7), time(8))
    assert HOURS.next_staffed_ms(utc_ms("2026-11-23T08:00:00")) == utc_ms("2026-11-23T08:00:00")


def test_a_centre_that_never_opens_says_so() -> None:
    assert StaffingHours().next_staffed_ms(utc_ms("2026-11-22T11:00:00")) is None


def test_a_shift_over_the_short_night_keeps_wall_clock_hours() -> None:
    always = StaffingHours(saturday=Shift(time(1), time(5)), sunday=Shift(time(1), time(5)))
    assert not always.staffed(utc_ms("2026-03-28T23:59:59"))  # 00:59:59
    assert always.staffed(utc_ms("2026-03-29T02:59:59"))  # 04:59:59 in summer time
    assert not always.staffed(utc_ms("2026-03-29T03:00:00"))
