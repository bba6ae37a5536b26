"""QRS detection: two bands weighed by how clean each is, then the likeliest train of beats.

A narrow QRS stands out above 18 Hz, a wide one below 20 Hz; electrode motion fills the lower band,
muscle the upper. Each band is measured against its own recent peaks and its own floor, and the band
whose peaks stand out more and vary less has more say. What remains doubtful is settled by rhythm
(`koffert_signal.ecg.tracker`), only where noise makes it doubtful: in a clean record an early or a
missing beat costs nothing.

Everything is computed on a grid of cells that starts with the record, from a bounded stretch around
each cell. A stream therefore finds the very beats that the whole record gives.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from numpy.lib.stride_tricks import sliding_window_view
from scipy import signal as dsp
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
    thinned,
    typical_rr_s,
    windows,
)
from koffert_signal.beats.cells import detect as detect_whole
from koffert_signal.beats.tracker import Candidate
from koffert_signal.checks import Floats, Ints

LOWEST_RATE_HZ = 90.0  # the upper band must hold at least 18 to 40 Hz
FEATURE_RATE_HZ = 100.0  # envelopes hold nothing above 40 Hz; the peak is refined at full rate

# (low, high, half length of the linear-phase FIR). Wide beats and PVCs live in the first; electrode
# motion does not reach the second, which still holds a normal QRS.
BANDS = ((4.0, 20.0, 0.14), (18.0, 40.0, 0.08))
ENVELOPE_S = 0.10  # as long as a normal QRS
APART_S = 0.16  # two maxima nearer than this are one complex: nothing beats at 375/min
EDGE_S = 0.12  # what begins or ends inside the filter's reach cannot be told from a step

CELL_S = 1.5  # holds at least one beat from 40/min on
# Cells before and after over which a level is the median: five beats at least, past more than
# future, so that a sudden rise is followed soon and a single large beat is not.
LEVEL_BACK, LEVEL_AHEAD = 5, 3
# What white noise alone reaches, tops of a cell over its median, a little less for the lower band: a
# fast ventricular rhythm fills that one.
NOISE_ALONE = np.array([[1.4], [1.8]])
FLOOR_REACH = 2  # noise comes and goes faster than amplitude changes
RHYTHM_BACK, RHYTHM_AHEAD = 4, 1

# A beat's height against its level, at which it is as likely a beat as not: a sixth where the
# record is clean (small PVCs in one band alone), more as the floor rises, never more than 0.6.
CLEAN_THRESHOLD, FLOOR_WEIGHT, HIGHEST_THRESHOLD = 0.16, 2.5, 0.6
STEEPNESS = 3.2  # log odds per e-fold of height; results change little from 2 to 4
LEAST_LOG_ODDS, MOST_LOG_ODDS = -3.5, 2.2
LEAST_HEIGHT = 0.12
ROUNDING = 1e-12  # of the largest sample: what the filters make of a constant
# Peak-to-floor ratio at which rhythm has half its say: a clean record has 20 to 40, 6 dB has 5.
NOISY_RATIO = 10.0


class _Levels(Struct, frozen=True):
    """Per cell: each band's level and weight, (band, cell); and the better peak-to-floor ratio."""

    level: Floats
    weight: Floats
    ratio: Floats


def detect(signal: npt.ArrayLike, fs_hz: float) -> Ints:
    """Return the sample indices of the beats of one lead, each at its largest deflection.

    Any unit, any gain and offset. Raises InvalidInput below 90 samples a second.
    """
    x = checks.samples(signal)
    return detect_whole(_METHOD, x, _grid(fs_hz))


def stream(fs_hz: float) -> BeatStream:
    """Return a live detector: the beats of `detect`, each at most 12 s after it happened."""
    return BeatStream(_METHOD, _grid(fs_hz))


def _grid(fs_hz: float) -> Grid:
    return grid(checks.rate(fs_hz, LOWEST_RATE_HZ), FEATURE_RATE_HZ, CELL_S)


