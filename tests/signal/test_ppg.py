"""Pulse beats and breathing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koffert_signal.errors import InvalidInput, UnusableSignal
from koffert_signal.ppg import beats
from koffert_signal.ppg.perfusion import perfusion_pct
from koffert_signal.ppg.respiration import NOT_KNOWN, respiration
from tests.signal.synthetic import ppg, score


@pytest.mark.parametrize("fs_hz", [25.0, 60.0, 75.0, 100.0, 250.0])
@pytest.mark.parametrize("rate_bpm", [40, 72, 140])
def test_every_beat_at_every_rate(fs_hz: float, rate_bpm: float) -> None:
    record = ppg(fs_hz=fs_hz, rate_bpm=rate_bpm, noise=0.02)
    found = score(record.beats, beats.detect(record.x, fs_hz), fs_hz)
    assert found.f1 >= 0.98


@settings(max_examples=10, deadline=None)
@given(st.floats(1e-3, 1e5), st.floats(-1e5, 1e5))
def test_gain_and_offset_change_nothing(gain: float, offset: float) -> None:
    record = ppg(duration_s=20)
    plain = beats.detect(record.x, 75)
    assert np.array_equal(beats.detect(gain * (record.x + offset), 75), plain)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=8), st.integers(0, 99))
def test_chunks_give_the_beats_of_the_whole(sizes: list[int], seed: int) -> None:
    record = ppg(noise=0.3, seed=seed)
    live = beats.stream(75)
    found, start = list[int](), 0
    for size in [*sizes, record.x.size]:
        found += live.push(record.x[start : start + size])
        start += size
    assert found + live.close() == beats.detect(record.x, 75).tolist()


@pytest.mark.parametrize("breaths_bpm", [8, 12, 20, 30])
def test_breathing_is_found(breaths_bpm: float) -> None:
    record = ppg(breaths_bpm=breaths_bpm, rate_bpm=90)
    found = respiration(record.x, beats.detect(record.x, 75), 75)
    assert found.rate_bpm == pytest.approx(breaths_bpm, abs=1)
    assert found.confidence > 0.8


@pytest.mark.parametrize("fs_hz", [25.0, 75.0, 200.0])
def test_a_moving_baseline_carries_no_beat_away(fs_hz: float) -> None:
    record = ppg(fs_hz=fs_hz)
    t = np.arange(record.x.size) / fs_hz
    found = beats.detect(record.x + 3 * np.sin(2 * np.pi * 0.25 * t), fs_hz)
    assert score(record.beats, found, fs_hz).f1 > 0.98


def test_breathing_is_not_guessed() -> None:
    record = ppg(duration_s=20)
    assert respiration(record.x, beats.detect(record.x, 75), 75) == NOT_KNOWN
    for seed in range(20):
        noise = np.random.default_rng(seed).standard_normal(4500)
        for x in (noise, np.cumsum(noise)):
            found = beats.detect(x, 75)
            assert np.all(np.diff(found) > 0)
            assert respiration(x, found, 75).rate_bpm is None


def test_perfusion_is_the_height_against_the_level() -> None:
    record = ppg(noise=0.0)
    peaks = beats.detect(record.x, 75)
    assert perfusion_pct(50 + record.x, peaks) == pytest.approx(2.0, abs=0.3)
    assert perfusion_pct(record.x - 50, peaks) is None
    assert perfusion_pct(record.x, peaks[:1]) is None


@pytest.mark.parametrize("x", [np.zeros(900), np.full(900, 7.0), [1.0]])
def test_nothing_to_find_is_no_beat(x: np.ndarray) -> None:
    assert beats.detect(x, 75).size == 0


def test_bad_input_is_named() -> None:
    with pytest.raises(UnusableSignal):
        beats.detect([], 75)
    with pytest.raises(UnusableSignal):
        beats.detect([float("nan")] * 99, 75)
    with pytest.raises(InvalidInput):
        beats.detect(np.zeros(99), 10)


def test_five_minutes_beside_an_ecg(shared: Path) -> None:
    file = shared / "data" / "ppg" / "neurokit_bio_resting_5min_100hz.csv"
    recorded = np.loadtxt(file, delimiter=",", skiprows=1)
    found = beats.detect(recorded[:, 1], 100)
    assert 429 <= found.size <= 434  # 431 R peaks, 432 pulses by two other detectors
