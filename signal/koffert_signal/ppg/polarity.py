"""Which way up a PPG is: light absorbed rises with each beat, light received falls."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from koffert_signal import checks
from koffert_signal.filters import PPG_PULSE, zero_phase

SHORTEST_S, LOWEST_RATE_HZ = 5.0, 20.0
PIECE_S = 10.0  # one movement must not decide
# Skewness of the slope: a pulse rises in half the time of its fall, which gives 0.5 to 1.8; a wave
# with a large second hump 0.2 either way, noise less.
LEAST_SKEWNESS = 0.35


def inverted(signal: npt.ArrayLike, fs_hz: float) -> bool:
    """Tell whether the wave surely stands on its head: steep falls, slow rises. In doubt it does not."""
    x = checks.samples(signal)
    fs_hz = checks.rate(fs_hz)
    if x.size < SHORTEST_S * fs_hz or fs_hz < LOWEST_RATE_HZ:
        return False
    slope = np.diff(zero_phase(PPG_PULSE, x, fs_hz))
    pieces = np.array_split(slope, max(1, int(slope.size / (PIECE_S * fs_hz))))
    return float(np.median([_skewness(piece) for piece in pieces])) < -LEAST_SKEWNESS


def _skewness(x: checks.Floats) -> float:
    away = x - x.mean()
    size = float(np.sqrt(np.mean(away * away)))
    largest = float(np.abs(x).max())
    return float(np.mean((away / size) ** 3)) if size > 1e-12 * largest else 0.0
