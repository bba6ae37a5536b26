"""Signal quality, second by second: one number from 0 to 1, and why it is low.

What cannot be a signal (missing, flat, at the rail) is 0. The rest is judged by how far the beats
stand out from what lies between them, and by how much each beat resembles some of its neighbours:
an ectopic beat resembles other ectopic beats, noise resembles nothing.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from msgspec import Struct
from scipy.ndimage import uniform_filter1d

from koffert_signal import checks
from koffert_signal.checks import Bools, Floats, Ints


class Reason(StrEnum):
    """Why a second is not good."""

    MISSING = "missing"
    FLAT = "flat"
    SATURATED = "saturated"
    NO_BEATS = "no-beats"
    NOISE = "noise"
    UNLIKE = "beats-unlike-each-other"
    TOO_SHORT = "too-short"
    UNSUPPORTED_RATE = "unsupported-rate"


class Quality(Struct, frozen=True):
    """Quality of a record: the mean of its seconds, the seconds, and the reasons by their weight."""

    score: float
    per_second: tuple[float, ...]
    reasons: tuple[Reason, ...]


class Shape(Struct, frozen=True):
    """What a kind of signal is judged by."""

    before_s: float  # the window around a beat that is compared
    after_s: float
    core_s: float  # around a beat, the part that is the beat and not the noise
    noise_ratio: tuple[float, float]  # beat height over noise: unreadable, good
    likeness: tuple[float, float]  # correlation with like neighbours: noise, good


# A QRS 3 times the noise is guessed, 10 times is clean (knowledge of the noise stress records:
# 6 dB gives 4, 24 dB gives 12).
ECG_SHAPE = Shape(0.10, 0.14, 0.10, (3.0, 9.0), (0.60, 0.92))
# A pulse wave has no rest between beats: only likeness counts, and less of it when motion begins.
PPG_SHAPE = Shape(0.25, 0.40, 0.0, (0.0, 0.0), (0.80, 0.95))

LONGEST_PAUSE_S = 3.0  # a second further than this from any beat holds nothing to trust
NEIGHBOURS = 12  # beats on each side that a beat is compared with
ALIKE = 3  # it must resemble this many of them
RAIL_RUN_S = 0.02  # a top that lasts longer is a rail, not a peak
RAIL_SHARE = 0.03  # of a second
STILL_SHARE = 0.5  # of a second without any change


def unusable(samples: int, fs_hz: float, reason: Reason) -> Quality:
    """Return the quality of a record that cannot be judged at all."""
    seconds = max(1, round(samples / fs_hz)) if fs_hz > 0 else 1
    return Quality(0.0, (0.0,) * seconds, (reason,))


def judge(x: Floats, band: Floats, beats: Ints, fs_hz: float, shape: Shape) -> Quality:
    """Judge one lead. `x` as delivered, `band` the same filtered, `beats` found in it."""
    seconds = max(1, round(x.size / fs_hz))
    edges = np.rint(np.linspace(0, x.size, seconds + 1)).astype(np.int64)
    faults = {
        Reason.FLAT: _share(_still(x, fs_hz), edges) > STILL_SHARE,
        Reason.SATURATED: _share(_at_rail(x, fs_hz), edges) > RAIL_SHARE,
        Reason.NO_BEATS: _far_from_beats(beats, edges),
    }
    marks = {
        Reason.NOISE: _clearness(band, beats, edges, fs_hz, shape),
        Reason.UNLIKE: _likeness(band, beats, edges, fs_hz, shape),
    }
    per_second = np.minimum.reduce(list(marks.values()))
    for faulty in faults.values():
        per_second = np.where(faulty, 0.0, per_second)
    lost = {reason: float(faulty.mean()) for reason, faulty in faults.items()}
    lost |= {reason: float((1 - mark).mean()) / 2 for reason, mark in marks.items()}
    told = (r for r in lost if lost[r] > (0.1 if r in marks else 0.0))
    reasons = sorted(told, key=lambda r: -lost[r])
    return Quality(
        round(float(per_second.mean()), 3),
        tuple(round(float(second), 3) for second in per_second),
        tuple(reasons),
    )


def with_gaps(quality: Quality, gap: Bools) -> Quality:
    """Set to 0 each second of which a tenth or more is missing."""
    seconds = len(quality.per_second)
    edges = np.rint(np.linspace(0, gap.size, seconds + 1)).astype(np.int64)
    missing = _share(gap, edges) >= 0.1
    if not missing.any():
        return quality
    per_second = np.where(missing, 0.0, quality.per_second)
    return Quality(
        round(float(per_second.mean()), 3),
        tuple(float(second) for second in per_second),
        (Reason.MISSING, *quality.reasons),
    )


def bridged(x: Floats) -> tuple[Floats, Bools]:
    """Return the record with its gaps bridged by straight lines, and where they were."""
    gap = ~(np.abs(np.nan_to_num(x, nan=np.inf)) < checks.LARGEST_SAMPLE)
    if not gap.any() or gap.all():
        return x, gap
    at = np.arange(x.size)
    return np.interp(at, at[~gap], x[~gap]), gap


def _share(flags: Bools, edges: Ints) -> Floats:
    counts = np.add.reduceat(flags.astype(np.float64), edges[:-1])
    return np.asarray(counts / np.maximum(np.diff(edges), 1))


def _still(x: Floats, fs_hz: float) -> Bools:
    """Tell which samples lie within 0.3 s that do not change at all, or by rounding alone."""
    rounding = 1e-12 * float(np.abs(x).max())
    changes = np.abs(np.diff(x, prepend=x[0])) > rounding
    width = max(3, round(0.3 * fs_hz))
    return np.asarray(uniform_filter1d(changes.astype(np.float64), width, mode="nearest") < 1e-9)


def _at_rail(x: Floats, fs_hz: float) -> Bools:
    """Tell which samples stay at the record's highest or lowest value, longer than a peak does."""
    low, high = float(x.min()), float(x.max())
    width = max(5, round(RAIL_RUN_S * fs_hz))
    rails = np.zeros(x.size, dtype=bool)
    if low == high:
        return rails
    for rail in (low, high):
        run = uniform_filter1d((x == rail).astype(np.float64), width, mode="constant") > 1 - 1e-9
        rails |= uniform_filter1d(run.astype(np.float64), width, mode="constant") > 1e-9
    return rails


