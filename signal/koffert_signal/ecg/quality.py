"""Quality of one ECG lead."""

from __future__ import annotations

import numpy.typing as npt

from koffert_signal import checks
from koffert_signal.ecg import qrs
from koffert_signal.errors import SignalError
from koffert_signal.filters import Band, zero_phase
from koffert_signal.quality import (
    ECG_SHAPE,
    Quality,
    Reason,
    bridged,
    judge,
    unusable,
    with_gaps,
)

# What the eye reads: no wander, no hum.
BAND = Band("ecg-quality", 1.0, 35.0)


def quality(signal: npt.ArrayLike, fs_hz: float, beats: npt.ArrayLike | None = None) -> Quality:
    """Judge one lead; never raises for a bad recording, only for a wrong call.

    `beats` are the detector's, found here where they are not given.
    """
    fs_hz = checks.rate(fs_hz)
    try:
        x, gap = bridged(checks.samples(signal, finite=False))
    except SignalError:
        return unusable(0, fs_hz, Reason.MISSING)
    if gap.all():
        return unusable(x.size, fs_hz, Reason.MISSING)
    if fs_hz < qrs.LOWEST_RATE_HZ:
        return unusable(x.size, fs_hz, Reason.UNSUPPORTED_RATE)
    if x.size < fs_hz:
        return unusable(x.size, fs_hz, Reason.TOO_SHORT)
    found = qrs.detect(x, fs_hz) if beats is None else checks.indices(beats, x.size)
    return with_gaps(judge(x, zero_phase(BAND, x, fs_hz), found, fs_hz, ECG_SHAPE), gap)
