"""Mains removal that leaves the QRS alone: the hum's phasor, tracked by a running median.

A notch narrow enough for a diagnostic ECG rings for tenths of a second after each QRS. The hum is
steady where the QRS is brief: fit it in cells of 0.1 s, take the median over ±5 cells, in which
the one or two cells of a QRS have no say, and subtract. Nothing else is touched.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from koffert_signal import checks
from koffert_signal.checks import Floats
from koffert_signal.errors import InvalidInput

CELL_S = 0.1  # five periods at 50 Hz, six at 60 Hz: long enough to fit, short beside a beat
REACH_CELLS = 5  # a median over 1.1 s holds at most two QRS complexes, 4 cells of 11, below 120/min

Phasors = npt.NDArray[np.complex128]


def remove(signal: npt.ArrayLike, fs_hz: float, mains_hz: float = 50.0) -> Floats:
    """Subtract the hum at `mains_hz` from a whole record; time is the last axis.

    A record shorter than one cell comes back unchanged. Raises InvalidInput where the rate cannot
    hold the hum (less than 2.5 samples a period).
    """
    x = checks.samples(signal, max_dimensions=2)
    cell = cell_samples(fs_hz, mains_hz)
    if x.shape[-1] < cell:
        return x.copy()
    return x - hum(x, fs_hz, mains_hz)


def hum(x: Floats, fs_hz: float, mains_hz: float) -> Floats:
    """Return the hum itself, sample by sample, for at least one whole cell."""
    cell = cell_samples(fs_hz, mains_hz)
    phasors = _phasors(x, cell, fs_hz, mains_hz)
    drift = np.exp(1j * np.arange(phasors.shape[-1]) * _turn_per_cell(phasors)[..., None])
    smooth = _running_median(phasors / drift) * drift
    envelope = _between_cells(smooth, cell, x.shape[-1])
    turns = np.arange(x.shape[-1]) * (mains_hz / fs_hz)
    return np.asarray((envelope * np.exp(2j * np.pi * turns)).real)


def cell_samples(fs_hz: float, mains_hz: float) -> int:
    """Return the length of a cell, rounded to whole samples."""
    if checks.rate(fs_hz) < 2.5 * mains_hz:
        raise InvalidInput(f"{fs_hz:g} samples a second cannot show {mains_hz:g} Hz")
    return round(CELL_S * fs_hz)


def _phasors(x: Floats, cell: int, fs_hz: float, mains_hz: float) -> Phasors:
    """Fit level, slope, cosine and sine to each whole cell; return cosine and sine as a phasor."""
    turns = np.arange(cell) * (mains_hz / fs_hz)
    time = np.linspace(-1.0, 1.0, cell)
    model = np.column_stack(
        [np.ones(cell), time, np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)]
    )
    fit = np.linalg.pinv(model)[2:]
    cells = x[..., : x.shape[-1] // cell * cell].reshape(*x.shape[:-1], -1, cell)
    cosine, sine = np.moveaxis(cells @ fit.T, -1, 0)
    starts = np.arange(cells.shape[-2]) * cell * (mains_hz / fs_hz)
    return np.asarray((cosine - 1j * sine) * np.exp(-2j * np.pi * starts))


def _turn_per_cell(phasors: Phasors) -> Floats:
    """Return how far the hum runs ahead of its nominal frequency, in radians a cell."""
    products = phasors[..., 1:] * phasors[..., :-1].conj()
    directions = products / np.maximum(np.abs(products), np.finfo(float).tiny)
    return np.asarray(np.angle(directions.sum(axis=-1)))


def _running_median(phasors: Phasors) -> Phasors:
    size = [1] * (phasors.ndim - 1) + [2 * REACH_CELLS + 1]
    real = median_filter(phasors.real, size=size, mode="reflect")
    imaginary = median_filter(phasors.imag, size=size, mode="reflect")
    return np.asarray(real + 1j * imaginary)


def _between_cells(phasors: Phasors, cell: int, samples: int) -> Phasors:
    """Interpolate between the cells' middles; hold the first and the last outwards."""
    count = phasors.shape[-1]
    position = np.clip((np.arange(samples) - (cell - 1) / 2) / cell, 0, count - 1)
    before = np.minimum(position.astype(np.int64), max(count - 2, 0))
    after = np.minimum(before + 1, count - 1)
    weight = position - before
    return np.asarray(phasors[..., before] * (1 - weight) + phasors[..., after] * weight)
