"""Intervals of the median beat: PR, QRS, QT and QTc, unconfirmed, with how far to trust them.

All leads speak together: the beat is the root of the summed squares of its leads, so that an
interval runs from the first onset in any lead to the last end in any.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from koffert_signal import checks
from koffert_signal.checks import Floats, Ints
from koffert_signal.filters import Band, zero_phase

# Both ways at 0.5 Hz the T wave keeps its level; 40 Hz moves no onset by more than 4 ms.
BAND = Band("ecg-intervals", 0.5, 40.0)
BEFORE_S, LONGEST_AFTER_S = 0.35, 0.65
FEWEST_BEATS = 3
ALIKE = 0.9  # correlation with the median beat from which a beat is of the common kind
# Where the wave's speed has fallen to this share of the QRS's greatest, the QRS begins or ends.
QRS_SPEED_SHARE = 0.06
QUIET_S = 0.012
T_FROM_QRS_S, P_FROM_QRS_S, LONGEST_PR_S = 0.07, 0.02, 0.30
# A tangent ends a bell-shaped wave at two deviations, with an eighth of its height still there; a
# reader and a cart follow it to about two and a half, with a twentieth. In parts of the last one.
T_BEYOND_TANGENT = 0.5
T_SPREAD_S = 0.06  # a lead whose T wave seems to end later than the others' by more shows a U wave
# A wave lower than this many times the noise between the beats has no onset to speak of.
WAVE_TO_NOISE = 4.0


class Intervals(Struct, frozen=True):
    """Measured, unconfirmed; None where a wave was not found. `confidence` is 0 to 1."""

    beats: int
    pr_ms: float | None
    qrs_ms: float | None
    qt_ms: float | None
    qtc_bazett_ms: float | None
    qtc_fridericia_ms: float | None
    confidence: float


class _Place(Struct, frozen=True):
    """Where the R peak stands in a median beat, and the time around it."""

    r: int
    fs_hz: float
    rr_s: float


NONE_MEASURED = Intervals(0, None, None, None, None, None, 0.0)


def intervals(leads: npt.ArrayLike, beats: npt.ArrayLike, fs_hz: float) -> Intervals:
    """Measure (leads, samples) in any one unit, the R peaks given as rising sample indices."""
    x = checks.leads(leads)
    fs_hz = checks.rate(fs_hz)
    found = checks.indices(beats, x.shape[1])
    if found.size < FEWEST_BEATS:
        return NONE_MEASURED
    rr_s = float(np.median(np.diff(found))) / fs_hz
    after_s = min(LONGEST_AFTER_S, 0.7 * rr_s)
    before_s = min(BEFORE_S, 0.4 * rr_s)
    filtered = zero_phase(BAND, x, fs_hz)
    median, used, agreement = median_beat(filtered, found, fs_hz, before_s, after_s)
    if used < FEWEST_BEATS:
        return NONE_MEASURED
    confidence = min(1.0, used / 8) * max(0.0, (agreement - ALIKE) / (1 - ALIKE))
    place = _Place(round(before_s * fs_hz), fs_hz, rr_s)
    return _measured(median, place, used, confidence)


def median_beat(
    leads: Floats, beats: Ints, fs_hz: float, before_s: float, after_s: float
) -> tuple[Floats, int, float]:
    """Return the median beat of (leads, samples), how many beats of its kind, and their likeness."""
    window = np.arange(-round(before_s * fs_hz), round(after_s * fs_hz) + 1)
    whole = beats[(beats + window[0] >= 0) & (beats + window[-1] < leads.shape[1])]
    if whole.size < FEWEST_BEATS:
        return np.zeros((len(leads), window.size)), 0, 0.0
    each = leads[:, whole[:, None] + window]  # (lead, beat, time)
    median = np.median(each, axis=1)
    likeness = _likeness(each, median)
    common = likeness >= ALIKE
    if common.sum() < FEWEST_BEATS:
        return median, 0, 0.0
    return np.median(each[:, common], axis=1), int(common.sum()), float(np.mean(likeness[common]))


def _likeness(each: Floats, median: Floats) -> Floats:
    beats = np.swapaxes(each, 0, 1).reshape(each.shape[1], -1)
    target = median.ravel()
    beats = beats - beats.mean(axis=1, keepdims=True)
    target = target - target.mean()
    size = np.linalg.norm(beats, axis=1) * np.linalg.norm(target)
    return np.asarray(beats @ target / np.maximum(size, np.finfo(float).tiny))


def _measured(median: Floats, place: _Place, used: int, confidence: float) -> Intervals:
    fs_hz, rr_s = place.fs_hz, place.rr_s
    speed = _magnitude(np.gradient(median, axis=1))
    start, end = _qrs(speed, place.r, fs_hz)
    level = np.median(median[:, max(0, start - round(0.02 * fs_hz)) : start + 1], axis=1)
    height = _magnitude(median - level[:, None])
    noise = float(np.std(height[max(0, start - round(0.02 * fs_hz)) : start + 1])) + 1e-12
    t_end = _last_t_end(np.abs(median - level[:, None]), height, end, fs_hz, noise)
    p_start = _p_start(height, start, fs_hz, noise)
    qt_ms = None if t_end is None else (t_end - start) / fs_hz * 1000
    return Intervals(
        beats=used,
        pr_ms=_rounded(None if p_start is None else (start - p_start) / fs_hz * 1000),
        qrs_ms=_rounded((end - start) / fs_hz * 1000),
        qt_ms=_rounded(qt_ms),
        qtc_bazett_ms=_rounded(None if qt_ms is None else qt_ms / rr_s**0.5),
        qtc_fridericia_ms=_rounded(None if qt_ms is None else qt_ms / rr_s ** (1 / 3)),
        confidence=round(confidence if t_end is not None else confidence / 2, 2),
    )


def _rounded(value_ms: float | None) -> float | None:
    return None if value_ms is None else round(value_ms)


def _magnitude(leads: Floats) -> Floats:
    return np.asarray(np.sqrt(np.mean(leads * leads, axis=0)))


def _qrs(speed: Floats, r: int, fs_hz: float) -> tuple[int, int]:
    """Return where the wave's speed rises from and falls back to a small share of its greatest."""
    near = round(0.08 * fs_hz)
    top = max(0, r - near) + int(speed[max(0, r - near) : r + near].argmax())
    slow = speed < QRS_SPEED_SHARE * speed[top]
    quiet = max(1, round(QUIET_S * fs_hz))
    calm = np.convolve(slow, np.ones(quiet), "valid") >= quiet  # from here on, for QUIET_S
    before = np.flatnonzero(calm[: max(1, top - quiet)])
    after = np.flatnonzero(calm[top:])
    start = int(before[-1]) + quiet if before.size else 0
    end = top + int(after[0]) if after.size else speed.size - 1
    return start, end


