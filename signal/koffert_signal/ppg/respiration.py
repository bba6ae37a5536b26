"""Breathing rate from the three ways in which breathing shapes the pulse wave, weighed together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from koffert_signal import checks
from koffert_signal.checks import Floats, Ints
from koffert_signal.ppg.quality import quality

SHORTEST_S = 30.0  # eight breaths at rest; less gives a guess
BAND_BPM = (6.0, 42.0)
SERIES_HZ = 4.0  # twice what the fastest breathing needs
# Estimates further apart than this do not speak of the same breathing.
AGREEMENT_BPM = 4.0
# Half of all power in one line common to the three is as clear as breathing gets. Below 0.4 of that
# the rate against a chest belt was off by up to 15/min, above it by 2/min.
CERTAIN_SHARE, LEAST_CONFIDENCE = 0.5, 0.4
LEAST_QUALITY = 0.3  # below, the beats are guesses: white noise has some line in every spectrum


class Respiration(Struct, frozen=True):
    """Breaths a minute, None below a confidence of 0.4 (0: the three disagree, 1: they are one)."""

    rate_bpm: float | None
    confidence: float


NOT_KNOWN = Respiration(None, 0.0)


def respiration(signal: npt.ArrayLike, peaks: npt.ArrayLike, fs_hz: float) -> Respiration:
    """Estimate breathing from a PPG and its systolic peaks (rising sample indices).

    Height, interval and baseline of the beats each give a spectrum; each counts as much as its
    highest line stands out. Fusion after Karlen 2013 (doi 10.1109/TBME.2013.2246160), on spectra
    instead of rates. Answers NOT_KNOWN below 30 s, 20 beats or a quality of 0.3.
    """
    x = checks.samples(signal)
    beats = np.asarray(peaks, dtype=np.int64)
    fs_hz = checks.rate(fs_hz)
    if beats.size < 20 or (beats[-1] - beats[0]) / fs_hz < SHORTEST_S:
        return NOT_KNOWN
    if quality(x, fs_hz, beats).score < LEAST_QUALITY:
        return NOT_KNOWN
    modulations = _modulations(x, beats)
    times_s = beats[1:] / fs_hz
    series = np.stack([_even(times_s, values) for values in modulations])
    rate_bpm, power = _spectra(series)
    return _fused(rate_bpm, power)


def _modulations(x: Floats, beats: Ints) -> Floats:
    """Return height, interval and baseline of each beat but the first."""
    foot = np.minimum.reduceat(x, beats[:-1])
    height = x[beats[1:]] - foot
    baseline = (x[beats[1:]] + foot) / 2
    return np.stack([height, np.diff(beats).astype(np.float64), baseline])


def _even(times_s: Floats, values: Floats) -> Floats:
    """Return the series four times a second, without trend, outliers held to 3 deviations."""
    deviation = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    middle = float(np.median(values))
    held = np.clip(values, middle - 3 * deviation, middle + 3 * deviation)
    t = np.arange(times_s[0], times_s[-1], 1 / SERIES_HZ)
    even = np.interp(t, times_s, held)
    slow = np.polynomial.Polynomial.fit(t, even, deg=2)
    return np.asarray(even - slow(t))


def _spectra(series: Floats) -> tuple[Floats, Floats]:
    points = max(1024, 4 * series.shape[1])
    window = np.hanning(series.shape[1])
    rate_bpm = np.fft.rfftfreq(points, 1 / SERIES_HZ) * 60
    # Vessel tone and pulse wander as 1/f: weigh each line by its frequency.
    power = np.abs(np.fft.rfft(series * window, points, axis=1)) ** 2 * rate_bpm**2
    inside = (rate_bpm >= BAND_BPM[0]) & (rate_bpm <= BAND_BPM[1])
    return np.asarray(rate_bpm[inside], dtype=np.float64), power[:, inside]


def _fused(rate_bpm: Floats, power: Floats) -> Respiration:
    total = power.sum(axis=1, keepdims=True)
    alive = total[:, 0] > 1e-12 * max(float(total.max()), np.finfo(float).tiny)
    if not alive.any():
        return NOT_KNOWN
    shares = power[alive] / total[alive]
    near = _line_share(rate_bpm, shares)
    fused = (near[:, None] * shares).sum(axis=0)
    best = float(rate_bpm[fused.argmax()])
    own = rate_bpm[shares.argmax(axis=1)]
    agree = float(near[np.abs(own - best) <= AGREEMENT_BPM].sum() / len(power))
    confidence = round(min(1.0, agree / CERTAIN_SHARE), 2)
    return Respiration(round(best, 1) if confidence >= LEAST_CONFIDENCE else None, confidence)


def _line_share(rate_bpm: Floats, shares: Floats) -> Floats:
    """Return which share of its power each spectrum holds within 2/min of its highest line."""
    top = rate_bpm[shares.argmax(axis=1)]
    around = np.abs(rate_bpm[None] - top[:, None]) <= 2.0
    return np.asarray((shares * around).sum(axis=1))
