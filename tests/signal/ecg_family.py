"""A family of ECGs with known beats: what detectors stumble over, one difficulty each.

The kinds are those that the annotated databases are known for: ectopic beats wide and tall or small,
fibrillation and flutter, tall P and T waves, blocks and pauses, pacing, changing height, jumps,
muscle, motion and electrodes that come off. Waves are Gaussians: (height mV, offset s, sigma s).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import signal as dsp

from tests.signal.synthetic import Floats, Recording, muscle

Waves = tuple[tuple[float, float, float], ...]
Random = np.random.Generator
# When each beat comes, and its kind; kinds without a QRS (a blocked P wave) are no beats.
Train = list[tuple[float, str]]

P: Waves = ((0.12, -0.17, 0.022),)
T: Waves = ((0.25, 0.27, 0.045),)
NARROW: Waves = ((-0.1, -0.025, 0.008), (1.0, 0.0, 0.011), (-0.25, 0.028, 0.01))
WIDE_UP: Waves = ((1.6, 0.0, 0.04), (-0.5, 0.12, 0.05), (-0.5, 0.3, 0.06))
WIDE_DOWN: Waves = ((-1.4, 0.02, 0.042), (0.5, 0.3, 0.06))
KINDS: dict[str, Waves] = {
    "normal": P + NARROW + T,
    "no-p": NARROW + T,
    "blocked-p": P,
    "tall-p": ((0.35, -0.16, 0.028), (0.75, 0.0, 0.012), (-0.2, 0.03, 0.012), (0.2, 0.27, 0.05)),
    "tall-t": (*P, (0.7, 0.0, 0.012), (-0.2, 0.03, 0.012), (0.9, 0.25, 0.045)),
    "peaked-t": (*P, (0.6, 0.0, 0.012), (-0.6, 0.03, 0.012), (0.8, 0.22, 0.03)),
    "low": ((0.05, -0.17, 0.022), (0.22, 0.0, 0.012), (-0.1, 0.03, 0.012), (0.06, 0.27, 0.045)),
    "right-block": (*P, (0.5, -0.03, 0.011), (-0.35, 0.005, 0.012), (0.8, 0.055, 0.018), *T),
    "left-block": (*P, (0.5, -0.035, 0.022), (0.55, 0.03, 0.024), (-0.3, 0.3, 0.06)),
    "wide": (*P, (0.6, -0.03, 0.022), (0.75, 0.0, 0.024), (-0.35, 0.29, 0.06)),
    "biphasic": (*P, (0.5, -0.015, 0.012), (-0.6, 0.02, 0.012), *T),
    "down": (*P, (0.08, -0.03, 0.01), (-1.0, 0.0, 0.016), (0.2, 0.28, 0.05)),
    "wide-up": WIDE_UP,
    "wide-down": WIDE_DOWN,
    "wide-tall": tuple((2.2 * height, at_s, width_s) for height, at_s, width_s in WIDE_UP),
    "wide-small": ((0.45, 0.0, 0.035), (-0.25, 0.1, 0.045), (-0.2, 0.28, 0.06)),
    # 2 ms at the front of a wide beat; a wide sigma would hide what a spike does to a filter.
    "paced": ((2.0, -0.07, 0.001), (-0.9, 0.02, 0.035), (0.45, 0.3, 0.06)),
    "paced-both": (
        (1.5, -0.22, 0.001),
        (1.8, -0.06, 0.001),
        (1.0, 0.02, 0.034),
        (-0.4, 0.32, 0.06),
    ),
}
NO_BEAT = {"blocked-p"}
# When the electrode of "electrode off" is off: nobody could find a beat there.
OFF_S = np.array([(at_s, at_s + 2.0) for at_s in range(12, 600, 20)])


@dataclass(frozen=True)
class Kind:
    """One difficulty: the train of beats, and what happens to the signal afterwards."""

    train: Callable[[float, Random], Train]
    spoil: tuple[Callable[[Floats, float, Random], Floats], ...] = field(default=())


def steady(
    kind: str, rate_bpm: float = 72, unrest: float = 0.03
) -> Callable[[float, Random], Train]:
    """Beats of one kind whose intervals spread by `unrest`."""

    def train(duration_s: float, random: Random) -> Train:
        rr_s = 60 / rate_bpm * np.exp(unrest * random.standard_normal(int(duration_s * 5)))
        at_s = 0.5 + np.cumsum(np.maximum(rr_s, 0.3))
        return [(float(at), kind) for at in at_s[at_s < duration_s - 0.5]]

    return train


def ectopic(
    kind: str, ectopics: tuple[str, ...], share: float, early: float = 0.6, run: int = 1
) -> Callable[[float, Random], Train]:
    """Sinus beats, a share of them followed early by a run of ectopic ones and a pause."""

    def train(duration_s: float, random: Random) -> Train:
        beats: Train = []
        at_s = 0.6
        while at_s < duration_s - 0.6:
            beats.append((at_s, kind))
            rr_s = 60 / 72 * float(np.exp(0.03 * random.standard_normal()))
            if random.random() < share:
                for _ in range(run):
                    at_s += max(0.34, early * rr_s)
                    beats.append((at_s, str(random.choice(ectopics))))
                rr_s *= 1.35
            at_s += rr_s
        return [beat for beat in beats if beat[0] < duration_s - 0.6]

    return train


def paused(every: int, pause_s: float, *, blocked: bool) -> Callable[[float, Random], Train]:
    """Every so many beats a pause, with P waves that are not conducted or without."""

    def train(duration_s: float, random: Random) -> Train:
        beats: Train = []
        at_s, n = 0.6, 0
        while at_s < duration_s - 0.6:
            beats.append((at_s, "normal"))
            n += 1
            rr_s = 0.9 * float(np.exp(0.03 * random.standard_normal()))
            if n % every == 0:
                if blocked:
                    beats += [(at_s + p, "blocked-p") for p in np.arange(0.9, pause_s - 0.5, 0.9)]
                rr_s = pause_s
            at_s += rr_s
        return [beat for beat in beats if beat[0] < duration_s - 0.6]

    return train


def changing(depth: float, period_s: float) -> Callable[[Floats, float, Random], Floats]:
    """Height swings by `depth` of itself."""

    def spoil(x: Floats, fs_hz: float, _random: Random) -> Floats:
        t = np.arange(x.size) / fs_hz
        return np.asarray(x * (1 - depth * (0.5 + 0.5 * np.sin(2 * np.pi * t / period_s))))

    return spoil


def halving(share: float) -> Callable[[Floats, float, Random], Floats]:
    """From one moment to the next the height falls to `share`, and comes back later."""

    def spoil(x: Floats, _fs_hz: float, _random: Random) -> Floats:
        factor = np.ones(x.size)
        factor[int(0.4 * x.size) : int(0.7 * x.size)] = share
        return np.asarray(x * factor)

    return spoil


def flutter(x: Floats, fs_hz: float, _random: Random) -> Floats:
    """Flutter waves at 280/min."""
    t = np.arange(x.size) / fs_hz
    return np.asarray(x + 0.18 * dsp.sawtooth(2 * np.pi * 280 / 60 * t, 0.7))


def fibrillation(x: Floats, fs_hz: float, random: Random) -> Floats:
    """Coarse waves of 4 to 9 Hz between the beats."""
    band = dsp.butter(2, [4, 9], "bandpass", fs=fs_hz, output="sos")
    coarse = dsp.sosfilt(band, random.standard_normal(x.size))
    return np.asarray(x + 0.08 * coarse / coarse.std())


def muscles(size_mv: float) -> Callable[[Floats, float, Random], Floats]:
    """Tense muscles for half of the time."""

    def spoil(x: Floats, fs_hz: float, random: Random) -> Floats:
        noise = muscle(x.size, fs_hz, seed=int(random.integers(1 << 30)))
        on = np.sin(2 * np.pi * np.arange(x.size) / fs_hz / 20) > 0
        return np.asarray(x + size_mv * on * noise)

    return spoil


def motion(size_mv: float) -> Callable[[Floats, float, Random], Floats]:
    """Electrodes that move: bumps of 60 to 250 ms, a few a second for half of the time."""

    def spoil(x: Floats, fs_hz: float, random: Random) -> Floats:
        y, t = x.copy(), np.arange(x.size) / fs_hz
        for at_s in np.cumsum(random.exponential(0.45, int(t[-1] * 4))):
            if at_s > t[-1] or np.sin(2 * np.pi * at_s / 24) < 0:
                continue
            near = slice(max(0, int((at_s - 1) * fs_hz)), int((at_s + 1) * fs_hz))
            width_s = random.uniform(0.06, 0.25)
            y[near] += (
                size_mv
                * random.standard_normal()
                * np.exp(-0.5 * ((t[near] - at_s) / width_s) ** 2)
            )
        return np.asarray(y)

    return spoil


def jumps(x: Floats, fs_hz: float, random: Random) -> Floats:
    """The baseline jumps by millivolts every 8 s or so and creeps back."""
    step = np.zeros(x.size)
    for at in np.cumsum(random.exponential(8.0, 100)) * fs_hz:
        if at < x.size:
            step[int(at)] += 3.0 * random.standard_normal()
    sos = dsp.butter(1, 0.05, "highpass", fs=fs_hz, output="sos")
    return np.asarray(x + dsp.sosfilt(sos, np.cumsum(step)))


def spikes(x: Floats, fs_hz: float, random: Random) -> Floats:
    """Single tall spikes of a few milliseconds, one every 5 s or so."""
    y = x.copy()
    for at in np.cumsum(random.exponential(5.0, 100)) * fs_hz:
        if at < x.size - 8:
            y[int(at) : int(at) + max(1, round(0.004 * fs_hz))] += 4.0 * random.choice([-1, 1])
    return np.asarray(y)


def bursts(x: Floats, fs_hz: float, random: Random) -> Floats:
    """An electrode comes off: rail to rail, then flat."""
    y = x.copy()
    for at_s in OFF_S[OFF_S[:, 1] < x.size / fs_hz]:
        first, middle, last = (int(s * fs_hz) for s in (at_s[0], at_s[0] + 0.4, at_s[1]))
        y[first:middle] = 5.0 * random.choice([-1, 1], middle - first)
        y[middle:last] = 5.0
    return np.asarray(y)


def wander(x: Floats, fs_hz: float, _random: Random) -> Floats:
    """Breathing moves the baseline by 2 mV."""
    t = np.arange(x.size) / fs_hz
    return np.asarray(x + np.sin(2 * np.pi * 0.33 * t) + 0.4 * np.sin(2 * np.pi * 0.05 * t))


def hum(x: Floats, fs_hz: float, _random: Random) -> Floats:
    """Mains of 50 Hz, 0.3 mV."""
    return np.asarray(x + 0.3 * np.sin(2 * np.pi * 50 * np.arange(x.size) / fs_hz))


FAMILY: dict[str, Kind] = {
    "normal": Kind(steady("normal")),
    "fast": Kind(steady("normal", 170)),
    "very fast": Kind(steady("no-p", 205, 0.02)),
    "slow": Kind(steady("normal", 32)),
    "tall P": Kind(steady("tall-p")),
    "tall T": Kind(steady("tall-t")),
    "peaked T, fast": Kind(steady("peaked-t", 105)),
    "low voltage": Kind(steady("low")),
    "right block": Kind(steady("right-block")),
    "left block": Kind(steady("left-block")),
    "slow, wide": Kind(steady("left-block", 36)),
    "slow, wide, no notch": Kind(steady("wide", 38)),
    "biphasic": Kind(steady("biphasic")),
    "downwards": Kind(steady("down")),
    "paced": Kind(steady("paced", 70, 0.005)),
    "paced in both": Kind(steady("paced-both", 70, 0.005)),
    "paced and own": Kind(ectopic("paced", ("no-p", "wide-small"), 0.3)),
    "wide ectopics": Kind(ectopic("normal", ("wide-up", "wide-down"), 0.3)),
    "tall ectopics": Kind(ectopic("normal", ("wide-tall",), 0.2)),
    "tall ectopics, low beats": Kind(ectopic("low", ("wide-up",), 0.25)),
    "bigeminy, tall and low": Kind(ectopic("low", ("wide-up",), 0.95)),
    "small wide ectopics": Kind(ectopic("normal", ("wide-small",), 0.25)),
    "couplets": Kind(ectopic("normal", ("wide-up", "wide-down"), 0.2, 0.5, 2)),
    "ventricular runs": Kind(ectopic("normal", ("wide-up",), 0.06, 0.42, 12)),
    "small runs": Kind(ectopic("normal", ("wide-small",), 0.05, 0.45, 8)),
    "fibrillation": Kind(steady("no-p", 100, 0.25), (fibrillation,)),
    "slow fibrillation": Kind(steady("no-p", 52, 0.3), (fibrillation,)),
    "fibrillation, ectopics": Kind(ectopic("no-p", ("wide-up", "wide-down"), 0.2), (fibrillation,)),
    "flutter": Kind(steady("no-p", 76, 0.15), (flutter,)),
    "pauses": Kind(paused(9, 4.5, blocked=False)),
    "blocked P": Kind(paused(4, 2.8, blocked=True)),
    "height swings": Kind(steady("normal"), (changing(0.75, 7.0),)),
    "height swings fast": Kind(steady("normal"), (changing(0.6, 3.0),)),
    "height falls": Kind(steady("normal"), (halving(0.2),)),
    "muscle": Kind(steady("normal"), (muscles(0.2),)),
    "muscle, ectopics": Kind(ectopic("normal", ("wide-up", "wide-down"), 0.2), (muscles(0.2),)),
    "motion": Kind(steady("normal"), (motion(0.7),)),
    "motion, ectopics": Kind(ectopic("normal", ("wide-up", "wide-down"), 0.2), (motion(0.7),)),
    "motion, wide": Kind(steady("left-block"), (motion(0.5),)),
    "motion, fibrillation": Kind(steady("no-p", 95, 0.22), (motion(0.6),)),
    "baseline jumps": Kind(steady("normal"), (jumps,)),
    "spikes": Kind(steady("normal"), (spikes,)),
    "electrode off": Kind(steady("normal"), (bursts,)),
    "wander": Kind(steady("normal"), (wander,)),
    "hum": Kind(steady("normal"), (hum,)),
}


def member(
    name: str, *, fs_hz: float = 360.0, duration_s: float = 120.0, seed: int = 1
) -> Recording:
    """One recording of the family, beats at their QRS; height and shape vary a little by beat."""
    kind = FAMILY[name]
    random = np.random.default_rng([seed, *name.encode()])
    t = np.arange(round(duration_s * fs_hz)) / fs_hz
    x = np.zeros(t.size)
    train = kind.train(duration_s, random)
    for at_s, what in train:
        near = slice(max(0, int((at_s - 0.4) * fs_hz)), int((at_s + 0.6) * fs_hz))
        size = 1 + 0.06 * random.standard_normal()
        for height, offset_s, width_s in KINDS[what]:
            width = max(width_s, 0.35 / fs_hz)  # a pacing spike must not fall between two samples
            x[near] += size * height * np.exp(-0.5 * ((t[near] - at_s - offset_s) / width) ** 2)
    for spoil in kind.spoil:
        x = spoil(x, fs_hz, random)
    x += 0.1 * np.sin(2 * np.pi * 0.25 * t) + 0.015 * random.standard_normal(t.size)
    beats = np.array([at_s for at_s, what in train if what not in NO_BEAT])
    if bursts in kind.spoil:
        beats = beats[[not np.any((OFF_S[:, 0] < at) & (at < OFF_S[:, 1])) for at in beats]]
    return Recording(x, fs_hz, np.rint(beats * fs_hz).astype(np.int64))
