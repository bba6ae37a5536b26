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
from koffert_signal.checks import Floats, Ints
from koffert_signal.ecg.tracker import Candidate, Tracker

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
FLOOR_REACH = 2  # noise comes and goes faster than amplitude changes
RHYTHM_BACK, RHYTHM_AHEAD = 4, 1

# A beat's height against its level, at which it is as likely a beat as not: a fifth where the
# record is clean (PVCs in one band alone), more as the floor rises, never more than 0.6.
CLEAN_THRESHOLD, FLOOR_WEIGHT, HIGHEST_THRESHOLD = 0.2, 1.7, 0.6
STEEPNESS = 2.6  # log odds per e-fold of height; results change little from 2 to 3.5
LEAST_LOG_ODDS, MOST_LOG_ODDS = -3.5, 2.2
LEAST_HEIGHT = 0.12
ROUNDING = 1e-12  # of the largest sample: what the filters make of a constant
# Peak-to-floor ratio at which rhythm has half its say: a clean record has 20 to 40, 6 dB has 5.
NOISY_RATIO = 10.0

_AFTER_CELLS = LEVEL_AHEAD + RHYTHM_AHEAD + 1
_BEFORE_CELLS = LEVEL_BACK + RHYTHM_BACK + 1


class _Grid(Struct, frozen=True):
    """How a sampling rate is cut: samples per feature, features per cell."""

    fs_hz: float
    step: int
    cell: int

    @property
    def feature_hz(self) -> float:
        return self.fs_hz / self.step

    @property
    def cell_samples(self) -> int:
        return self.step * self.cell


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
    grid = _grid(fs_hz)
    tracker = Tracker()
    peaks = []
    cell_end_s = np.arange(1, -(-x.size // grid.cell_samples) + 1) * grid.cell_samples / grid.fs_hz
    waiting = _candidates(x, 0, grid)
    at = 0
    for end_s in cell_end_s.tolist():
        until = at
        while until < len(waiting) and waiting[until].time_s < end_s:
            until += 1
        peaks += tracker.push(waiting[at:until], end_s)
        at = until
    return np.array(peaks + tracker.close(x.size / grid.fs_hz), dtype=np.int64)


class Stream:
    """Live detection: chunks in, settled beats out, counted from the stream's first sample.

    The beats are those of `detect` on the whole record. A beat is known at most 12 s after it.
    """

    def __init__(self, fs_hz: float) -> None:
        self._grid = _grid(fs_hz)
        self._tracker = Tracker()
        self._kept = np.zeros(0)
        self._kept_from_cell = 0
        self._next_cell = 0

    def push(self, chunk: npt.ArrayLike) -> list[int]:
        """Take the next samples; return the beats settled by them, often none."""
        if np.size(chunk) == 0:
            return []
        self._kept = np.concatenate([self._kept, checks.samples(chunk)])
        peaks: list[int] = []
        while self._end_of(self._next_cell + _AFTER_CELLS) <= self._kept.size:
            peaks += self._settle(self._end_of(self._next_cell + _AFTER_CELLS))
        return peaks

    def close(self) -> list[int]:
        """Return the beats still open; the stream has ended."""
        peaks: list[int] = []
        while self._end_of(self._next_cell - 1) < self._kept.size:
            peaks += self._settle(self._kept.size)
        samples = self._kept_from_cell * self._grid.cell_samples + self._kept.size
        return peaks + self._tracker.close(samples / self._grid.fs_hz)

    def _end_of(self, cell: int) -> int:
        """Return where `cell` ends, as an index into the kept samples."""
        return (cell + 1 - self._kept_from_cell) * self._grid.cell_samples

    def _settle(self, until: int) -> list[int]:
        size = self._grid.cell_samples
        start_s = self._next_cell * size / self._grid.fs_hz
        end_s = (self._next_cell + 1) * size / self._grid.fs_hz
        found = _candidates(self._kept[:until], self._kept_from_cell, self._grid)
        peaks = self._tracker.push([c for c in found if start_s <= c.time_s < end_s], end_s)
        self._next_cell += 1
        surplus = self._next_cell - _BEFORE_CELLS - 1 - self._kept_from_cell
        if surplus > 0:
            self._kept = self._kept[surplus * size :]
            self._kept_from_cell += surplus
        return peaks


def _grid(fs_hz: float) -> _Grid:
    fs_hz = checks.rate(fs_hz, LOWEST_RATE_HZ)
    step = max(1, int(fs_hz // FEATURE_RATE_HZ))
    return _Grid(fs_hz, step, round(CELL_S * fs_hz / step))


def _candidates(x: Floats, from_cell: int, grid: _Grid) -> list[Candidate]:
    """Return every maximum that may be a beat, in time order, counted from the record's start."""
    envelopes = np.stack([_envelope(x, grid, band) for band in BANDS])
    levels = _levels(envelopes, grid.cell, nothing=ROUNDING * float(np.abs(x).max()))
    height = _height(envelopes, levels, grid.cell)
    at = _maxima(height, grid)
    ratio = levels.ratio[at // grid.cell]
    threshold = np.minimum(CLEAN_THRESHOLD + FLOOR_WEIGHT / ratio, HIGHEST_THRESHOLD)
    odds = STEEPNESS * np.log(height[at] / threshold)
    log_odds = np.clip(odds, LEAST_LOG_ODDS, MOST_LOG_ODDS)
    time_s = (at + from_cell * grid.cell) / grid.feature_hz
    columns = (
        _refined(x, at * grid.step, grid.fs_hz) + from_cell * grid.cell_samples,
        time_s,
        log_odds,
        1 / (1 + (ratio / NOISY_RATIO) ** 2),
        _typical_rr_s(time_s, log_odds, at // grid.cell, levels.ratio.size),
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [Candidate(*row) for row in rows]


def _envelope(x: Floats, grid: _Grid, band: tuple[float, float, float]) -> Floats:
    """Return the root mean square of one band over 0.1 s, at the feature rate, without delay."""
    y = _centred(x, _fir(band, grid.fs_hz), grid.step)
    half = round(ENVELOPE_S * grid.feature_hz) // 2
    mean_square = _centred(y * y, np.full(2 * half + 1, 1 / (2 * half + 1)), 1)
    return np.asarray(np.sqrt(mean_square))


def _centred(x: Floats, kernel: Floats, step: int) -> Floats:
    """Convolve with an odd kernel, every `step`-th sample, the ends held; each sum by itself."""
    half = kernel.size // 2
    lead_in = half + (-2 * half) % step
    padded = np.concatenate([np.full(lead_in, x[0]), x, np.full(half, x[-1])])
    first = (lead_in + half) // step
    return np.asarray(dsp.upfirdn(kernel, padded, 1, step)[first : first - (-x.size // step)])


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
    count = -(-envelopes.shape[1] // cell)
    padded = np.pad(envelopes, ((0, 0), (0, count * cell - envelopes.shape[1])), mode="edge")
    cells = padded.reshape(len(envelopes), count, cell)
    tops = cells.max(axis=2)
    # A dead stretch has no level; what rounding leaves of it must not become one.
    least = max(float(tops.max()) * 1e-9, nothing, np.finfo(float).tiny)
    tops = np.maximum(tops, least)
    around = _windows(tops, LEVEL_BACK, LEVEL_AHEAD)
    level = np.median(around, axis=-1)
    middles = np.maximum(np.median(cells, axis=2), least)
    floor = np.median(_windows(middles, FLOOR_REACH, FLOOR_REACH), axis=-1)
    spread = np.abs(np.log(around / level[..., None])).mean(axis=-1)
    ratio = np.maximum(level / floor, 1.1)
    trust = np.log(ratio) / (0.1 + spread)
    return _Levels(level, trust / trust.sum(axis=0), ratio.max(axis=0))


def _windows(values: Floats, back: int, ahead: int) -> Floats:
    """Return for each cell the values from `back` cells before to `ahead` after, the ends held."""
    padded = np.pad(values, ((0, 0), (back, ahead)), mode="edge")
    return np.asarray(sliding_window_view(padded, back + ahead + 1, axis=1))


def _height(envelopes: Floats, levels: _Levels, cell: int) -> Floats:
    """Return the weighed mean of the bands' heights against their levels: 1 is a usual beat."""
    gain = np.repeat(levels.weight / levels.level, cell, axis=1)[:, : envelopes.shape[1]]
    return np.asarray((envelopes * gain).sum(axis=0))


def _maxima(height: Floats, grid: _Grid) -> Ints:
    reach = round(APART_S * grid.feature_hz)
    top = maximum_filter1d(height, 2 * reach + 1, mode="nearest")
    at = np.flatnonzero((height == top) & (height > LEAST_HEIGHT))
    edge = round(EDGE_S * grid.feature_hz)
    at = at[(at >= edge) & (at < height.size - edge)]
    return np.asarray(at[np.diff(at, prepend=-2) > 1])


def _typical_rr_s(time_s: Floats, log_odds: Floats, cell: Ints, cells: int) -> Floats:
    """Return for each candidate the usual interval around it, from beats likely by height alone."""
    likely = _likely_beats(time_s, log_odds)
    interval_s = np.diff(time_s[likely])
    usable = (interval_s > 0.3) & (interval_s < 1.8)
    ends = cell[likely][1:][usable]
    total = np.bincount(ends, np.log(interval_s[usable]), minlength=cells)
    number = np.bincount(ends, minlength=cells)
    rows = np.stack([total, number]).astype(np.float64)
    sums = _windows(rows, RHYTHM_BACK, RHYTHM_AHEAD).sum(axis=-1)
    usual = np.where(sums[1] > 0, sums[0] / np.maximum(sums[1], 1), np.log(0.8))
    return np.asarray(np.exp(usual)[cell])


def _likely_beats(time_s: Floats, log_odds: Floats) -> Ints:
    """Return which candidates are more likely a beat than not, and the best within 0.3 s."""
    beaten = log_odds <= 0
    for apart in (1, 2):
        near = time_s[apart:] - time_s[:-apart] < 0.3
        later_wins = log_odds[apart:] > log_odds[:-apart]
        beaten[:-apart] |= near & later_wins
        beaten[apart:] |= near & ~later_wins
    return np.flatnonzero(~beaten)


def _refined(x: Floats, at: Ints, fs_hz: float) -> Ints:
    """Move each index to the largest deflection within 60 ms, seen from the mean within 100 ms."""
    if at.size == 0:
        return at
    near, far = round(0.06 * fs_hz), round(0.1 * fs_hz)
    around = np.clip(at[:, None] + np.arange(-far, far + 1), 0, x.size - 1)
    deflection = np.abs(x[around] - x[around].mean(axis=1, keepdims=True))[
        :, far - near : far + near + 1
    ]
    moved = at + deflection.argmax(axis=1) - near
    return np.asarray(np.clip(moved, 0, x.size - 1))
