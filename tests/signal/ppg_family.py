"""A family of PPGs with known beats: what detectors stumble over, one difficulty each.

A pulse is two bells, systolic and dicrotic, whose width follows the interval; motion, cold fingers
and coarse converters are added. Peaks are those of the systolic bell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tests.signal.synthetic import Floats, Recording

Random = np.random.Generator
Spoil = Callable[[Floats, float, Random], Floats]


class Kind(NamedTuple):
    """How the heart beats, how the pulse is shaped, and what is added."""

    rate_bpm: float = 72.0
    unrest: float = 0.03
    dicrotic: float = 0.3
    ectopic: float = 0.0
    spoil: Spoil = lambda x, _fs_hz, _random: x


def noise(size: float) -> Spoil:
    """White noise, as a cold finger's amplifier shows."""
    return lambda x, _fs_hz, random: x + size * random.standard_normal(x.size)


def wander(size: float, at_hz: float) -> Spoil:
    """A baseline that breathing or a moving hand carries along."""

    def spoil(x: Floats, fs_hz: float, _random: Random) -> Floats:
        t = np.arange(x.size) / fs_hz
        return np.asarray(x + size * np.sin(2 * np.pi * at_hz * t))

    return spoil


def bumps(size: float) -> Spoil:
    """Movements: bumps of 0.2 to 0.8 s in a quarter of the time."""

    def spoil(x: Floats, fs_hz: float, random: Random) -> Floats:
        t, y = np.arange(x.size) / fs_hz, x.copy()
        for at_s in np.cumsum(random.exponential(0.6, int(t[-1] * 3))):
            if at_s < t[-1] and at_s % 40 < 10:
                width_s = random.uniform(0.2, 0.8)
                bell = np.exp(-0.5 * ((t - at_s) / width_s) ** 2)
                y += size * random.standard_normal() * bell
        return np.asarray(y)

    return spoil


def swings(x: Floats, fs_hz: float, _random: Random) -> Floats:
    """Vessels that open and close: height falls to a fifth and comes back."""
    t = np.arange(x.size) / fs_hz
    return np.asarray(x * (0.6 + 0.4 * np.cos(2 * np.pi * t / 20)))


def coarse(x: Floats, _fs_hz: float, _random: Random) -> Floats:
    """A pulse of ten steps, as a weak one is in seven bits."""
    return np.asarray(np.rint(x * 10))


def clipped(x: Floats, _fs_hz: float, _random: Random) -> Floats:
    """A converter that ends below the peaks."""
    return np.asarray(np.minimum(x, 0.7))


FAMILY: dict[str, Kind] = {
    "rest": Kind(),
    "slow": Kind(rate_bpm=38),
    "fast": Kind(rate_bpm=165),
    "tall second hump": Kind(dicrotic=0.55),
    "slow, second hump": Kind(rate_bpm=48, dicrotic=0.5),
    "no second hump": Kind(dicrotic=0.0),
    "irregular": Kind(rate_bpm=90, unrest=0.2),
    "early weak beats": Kind(ectopic=0.15),
    "height swings": Kind(spoil=swings),
    "breathing": Kind(spoil=wander(0.8, 0.3)),
    "hand moves": Kind(spoil=wander(3.0, 0.15)),
    "cold finger": Kind(spoil=noise(0.15)),
    "colder finger": Kind(spoil=noise(0.3)),
    "motion": Kind(spoil=bumps(0.6)),
    "coarse": Kind(spoil=coarse),
    "clipped": Kind(spoil=clipped),
}


def member(
    name: str, *, fs_hz: float = 100.0, duration_s: float = 120.0, seed: int = 1
) -> Recording:
    """One recording of the family, beats at the systolic peaks."""
    kind = FAMILY[name]
    random = np.random.default_rng([seed, *name.encode()])
    t = np.arange(round(duration_s * fs_hz)) / fs_hz
    x, beats = np.zeros(t.size), []
    at_s, height = 0.6, 1.0
    while at_s < duration_s - 1.0:
        beats.append(at_s)
        rr_s = 60 / kind.rate_bpm * float(np.exp(kind.unrest * random.standard_normal()))
        rr_s = max(0.3, rr_s)
        early = random.random() < kind.ectopic
        width_s = 0.09 * min(1.0, rr_s) ** 0.5
        x += height * np.exp(-0.5 * ((t - at_s) / width_s) ** 2)
        later_s = at_s + 0.28 * min(1.0, rr_s) ** 0.5
        x += height * kind.dicrotic * np.exp(-0.5 * ((t - later_s) / (1.3 * width_s)) ** 2)
        # An early beat fills the heart less: its pulse is weak.
        at_s += 0.65 * rr_s if early else rr_s * (1.35 if height < 1 else 1.0)
        height = 0.5 if early else 1.0
    x = kind.spoil(x + 0.01 * random.standard_normal(t.size), fs_hz, random)
    return Recording(x, fs_hz, np.rint(np.array(beats) * fs_hz).astype(np.int64))
