"""The finger in the simulated oximeter."""

from enum import StrEnum
from math import exp, pi, sin

from msgspec import Struct


class Effort(StrEnum):
    """How the simulated patient blows; each blow begins when the effort changes."""

    REST = "rest"
    GOOD = "good"
    AGAIN = "again"  # as good, so that one may follow the other
    SHORT = "short"
    COUGH = "cough"
    HESITANT = "hesitant"


class Physiology(Struct, frozen=True):
    """What a simulated oximeter finds when it measures."""

    spo2_pct: int = 97
    pulse_bpm: int = 72
    finger_on: bool = True
    pai_pct: float = 4.2
    effort: Effort = Effort.REST


def pulse_wave(phase: float) -> float:
    """A finger's plethysmogram between 0 and 1 at `phase` (in beats): a pulse and its reflection."""
    turn = 2 * pi * phase
    return 0.5 + 0.36 * sin(turn) + 0.14 * sin(2 * turn + 0.6)


# A patient with COPD: 1.5 L in the first second of 2.0 L, all out in less than five.
_PEAK_L_S, _RISE_S, _FAST_S, _SLOW_S, _FAST_SHARE = 4.0, 0.07, 0.18, 0.9, 0.62
_OUT_AFTER_S, _BREATH_IN_S = 4.7, 1.2
_BREATH_IN_L_S = 1.8
_COUGH_FROM_S, _COUGH_UNTIL_S = 0.4, 0.55
_SHORT_AFTER_S = 1.6
_HESITATION_S, _HESITATION_L_S = 0.8, 0.6


def breath_l_s(effort: Effort, elapsed_s: float) -> float:
    """Flow of a forced blow and the breath in after it, `elapsed_s` after its start; 0 when it is over."""
    if effort is Effort.HESITANT:
        if elapsed_s < _HESITATION_S:
            return _HESITATION_L_S
        elapsed_s -= _HESITATION_S
    end_s = _SHORT_AFTER_S if effort is Effort.SHORT else _OUT_AFTER_S
    if effort is Effort.REST or elapsed_s < 0 or elapsed_s > end_s + _BREATH_IN_S:
        return 0.0
    if elapsed_s > end_s:
        return -_BREATH_IN_L_S * sin(pi * (elapsed_s - end_s) / _BREATH_IN_S)
    if effort is Effort.COUGH and _COUGH_FROM_S < elapsed_s < _COUGH_UNTIL_S:
        return 0.05
    if elapsed_s < _RISE_S:
        return _PEAK_L_S * elapsed_s / _RISE_S
    after_s = elapsed_s - _RISE_S
    fast = _FAST_SHARE * exp(-after_s / _FAST_S)
    return _PEAK_L_S * (fast + (1 - _FAST_SHARE) * exp(-after_s / _SLOW_S))