def _far_from_beats(beats: Ints, edges: Ints) -> Bools:
    middle = (edges[:-1] + edges[1:]) / 2
    if beats.size < 2:
        return np.ones(middle.size, dtype=bool)
    fs = np.diff(edges).mean()
    after = np.searchsorted(beats, middle)
    gap = np.minimum(
        np.abs(middle - beats[np.clip(after - 1, 0, beats.size - 1)]),
        np.abs(middle - beats[np.clip(after, 0, beats.size - 1)]),
    )
    return np.asarray(gap > LONGEST_PAUSE_S / 2 * fs)


def _clearness(band: Floats, beats: Ints, edges: Ints, fs_hz: float, shape: Shape) -> Floats:
    """Grade each second by the beats' height over the noise between them."""
    if shape.core_s == 0 or beats.size == 0:
        return np.ones(edges.size - 1)
    core = round(shape.core_s * fs_hz)
    around = np.clip(beats[:, None] + np.arange(-core, core + 1), 0, band.size - 1)
    height = float(np.median(np.ptp(band[around], axis=1)))
    between = np.ones(band.size)
    between[around.ravel()] = 0.0
    power = np.add.reduceat(between * band * band, edges[:-1])
    count = np.add.reduceat(between, edges[:-1])
    noise = np.sqrt(power / np.maximum(count, 1))
    ratio = height / np.maximum(noise, 1e-9 * max(height, np.finfo(float).tiny))
    return _ramp(np.log(np.maximum(ratio, 1e-3)), *np.log(shape.noise_ratio))


def _likeness(band: Floats, beats: Ints, edges: Ints, fs_hz: float, shape: Shape) -> Floats:
    """Grade each second by how much its beats, and the nearest, resemble some neighbours."""
    if beats.size < 2:
        return np.zeros(edges.size - 1)
    alike = _ramp(_likeness_of_beats(band, beats, fs_hz, shape), *shape.likeness)
    middle = (edges[:-1] + edges[1:]) / 2
    after = np.clip(np.searchsorted(beats, middle), 1, beats.size - 1)
    return np.asarray((alike[after - 1] + alike[after]) / 2)


def _likeness_of_beats(band: Floats, beats: Ints, fs_hz: float, shape: Shape) -> Floats:
    window = np.arange(-round(shape.before_s * fs_hz), round(shape.after_s * fs_hz) + 1)
    around = np.clip(beats[:, None] + window, 0, band.size - 1)
    pulses = band[around] - band[around].mean(axis=1, keepdims=True)
    size = np.linalg.norm(pulses, axis=1, keepdims=True)
    unit = pulses / np.maximum(size, np.finfo(float).tiny)
    reach = min(NEIGHBOURS, beats.size - 1)
    steps = [step for step in range(-reach, reach + 1) if step]
    likeness = np.full((len(steps), beats.size), -1.0)
    for row, step in enumerate(steps):
        here = slice(max(0, -step), beats.size - max(0, step))
        there = slice(max(0, step), beats.size - max(0, -step))
        likeness[row, here] = np.einsum("ij,ij->i", unit[here], unit[there])
    best = np.sort(likeness, axis=0)[-min(ALIKE, beats.size - 1)]
    return np.asarray(best)


def _ramp(values: Floats, zero_at: float, one_at: float) -> Floats:
    return np.asarray(np.clip((values - zero_at) / (one_at - zero_at), 0.0, 1.0))
