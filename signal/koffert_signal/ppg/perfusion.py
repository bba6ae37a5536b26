"""Perfusion: how much of the light the pulse changes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from koffert_signal import checks

HIGHEST_PCT = 30.0


def perfusion_pct(signal: npt.ArrayLike, peaks: npt.ArrayLike) -> float | None:
    """Return the median pulse height in per cent of the median level.

    Only raw light intensity has a level: None where it is not positive or the pulse is higher than
    any finger's (a device's filtered wave), or with fewer than two beats. Either way up.
    """
    x = checks.samples(signal)
    beats = checks.indices(peaks, x.size)
    level = float(np.median(x))
    if beats.size < 2 or level <= 0:
        return None
    lowest, highest = np.minimum.reduceat(x, beats[:-1]), np.maximum.reduceat(x, beats[:-1])
    height_pct = 100 * float(np.median(highest - lowest)) / level
    return round(height_pct, 2) if height_pct <= HIGHEST_PCT else None
