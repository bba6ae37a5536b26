"""Mains removal that leaves the QRS alone: the hum's phasor, tracked by a running median.

A notch narrow enough for a diagnostic ECG rings for tenths of a second after each QRS. The hum is
steady where the QRS is brief: fit it in cells of 0.1 s, take the median over ±5 cells, in which
the one or two cells of a QRS have no say, and subtract. Nothing else is touched.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from koffert_signal import checks
from koffert_signal.checks import Floats, Ints
from koffert_signal.errors import InvalidInput

CELL_S = 0.1  # five periods at 50 Hz, six at 60 Hz: long enough to fit, short beside a beat
REACH_CELLS = 5  # a median over 1.1 s holds at most two QRS complexes, 4 cells of 11, below 120/min
# A sample needs the median on both sides of it, and that the cells up to five ahead.
DELAY_S = (REACH_CELLS + 2) * CELL_S

Phasors = npt.NDArray[np.complex128]


def remove(signal: npt.ArrayLike, fs_hz: float, mains_hz: float = 50.0) -> Floats:
    """Subtract the hum at `mains_hz` from a whole record; time is the last axis.

    A record shorter than one cell comes back unchanged. Raises InvalidInput where the rate cannot
    hold the hum (less than 2.5 samples a period).
    """
    stream = Stream(fs_hz, mains_hz)
    return np.concatenate([stream.push(signal), stream.finish()], axis=-1)


class Stream:
    """Mains removal of a live signal: the samples of `remove`, at most `DELAY_S` late.

    Raises InvalidInput where the rate cannot hold the hum.
    """

    def __init__(self, fs_hz: float, mains_hz: float = 50.0) -> None:
        self._cell = cell_samples(fs_hz, mains_hz)
        self._turns_per_sample = mains_hz / fs_hz
        self._fit = _fit(self._cell, self._turns_per_sample)
        self._held: Floats | None = None  # samples that are not yet given out
        self._given = 0
        self._first = 0  # number of the first cell in `_phasors`
        self._phasors: Phasors | None = None

    def push(self, chunk: npt.ArrayLike) -> Floats:
        """Take the next samples; returns those that are clean by now. Time is the last axis."""
        if np.size(chunk) == 0:
            return np.asarray(chunk, dtype=np.float64)
        x = checks.samples(chunk, max_dimensions=2)
        if self._held is None or self._phasors is None:
            self._held, self._phasors = x, np.empty((*x.shape[:-1], 0), dtype=np.complex128)
        elif self._held.shape[:-1] != x.shape[:-1]:
            raise InvalidInput("the number of leads changed within one stream")
        else:
            self._held = np.concatenate([self._held, x], axis=-1)
        phasors = self._measure(self._held, self._phasors)
        settled = self._first + phasors.shape[-1] - REACH_CELLS
        # Before the middle of the last settled cell, a sample has one on both sides.
        until = int(np.ceil((settled - 1) * self._cell + (self._cell - 1) / 2))
        return self._give(self._held, phasors, until if settled > 1 else 0, None)

    def finish(self) -> Floats:
        """The samples that were held back; the stream is over."""
        if self._held is None or self._phasors is None:
            return np.empty(0)
        count = self._first + self._phasors.shape[-1]
        until = self._given + self._held.shape[-1]
        return self._give(self._held, self._phasors, until, count)

    def _measure(self, held: Floats, phasors: Phasors) -> Phasors:
        """Fit the cells that became whole, and forget those that no median asks for any more."""
        start = self._first + phasors.shape[-1]
        whole = (self._given + held.shape[-1]) // self._cell
        offset = start * self._cell - self._given
        new = held[..., offset : offset + max(0, whole - start) * self._cell]
        cells = new.reshape(*new.shape[:-1], -1, self._cell)
        cosine, sine = np.moveaxis(cells @ self._fit.T, -1, 0)
        starts = np.arange(start, start + cells.shape[-2]) * self._cell * self._turns_per_sample
        measured = (cosine - 1j * sine) * np.exp(-2j * np.pi * starts)
        phasors = np.concatenate([phasors, measured], axis=-1)
        needed = max(self._first, self._given // self._cell - 1 - REACH_CELLS)
        phasors, self._first = phasors[..., needed - self._first :], needed
        self._phasors = phasors
        return phasors

    def _give(self, held: Floats, phasors: Phasors, until: int, count: int | None) -> Floats:
        """The clean samples up to number `until`; `count` cells are all there will be, once known."""
        wanted = np.arange(self._given, max(until, self._given))
        x, self._held = held[..., : wanted.size], held[..., wanted.size :]
        self._given += wanted.size
        if wanted.size == 0 or count == 0:
            return x
        last = None if count is None else count - 1
        position = np.clip((wanted - (self._cell - 1) / 2) / self._cell, 0, last)
        before = position.astype(np.int64)
        if last is not None:
            before = np.minimum(before, max(last - 1, 0))
        cells = np.arange(before[0], before[-1] + 2)
        if last is not None:
            cells = np.minimum(cells, last)
        smooth = _running_median(phasors, self._first, cells, count)
        weight, at = position - before, before - before[0]
        envelope = smooth[..., at] * (1 - weight) + smooth[..., at + 1] * weight
        hum = (envelope * np.exp(2j * np.pi * wanted * self._turns_per_sample)).real
        return np.asarray(x - hum)


def cell_samples(fs_hz: float, mains_hz: float) -> int:
    """Return the length of a cell, rounded to whole samples."""
    if checks.rate(fs_hz) < 2.5 * mains_hz:
        raise InvalidInput(f"{fs_hz:g} samples a second cannot show {mains_hz:g} Hz")
    return round(CELL_S * fs_hz)


def _fit(cell: int, turns_per_sample: float) -> Floats:
    """What gives cosine and sine of a cell, fitted together with its level and slope."""
    angle = 2 * np.pi * turns_per_sample * np.arange(cell)
    time = np.linspace(-1.0, 1.0, cell)
    model = np.column_stack([np.ones(cell), time, np.cos(angle), np.sin(angle)])
    return np.asarray(np.linalg.pinv(model)[2:])


def _running_median(phasors: Phasors, first: int, cells: Ints, count: int | None) -> Phasors:
    """The median around each of `cells`, along the drift of the hum's frequency there.

    `phasors` begins with cell `first`. Beyond the ends of the record its cells are mirrored.
    """
    reach = np.arange(-REACH_CELLS, REACH_CELLS + 1)
    window = _mirrored(cells[:, None] + reach, count)
    around = phasors[..., window - first]
    neighbours = np.diff(window) == 1  # not where it is mirrored
    drift = _turn_per_cell(around, neighbours)
    aligned = around * np.exp(-1j * drift[..., None] * (window - cells[:, None]))
    return np.asarray(np.median(aligned.real, axis=-1) + 1j * np.median(aligned.imag, axis=-1))


def _mirrored(cells: Ints, count: int | None) -> Ints:
    """The numbers of cells, mirrored at the first and, once it is known, at the last."""
    if count is None:
        return np.where(cells < 0, -1 - cells, cells)
    within = np.mod(cells, 2 * count)
    return np.where(within < count, within, 2 * count - 1 - within)


def _turn_per_cell(around: Phasors, neighbours: npt.NDArray[np.bool_]) -> Floats:
    """Return how far the hum runs ahead of its nominal frequency, in radians a cell."""
    products = around[..., 1:] * around[..., :-1].conj() * neighbours
    directions = products / np.maximum(np.abs(products), np.finfo(float).tiny)
    return np.asarray(np.angle(directions.sum(axis=-1)))
