"""One blow as samples, cleaned: from volume-time or flow-time, at any rate, evenly spaced or not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from koffert_signal.checks import Floats, samples
from koffert_signal.errors import InvalidInput, UnusableSignal

# A blow has its peak within 0.1 s; below 25 Hz that peak falls between two samples.
LONGEST_STEP_S = 0.04
# Fewer samples than this hold no rise, peak and fall.
FEWEST_SAMPLES = 12
# Nobody blows harder (ISO 26782 tests to 14 L/s) or holds more; it catches millilitres and litres per minute.
LARGEST_FLOW_L_S = 25.0
LARGEST_VOLUME_L = 20.0


class Curve(NamedTuple):
    """Samples of one recording, strictly rising in time, expiration positive.

    `flow_l_s[i]` is the mean flow between `flow_from_s[i]` and `flow_to_s[i]`; both are the same instant
    where flow itself was sampled. Volume counts from an arbitrary level.
    """

    time_s: Floats
    volume_l: Floats
    flow_from_s: Floats
    flow_to_s: Floats
    flow_l_s: Floats

    def volume_at(self, time_s: npt.ArrayLike) -> Floats:
        """Return the volume, linear between samples and constant outside them."""
        return np.interp(np.asarray(time_s, dtype=np.float64), self.time_s, self.volume_l)


def from_volume(time_s: npt.ArrayLike, volume_l: npt.ArrayLike) -> Curve:
    """Return the curve of exhaled volume in L BTPS against time in s.

    Rows that are not numbers are left out, rows out of order are put in order, of rows with one time the
    last counts. Raises InvalidInput for shapes and units that cannot be right, UnusableSignal for a
    recording too short or too slow to measure.
    """
    times, volumes = _clean(time_s, volume_l)
    flows = np.diff(volumes) / np.diff(times)
    return _plausible(Curve(times, volumes, times[:-1], times[1:], flows))


def from_flow(time_s: npt.ArrayLike, flow_l_s: npt.ArrayLike) -> Curve:
    """Return the curve of exhaled flow in L/s BTPS against time in s; rows and errors as `from_volume`."""
    times, flows = _clean(time_s, flow_l_s)
    trapezoids = (flows[1:] + flows[:-1]) / 2 * np.diff(times)
    volumes = np.concatenate([[0.0], np.cumsum(trapezoids)])
    return _plausible(Curve(times, volumes, times, times, flows))


def _clean(time_s: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Floats, Floats]:
    times, readings = samples(time_s, finite=False), samples(values, finite=False)
    if times.shape != readings.shape:
        raise InvalidInput(f"{times.size} times for {readings.size} samples")
    known = np.isfinite(times) & np.isfinite(readings)
    times, readings = times[known], readings[known]
    order = np.argsort(times, kind="stable")
    times, readings = times[order], readings[order]
    last_of_its_time = np.append(np.diff(times) > 0, True)[: times.size]
    times, readings = times[last_of_its_time], readings[last_of_its_time]
    if times.size < FEWEST_SAMPLES:
        raise UnusableSignal(f"{times.size} samples are too few for a blow")
    if np.median(np.diff(times)) > LONGEST_STEP_S:
        raise UnusableSignal(f"fewer than {1 / LONGEST_STEP_S:.0f} samples per second")
    return times, readings


def _plausible(curve: Curve) -> Curve:
    volume_range_l = np.ptp(curve.volume_l)
    if not volume_range_l <= LARGEST_VOLUME_L:
        raise InvalidInput(f"{volume_range_l:.4g} L is no lung's volume: litres expected")
    flow_l_s = np.max(_over(curve, 0.03))
    if not flow_l_s <= LARGEST_FLOW_L_S:
        raise InvalidInput(f"{flow_l_s:.4g} L/s is nobody's flow: litres per second expected")
    return curve


def _over(curve: Curve, window_s: float) -> Floats:
    return smooth_flow(curve, curve.time_s, window_s)


def smooth_flow(curve: Curve, at_s: Floats, window_s: float) -> Floats:
    """Return the mean flow in L/s over `window_s` centred on each time; 0 is assumed outside the record."""
    half_s = window_s / 2
    return (curve.volume_at(at_s + half_s) - curve.volume_at(at_s - half_s)) / window_s
