"""Perfusion: how much of the light the pulse changes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from koffert_signal import checks


def perfusion_pct(signal: npt.ArrayLike, peaks: npt.ArrayLike) -> float | None:
    """Return the median pulse height in per cent of the median level.

    Only raw light intensity has a level: None where it is not positive (a device's filtered wave),
    or with fewer than two beats.
    """
    x = checks.samples(signal)
    beats = checks.indices(peaks, x.size)
    level = float(np.median(x))
    if beats.size < 2 or level <= 0:
        return None
    height = float(np.median(x[beats[1:]] - np.minimum.reduceat(x, beats[:-1])))
    return round(100 * height / level, 2)
