"""The finger in the simulated oximeter."""

from math import pi, sin

from msgspec import Struct


class Physiology(Struct, frozen=True):
    """What a simulated oximeter finds when it measures."""

    spo2_pct: int = 97
    pulse_bpm: int = 72
    finger_on: bool = True
    pai_pct: float = 4.2


def pulse_wave(phase: float) -> float:
    """A finger's plethysmogram between 0 and 1 at `phase` (in beats): a pulse and its reflection."""
    turn = 2 * pi * phase
    return 0.5 + 0.36 * sin(turn) + 0.14 * sin(2 * turn + 0.6)
