"""A patient under a rule set: the limits that hold, made once and shared by all readings."""

from msgspec import Struct

from koffert_hub.alerts.civil import day_number
from koffert_hub.alerts.records import Patient
from koffert_hub.alerts.rules import RuleSet

_MS_PER_S = 1_000
_MS_PER_MIN = 60_000


class Limits(Struct, frozen=True):
    """The limits that hold for this patient: the doctor's where set, else the rule set's. Inclusive."""

    spo2_floor_pct: float
    spo2_yellow_pct: float
    pulse_low_bpm: float
    pulse_yellow_bpm: float
    pulse_high_bpm: float
    respiratory_rate_low_bpm: float
    respiratory_rate_yellow_bpm: float
    respiratory_rate_high_bpm: float


class Case(Struct, frozen=True):
    """Rules, patient, and what follows from both; `from_ms` is since when these settings hold."""

    rules: RuleSet
    patient: Patient
    limits: Limits
    discharge_day: int | None
    step_down_ms: int
    trend_step_down_ms: int
    wait_ms: int
    repeat_apart_ms: int
    late_after_ms: int
    from_ms: int


def case_of(rules: RuleSet, patient: Patient, from_ms: int = 0) -> Case:
    """The case of a patient under `rules`."""
    discharged_ms = patient.discharged_ms
    return Case(
        rules,
        patient,
        _limits(rules, patient),
        None if discharged_ms is None else day_number(discharged_ms),
        step_down_ms=int(rules.vitals.step_down_min * _MS_PER_MIN),
        trend_step_down_ms=int(rules.trend.step_down_h * 60 * _MS_PER_MIN),
        wait_ms=int(rules.confirmation.wait_at_most_min * _MS_PER_MIN),
        repeat_apart_ms=int(rules.confirmation.repeat_apart_s * _MS_PER_S),
        late_after_ms=int(rules.quality.late_after_min * _MS_PER_MIN),
        from_ms=from_ms,
    )


def _limits(rules: RuleSet, patient: Patient) -> Limits:
    own, vitals = patient.limits, rules.vitals
    saturation = rules.spo2_scale_2 if patient.spo2_scale == 2 else rules.spo2_scale_1
    return Limits(
        _first(own.spo2_floor_pct, saturation.floor_pct),
        saturation.yellow_pct,
        _first(own.pulse_low_bpm, vitals.pulse_low_bpm),
        vitals.pulse_yellow_bpm,
        _first(own.pulse_high_bpm, vitals.pulse_high_bpm),
        _first(own.respiratory_rate_low_bpm, vitals.respiratory_rate_low_bpm),
        vitals.respiratory_rate_yellow_bpm,
        _first(own.respiratory_rate_high_bpm, vitals.respiratory_rate_high_bpm),
    )


def _first(given: float | None, default: float) -> float:
    return default if given is None else given
