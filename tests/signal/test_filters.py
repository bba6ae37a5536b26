"""Filters do what their records say, whole or in chunks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koffert_signal import mains
from koffert_signal.errors import InvalidInput, SignalError, UnusableSignal
from koffert_signal.filters import (
    BANDS,
    ECG_DIAGNOSTIC,
    ECG_MONITOR,
    PPG_PULSE,
    Band,
    Stream,
    causal,
    delay_s,
    gain_db,
    zero_phase,
)
from tests.signal.synthetic import ecg


@pytest.mark.parametrize("band", BANDS, ids=lambda band: band.name)
def test_corners_are_3_db_down_one_way_and_6_db_both_ways(band: Band) -> None:
    for corner_hz in filter(None, (band.low_hz, band.high_hz)):
        assert gain_db(band, 500, corner_hz) == pytest.approx(-3.01, abs=0.2)
        assert gain_db(band, 500, corner_hz, both_ways=True) == pytest.approx(-6.02, abs=0.4)


def test_the_middle_of_each_band_passes() -> None:
    assert gain_db(ECG_DIAGNOSTIC, 500, 10) == pytest.approx(0, abs=0.01)
    assert gain_db(ECG_MONITOR, 500, 5) == pytest.approx(0, abs=0.05)
    assert gain_db(PPG_PULSE, 75, 2) == pytest.approx(0, abs=0.05)


def test_a_low_pass_beyond_the_rate_is_left_out_and_said() -> None:
    assert ECG_DIAGNOSTIC.at(500).label() == "0.05-150 Hz"
    assert ECG_DIAGNOSTIC.at(250).label() == "0.05-open"


def test_the_iec_pulse_leaves_little_behind_it() -> None:
    # IEC 60601-2-25: a 3 mV pulse of 100 ms may displace the baseline by no more than 0.1 mV.
    x = np.zeros(5000)
    x[1000:1050] = 3.0
    assert abs(causal(ECG_DIAGNOSTIC, x, 500)[1060:]).max() <= 0.1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=12), st.sampled_from(BANDS))
def test_chunks_give_the_same_samples_as_the_whole(sizes: list[int], band: Band) -> None:
    x = ecg(duration_s=5).x[: max(1, sum(sizes))]
    stream = Stream(band, 360)
    cuts = np.cumsum([0, *sizes])
    parts = [stream.push(x[a:b]) for a, b in itertools.pairwise(cuts)]
    whole = causal(band, x, 360)
    assert np.array_equal(np.concatenate(parts), whole[: sum(sizes)])


@pytest.mark.parametrize("apply", [zero_phase, causal])
def test_an_offset_passes_without_a_step(apply: type) -> None:
    y = apply(ECG_MONITOR, np.full(200, 5000.0), 360)
    assert abs(y).max() < 1e-6


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_the_shortest_records_pass(size: int) -> None:
    for band in BANDS:
        assert np.isfinite(zero_phase(band, np.arange(size), 360)).all()


def test_group_delay_is_that_of_the_samples() -> None:
    t = np.arange(3600) / 360
    y = causal(ECG_MONITOR, np.sin(2 * np.pi * 8 * t), 360)[1800:]
    lag_s = delay_s(ECG_MONITOR, 360, 8.0)
    phase = np.angle(np.exp(-2j * np.pi * 8 * t[1800:]) @ y) + np.pi / 2
    assert 0 < lag_s < 0.05
    assert abs(phase) < np.pi


def test_leads_are_filtered_each_by_itself() -> None:
    x = np.stack([ecg(seed=1).x, ecg(seed=2).x])
    assert np.allclose(zero_phase(ECG_MONITOR, x, 360)[1], zero_phase(ECG_MONITOR, x[1], 360))


def test_bad_input_is_named() -> None:
    with pytest.raises(UnusableSignal):
        causal(ECG_MONITOR, [1.0, float("nan")], 360)
    with pytest.raises(UnusableSignal):
        zero_phase(ECG_MONITOR, [], 360)
    with pytest.raises(InvalidInput):
        zero_phase(ECG_MONITOR, [1.0, 2.0], float("nan"))
    with pytest.raises(InvalidInput):
        zero_phase(ECG_MONITOR, [1.0, 2.0], 1.0)
    with pytest.raises(InvalidInput):
        causal(ECG_MONITOR, np.array(["a"]), 360)
    stream = Stream(ECG_MONITOR, 360)
    stream.push(np.zeros((2, 5)))
    with pytest.raises(SignalError):
        stream.push(np.zeros((3, 5)))


@pytest.mark.parametrize("fs_hz", [250.0, 360.0, 500.0, 1000.0])
@pytest.mark.parametrize("mains_hz", [49.9, 50.0, 60.0])
def test_hum_goes_and_the_qrs_stays(fs_hz: float, mains_hz: float) -> None:
    clean = ecg(fs_hz=fs_hz, duration_s=10, noise_mv=0.0).x
    t = np.arange(clean.size) / fs_hz
    nominal_hz = round(mains_hz, -1)
    y = mains.remove(clean + 0.3 * np.sin(2 * np.pi * mains_hz * t + 1), fs_hz, nominal_hz)
    inside = slice(int(0.2 * fs_hz), -int(0.2 * fs_hz))
    assert abs(y - clean)[inside].max() < 0.02


def test_without_hum_nothing_is_touched() -> None:
    clean = ecg(fs_hz=500, duration_s=10, noise_mv=0.0).x
    assert abs(mains.remove(clean, 500) - clean).max() < 0.005


@given(
    cells=st.floats(0.2, 30),
    fs_hz=st.sampled_from([250.0, 360.0, 500.0]),
    sizes=st.lists(st.integers(0, 700), max_size=8),
    seed=st.integers(0, 99),
)
def test_live_mains_removal_gives_the_samples_of_the_whole(
    cells: float, fs_hz: float, sizes: list[int], seed: int
) -> None:
    count = max(1, round(cells * mains.CELL_S * fs_hz))
    x = np.random.default_rng(seed).normal(size=(2, count)).cumsum(axis=1)
    x += np.sin(2 * np.pi * 50.1 * np.arange(count) / fs_hz)
    stream, pieces = mains.Stream(fs_hz), []
    for start, stop in itertools.pairwise(np.clip(np.cumsum([0, *sizes, count]), 0, count)):
        pieces.append(stream.push(x[:, start:stop]))
        late = stop - sum(piece.shape[1] for piece in pieces)
        assert late <= mains.DELAY_S * fs_hz
    live = np.concatenate([*pieces, stream.finish()], axis=1)
    np.testing.assert_allclose(live, mains.remove(x, fs_hz), rtol=0, atol=1e-9)


def test_a_stream_of_mains_keeps_its_leads_and_ends_empty() -> None:
    stream = mains.Stream(500)
    assert stream.finish().size == 0
    stream.push(np.zeros((2, 5)))
    with pytest.raises(InvalidInput):
        stream.push(np.zeros((3, 5)))


def test_mains_needs_a_rate_that_shows_it() -> None:
    with pytest.raises(InvalidInput):
        mains.remove(np.zeros(100), 100)
    assert mains.remove([1.0, 2.0], 500).tolist() == [1.0, 2.0]
