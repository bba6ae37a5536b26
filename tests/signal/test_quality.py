"""Quality is high for what can be read, low for what cannot, and never an exception."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from koffert_signal.ecg.quality import quality as ecg_quality
from koffert_signal.errors import InvalidInput
from koffert_signal.ppg.quality import quality as ppg_quality
from koffert_signal.quality import Reason
from tests.signal.synthetic import ecg, muscle, ppg

GRADERS = [ecg_quality, ppg_quality]
RANDOM = np.random.default_rng(4)


@pytest.mark.parametrize("shape", ["normal", "negative", "wide"])
def test_a_clean_ecg_is_good(shape: str) -> None:
    record = ecg(shape)
    assert ecg_quality(record.x, 360).score > 0.9


def test_ectopic_beats_are_not_noise() -> None:
    assert ecg_quality(ecg(ectopic=0.2).x, 360).score > 0.8


def test_a_clean_ppg_is_good() -> None:
    assert ppg_quality(ppg().x, 75).score > 0.95


NOISES = {
    "white": RANDOM.standard_normal(4000),
    "walk": np.cumsum(RANDOM.standard_normal(4000)),
    "light": np.rint(3 * RANDOM.standard_normal(4000)),
}


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("grade", GRADERS)
def test_noise_is_refused(grade: type, noise: str) -> None:
    assert grade(NOISES[noise], 100 if grade is ppg_quality else 360).score < 0.2


def test_noise_lowers_the_score_step_by_step() -> None:
    record = ecg()
    noise = muscle(record.x.size, 360)
    scores = [ecg_quality(record.x + level * noise, 360).score for level in (0, 0.3, 0.5, 1)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.1


def test_each_fault_is_named_in_its_second() -> None:
    x = ecg().x.copy()
    x[3600:5400] = x[3600]
    found = ecg_quality(x, 360)
    assert found.reasons[0] is Reason.FLAT
    assert max(found.per_second[10:15]) == 0
    assert min(found.per_second[:8]) > 0.8


def test_a_rail_is_seen() -> None:
    record = ppg()
    clipped = np.clip(record.x, None, np.quantile(record.x, 0.6))
    found = ppg_quality(clipped, 75)
    assert found.score < 0.1
    assert Reason.SATURATED in found.reasons


@pytest.mark.parametrize("grade", GRADERS)
def test_gaps_cost_their_seconds_only(grade: type) -> None:
    record = ecg() if grade is ecg_quality else ppg()
    x = record.x.copy()
    a, b = int(10 * record.fs_hz), int(13 * record.fs_hz)
    x[a:b] = np.nan
    found = grade(x, record.fs_hz)
    assert found.per_second[10:13] == (0, 0, 0)
    assert found.reasons[0] is Reason.MISSING
    assert found.score > 0.8


BAD = {
    "empty": [],
    "one sample": [1.0],
    "constant": np.full(900, 3.0),
    "zeros": np.zeros(900),
    "nan": np.full(900, np.nan),
    "infinite": np.full(900, np.inf),
    "huge": np.full(900, 1e300),
    "two samples": [1, 2],
    "square": np.tile([0.0] * 90 + [1.0] * 90, 10),
}


@pytest.mark.parametrize("grade", GRADERS)
@pytest.mark.parametrize("what", BAD)
def test_what_is_no_signal_is_zero(grade: type, what: str) -> None:
    found = grade(BAD[what], 100)
    assert found.score == 0
    assert found.reasons


@pytest.mark.parametrize("grade", GRADERS)
def test_a_wrong_call_is_named(grade: type) -> None:
    for rate_hz in (0, -1, float("nan")):
        with pytest.raises(InvalidInput):
            grade([1.0] * 100, rate_hz)
    with pytest.raises(InvalidInput):
        grade(ecg().x, 100, beats=[5, 3])
    assert grade(np.arange(900), 10).reasons == (Reason.UNSUPPORTED_RATE,)


def test_the_noise_stress_record_is_read_where_it_can_be(shared: Path) -> None:
    x = np.loadtxt(shared / "data" / "ecg" / "118e06.csv")
    per_second = np.array(ecg_quality(x, 360).per_second)
    assert per_second[:38].mean() > 0.85  # the noise begins at 40 s
    assert per_second[42:].mean() < 0.4
