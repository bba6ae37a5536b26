"""Must this reading be repeated? The one rule for both ends: the kiosk asks, the alerts wait.

A pure function of one reading. Source: the quality gate of the recommended rules (layer 0) and the
session rules of ATS/ERS 2019; the floors of layer 1 are confirmed on a repeat before they alarm.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

# A finger that has lain still this long gives a settled value.
STABLE_S = 10.0
# Below, the pulse is too weak for the ratio of the two colours to mean anything.
LEAST_PERFUSION_PCT = 0.3
LEAST_QUALITY = 0.5
REPEAT_AFTER_S = 300.0
# Values that no living patient at home has: a device fault or another unit, never an alarm.
SPO2_RANGE_PCT = (50.0, 100.0)
PULSE_RANGE_BPM = (25.0, 250.0)
# Grades of a session whose FEV1 is used (ATS/ERS 2019, table 10: within 0.200 L).
USED_GRADES = frozenset("ABC")


class Cause(StrEnum):
    """Why a reading is to be repeated."""

    NOT_A_VALUE = "not-a-value"
    WEAK_PULSE = "weak-pulse"
    NOT_SETTLED = "not-settled"
    POOR_SIGNAL = "poor-signal"
    IMPLAUSIBLE = "implausible"
    CONFIRM = "confirm"
    GRADE = "grade"


class Verdict(Struct, frozen=True):
    """Whether to repeat, how long to rest before, and why; nothing to repeat has no cause."""

    repeat: bool
    after_s: float = 0.0
    causes: tuple[Cause, ...] = ()


ACCEPTED = Verdict(repeat=False)


class OximeterReading(Struct, frozen=True, kw_only=True):
    """One spot reading; None where the device does not say. `quality` is 0 (no value) to 1."""

    spo2_pct: float | None
    pulse_bpm: float | None
    quality: float
    perfusion_pct: float | None = None
    stable_s: float | None = None


class Floors(Struct, frozen=True, kw_only=True):
    """The patient's own safety limits, as signed: beyond them a reading is confirmed at once."""

    spo2_floor_pct: float
    pulse_low_bpm: float
    pulse_high_bpm: float


def screen_oximeter(reading: OximeterReading, floors: Floors | None = None) -> Verdict:
    """Judge one spot reading of saturation and pulse.

    A reading that cannot be used is repeated after five minutes; one beyond a safety limit, but
    good in itself, is confirmed right away.
    """
    causes = tuple(cause for cause, holds in _faults(reading) if holds)
    if causes:
        return Verdict(repeat=True, after_s=REPEAT_AFTER_S, causes=causes)
    if floors is not None and _beyond(reading, floors):
        return Verdict(repeat=True, causes=(Cause.CONFIRM,))
    return ACCEPTED


def screen_spirometry(grade: str | None) -> Verdict:
    """Judge a session by its FEV1 grade (A to F, U; None for no blow)."""
    if grade is not None and grade.upper() in USED_GRADES:
        return ACCEPTED
    return Verdict(repeat=True, causes=(Cause.GRADE,))


def _faults(reading: OximeterReading) -> tuple[tuple[Cause, bool], ...]:
    perfusion, stable_s = reading.perfusion_pct, reading.stable_s
    missing = reading.spo2_pct is None or reading.quality <= 0
    return (
        (Cause.NOT_A_VALUE, missing),
        (Cause.WEAK_PULSE, perfusion is not None and perfusion < LEAST_PERFUSION_PCT),
        (Cause.NOT_SETTLED, stable_s is not None and stable_s < STABLE_S),
        (Cause.POOR_SIGNAL, 0 < reading.quality < LEAST_QUALITY),
        (Cause.IMPLAUSIBLE, not missing and not _plausible(reading)),
    )


def _plausible(reading: OximeterReading) -> bool:
    ranges = ((reading.spo2_pct, SPO2_RANGE_PCT), (reading.pulse_bpm, PULSE_RANGE_BPM))
    return all(value is None or low <= value <= high for value, (low, high) in ranges)


def _beyond(reading: OximeterReading, floors: Floors) -> bool:
    spo2, pulse = reading.spo2_pct, reading.pulse_bpm
    low = spo2 is not None and spo2 <= floors.spo2_floor_pct
    return low or (pulse is not None and not floors.pulse_low_bpm < pulse < floors.pulse_high_bpm)
