"""Filters as second-order sections, with what each does to the signal written down.

A stored record is filtered both ways (no delay, the response squared); a live one forwards only.
`causal` and `Stream` run the same recursion from the same start, so that chunking never shows.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from scipy import signal as dsp

from koffert_signal import checks
from koffert_signal.checks import Floats
from koffert_signal.errors import InvalidInput

# A low-pass whose corner lies above this share of the Nyquist rate is left out: nothing is above it
# worth removing, and the bilinear transform bends it there.
HIGHEST_CORNER = 0.9


class Band(Struct, frozen=True):
    """A pass band: Butterworth corners (-3 dB one way, -6 dB both ways) and their orders.

    `low_hz` or `high_hz` is None where the band is open on that side.
    """

    name: str
    low_hz: float | None
    high_hz: float | None
    low_order: int = 2
    high_order: int = 2

    def at(self, fs_hz: float) -> Band:
        """Return the band as it can be had at this rate: no high corner beyond 0.9 of Nyquist."""
        open_above = self.high_hz is None or self.high_hz >= HIGHEST_CORNER * fs_hz / 2
        high_hz = None if open_above else self.high_hz
        return Band(self.name, self.low_hz, high_hz, self.low_order, self.high_order)

    def label(self) -> str:
        """Return what a print says of it, such as "0.05-150 Hz"."""
        low = "0" if self.low_hz is None else f"{self.low_hz:g}"
        high = "open" if self.high_hz is None else f"{self.high_hz:g} Hz"
        return f"{low}-{high}"


# AHA/ACC/HRS 2007 bandwidth for a diagnostic 12-lead. One pole at 0.05 Hz: what the 300 µV × 100 ms
# pulse test of IEC 60601-2-25 asks for.
ECG_DIAGNOSTIC = Band("ecg-diagnostic", 0.05, 150.0, low_order=1)
# Monitor bandwidth of IEC 60601-2-27 devices; moves the ST level, so never for reading a still.
ECG_MONITOR = Band("ecg-monitor", 0.5, 40.0)
# The low corner may rise to 0.67 Hz where phase is zero (AHA/ACC/HRS 2007): stored records only.
ECG_BASELINE = Band("ecg-baseline", 0.67, None)
# A pulse of 30-240/min and the harmonics that shape it (Elgendi 2013, PLoS ONE 8:e76585).
PPG_PULSE = Band("ppg-pulse", 0.5, 8.0)

BANDS: tuple[Band, ...] = (ECG_DIAGNOSTIC, ECG_MONITOR, ECG_BASELINE, PPG_PULSE)


def zero_phase(band: Band, signal: npt.ArrayLike, fs_hz: float) -> Floats:
    """Filter a whole record forwards and backwards: no delay, the response squared.

    The ends are continued by point reflection over three time constants of the low corner, or over
    the whole record where that is shorter. Time is the last axis.
    """
    fs_hz = checks.rate(fs_hz)
    x = checks.samples(signal, max_dimensions=2)
    sections = sections_of(band, fs_hz)
    if sections is None:
        return x.copy()
    reach_hz = band.low_hz or band.high_hz or fs_hz
    padding = min(x.shape[-1] - 1, int(np.ceil(3 * fs_hz / (2 * np.pi * reach_hz))))
    return np.asarray(dsp.sosfiltfilt(sections, x, axis=-1, padtype="odd", padlen=padding))


def causal(band: Band, signal: npt.ArrayLike, fs_hz: float) -> Floats:
    """Filter a whole record forwards only: sample for sample what `Stream` gives live."""
    return Stream(band, fs_hz).push(checks.samples(signal, max_dimensions=2))


class Stream:
    """A live filter: chunks in, as many samples out, no delay beyond `delay_s`.

    It starts as if the first sample had stood for ever, so that an offset makes no step.
    """

    def __init__(self, band: Band, fs_hz: float) -> None:
        self._fs_hz = checks.rate(fs_hz)
        self._sections = sections_of(band, self._fs_hz)
        self._state: Floats | None = None

    def push(self, chunk: npt.ArrayLike) -> Floats:
        """Filter the next samples; an empty chunk gives an empty answer. Time is the last axis."""
        if np.size(chunk) == 0:
            return np.asarray(chunk, dtype=np.float64)
        x = checks.samples(chunk, max_dimensions=2)
        if self._sections is None:
            return x.copy()
        if self._state is None:
            self._state = _settled(self._sections, x[..., :1])
        elif self._state.shape[1:-1] != x.shape[:-1]:
            raise InvalidInput("the number of leads changed within one stream")
        y, self._state = dsp.sosfilt(self._sections, x, axis=-1, zi=self._state)
        return np.asarray(y)


def delay_s(band: Band, fs_hz: float, at_hz: float) -> float:
    """Return the group delay of the causal filter at one frequency."""
    sections = sections_of(band, checks.rate(fs_hz))
    if sections is None:
        return 0.0
    step_hz = at_hz * 1e-3
    _, response = dsp.sosfreqz(sections, [at_hz - step_hz, at_hz + step_hz], fs=fs_hz)
    return float(-np.angle(response[1] / response[0]) / (4 * np.pi * step_hz))


def gain_db(band: Band, fs_hz: float, at_hz: float, *, both_ways: bool = False) -> float:
    """Return the filter's gain at one frequency, twice that where it runs both ways."""
    sections = sections_of(band, checks.rate(fs_hz))
    if sections is None:
        return 0.0
    _, response = dsp.sosfreqz(sections, [at_hz], fs=fs_hz)
    gain = 20 * float(np.log10(max(abs(response[0]), 1e-15)))
    return 2 * gain if both_ways else gain


def sections_of(band: Band, fs_hz: float) -> Floats | None:
    """Return the second-order sections of a band; None where nothing of it is left at this rate."""
    sections = _design(band, fs_hz)
    return None if sections is None else sections.copy()


@lru_cache(maxsize=64)
def _design(band: Band, fs_hz: float) -> Floats | None:
    real = band.at(fs_hz)
    nyquist_hz = fs_hz / 2
    if real.low_hz is not None and real.low_hz >= HIGHEST_CORNER * nyquist_hz:
        raise InvalidInput(f"{band.name} needs more than {fs_hz:g} samples a second")
    parts = []
    if real.low_hz is not None:
        parts.append(dsp.butter(real.low_order, real.low_hz, "highpass", fs=fs_hz, output="sos"))
    if real.high_hz is not None:
        parts.append(dsp.butter(real.high_order, real.high_hz, "lowpass", fs=fs_hz, output="sos"))
    return np.vstack(parts) if parts else None


def _settled(sections: Floats, first: Floats) -> Floats:
    """Return the state after an endless run of the first sample, one for each lead."""
    state = dsp.sosfilt_zi(sections)
    lead_axes = (1,) * (first.ndim - 1)
    return np.asarray(state.reshape(len(sections), *lead_axes, 2) * first)
