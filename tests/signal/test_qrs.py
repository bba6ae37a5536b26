"""QRS detection against signals with known beats, and against annotated recordings where present."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koffert_signal.ecg import qrs
from koffert_signal.errors import InvalidInput, UnusableSignal
from tests.signal.synthetic import ecg, muscle, score


@pytest.mark.parametrize("shape", ["normal", "tall-t", "negative", "wide"])
@pytest.mark.parametrize("rate_bpm", [38, 75, 130])
def test_every_shape_at_every_rate(shape: str, rate_bpm: float) -> None:
    record = ecg(shape, rate_bpm=rate_bpm)
    assert score(record.beats, qrs.detect(record.x, record.fs_hz), record.fs_hz).f1 == 1


@pytest.mark.parametrize("fs_hz", [100.0, 128.0, 250.0, 500.0, 1000.0])
def test_any_rate_finds_the_r_peak_to_10_ms(fs_hz: float) -> None:
    record = ecg(fs_hz=fs_hz, duration_s=30)
    found = qrs.detect(record.x, fs_hz)
    assert found.size == record.beats.size
    assert abs(found - record.beats).max() <= 0.01 * fs_hz + 1


@pytest.mark.parametrize("ectopic", [0.1, 0.3, 0.95])
def test_ectopic_beats_count_and_hide_no_other(ectopic: float) -> None:
    record = ecg(ectopic=ectopic, duration_s=120)
    assert score(record.beats, qrs.detect(record.x, 360), 360).f1 >= 0.995


def test_fibrillation_is_not_smoothed_into_a_rhythm() -> None:
    record = ecg(irregular=0.25, rate_bpm=95, duration_s=120)
    assert score(record.beats, qrs.detect(record.x, 360), 360).f1 >= 0.995


def test_muscle_noise_is_read_through() -> None:
    record = ecg(duration_s=120)
    noisy = record.x + 0.15 * muscle(record.x.size, 360)
    assert score(record.beats, qrs.detect(noisy, 360), 360).f1 >= 0.99


@settings(max_examples=15, deadline=None)
@given(
    st.floats(1e-6, 1e6),
    st.floats(-1e6, 1e6),
    st.sampled_from([-1, 1]),
)
def test_gain_sign_and_offset_change_nothing(gain: float, offset: float, sign: int) -> None:
    record = ecg(duration_s=15)
    beats = qrs.detect(record.x, 360)
    assert np.array_equal(qrs.detect(sign * gain * (record.x + offset), 360), beats)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 2000))
def test_a_later_start_moves_the_beats_with_it(shift: int) -> None:
    record = ecg(duration_s=40)
    whole = qrs.detect(record.x, 360)
    later = qrs.detect(record.x[shift:], 360) + shift
    inside = whole[whole > shift + 360]
    assert score(inside, later[later > shift + 360], 360).f1 == 1


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=8), st.integers(0, 99))
def test_chunks_give_the_beats_of_the_whole(sizes: list[int], seed: int) -> None:
    record = ecg(ectopic=0.2, duration_s=40, noise_mv=0.2, seed=seed)
    stream = qrs.stream(360)
    cuts = [0, *np.cumsum(sizes).tolist(), record.x.size]
    found = [beat for a, b in itertools.pairwise(cuts) for beat in stream.push(record.x[a:b])]
    assert found + stream.close() == qrs.detect(record.x[: max(cuts)], 360).tolist()


def test_a_stream_keeps_little_and_answers_soon() -> None:
    record = ecg(duration_s=120)
    stream = qrs.stream(360)
    told_late_s = []
    for start in range(0, record.x.size, 36):
        told = stream.push(record.x[start : start + 36])
        told_late_s += [(start + 36 - beat) / 360 for beat in told]
    assert max(told_late_s) < 12.5
    assert stream._kept.size < 30 * 360


@pytest.mark.parametrize("x", [np.zeros(4000), np.full(4000, 7.0), [1.0], np.arange(50.0)])
def test_nothing_to_find_is_no_beat(x: np.ndarray) -> None:
    assert qrs.detect(x, 360).size == 0


def test_bad_input_is_named() -> None:
    for bad in ([], [float("nan")] * 900, [float("inf")] * 900):
        with pytest.raises(UnusableSignal):
            qrs.detect(bad, 360)
    with pytest.raises(InvalidInput):
        qrs.detect(np.zeros((2, 900)), 360)
    for rate_hz in (0, -5, 50, float("nan"), 1e9):
        with pytest.raises(InvalidInput):
            qrs.detect(np.zeros(900), rate_hz)


@pytest.mark.parametrize(("record", "least_f1"), [("118e24", 1.0), ("118e06", 0.92)])
def test_noise_stress_records(shared: Path, record: str, least_f1: float) -> None:
    folder = shared / "data" / "ecg"
    x = np.loadtxt(folder / f"{record}.csv")
    truth = np.loadtxt(folder / f"{record}_ann.csv")
    assert score(truth, qrs.detect(x, 360), 360).f1 >= least_f1
