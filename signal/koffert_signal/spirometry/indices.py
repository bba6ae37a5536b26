"""The numbers of one blow, from its curve (Graham 2019, doi 10.1164/rccm.201908-1590ST)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from msgspec import Struct

from koffert_signal.errors import UnusableSignal
from koffert_signal.spirometry.curve import Curve
from koffert_signal.spirometry.limits import Limits, find_limits
from koffert_signal.spirometry.peak import Peak, find_peak

# Less than this is no forced expiration of an adult with any disease.
SMALLEST_PEF_L_S = 0.2
SMALLEST_FVC_L = 0.1
# What falls into a gap of flow is lost; a spirometer that drops more than this has dropped the blow.
LONGEST_GAP_S = 0.2
# A recording whose first flow is more of the peak than this began too late: full inspiration is not in it.
# The slowest sampling allowed sees a fast rise begin with half of that.
BEGUN_ABOVE = 0.25


class Indices(Struct, frozen=True, kw_only=True):
    """What one blow measures; volumes in L and flows in L/s BTPS, times in s.

    `time_zero_s` counts from the recording's own zero, all other times from time zero. `last_second_l` came
    out in the last second of the expiration. `fivc_l` is the breath in that follows, None where the
    recording ends before one.
    """

    fvc_l: float
    fev1_l: float
    fev3_l: float
    fev6_l: float
    pef_l_s: float
    fef25_75_l_s: float
    fet_s: float
    bev_l: float
    rise_time_s: float
    time_zero_s: float
    last_second_l: float
    fivc_l: float | None


class Blow(NamedTuple):
    """One measured blow: its numbers, and the places on the curve that they were read from."""

    curve: Curve
    peak: Peak
    limits: Limits
    level_l: float
    indices: Indices


def measure(curve: Curve) -> Blow:
    """Measure the largest forced expiration of the curve.

    Time zero is where the tangent at peak flow meets full inspiration, as the 2019 standard has it.
    Raises UnusableSignal where there is no expiration, or not all of it.
    """
    peak = find_peak(curve)
    if peak.flow_l_s < SMALLEST_PEF_L_S:
        raise UnusableSignal("the recording holds no forced expiration")
    limits = find_limits(curve, peak.time_s)
    if limits.onset == 0 and curve.flow_l_s[0] > BEGUN_ABOVE * peak.flow_l_s:
        raise UnusableSignal("the recording begins after the blow did")
    _check_gaps(curve, limits)
    level_l = float(curve.volume_l[limits.onset])
    return Blow(curve, peak, limits, level_l, _indices(curve, peak, limits, level_l))


def _check_gaps(curve: Curve, limits: Limits) -> None:
    steps_s = np.diff(curve.time_s[limits.onset : limits.end + 1])
    if np.max(steps_s, initial=0.0) > LONGEST_GAP_S:
        raise UnusableSignal(f"samples are missing for {np.max(steps_s):.2f} s of the blow")


def _indices(curve: Curve, peak: Peak, limits: Limits, level_l: float) -> Indices:
    def exhaled_l(time_s: float) -> float:
        """Return the volume out at `time_s`; what came before the end stands for all later times."""
        return float(curve.volume_at(min(time_s, limits.end_s))) - level_l

    out = slice(limits.onset, limits.following + 1)
    fvc_l = float(np.max(curve.volume_l[out])) - level_l
    if fvc_l < SMALLEST_FVC_L:
        raise UnusableSignal("the recording holds no forced expiration")
    zero_s = peak.time_s - exhaled_l(peak.time_s) / peak.flow_l_s
    last_second_l = exhaled_l(limits.end_s) - exhaled_l(max(limits.end_s - 1, zero_s))
    fev1_l, fev3_l, fev6_l = (
        fvc_l if zero_s + after_s >= limits.end_s else exhaled_l(zero_s + after_s)
        for after_s in (1.0, 3.0, 6.0)
    )
    return Indices(
        fvc_l=fvc_l,
        fev1_l=fev1_l,
        fev3_l=fev3_l,
        fev6_l=fev6_l,
        pef_l_s=peak.flow_l_s,
        fef25_75_l_s=_fef25_75(curve, limits, level_l, fvc_l),
        fet_s=limits.end_s - zero_s,
        bev_l=max(exhaled_l(zero_s), 0.0),
        rise_time_s=_rise_time(curve, peak, limits),
        time_zero_s=zero_s,
        last_second_l=last_second_l,
        fivc_l=_fivc(curve, limits),
    )


def _fef25_75(curve: Curve, limits: Limits, level_l: float, fvc_l: float) -> float:
    out = slice(limits.onset, limits.following + 1)
    highest_so_far_l = np.maximum.accumulate(curve.volume_l[out]) - level_l
    quarter_s, three_quarters_s = (
        _first_crossing(curve.time_s[out], highest_so_far_l, share * fvc_l)
        for share in (0.25, 0.75)
    )
    return 0.5 * fvc_l / (three_quarters_s - quarter_s)


def _first_crossing(time_s: np.ndarray, rising: np.ndarray, level: float) -> float:
    after = int(np.searchsorted(rising, level))
    below, above = rising[after - 1], rising[after]
    share = (level - below) / (above - below)
    return float(time_s[after - 1] + share * (time_s[after] - time_s[after - 1]))


def _rise_time(curve: Curve, peak: Peak, limits: Limits) -> float:
    """Return the time from 10 to 90 % of peak flow, on the samples before the peak and the peak."""
    middle_s = (curve.flow_from_s + curve.flow_to_s) / 2
    rise = (middle_s < peak.time_s) & (middle_s >= curve.time_s[limits.onset] - 1e-9)
    # A step that holds the peak is a mean over it, and lower.
    rise &= curve.flow_to_s <= peak.time_s
    times = np.append(middle_s[rise], peak.time_s)
    flows = np.append(curve.flow_l_s[rise], peak.flow_l_s)
    below_tenth = np.flatnonzero(flows < 0.1 * peak.flow_l_s)
    first = int(below_tenth[-1]) if below_tenth.size else 0
    rising = np.maximum.accumulate(flows[first:])
    at_10_s, at_90_s = np.interp(np.array([0.1, 0.9]) * peak.flow_l_s, rising, times[first:])
    return float(at_90_s - at_10_s)


def _fivc(curve: Curve, limits: Limits) -> float | None:
    """Return the largest volume breathed in again after the end, None where there was no breath."""
    if limits.following == curve.time_s.size - 1:
        return None
    highest_l = np.max(curve.volume_l[limits.onset : limits.following + 1])
    return float(highest_l - np.min(curve.volume_l[limits.following :]))
