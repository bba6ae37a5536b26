"""The rule of repeats, row by row."""

from __future__ import annotations

import pytest

from koffert_signal.screening import (
    ACCEPTED,
    Cause,
    Floors,
    OximeterReading,
    screen_oximeter,
    screen_spirometry,
)

FLOORS = Floors(spo2_floor_pct=83, pulse_low_bpm=40, pulse_high_bpm=131)


def reading(**changes: float | None) -> OximeterReading:
    values: dict[str, float | None] = {"spo2_pct": 91, "pulse_bpm": 78, "quality": 1.0, **changes}
    return OximeterReading(**values)  # type: ignore[arg-type]


def test_a_good_reading_stands() -> None:
    assert screen_oximeter(reading(), FLOORS) == ACCEPTED
    assert screen_oximeter(reading(perfusion_pct=2.0, stable_s=12.0), FLOORS) == ACCEPTED


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"spo2_pct": None}, Cause.NOT_A_VALUE),
        ({"quality": 0.0}, Cause.NOT_A_VALUE),
        ({"perfusion_pct": 0.2}, Cause.WEAK_PULSE),
        ({"stable_s": 9.9}, Cause.NOT_SETTLED),
        ({"quality": 0.4}, Cause.POOR_SIGNAL),
        ({"spo2_pct": 20}, Cause.IMPLAUSIBLE),
        ({"spo2_pct": 127}, Cause.IMPLAUSIBLE),
        ({"pulse_bpm": 10}, Cause.IMPLAUSIBLE),
    ],
)
def test_what_cannot_be_used_is_repeated_after_rest(
    changes: dict[str, float | None], cause: Cause
) -> None:
    verdict = screen_oximeter(reading(**changes), FLOORS)
    assert (verdict.repeat, verdict.after_s, verdict.causes) == (True, 300, (cause,))


@pytest.mark.parametrize("changes", [{"spo2_pct": 83}, {"pulse_bpm": 40}, {"pulse_bpm": 131}])
def test_what_would_alarm_is_confirmed_at_once(changes: dict[str, float | None]) -> None:
    verdict = screen_oximeter(reading(**changes), FLOORS)
    assert (verdict.repeat, verdict.after_s, verdict.causes) == (True, 0, (Cause.CONFIRM,))
    assert screen_oximeter(reading(**changes)) == ACCEPTED


@pytest.mark.parametrize(
    ("grade", "repeat"), [*((g, False) for g in "ABCa"), *((g, True) for g in "DEFU")]
)
def test_only_sessions_that_repeat_are_used(grade: str, repeat: bool) -> None:  # noqa: FBT001
    assert screen_spirometry(grade).repeat is repeat


def test_no_blow_is_repeated() -> None:
    assert screen_spirometry(None).causes == (Cause.GRADE,)
