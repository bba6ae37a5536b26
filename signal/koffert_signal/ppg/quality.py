"""Quality of a PPG."""

from __future__ import annotations

import numpy.typing as npt

from koffert_signal import checks
from koffert_signal.errors import SignalError
from koffert_signal.filters import PPG_PULSE, zero_phase
from koffert_signal.ppg import beats as ppg_beats
from koffert_signal.ppg.polarity import inverted
from koffert_signal.quality import (
    PPG_SHAPE,
    Quality,
    Reason,
    bridged,
    judge,
    unusable,
    with_gaps,
)


def quality(signal: npt.ArrayLike, fs_hz: float, beats: npt.ArrayLike | None = None) -> Quality:
    """Judge a PPG; never raises for a bad recording, only for a wrong call.

    `beats` are the detector's, found here where they are not given, whichever way up the wave is.
    """
    fs_hz = checks.rate(fs_hz)
    try:
        x, gap = bridged(checks.samples(signal, finite=False))
    except SignalError:
        return unusable(0, fs_hz, Reason.MISSING)
    if gap.all():
        return unusable(x.size, fs_hz, Reason.MISSING)
    if fs_hz < ppg_beats.LOWEST_RATE_HZ:
        return unusable(x.size, fs_hz, Reason.UNSUPPORTED_RATE)
    if x.size < 2 * fs_hz:
        return unusable(x.size, fs_hz, Reason.TOO_SHORT)
    if beats is None:
        x = -x if inverted(x, fs_hz) else x
        found = ppg_beats.detect(x, fs_hz)
    else:
        found = checks.indices(beats, x.size)
    return with_gaps(judge(x, zero_phase(PPG_PULSE, x, fs_hz), found, fs_hz, PPG_SHAPE), gap)