def _last_t_end(
    leads: Floats, height: Floats, qrs_end: int, fs_hz: float, noise: float
) -> float | None:
    """Return the last end of the T wave in any lead but one: that one may be an artefact."""
    together = _t_end(height, qrs_end, fs_hz, noise)
    if together is None:
        return None
    tall = 0.4 * float(height[qrs_end + round(T_FROM_QRS_S * fs_hz) :].max())
    first = qrs_end + round(T_FROM_QRS_S * fs_hz)
    ends = [_t_end(lead, qrs_end, fs_hz, noise) for lead in leads if lead[first:].max() > tall]
    known = sorted(end for end in ends if end is not None and end - together < T_SPREAD_S * fs_hz)
    return max(together, known[-2]) if len(known) > 1 else together


def _t_end(height: Floats, qrs_end: int, fs_hz: float, noise: float) -> float | None:
    """Return where the T wave has come down to a few per cent of its height.

    The tangent at its steepest fall tells, which noise moves less than a threshold.
    """
    first = qrs_end + round(T_FROM_QRS_S * fs_hz)
    wave = height[first:]
    if wave.size < round(0.1 * fs_hz):
        return None
    peak = int(wave.argmax())
    floor = float(wave[peak:].min())
    fall = np.diff(wave[peak : peak + round(0.2 * fs_hz)])
    if fall.size < 3 or wave[peak] - floor < WAVE_TO_NOISE * noise or fall.min() >= 0:
        return None
    steepest = int(fall.argmin())
    to_foot = float(wave[peak + steepest] - floor) / -float(fall[steepest])
    end = steepest + (1 + T_BEYOND_TANGENT) * to_foot
    return first + peak + min(end, float(wave.size - peak - 1))


def _p_start(height: Floats, qrs_start: int, fs_hz: float, noise: float) -> float | None:
    """Return where the tangent at the P wave's steepest rise leaves the level before it."""
    first = max(0, qrs_start - round(LONGEST_PR_S * fs_hz))
    wave = height[first : qrs_start - round(P_FROM_QRS_S * fs_hz)]
    if wave.size < round(0.06 * fs_hz):
        return None
    peak = int(wave.argmax())
    rise = np.diff(wave[: peak + 1])
    if rise.size < 3:
        return None
    steepest = int(rise.argmax())
    floor = float(wave[: steepest + 1].min())
    if wave[peak] - floor < WAVE_TO_NOISE * noise or rise[steepest] <= 0:
        return None
    return first + max(0.0, steepest - float(wave[steepest] - floor) / float(rise[steepest]))
