"""Rate, intervals and irregularity."""

from __future__ import annotations

import numpy as np
import pytest

from koffert_signal.ecg.rhythm import rhythm
from koffert_signal.errors import InvalidInput
from tests.signal.synthetic import ecg


def test_rate_is_that_of_the_beats() -> None:
    found = rhythm([0, 360, 720, 1080], 360)
    assert found.heart_rate_bpm == 60
    assert found.rr_ms == (1000, 1000, 1000)


def test_one_missed_beat_moves_nothing() -> None:
    assert rhythm([0, 360, 720, 1440, 1800], 360).heart_rate_bpm == 60


def test_too_few_beats_say_nothing_of_fibrillation() -> None:
    assert rhythm(range(0, 3600, 300), 360).af_suspected is None


@pytest.mark.parametrize("ectopic", [0.0, 0.1, 0.25, 0.95])
def test_ectopic_beats_are_not_fibrillation(ectopic: float) -> None:
    record = ecg(ectopic=ectopic, duration_s=90)
    assert rhythm(record.beats, 360).af_suspected is False


@pytest.mark.parametrize("seed", range(5))
def test_fibrillation_is_suspected(seed: int) -> None:
    record = ecg(irregular=0.2, rate_bpm=95, duration_s=60, seed=seed)
    assert rhythm(record.beats, 360).af_suspected is True


@pytest.mark.parametrize("beats", [[], [7]])
def test_no_interval_no_rate(beats: list[int]) -> None:
    found = rhythm(np.array(beats), 360)
    assert (found.heart_rate_bpm, found.rr_ms, found.af_suspected) == (None, (), None)


def test_a_wrong_rate_is_named() -> None:
    with pytest.raises(InvalidInput):
        rhythm([1, 2], 0)
