"""Peak flow between the samples: a two-sided fit with a free corner.

At 100 Hz the largest sample of a fast blow lies up to 5 % below its peak. Near the peak the flow is
therefore taken as two parabolas that meet in a corner; the corner's place is searched and all else
follows by least squares. Where the peak is round, the corner costs nothing: both sides agree there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from koffert_signal.checks import Floats
from koffert_signal.spirometry.curve import Curve, smooth_flow

# The coarse peak is the steepest mean slope over this time, which no single noisy sample moves.
COARSE_WINDOW_S = 0.03
# The true corner lies within half that window of the coarse peak; one step more for slow sampling.
CORNER_REACH_S = 0.025
CORNER_STEPS = 101  # every 0.5 ms
# The fit's span: short enough that a parabola follows an exponential of 0.15 s to 0.2 %.
BEFORE_S, AFTER_S = 0.07, 0.07
# Below this share of the peak the rise still bends out of its start.
RISE_FROM = 0.2
# A fit this far from the coarse peak's highest sample is no fit; the sample stands.
LARGEST_CORRECTION = 0.15
PARAMETERS = 5
# A rise of so few samples has no bend that they could tell.
STRAIGHT_BELOW = 4
LEFT_BEND = 2  # the bend's column


class Peak(NamedTuple):
    """Highest flow and when it was reached."""

    time_s: float
    flow_l_s: float


def find_peak(curve: Curve) -> Peak:
    """Return the highest expiratory flow of the curve."""
    middle_s = (curve.flow_from_s + curve.flow_to_s) / 2
    coarse_s = _coarse_time(curve)
    near = np.abs(middle_s - coarse_s) <= CORNER_REACH_S
    if not near.any():
        near = np.abs(middle_s - coarse_s) <= np.min(np.abs(middle_s - coarse_s))
    highest = int(np.flatnonzero(near)[np.argmax(curve.flow_l_s[near])])
    sampled = Peak(float(middle_s[highest]), float(curve.flow_l_s[highest]))
    used = _span(middle_s, curve.flow_l_s, highest)
    if sampled.flow_l_s <= 0 or used.stop - used.start < PARAMETERS:
        return sampled
    fitted = _fit(curve, used, sampled.time_s)
    close = abs(fitted.flow_l_s / sampled.flow_l_s - 1) <= LARGEST_CORRECTION
    return fitted if close else sampled


def _coarse_time(curve: Curve) -> float:
    return float(curve.time_s[np.argmax(smooth_flow(curve, curve.time_s, COARSE_WINDOW_S))])


def _span(middle_s: Floats, flow_l_s: Floats, highest: int) -> slice:
    """Return the samples of the rise from 20 % of the peak, and of the first fall."""
    first = int(np.searchsorted(middle_s, middle_s[highest] - BEFORE_S))
    low = np.flatnonzero(flow_l_s[first:highest] < RISE_FROM * flow_l_s[highest])
    first = first + int(low[-1]) + 1 if low.size else first
    return slice(first, int(np.searchsorted(middle_s, middle_s[highest] + AFTER_S, side="right")))


def _fit(curve: Curve, used: slice, centre_s: float) -> Peak:
    start_s = curve.flow_from_s[used] - centre_s
    end_s = curve.flow_to_s[used] - centre_s
    flow_l_s = curve.flow_l_s[used]
    corners_s = np.linspace(-CORNER_REACH_S, CORNER_REACH_S, CORNER_STEPS)
    bases = np.stack([_basis_mean(start_s, end_s, corner_s) for corner_s in corners_s])
    if np.count_nonzero(end_s <= 0) < STRAIGHT_BELOW:
        bases[:, :, LEFT_BEND] = 0.0
    weights = np.linalg.pinv(bases, rcond=1e-8) @ flow_l_s
    residuals = np.sum((np.einsum("cij,cj->ci", bases, weights) - flow_l_s) ** 2, axis=1)
    best = int(np.argmin(residuals))
    heights = _basis_at(corners_s, corners_s[best]) @ weights[best]
    top = int(np.argmax(heights))
    return Peak(float(centre_s + corners_s[top]), float(heights[top]))


def _basis_at(time_s: Floats, corner_s: float) -> Floats:
    # Times are scaled by the span, so that the columns are of one size.
    x = (time_s - corner_s) / BEFORE_S
    left, right = np.minimum(x, 0), np.maximum(x, 0)
    return np.stack([np.ones_like(x), left, left**2, right, right**2], axis=-1)


def _basis_mean(start_s: Floats, end_s: Floats, corner_s: float) -> Floats:
    """Return each basis function's mean over [start, end], exactly; its value where both are one."""
    a, b = (start_s - corner_s) / BEFORE_S, (end_s - corner_s) / BEFORE_S
    width = b - a
    if not width.any():
        return _basis_at(start_s, corner_s)

    def mean(side: Floats, other: Floats, power: int) -> Floats:
        return (other ** (power + 1) - side ** (power + 1)) / ((power + 1) * width)

    left = np.minimum(a, 0), np.minimum(b, 0)
    right = np.maximum(a, 0), np.maximum(b, 0)
    columns = [np.ones_like(a), mean(*left, 1), mean(*left, 2), mean(*right, 1), mean(*right, 2)]
    return np.stack(columns, axis=-1)
