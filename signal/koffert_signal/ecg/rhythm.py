"""Rate, intervals and irregularity of a train of beats."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from koffert_signal import checks
from koffert_signal.checks import Floats

# Fewer intervals say nothing of irregularity: a 10 s still never does.
FEWEST_INTERVALS = 20
# Median relative difference between intervals. Sinus rhythm at rest stays below 0.05, also with
# breathing in the elderly; fibrillation lies around 0.15 to 0.25.
IRREGULAR_FROM = 0.08
# Bigeminy to quadrigeminy repeat every 2 to 4 beats: fibrillation differs at every lag.
LAGS = (1, 2, 3, 4)
RR_RANGE_MS = (200.0, 3000.0)  # outside lies a missed or an invented beat


class Rhythm(Struct, frozen=True):
    """What a train of beats says. Unconfirmed: "irregular, have it read", never a diagnosis.

    `af_suspected` is None where there are too few beats to say.
    """

    heart_rate_bpm: float | None
    rr_ms: tuple[float, ...]
    irregularity: float | None
    af_suspected: bool | None


def rhythm(peaks: npt.ArrayLike, fs_hz: float) -> Rhythm:
    """Describe beats given as rising sample indices."""
    intervals_ms = rr_ms(peaks, fs_hz)
    irregularity = _irregularity(intervals_ms)
    return Rhythm(
        heart_rate_bpm=rate_bpm(intervals_ms),
        rr_ms=tuple(np.round(intervals_ms, 1).tolist()),
        irregularity=irregularity,
        af_suspected=None if irregularity is None else irregularity > IRREGULAR_FROM,
    )


def rr_ms(peaks: npt.ArrayLike, fs_hz: float) -> Floats:
    """Return the intervals between beats."""
    positions = np.asarray(peaks, dtype=np.float64)
    return np.asarray(np.diff(positions) * 1000 / checks.rate(fs_hz))


def rate_bpm(intervals_ms: npt.ArrayLike) -> float | None:
    """Return beats a minute from the median plausible interval: one missed beat moves nothing."""
    values = np.asarray(intervals_ms, dtype=np.float64)
    plausible = values[(values >= RR_RANGE_MS[0]) & (values <= RR_RANGE_MS[1])]
    return round(60_000 / float(np.median(plausible)), 1) if plausible.size else None


def _irregularity(intervals_ms: Floats) -> float | None:
    plausible = (intervals_ms >= RR_RANGE_MS[0]) & (intervals_ms <= RR_RANGE_MS[1])
    kept = intervals_ms[plausible]
    steady = _without_ectopic(kept)
    if steady.size < FEWEST_INTERVALS:
        steady = kept  # hardly a beat without its ectopic twin: the lags below see that it repeats
    if steady.size < FEWEST_INTERVALS:
        return None
    typical = float(np.median(steady))
    return min(float(np.median(np.abs(steady[lag:] - steady[:-lag]))) / typical for lag in LAGS)


def _without_ectopic(intervals: Floats) -> Floats:
    """Drop each early beat and its pause: a short interval, then a long one that makes up for it."""
    if intervals.size < 2:
        return intervals
    typical = np.median(intervals)
    early = (intervals[:-1] < 0.8 * typical) & (intervals[1:] > 1.1 * typical)
    made_up = np.abs(intervals[:-1] + intervals[1:] - 2 * typical) < 0.2 * typical
    pair = early & made_up
    dropped = np.zeros(intervals.size, dtype=bool)
    dropped[:-1] |= pair
    dropped[1:] |= pair
    return intervals[~dropped]
