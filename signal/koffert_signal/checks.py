"""The one gate for arrays: what passes here never makes scipy raise or warn."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from koffert_signal.errors import InvalidInput, UnusableSignal

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Below 1 Hz nothing here has a meaning; above 1 MHz it is a typing error, not a recorder.
RATE_RANGE_HZ = (1.0, 1e6)
# Squares and sums of a record stay finite below this; no recorder's unit is near it.
LARGEST_SAMPLE = 1e100


def rate(fs_hz: float, at_least_hz: float = RATE_RANGE_HZ[0]) -> float:
    """Return `fs_hz` as a float; raises InvalidInput outside `at_least_hz` to 1 MHz."""
    value = float(fs_hz)
    if not math.isfinite(value) or not at_least_hz <= value <= RATE_RANGE_HZ[1]:
        raise InvalidInput(f"sampling rate {fs_hz} Hz is outside {at_least_hz:g} Hz to 1 MHz")
    return value


def samples(signal: npt.ArrayLike, *, max_dimensions: int = 1, finite: bool = True) -> Floats:
    """Return `signal` as float64, time on the last axis.

    Raises InvalidInput for what is no array of real numbers or has too many axes, UnusableSignal
    for an empty one and, where `finite`, for NaN, infinity and sizes no recorder delivers.
    """
    try:
        array = np.asarray(signal)
    except ValueError as error:
        raise InvalidInput("rows of unequal length are not a signal") from error
    if array.dtype.kind not in "biuf":
        raise InvalidInput(f"{array.dtype} is not a sample type")
    if not 1 <= array.ndim <= max_dimensions:
        raise InvalidInput(f"{array.ndim} axes, at most {max_dimensions} expected")
    if array.size == 0:
        raise UnusableSignal("the signal is empty")
    values = np.ascontiguousarray(array, dtype=np.float64)
    if finite and not largest(values) < LARGEST_SAMPLE:
        raise UnusableSignal("the signal holds values that are not finite numbers")
    return values


def largest(values: Floats) -> float:
    """Return the largest distance from zero, NaN where there is one; without a copy of them all."""
    return float(np.maximum(values.max(), -values.min()))


def leads(signal: npt.ArrayLike, *, finite: bool = True) -> Floats:
    """Return `signal` as (leads, samples); one axis becomes one lead. Errors as `samples`."""
    return np.atleast_2d(samples(signal, max_dimensions=2, finite=finite))


def indices(beats: npt.ArrayLike, samples: int) -> Ints:
    """Return rising sample indices inside a record; raises InvalidInput for anything else."""
    array = np.asarray(beats)
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise InvalidInput("beats are a row of sample indices")
    if array[0] < 0 or array[-1] >= samples or not np.all(np.diff(array.astype(np.int64)) > 0):
        raise InvalidInput("beats rise and lie inside the record")
    return array.astype(np.int64)
