"""Signals with known truth: ECG beats of several shapes, pulse waves, noise. All from one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal as dsp

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Each wave: height in mV, time from the R peak and width (one sigma) in seconds.
BEATS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "normal": (
        (0.12, -0.18, 0.022),
        (-0.1, -0.025, 0.008),
        (1.0, 0.0, 0.011),
        (-0.25, 0.028, 0.01),
        (0.25, 0.26, 0.045),
    ),
    "tall-t": ((0.1, -0.17, 0.022), (0.8, 0.0, 0.012), (-0.2, 0.03, 0.012), (0.75, 0.24, 0.05)),
    "negative": ((0.1, -0.17, 0.022), (0.15, -0.02, 0.01), (-0.7, 0.0, 0.014), (0.2, 0.27, 0.05)),
    "wide": ((0.1, -0.2, 0.022), (0.6, -0.03, 0.022), (0.75, 0.0, 0.024), (-0.35, 0.29, 0.06)),
    "ectopic": ((1.3, 0.0, 0.042), (-0.6, 0.11, 0.05), (-0.35, 0.3, 0.06)),
}


@dataclass(frozen=True)
class Recording:
    """One lead in mV (or a pulse wave in no unit) and where its beats are."""

    x: Floats
    fs_hz: float
    beats: Ints


def ecg(
    shape: str = "normal",
    *,
    fs_hz: float = 360.0,
    duration_s: float = 60.0,
    rate_bpm: float = 75.0,
    irregular: float = 0.03,
    ectopic: float = 0.0,
    noise_mv: float = 0.02,
    seed: int = 1,
) -> Recording:
    """Beats of one shape, a share of early ectopic ones, breathing baseline, white noise."""
    random = np.random.default_rng(seed)
    time_s, kinds = _beat_times(shape, duration_s, rate_bpm, (irregular, ectopic), random)
    t = np.arange(round(duration_s * fs_hz)) / fs_hz
    x = 0.15 * np.sin(2 * np.pi * 0.25 * t) + noise_mv * random.standard_normal(t.size)
    for at_s, kind in zip(time_s, kinds, strict=True):
        near = slice(max(0, int((at_s - 0.4) * fs_hz)), int((at_s + 0.6) * fs_hz))
        x[near] += sum(
            height * np.exp(-0.5 * ((t[near] - at_s - offset_s) / width_s) ** 2)
            for height, offset_s, width_s in BEATS[kind]
        )
    return Recording(x, fs_hz, np.rint(np.array(time_s) * fs_hz).astype(np.int64))


def _beat_times(
    shape: str,
    duration_s: float,
    rate_bpm: float,
    unrest: tuple[float, float],
    random: np.random.Generator,
) -> tuple[list[float], list[str]]:
    irregular, ectopic = unrest
    rr_s = 60 / rate_bpm
    at_s, times_s, kinds = 0.5, list[float](), list[str]()
    while at_s < duration_s - 0.5:
        early = bool(times_s) and kinds[-1] == shape and random.random() < ectopic
        if early:
            at_s = times_s[-1] + 0.62 * rr_s
        times_s.append(at_s)
        kinds.append("ectopic" if early else shape)
        at_s += rr_s * (1.35 if early else float(np.exp(irregular * random.standard_normal())))
    return times_s, kinds


def ppg(
    *,
    fs_hz: float = 75.0,
    duration_s: float = 60.0,
    rate_bpm: float = 72.0,
    breaths_bpm: float = 16.0,
    noise: float = 0.01,
    seed: int = 1,
) -> Recording:
    """A pulse wave of height about 1 whose baseline, height and rate all follow the breathing."""
    random = np.random.default_rng(seed)
    t = np.arange(round(duration_s * fs_hz)) / fs_hz
    breath = np.sin(2 * np.pi * breaths_bpm / 60 * t)
    rate_hz = (
        rate_bpm / 60 * (1 + 0.03 * breath + 0.01 * random.standard_normal() * np.sin(0.3 * t))
    )
    phase = np.cumsum(rate_hz) / fs_hz
    turn = phase % 1.0
    systolic = np.exp(-0.5 * ((turn - 0.25) / 0.09) ** 2)
    diastolic = 0.35 * np.exp(-0.5 * ((turn - 0.55) / 0.12) ** 2)
    x = (1 + 0.1 * breath) * (systolic + diastolic) + 0.2 * breath
    peaks = np.flatnonzero((turn[1:] >= 0.25) & (turn[:-1] < 0.25)) + 1
    return Recording(x + noise * random.standard_normal(t.size), fs_hz, peaks.astype(np.int64))


def muscle(samples: int, fs_hz: float, seed: int = 2) -> Floats:
    """Noise of one unit between 20 Hz and 0.4 of the rate, as tense muscles make it."""
    white = np.random.default_rng(seed).standard_normal(samples)
    band = dsp.butter(2, [20, 0.4 * fs_hz], "bandpass", fs=fs_hz, output="sos")
    shaped = dsp.sosfilt(band, white)
    return np.asarray(shaped / shaped.std())


def twelve_leads(fs_hz: float = 500.0, duration_s: float = 10.0, seed: int = 3) -> Floats:
    """Leads I, II, III, aVR, aVL, aVF, V1-V6 in mV, the limb leads bound by Einthoven's law."""
    random = np.random.default_rng(seed)
    base = ecg(fs_hz=fs_hz, duration_s=duration_s, rate_bpm=66, noise_mv=0.0, seed=seed).x
    other = ecg("wide", fs_hz=fs_hz, duration_s=duration_s, rate_bpm=66, noise_mv=0.0, seed=seed).x
    mix = np.array([[0.6, 0.1], [1.0, 0.1], [-0.5, 0.2], [-0.2, 0.5], [0.3, 0.5], [0.9, 0.4]])
    mix = np.vstack([mix, [[1.1, 0.2], [0.9, 0.1]]])
    eight = mix @ np.stack([base, other]) + 0.005 * random.standard_normal((8, base.size))
    one, two = eight[0], eight[1]
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    return np.vstack([*limb, eight[2:]])


@dataclass(frozen=True)
class Score:
    """Beats found, missed and invented, each match within 150 ms and used once."""

    hits: int
    missed: int
    invented: int

    @property
    def f1(self) -> float:
        return 2 * self.hits / max(1, 2 * self.hits + self.missed + self.invented)


def score(truth: npt.ArrayLike, found: npt.ArrayLike, fs_hz: float) -> Score:
    """Match in time order, as ANSI/AAMI EC57 does."""
    left, right = np.sort(np.asarray(truth)), np.sort(np.asarray(found))
    i = j = hits = 0
    while i < left.size and j < right.size:
        apart = right[j] - left[i]
        near = abs(apart) <= 0.15 * fs_hz
        hits += bool(near)
        i += bool(near or apart > 0)
        j += bool(near or apart < 0)
    return Score(hits, left.size - hits, right.size - hits)
