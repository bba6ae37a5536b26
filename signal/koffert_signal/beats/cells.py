"""Records cut into cells, so that whole and live analysis are one and the same.

A finder answers for a stretch of samples that starts on a cell's edge. What it says of one cell may
depend on `before` cells ahead of it and `after` cells behind it, and on nothing further away.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from numpy.lib.stride_tricks import sliding_window_view
from scipy import signal as dsp

from koffert_signal import checks
from koffert_signal.beats.tracker import T_WAVE_S, Candidate, Tracker
from koffert_signal.checks import Floats, Ints

SHORTEST_RR_S, LONGEST_RR_S = 0.26, 2.4  # 230 to 25 beats a minute
# What follows a beat within the T wave's time and is so much less likely is no beat to count from.
T_WAVE_ODDS = 1.0

THINNING_S = 0.05  # half length of the linear-phase low-pass: 31 Hz from pass to stop


class Grid(Struct, frozen=True):
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


# Samples and the number of the cell they start with in, candidates out: in time order, samples and
# times counted from the start of the record.
Finder = Callable[[Floats, int, Grid], list[Candidate]]


class Method(Struct, frozen=True):
    """A finder and how far it looks."""

    find: Finder
    before: int
    after: int


def grid(fs_hz: float, feature_hz: float, cell_s: float) -> Grid:
    """Cut a rate into features at about `feature_hz` (never less) and cells of about `cell_s`."""
    step = max(1, int(fs_hz // feature_hz))
    return Grid(fs_hz, step, round(cell_s * fs_hz / step))


def detect(method: Method, x: Floats, cut: Grid) -> Ints:
    """Return the beats of a whole record."""
    tracker = Tracker()
    waiting = method.find(x, 0, cut)
    peaks: list[int] = []
    at = 0
    for cell in range(-(-x.size // cut.cell_samples)):
        end_s = (cell + 1) * cut.cell_samples / cut.fs_hz
        until = at
        while until < len(waiting) and waiting[until].time_s < end_s:
            until += 1
        peaks += tracker.push(waiting[at:until], end_s)
        at = until
    return np.array(peaks + tracker.close(x.size / cut.fs_hz), dtype=np.int64)


class BeatStream:
    """Live detection: chunks in, settled beats out, counted from the stream's first sample.

    The beats are those of `detect` on the whole record, whatever the chunks.
    """

    def __init__(self, method: Method, cut: Grid) -> None:
        self._method = method
        self._cut = cut
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
        while self._end_of(self._next_cell + self._method.after) <= self._kept.size:
            peaks += self._settle(self._end_of(self._next_cell + self._method.after))
        return peaks

    def close(self) -> list[int]:
        """Return the beats still open; the stream has ended."""
        peaks: list[int] = []
        while self._end_of(self._next_cell - 1) < self._kept.size:
            peaks += self._settle(self._kept.size)
        samples = self._kept_from_cell * self._cut.cell_samples + self._kept.size
        return peaks + self._tracker.close(samples / self._cut.fs_hz)

    def _end_of(self, cell: int) -> int:
        """Return where `cell` ends, as an index into the kept samples."""
        return (cell + 1 - self._kept_from_cell) * self._cut.cell_samples

    def _settle(self, until: int) -> list[int]:
        size = self._cut.cell_samples
        start_s = self._next_cell * size / self._cut.fs_hz
        end_s = (self._next_cell + 1) * size / self._cut.fs_hz
        found = self._method.find(self._kept[:until], self._kept_from_cell, self._cut)
        peaks = self._tracker.push([c for c in found if start_s <= c.time_s < end_s], end_s)
        self._next_cell += 1
        surplus = self._next_cell - self._method.before - self._kept_from_cell
        if surplus > 0:
            self._kept = self._kept[surplus * size :]
            self._kept_from_cell += surplus
        return peaks


def centred(x: Floats, kernel: Floats, step: int = 1) -> Floats:
    """Convolve with an odd kernel without delay, every `step`-th sample, the ends held.

    Each sum is computed by itself, so that a stretch gives the very numbers of the whole.
    """
    half = kernel.size // 2
    lead_in = half + (-2 * half) % step
    padded = np.concatenate([np.full(lead_in, x[0]), x, np.full(half, x[-1])])
    if step == 1:
        return np.convolve(padded, kernel, mode="valid")  # faster than upfirdn
    first = (lead_in + half) // step
    return np.asarray(dsp.upfirdn(kernel, padded, 1, step)[first : first - (-x.size // step)])


def thinned(x: Floats, cut: Grid) -> Floats:
    """Return `x` at the feature rate, without delay and without what that rate cannot hold."""
    return x if cut.step == 1 else centred(x, _thinning(cut.fs_hz, cut.feature_hz), cut.step)


@lru_cache(maxsize=32)
def _thinning(fs_hz: float, feature_hz: float) -> Floats:
    taps = 2 * round(THINNING_S * fs_hz) + 1
    kernel = np.asarray(dsp.firwin(taps, feature_hz / 2, fs=fs_hz, window="hann"))
    kernel.setflags(write=False)
    return kernel


def mean_around(x: Floats, half: int) -> Floats:
    """Return the mean of 2 `half` + 1 samples around each, the ends held.

    Sums of 1, 2, 4 … samples are added up: each mean is computed by itself, as in `centred`.
    """
    width = 2 * half + 1
    power = np.concatenate([np.full(half, x[0]), x, np.full(half, x[-1])])
    total, done = np.zeros(x.size), 0
    for bit in range(width.bit_length()):
        if width >> bit & 1:
            total += power[done : done + x.size]
            done += 1 << bit
        power = power[: -(1 << bit)] + power[1 << bit :]
    return total / width


def per_cell(features: Floats, cell: int) -> Floats:
    """Return the features (rows, time) as (rows, cells, cell), the last cell filled up."""
    missing = -features.shape[1] % cell
    padded = np.pad(features, ((0, 0), (0, missing)), mode="edge")
    return np.asarray(padded.reshape(len(features), -1, cell))


def windows(values: Floats, back: int, ahead: int) -> Floats:
    """Return for each cell the values from `back` cells before to `ahead` after.

    Beyond the record's ends lies its mirror image: an end in a pause must not become the level.
    """
    padded = np.pad(values, ((0, 0), (back, ahead)), mode="symmetric")
    return np.asarray(sliding_window_view(padded, back + ahead + 1, axis=1))


def typical_rr_s(
    time_s: Floats, log_odds: Floats, cell: Ints, *, cells: int, back: int, ahead: int
) -> Floats:
    """Return for each candidate the usual interval around it, from beats likely by height alone."""
    likely = _likely_beats(time_s, log_odds)
    interval_s = np.diff(time_s[likely])
    usable = (interval_s > SHORTEST_RR_S) & (interval_s < LONGEST_RR_S)
    ends = cell[likely][1:][usable]
    total = np.bincount(ends, np.log(interval_s[usable]), minlength=cells)
    number = np.bincount(ends, minlength=cells)
    rows = np.stack([total, number]).astype(np.float64)
    sums = windows(rows, back, ahead).sum(axis=-1)
    usual = np.where(sums[1] > 0, sums[0] / np.maximum(sums[1], 1), np.log(0.8))
    return np.asarray(np.exp(usual)[cell])


def _likely_beats(time_s: Floats, log_odds: Floats) -> Ints:
    """Return which candidates are more likely a beat than not, and the best around."""
    beaten = log_odds <= 0
    for apart in (1, 2):
        near = time_s[apart:] - time_s[:-apart] < SHORTEST_RR_S
        later_wins = log_odds[apart:] > log_odds[:-apart]
        beaten[:-apart] |= near & later_wins
        beaten[apart:] |= near & ~later_wins
        soon = time_s[apart:] - time_s[:-apart] < T_WAVE_S
        beaten[apart:] |= soon & (log_odds[apart:] < log_odds[:-apart] - T_WAVE_ODDS)
    return np.flatnonzero(~beaten)