def _candidates(x: Floats, from_cell: int, cut: Grid) -> list[Candidate]:
    """Return every maximum that may be a beat, in time order, counted from the record's start."""
    thin = thinned(x, cut)
    envelopes = np.stack([_envelope(thin, cut.feature_hz, band) for band in BANDS])
    levels = _levels(envelopes, cut.cell, nothing=ROUNDING * checks.largest(x))
    height = _height(envelopes, levels, cut.cell)
    at = _maxima(height, cut)
    ratio = levels.ratio[at // cut.cell]
    threshold = np.minimum(CLEAN_THRESHOLD + FLOOR_WEIGHT / ratio, HIGHEST_THRESHOLD)
    odds = STEEPNESS * np.log(height[at] / threshold)
    log_odds = np.clip(odds, LEAST_LOG_ODDS, MOST_LOG_ODDS)
    time_s = (at + from_cell * cut.cell) / cut.feature_hz
    columns = (
        _refined(x, at * cut.step, cut.fs_hz) + from_cell * cut.cell_samples,
        time_s,
        log_odds,
        1 / (1 + (ratio / NOISY_RATIO) ** 2),
        typical_rr_s(
            time_s,
            log_odds,
            at // cut.cell,
            cells=levels.ratio.size,
            back=RHYTHM_BACK,
            ahead=RHYTHM_AHEAD,
        ),
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [Candidate(*row) for row in rows]


def _envelope(x: Floats, fs_hz: float, band: tuple[float, float, float]) -> Floats:
    """Return the root mean square of one band over 0.1 s, without delay."""
    y = centred(x, _fir(band, fs_hz))
    return np.asarray(np.sqrt(mean_around(y * y, round(ENVELOPE_S * fs_hz) // 2)))


@lru_cache(maxsize=32)
def _fir(band: tuple[float, float, float], fs_hz: float) -> Floats:
    low_hz, high_hz, half_s = band
    taps = 2 * round(half_s * fs_hz) + 1
    edges_hz = [low_hz, min(high_hz, 0.45 * fs_hz)]
    kernel = dsp.firwin(taps, edges_hz, pass_zero=False, fs=fs_hz, window="hann")
    centred = np.asarray(kernel - kernel.mean())  # a level, however high, gives nothing
    centred.setflags(write=False)
    return centred


def _levels(envelopes: Floats, cell: int, nothing: float) -> _Levels:
    cells = per_cell(envelopes, cell)
    tops = cells.max(axis=2)
    # A dead stretch has no level; what rounding leaves of it must not become one.
    least = max(float(tops.max()) * 1e-9, nothing, np.finfo(float).tiny)
    tops = np.maximum(tops, least)
    around = windows(tops, LEVEL_BACK, LEVEL_AHEAD)
    level = np.median(around, axis=-1)
    middles = np.maximum(np.median(cells, axis=2), least)
    floor = np.median(windows(middles, FLOOR_REACH, FLOOR_REACH), axis=-1)
    spread = np.abs(np.log(around / level[..., None])).mean(axis=-1)
    ratio = np.maximum(level / floor, 1.1)
    trust = np.log(np.maximum(ratio / NOISE_ALONE, 1.02)) / (0.1 + spread)
    return _Levels(level, trust / trust.sum(axis=0), ratio.max(axis=0))


def _height(envelopes: Floats, levels: _Levels, cell: int) -> Floats:
    """Return the weighed mean of the bands' heights against their levels: 1 is a usual beat.

    A wide ectopic beat is in the lower band alone. That band by itself counts with the root of its
    weight, so that such a beat is seen where the band is clean.
    """
    low, high = per_cell(envelopes, cell)
    lower, upper = (levels.weight / levels.level)[:, :, None]
    alone = (np.sqrt(levels.weight[0]) / levels.level[0])[:, None]
    height = lower * low
    height += upper * high
    np.maximum(height, alone * low, out=height)
    return np.asarray(height.ravel()[: envelopes.shape[1]])


def _maxima(height: Floats, cut: Grid) -> Ints:
    reach = round(APART_S * cut.feature_hz)
    top = maximum_filter1d(height, 2 * reach + 1, mode="nearest")
    at = np.flatnonzero((height == top) & (height > LEAST_HEIGHT))
    edge = round(EDGE_S * cut.feature_hz)
    at = at[(at >= edge) & (at < height.size - edge)]
    return np.asarray(at[np.diff(at, prepend=-2) > 1])


def _refined(x: Floats, at: Ints, fs_hz: float) -> Ints:
    """Move each index to the largest deflection within 60 ms, seen from the mean within 100 ms."""
    if at.size == 0:
        return at
    near, far = round(0.06 * fs_hz), round(0.1 * fs_hz)  # less than EDGE_S: always inside
    around = sliding_window_view(x, 2 * far + 1)[at - far]
    deflection = np.abs(around - around.mean(axis=1, keepdims=True))
    return np.asarray(at + deflection[:, far - near : far + near + 1].argmax(axis=1) - near)


_METHOD = Method(
    _candidates,
    before=LEVEL_BACK + RHYTHM_BACK + 2,
    after=LEVEL_AHEAD + RHYTHM_AHEAD + 1,
)
