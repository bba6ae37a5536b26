"""Electrodes of a 12-lead still: which lead carries nothing, and whether the arms were swapped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from koffert_signal import checks
from koffert_signal.checks import Floats, Ints
from koffert_signal.filters import Band, zero_phase
from koffert_signal.quality import Quality, Reason

SILENT = {Reason.FLAT, Reason.SATURATED, Reason.MISSING}
BAND = Band("ecg-electrodes", 0.5, 40.0)
# I and V6 look at the heart from nearly the same side: their QRS is alike unless the arms are
# swapped, which turns I upside down.
OPPOSED = -0.3
P_S, T_FROM_S = (0.24, 0.07), 0.12  # before and after the R peak


def leads_off(names: Sequence[str], qualities: Sequence[Quality]) -> tuple[str, ...]:
    """Return the leads that carry no signal for half of the time."""
    return tuple(
        name
        for name, quality in zip(names, qualities, strict=True)
        if SILENT & set(quality.reasons) and np.mean(np.array(quality.per_second) == 0) >= 0.5
    )


def arms_swapped(
    names: Sequence[str], leads: npt.ArrayLike, beats: npt.ArrayLike, fs_hz: float
) -> bool | None:
    """Tell whether the arm electrodes seem swapped; None without leads I and V6, or without beats.

    Both must hold: QRS in I against V6, and P and T wave in I downwards, taken together, since an
    ischaemic T wave is down by itself. A heart on the right side looks the same: a person looks at it.
    """
    x = checks.leads(leads)
    found = checks.indices(beats, x.shape[1])
    rows = {name.upper(): row for row, name in enumerate(names)}
    if "I" not in rows or "V6" not in rows or found.size < 3:
        return None
    pair = zero_phase(BAND, x[[rows["I"], rows["V6"]]], fs_hz)
    one, six = (_mean_beat(lead, found, fs_hz) for lead in pair)
    middle = one.size // 2
    qrs = slice(middle - round(0.06 * fs_hz), middle + round(0.06 * fs_hz))
    opposed = _correlation(one[qrs], six[qrs]) < OPPOSED
    return opposed and _p_and_t(one, fs_hz) < 0 < _p_and_t(six, fs_hz)


def _p_and_t(beat: Floats, fs_hz: float) -> float:
    """Return the mean height where the P wave is, and that where the T wave is, together."""
    middle = beat.size // 2
    p_wave = beat[middle - round(P_S[0] * fs_hz) : middle - round(P_S[1] * fs_hz)]
    t_wave = beat[middle + round(T_FROM_S * fs_hz) :]
    return float(p_wave.mean() + t_wave.mean())


def _mean_beat(lead: Floats, beats: Ints, fs_hz: float) -> Floats:
    window = np.arange(-round(0.4 * fs_hz), round(0.4 * fs_hz) + 1)
    around = np.clip(beats[:, None] + window, 0, lead.size - 1)
    beat = np.median(lead[around], axis=0)
    return np.asarray(beat - np.median(beat))


def _correlation(a: Floats, b: Floats) -> float:
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 0 else 0.0
