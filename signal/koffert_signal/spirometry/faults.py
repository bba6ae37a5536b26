"""What can be wrong with a blow: seen on its curve, or seen by whoever stood beside the patient."""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise

import numpy as np

from koffert_signal.checks import Bools, Floats
from koffert_signal.spirometry.curve import Curve, smooth_flow
from koffert_signal.spirometry.indices import Blow


class Fault(StrEnum):
    """The failed checks of Graham 2019, Table 7, worst first; LEAK and OBSTRUCTION only a person sees."""

    ZERO_FLOW = "zero-flow"
    SLOW_START = "slow-start"
    CLOSURE_FIRST_SECOND = "glottic-closure-first-second"
    COUGH_FIRST_SECOND = "cough-first-second"
    LEAK = "leak"
    OBSTRUCTION = "obstructed-mouthpiece"
    NOT_FULL = "not-from-full-inspiration"
    CLOSURE_LATER = "glottic-closure-later"
    NO_END = "no-end-of-expiration"


# Flow is looked at every 10 ms, over 40 ms: a cough is longer, millilitre steps of volume are smoothed.
GRID_S, WINDOW_S = 0.01, 0.04
# Looked at so widely, flow is highest up to 0.1 s after the fitted peak.
PEAK_WITHIN = 10
# A cough lets the flow fall and come back. Healthy flow only falls; turbulence and two-peaked efforts
# come back by less than this share of what they come back to, and noise by less than this flow.
COUGH_SHARE, COUGH_L_S = 0.3, 0.15
# A closed glottis stops flow that was above this (lower in the first second: much more is expected then) ...
CLOSURE_FROM_L_S = 0.2
# ... within this time, to what noise and an imperfect zero still show ...
CLOSURE_WITHIN_S = 0.06
CLOSED_BELOW_L_S = 0.03
# ... and holds for longer than the gap within a cough; at the blow's end, for as long as a plateau.
CLOSED_FOR_S = 0.2
HELD_AT_END_S = 1.0
# A sensor whose zero is off shows the same steady flow before the blow and after it.
ZERO_ERROR_L_S = 0.025
ZERO_WINDOW_S = 0.3
ZERO_AGREEMENT = 0.3


def curve_faults(blow: Blow) -> frozenset[Fault]:
    """Return the faults that the curve itself shows, beside those that its indices tell."""
    grid_s = np.arange(blow.peak.time_s, blow.limits.end_s + WINDOW_S, GRID_S)
    flow_l_s = smooth_flow(blow.curve, grid_s, WINDOW_S)
    closures_s = _closures(blow, grid_s, flow_l_s)
    first_second_ends_s = blow.indices.time_zero_s + 1
    early = [time_s for time_s in closures_s if time_s < first_second_ends_s]
    shown = {
        Fault.COUGH_FIRST_SECOND: not early and _cough(grid_s, flow_l_s, first_second_ends_s),
        Fault.CLOSURE_FIRST_SECOND: bool(early),
        Fault.CLOSURE_LATER: len(closures_s) > len(early),
        Fault.ZERO_FLOW: _zero_is_off(blow.curve),
    }
    return frozenset(fault for fault, is_shown in shown.items() if is_shown)


def _cough(grid_s: Floats, flow_l_s: Floats, first_second_ends_s: float) -> bool:
    """Tell whether flow fell and came back between its peak and the end of the first second."""
    peak = int(np.argmax(flow_l_s[:PEAK_WITHIN])) if flow_l_s.size else 0
    within = slice(peak, int(np.searchsorted(grid_s, first_second_ends_s + CLOSED_FOR_S)))
    times_s, flow = grid_s[within], flow_l_s[within]
    best_later = np.maximum.accumulate(flow[::-1])[::-1]
    rebound = np.where(times_s <= first_second_ends_s, best_later - flow, 0.0)
    return bool(np.any(rebound > np.maximum(COUGH_L_S, COUGH_SHARE * best_later)))


def _closures(blow: Blow, grid_s: Floats, flow_l_s: Floats) -> list[float]:
    """Return when flow stopped abruptly and stayed stopped though the blow went on."""
    stops = _stops(grid_s, flow_l_s)
    ended = [] if stops and stops[-1][1] is None else [(blow.limits.end_s, None)]
    return [
        start_s
        for start_s, end_s in (*stops, *ended)
        if _is_abrupt(blow.curve, start_s) and _is_held(blow, start_s, end_s)
    ]


def _stops(grid_s: Floats, flow_l_s: Floats) -> list[tuple[float, float | None]]:
    """Return the times without flow as (from, to); `to` is None where no flow followed."""
    closed: Bools = flow_l_s < CLOSED_BELOW_L_S
    edges = np.flatnonzero(np.diff(closed.astype(np.int8), prepend=0, append=0))
    runs = list(pairwise(edges))[::2]
    return [
        (float(grid_s[first]), float(grid_s[last]) if last < grid_s.size else None)
        for first, last in runs
    ]


def _is_abrupt(curve: Curve, stop_s: float) -> bool:
    before_s = np.array([stop_s - CLOSURE_WITHIN_S - WINDOW_S / 2])
    return bool(smooth_flow(curve, before_s, WINDOW_S)[0] >= CLOSURE_FROM_L_S)


def _is_held(blow: Blow, start_s: float, end_s: float | None) -> bool:
    if end_s is not None:
        return end_s - start_s >= CLOSED_FOR_S
    if start_s < blow.indices.time_zero_s + 1:
        return True
    return still_for_s(blow) >= HELD_AT_END_S


def still_for_s(blow: Blow) -> float:
    """Return how long the recording goes on after the end of expiration, before any breath in."""
    return float(blow.curve.time_s[blow.limits.following]) - blow.limits.end_s


def stopped_abruptly(blow: Blow) -> bool:
    """Tell whether the expiration ended at once, as by a closed glottis, and did not dwindle."""
    return _is_abrupt(blow.curve, blow.limits.end_s)


def _zero_is_off(curve: Curve) -> bool:
    """Tell whether the recording begins and ends with the same steady flow that is not 0."""
    first_s, last_s = curve.time_s[0], curve.time_s[-1]
    half_s = ZERO_WINDOW_S / 2
    starts_s = np.array([first_s, first_s + half_s, last_s - 2 * half_s, last_s - half_s])
    flow_l_s = (curve.volume_at(starts_s + half_s) - curve.volume_at(starts_s)) / half_s
    mean_l_s = float(np.mean(flow_l_s))
    off = abs(mean_l_s) > ZERO_ERROR_L_S
    return off and bool(np.all(np.abs(flow_l_s - mean_l_s) < ZERO_AGREEMENT * abs(mean_l_s)))
