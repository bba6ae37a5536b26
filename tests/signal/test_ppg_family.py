"""Every difficulty of the PPG family, with seeds that no constant was chosen on, and upside down."""

from __future__ import annotations

import numpy as np
import pytest

from koffert_signal.errors import UnusableSignal
from koffert_signal.ppg import beats
from koffert_signal.ppg.polarity import inverted
from koffert_signal.ppg.quality import quality
from tests.signal.ppg_family import FAMILY, member
from tests.signal.synthetic import ppg, score

# A weak early beat rises within the time of the second hump.
HARD = {"early weak beats": 0.95}
LEAST_F1 = 0.98


@pytest.mark.parametrize("name", FAMILY)
def test_beats_are_found_whatever_the_difficulty(name: str) -> None:
    record = member(name, seed=201)
    found = beats.detect(record.x, record.fs_hz)
    assert score(record.beats, found, record.fs_hz).f1 >= HARD.get(name, LEAST_F1)
    assert not inverted(record.x, record.fs_hz)


@pytest.mark.parametrize("name", ["rest", "slow", "irregular", "breathing", "hand moves"])
@pytest.mark.parametrize("fs_hz", [50.0, 100.0])
def test_a_wave_upside_down_is_turned_over(name: str, fs_hz: float) -> None:
    record = member(name, fs_hz=fs_hz, seed=202)
    assert inverted(100 - record.x, fs_hz)
    upright, turned = quality(record.x, fs_hz), quality(100 - record.x, fs_hz)
    assert turned.score == pytest.approx(upright.score, abs=0.02)


def test_in_doubt_nothing_is_turned() -> None:
    for seed in range(5):
        noise = np.random.default_rng(seed).standard_normal(3000)
        assert not inverted(noise, 75)
        assert not inverted(np.cumsum(noise), 75)
    assert not inverted(np.zeros(3000), 75)
    assert not inverted(-ppg(duration_s=4).x, 75)
    assert not inverted(-ppg().x, 10)
    with pytest.raises(UnusableSignal):
        inverted([], 75)
