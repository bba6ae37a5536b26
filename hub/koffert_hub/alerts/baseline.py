"""The personal baseline: a prior worth a few days, then the patient's own days (clinical rule set, 4.5).

What a doctor or the discharge set is taken as it stands. The suitcase stays for two weeks, so the rest
starts from a prior and moves towards the median of the patient's own good days.
"""

from collections.abc import Iterable
from math import sqrt
from statistics import median
from typing import NamedTuple

from koffert_hub.alerts.records import Number, Patient, PatientBaseline
from koffert_hub.alerts.rules import RuleSet
from koffert_hub.alerts.state import Baseline, Day


class _Prior(NamedTuple):
    mean: float
    sd: float
    weight_days: float


def estimate(rules: RuleSet, patient: Patient, days: Iterable[Day]) -> Baseline:
    """What is usual, given the days before today."""
    base, given = rules.baseline, patient.baseline
    own = [day for day in days if day.teaches]
    spo2 = [value for day in own if (value := day.spo2_pct) is not None]
    pulse = [value for day in own if (value := day.pulse_bpm) is not None]
    spo2_mean, spo2_sd = _blend(
        spo2, _Prior(_spo2_prior_pct(rules, patient), base.spo2_prior_sd_pct, base.prior_days)
    )
    pulse_mean, pulse_sd = _blend(
        pulse, _Prior(base.pulse_prior_bpm, base.pulse_prior_sd_bpm, base.prior_days)
    )
    return Baseline(
        _first(given.spo2_mean_pct, spo2_mean),
        _held(_first(given.spo2_sd_pct, spo2_sd), base.spo2_sd_floor_pct, base.spo2_sd_cap_pct),
        _first(given.pulse_mean_bpm, pulse_mean),
        _held(_first(given.pulse_sd_bpm, pulse_sd), base.pulse_sd_floor_bpm, base.pulse_sd_cap_bpm),
        len(spo2),
        _usual_from_pct(rules, given, spo2, spo2_sd),
    )


def composite_z(day: Day, baseline: Baseline) -> float | None:
    """(zPulse - zSpO2) / sqrt 2 of the day's means; None without both."""
    if not day.spo2_count or not day.pulse_count:
        return None
    pulse_z = (day.pulse_sum / day.pulse_count - baseline.pulse_mean_bpm) / baseline.pulse_sd_bpm
    spo2_z = (day.spo2_sum / day.spo2_count - baseline.spo2_mean_pct) / baseline.spo2_sd_pct
    return (pulse_z - spo2_z) / sqrt(2)


def shown(baseline: Baseline) -> dict[str, Number]:
    """A baseline as an alert shows it."""
    return {
        "spo2_mean_pct": round(baseline.spo2_mean_pct, 1),
        "spo2_sd_pct": round(baseline.spo2_sd_pct, 1),
        "pulse_mean_bpm": round(baseline.pulse_mean_bpm, 1),
        "pulse_sd_bpm": round(baseline.pulse_sd_bpm, 1),
        "own_days": baseline.own_days,
    }


def _usual_from_pct(
    rules: RuleSet, given: PatientBaseline, own: list[float], own_sd_pct: float
) -> float | None:
    """The lower of what was set and what the patient's own days show, once there are enough of them."""
    base, width = rules.baseline, rules.vitals.usual_sd
    low, cap = base.spo2_sd_floor_pct, base.spo2_sd_cap_pct
    lowest: list[float] = []
    if given.spo2_mean_pct is not None:
        sd_pct = _held(_first(given.spo2_sd_pct, own_sd_pct), low, cap)
        lowest.append(given.spo2_mean_pct - width * sd_pct)
    if len(own) >= base.own_days_usual:
        lowest.append(median(own) - width * _held(own_sd_pct, low, cap))
    return min(lowest, default=None)


def _spo2_prior_pct(rules: RuleSet, patient: Patient) -> float:
    low, high = patient.target_low_pct, patient.target_high_pct
    if low is not None and high is not None:
        return (low + high) / 2
    base = rules.baseline
    return base.spo2_prior_scale_2_pct if patient.spo2_scale == 2 else base.spo2_prior_scale_1_pct


def _blend(own: list[float], prior: _Prior) -> tuple[float, float]:
    """Mean and SD of the prior and the own days, each weighed by its days."""
    if not own:
        return prior.mean, prior.sd
    total = prior.weight_days + len(own)
    centre = sum(own) / len(own)
    mean = (prior.weight_days * prior.mean + len(own) * median(own)) / total
    spread = prior.weight_days * prior.sd**2 + sum((value - centre) ** 2 for value in own)
    return mean, sqrt(spread / total)


def _first(given: float | None, learnt: float) -> float:
    return learnt if given is None else given


def _held(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
