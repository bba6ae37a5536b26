"""Pulse beats of a PPG: the steep rise of each wave, told apart from the dicrotic one by rhythm.

The rise is what survives a wandering baseline and a changing height. Whole and live detection are
one (`koffert_signal.beats.cells`).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

from koffert_signal import checks
from koffert_signal.beats.cells import (
    BeatStream,
    Grid,
    Method,
    centred,
    grid,
    mean_around,
    per_cell,
    typical_rr_s,
    windows,
)
from koffert_signal.beats.cells import detect as detect_whole
from koffert_signal.beats.tracker import Candidate
from koffert_signal.checks import Floats, Ints

LOWEST_RATE_HZ = 20.0  # the rise of a pulse wave lasts 0.1 s
FEATURE_RATE_HZ = 40.0
# Derivative of a Gaussian: strongest at 1 / (2 pi sigma) = 3 Hz, where the rise lives.
SLOPE_SIGMA_S = 0.05
APART_S = 0.2
CELL_S = 2.0  # holds a beat from 30/min on
LEVEL_BACK, LEVEL_AHEAD = 4, 2
RHYTHM_BACK, RHYTHM_AHEAD = 3, 1
# Slope and elevation against their levels, geometric mean: a dicrotic wave stays below 0.4, also a
# steep one; a weak beat reaches 0.5. Slope has a little more say: it survives a moving baseline.
THRESHOLD, STEEPNESS = 0.4, 3.0
SLOPE_SHARE = 0.6
# A baseline that moves by more than the pulse is high must not carry the peak away with it.
MEAN_S, LEAST_ELEVATION = 1.0, 0.2
LEAST_LOG_ODDS, MOST_LOG_ODDS = -3.0, 2.2
LEAST_HEIGHT = 0.12
STEADY_SPREAD = 0.12  # variation of the cells' tops at which rhythm has half its say
RISE_S = 0.3  # the peak comes at most this long after the steepest rise
ROUNDING = 1e-12  # of the largest sample: what the filter makes of a constant


def detect(signal: npt.ArrayLike, fs_hz: float) -> Ints:
    """Return the sample indices of the systolic peaks. Light absorbed counts upwards.

    Any unit, any positive gain and offset. Raises InvalidInput below 20 samples a second.
    """
    x = checks.samples(signal)
    return detect_whole(_METHOD, x, _grid(fs_hz))


def stream(fs_hz: float) -> BeatStream:
    """Return a live detector: the beats of `detect`, each at most 13 s after it happened."""
    return BeatStream(_METHOD, _grid(fs_hz))


def _grid(fs_hz: float) -> Grid:
    return grid(checks.rate(fs_hz, LOWEST_RATE_HZ), FEATURE_RATE_HZ, CELL_S)


def _candidates(x: Floats, from_cell: int, cut: Grid) -> list[Candidate]:
    """Return every steep rise that may be a beat, in time order."""
    nothing = ROUNDING * checks.largest(x)
    half = round(MEAN_S * cut.feature_hz / 2)
    rise = centred(x, _slope_kernel(cut.fs_hz), cut.step)
    slope = np.maximum(rise - mean_around(rise, half), 0.0)
    level, spread = _levels(slope, cut.cell, nothing)
    steepness = slope / np.repeat(level, cut.cell)[: slope.size]
    at = _maxima(steepness, cut)
    thinned = centred(x, _blur(cut.fs_hz), cut.step)
    baseline = mean_around(thinned, half)
    peaks = _peaks(x - np.repeat(baseline, cut.step)[: x.size], at * cut.step, cut.fs_hz)
    elevation = _highest_within(_elevation(thinned - baseline, cut, nothing), at, cut)
    height = steepness[at] ** SLOPE_SHARE * elevation ** (1 - SLOPE_SHARE)
    odds = STEEPNESS * np.log(height / THRESHOLD)
    log_odds = np.clip(odds, LEAST_LOG_ODDS, MOST_LOG_ODDS)
    cell = at // cut.cell
    time_s = (at + from_cell * cut.cell) / cut.feature_hz
    columns = (
        peaks + from_cell * cut.cell_samples,
        time_s,
        log_odds,
        spread[cell] / (spread[cell] + STEADY_SPREAD),
        typical_rr_s(
            time_s, log_odds, cell, cells=level.size, back=RHYTHM_BACK, ahead=RHYTHM_AHEAD
        ),
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [Candidate(*row) for row in rows]


@lru_cache(maxsize=32)
def _blur(fs_hz: float) -> Floats:
    half = max(1, round(3 * SLOPE_SIGMA_S * fs_hz))
    t = np.arange(-half, half + 1) / (SLOPE_SIGMA_S * fs_hz)
    kernel = np.exp(-0.5 * t * t)
    return np.asarray(kernel / kernel.sum())


@lru_cache(maxsize=32)
def _slope_kernel(fs_hz: float) -> Floats:
    half = max(1, round(3 * SLOPE_SIGMA_S * fs_hz))
    t = np.arange(-half, half + 1) / (SLOPE_SIGMA_S * fs_hz)
    kernel = -t * np.exp(-0.5 * t * t)  # convolution turns it round: a rise gives a positive value
    return np.asarray(kernel[::-1] / np.abs(kernel).sum()) * -1.0


def _elevation(above: Floats, cut: Grid, nothing: float) -> Floats:
    """Return how far each sample stands above the baseline, against what beats reach there.

    A dicrotic wave may rise as steeply as the beat before it, but it starts from further down.
    """
    level, _ = _levels(np.maximum(above, 0.0), cut.cell, nothing)
    share = above / np.repeat(level, cut.cell)[: above.size]
    return np.asarray(np.clip(share, LEAST_ELEVATION, 1.0))


def _levels(slope: Floats, cell: int, nothing: float) -> tuple[Floats, Floats]:
    tops = per_cell(slope[None], cell).max(axis=2)
    tops = np.maximum(tops, max(float(tops.max()) * 1e-9, nothing, np.finfo(float).tiny))
    around = windows(tops, LEVEL_BACK, LEVEL_AHEAD)[0]
    level = np.median(around, axis=-1)
    return level, np.abs(np.log(around / level[:, None])).mean(axis=-1)


def _maxima(height: Floats, cut: Grid) -> Ints:
    reach = max(1, round(APART_S * cut.feature_hz))
    top = maximum_filter1d(height, 2 * reach + 1, mode="nearest")
    at = np.flatnonzero((height == top) & (height > LEAST_HEIGHT))
    at = at[(at > 0) & (at < height.size - 1)]
    return np.asarray(at[np.diff(at, prepend=-2) > 1])


def _highest_within(elevation: Floats, rise: Ints, cut: Grid) -> Floats:
    """Return the elevation reached after each rise."""
    reach = np.arange(round(RISE_S * cut.feature_hz) + 1)
    return np.asarray(elevation[np.minimum(rise[:, None] + reach, elevation.size - 1)].max(axis=1))


def _peaks(x: Floats, rise: Ints, fs_hz: float) -> Ints:
    """Return the highest sample after each rise, before the wave can have come again."""
    if rise.size == 0:
        return rise
    # The next rise ends the wave: no two beats share a peak, however little there is to see.
    last = np.minimum(rise + round(RISE_S * fs_hz), np.append(rise[1:], x.size) - 1)
    reach = np.arange(round(RISE_S * fs_hz) + 1)
    after = np.minimum(rise[:, None] + reach, last[:, None])
    return np.asarray(np.take_along_axis(after, x[after].argmax(axis=1)[:, None], 1)[:, 0])


_METHOD = Method(
    _candidates,
    before=LEVEL_BACK + RHYTHM_BACK + 2,
    after=LEVEL_AHEAD + RHYTHM_AHEAD + 1,
)
