"""Where the forced expiration begins and ends, in clean and in noisy recordings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from koffert_signal.checks import Floats
from koffert_signal.errors import UnusableSignal
from koffert_signal.spirometry.curve import Curve

# Volume going back by more than this is a breath in: twice what a real recording loses to drift.
BREATH_L = 0.1
# Noise is judged where an exponential tail has no fourth difference, and over blocks, where independent
# errors of volume (rounding) have averaged out.
BLOCK_S = 0.1
MAD_TO_SD = 1 / 0.6745
# Noise lets the end wander later than it was. Where the flow stopped at once, a steeper demand finds the
# place: the steepest that the flow just before still doubles, if it moves the end by a moment only.
DEMANDS = (16.0, 11.0, 8.0, 5.6, 4.0, 2.8, 2.0)
BEFORE_END_S = 0.1
ABRUPT_WITHIN_S = 0.5
# Below this there is no noise to speak of: 1 mm3 in a second.
QUIET_L_S = 1e-6


class Limits(NamedTuple):
    """Sample numbers of onset, end and the breath in that follows (or the last sample); `end_s` lies between samples."""

    onset: int
    end: int
    following: int
    end_s: float


def find_limits(curve: Curve, peak_s: float) -> Limits:
    """Return where the expiration around `peak_s` begins and ends.

    Raises UnusableSignal where the recording begins or stops at the peak.
    """
    peak = int(np.searchsorted(curve.time_s, peak_s))
    if not 2 <= peak <= curve.time_s.size - 3:
        raise UnusableSignal("the recording holds no whole blow")
    creep_l_s = noise_l_s(curve)
    onset = _onset(curve, peak, creep_l_s)
    following = _following_breath(curve, peak)
    end = _end(curve, peak, following, creep_l_s)
    return Limits(onset, end, following, _between_samples(curve, end))


def noise_l_s(curve: Curve) -> float:
    """Return the flow in L/s below which volume that creeps up is noise and not breath."""
    step_s = float(np.median(np.diff(curve.time_s)))
    fine = _volumes_every(curve, step_s)
    blocks = _volumes_every(curve, BLOCK_S)
    return min(_spread(np.diff(fine) / step_s, 4), _spread(np.diff(blocks) / BLOCK_S, 2))


def _volumes_every(curve: Curve, step_s: float) -> Floats:
    return curve.volume_at(np.arange(curve.time_s[0], curve.time_s[-1], step_s))


def _spread(flow_l_s: Floats, order: int) -> float:
    """Return the standard deviation of white noise on a smooth flow, from differences of `order`."""
    differences = np.diff(flow_l_s, n=order)
    if differences.size == 0:
        return 0.0
    gain = {2: np.sqrt(6.0), 4: np.sqrt(70.0)}[order]
    return float(np.median(np.abs(differences)) * MAD_TO_SD / gain)


def _onset(curve: Curve, peak: int, creep_l_s: float) -> int:
    """Return the last sample of the deepest breath in before the peak."""
    volumes = curve.volume_l[: peak + 1]
    lowest_later = np.minimum.accumulate(volumes[::-1])[::-1]
    breaths = np.flatnonzero(volumes - lowest_later > BREATH_L)
    first = int(breaths[-1]) if breaths.size else 0
    tilted = volumes[first:] - creep_l_s * curve.time_s[first : peak + 1]
    return first + tilted.size - 1 - int(np.argmin(tilted[::-1]))


def _following_breath(curve: Curve, peak: int) -> int:
    volumes = curve.volume_l[peak:]
    breaths = np.flatnonzero(np.maximum.accumulate(volumes) - volumes > BREATH_L)
    return peak + int(breaths[0]) if breaths.size else curve.time_s.size - 1


def _end(curve: Curve, peak: int, following: int, creep_l_s: float) -> int:
    """Return the first sample of the last volume that rose faster than noise does."""
    never_falls = bool(np.all(np.diff(curve.volume_l[peak : following + 1]) >= 0))
    if never_falls or creep_l_s < QUIET_L_S:  # rounded volumes creep by no step that is not breath
        return _highest(curve, peak, following, 0.0)
    end = _highest(curve, peak, following, creep_l_s)
    for demand_l_s in (factor * creep_l_s for factor in DEMANDS):
        earlier = _highest(curve, peak, following, demand_l_s)
        earlier_s = curve.time_s[earlier]
        last_l = curve.volume_l[earlier] - curve.volume_at(earlier_s - BEFORE_END_S)
        abrupt = last_l >= 2 * demand_l_s * BEFORE_END_S
        if abrupt and curve.time_s[end] - earlier_s <= ABRUPT_WITHIN_S:
            return earlier
    return end


def _highest(curve: Curve, first: int, last: int, creep_l_s: float) -> int:
    within = slice(first, last + 1)
    return first + int(np.argmax(curve.volume_l[within] - creep_l_s * curve.time_s[within]))


def _between_samples(curve: Curve, end: int) -> float:
    """Return when the flow stopped within the last step, from the volume that still came in it."""
    before, last = np.diff(curve.volume_l[end - 2 : end + 1]) / np.diff(
        curve.time_s[end - 2 : end + 1]
    )
    share = min(max(last / before, 0.0), 1.0) if before > 0 else 1.0
    return float(curve.time_s[end - 1] + share * (curve.time_s[end] - curve.time_s[end - 1]))
