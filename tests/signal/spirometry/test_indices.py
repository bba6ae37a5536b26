"""Blows of closed form, real blows, and recordings that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koffert_signal.checks import Floats
from koffert_signal.errors import InvalidInput, SignalError, UnusableSignal
from koffert_signal.spirometry.curve import Curve, from_flow, from_volume
from koffert_signal.spirometry.indices import Indices, measure
from koffert_signal.spirometry.session import measure_session
from tests.signal.spirometry.closed_form import Model

NORMAL = Model(pef=9.5, tr=0.08, w=0.93, tau1=0.36, tau2=1.5, t_end=9.0)
GOLD_4 = Model(pef=2.4, tr=0.06, w=0.82, tau1=0.16, tau2=6.0, t_end=15.4)
VOLUMES = ("fvc_l", "fev1_l", "fev3_l", "fev6_l", "bev_l")
# The vectors' words for our fields.
TRUTH = {
    "fvc": "fvc_l",
    "fev1": "fev1_l",
    "fev3": "fev3_l",
    "fev6": "fev6_l",
    "bev": "bev_l",
    "t0": "time_zero_s",
    "fet": "fet_s",
    "rise_time_10_90": "rise_time_s",
    "volume_last_1s": "last_second_l",
}


def curve(model: Model, rate_hz: float, kind: str, offset_s: float, noise: Floats | float) -> Curve:
    times_s = model.times_s(rate_hz, offset_s)
    if kind == "flow":
        return from_flow(times_s, model.flow_l_s(times_s) + noise)
    creep = np.cumsum(np.broadcast_to(noise, times_s.shape)) / rate_hz
    return from_volume(times_s, model.volume_l(times_s) + creep)


@pytest.mark.parametrize("kind", ["volume", "flow"])
@pytest.mark.parametrize("rate_hz", [100.0, 128.0, 200.0, 500.0])
def test_closed_form_blows(vectors: dict[str, Any], rate_hz: float, kind: str) -> None:
    for case in vectors["synthetic_manoeuvres"]["cases"]:
        model, truth = Model(**case["params"]), case["truth"]
        for offset_s in np.linspace(-1.3, 0.3 / rate_hz, 4):
            measured = measure(curve(model, rate_hz, kind, offset_s, 0.0)).indices
            for word, field in TRUTH.items():
                value = getattr(measured, field)
                assert value == pytest.approx(truth[word], abs=0.010), (case["id"], word)
            assert measured.pef_l_s == pytest.approx(truth["pef"], rel=0.03), case["id"]
            assert measured.fef25_75_l_s == pytest.approx(truth["fef2575"], rel=0.02), case["id"]


@pytest.mark.parametrize("kind", ["volume", "flow"])
@pytest.mark.parametrize("model", [NORMAL, GOLD_4])
def test_noise_of_10_ml_s(model: Model, kind: str) -> None:
    clean = measure(curve(model, 100.0, kind, 0.003, 0.0)).indices
    random = np.random.default_rng(7)
    for _ in range(8):
        noise = random.normal(0, 0.010, model.times_s(100.0, 0.003).size)
        noisy = measure(curve(model, 100.0, kind, 0.003, noise)).indices
        for field in VOLUMES:
            # Five deviations of what such noise, summed over the blow, makes of any volume.
            allowed_l = 5 * 0.010 * 0.01 * np.sqrt(100 * model.t_end)
            assert getattr(noisy, field) == pytest.approx(getattr(clean, field), abs=allowed_l)
        assert noisy.pef_l_s == pytest.approx(model.pef, rel=0.03)
        assert noisy.time_zero_s == pytest.approx(clean.time_zero_s, abs=0.003)
        assert noisy.rise_time_s == pytest.approx(clean.rise_time_s, abs=0.005)


def test_noise_hardly_moves_the_end_of_a_blow_that_stops() -> None:
    random = np.random.default_rng(11)
    off_s = []
    for _ in range(50):
        noise = random.normal(0, 0.010, GOLD_4.times_s(100.0).size)
        off_s.append(measure(curve(GOLD_4, 100.0, "flow", 0.0, noise)).indices.fet_s - 15.37)
    assert np.median(np.abs(off_s)) < 0.010
    assert np.max(np.abs(off_s)) < 0.100


def test_a_real_blow(shared: Path) -> None:
    rows = np.loadtxt(
        shared / "data" / "spirometry" / "ukb_demo_blow_3066.csv", delimiter=",", skiprows=1
    )
    measured = measure_session([from_volume(rows[:, 0], rows[:, 1] / 1000)], age_y=60)
    indices, judgement = measured.blows[0].indices, measured.session.judgements[0]
    assert indices.fvc_l == pytest.approx(5.836, abs=0.001)
    assert indices.fev1_l == pytest.approx(4.68, abs=0.02)
    assert judgement.acceptable
    assert judgement.eofe == "plateau"


def test_irregular_samples_measure_the_same() -> None:
    random = np.random.default_rng(3)
    times_s = NORMAL.times_s(200.0)
    kept = random.random(times_s.size) > 0.2  # one in five lost
    kept[:5] = True
    times_s = times_s[kept] + random.uniform(-0.001, 0.001, int(kept.sum()))
    volumes_l = NORMAL.volume_l(times_s)
    shuffled = random.permutation(times_s.size)
    times_s, volumes_l = times_s[shuffled], volumes_l[shuffled]
    with_holes = np.append(volumes_l, [np.nan, np.inf]), np.append(times_s, [1.0, 2.0])
    measured = measure(from_volume(with_holes[1], with_holes[0])).indices
    expected = measure(curve(NORMAL, 200.0, "volume", 0.0, 0.0)).indices
    for field in VOLUMES:
        assert getattr(measured, field) == pytest.approx(getattr(expected, field), abs=0.005)
    assert measured.pef_l_s == pytest.approx(9.5, rel=0.03)


def test_breathing_before_and_after_the_blow() -> None:
    times_s = np.arange(-8.0, 14.0, 0.01)
    tidal_l = np.where(times_s < -2, 0.25 * np.sin(2 * np.pi * (times_s + 2) / 3), 0.0)
    breath_in_l = np.where(times_s < -2, 2.0, 2.0 * np.clip(-times_s / 2, 0, 1))
    after_l = np.where(times_s > 10, -4.0 * np.clip((times_s - 10) / 2, 0, 1), 0.0)
    volumes_l = NORMAL.volume_l(times_s) + tidal_l + breath_in_l + after_l
    measured = measure(from_volume(times_s, volumes_l)).indices
    alone = measure(curve(NORMAL, 100.0, "volume", 0.0, 0.0)).indices
    assert measured.fivc_l == pytest.approx(4.0, abs=0.01)
    for field in VOLUMES:
        assert getattr(measured, field) == pytest.approx(getattr(alone, field), abs=0.01)


def without_place(indices: Indices) -> dict[str, float | None]:
    return {
        name: getattr(indices, name)
        for name in indices.__struct_fields__
        if name not in {"time_zero_s", "last_second_l"}
    }


@settings(deadline=None, max_examples=25)
@given(st.floats(-1e4, 1e4), st.floats(-5, 5))
def test_neither_the_clock_nor_the_level_matters(shift_s: float, level_l: float) -> None:
    times_s = NORMAL.times_s(100.0)
    volumes_l = NORMAL.volume_l(times_s)
    one = without_place(measure(from_volume(times_s, volumes_l)).indices)
    other = without_place(measure(from_volume(times_s + shift_s, volumes_l + level_l)).indices)
    for name, value in one.items():
        assert other[name] == pytest.approx(value, abs=0.005), name


def test_volume_and_flow_of_one_blow_agree() -> None:
    for model in (NORMAL, GOLD_4):
        of_volume = measure(curve(model, 200.0, "volume", 0.0, 0.0)).indices
        of_flow = measure(curve(model, 200.0, "flow", 0.0, 0.0)).indices
        for name in VOLUMES:
            assert getattr(of_flow, name) == pytest.approx(getattr(of_volume, name), abs=0.002)


@pytest.mark.parametrize(
    ("volumes", "error"),
    [
        ([], UnusableSignal),
        ([1.0], UnusableSignal),
        ([0.0] * 500, UnusableSignal),
        ([float("nan")] * 500, UnusableSignal),
        ([5.0, *[float("inf")] * 499], UnusableSignal),
        (list(np.linspace(0, 0.01, 500)), UnusableSignal),
        (list(-NORMAL.volume_l(NORMAL.times_s(100.0))), UnusableSignal),
        (list(1000 * NORMAL.volume_l(NORMAL.times_s(100.0))), InvalidInput),
        (["a"] * 50, InvalidInput),
    ],
)
def test_what_is_no_blow_is_refused(volumes: list[float], error: type[Exception]) -> None:
    times_s = np.arange(len(volumes)) / 100
    with pytest.raises(error):
        measure(from_volume(times_s, volumes))


def test_rates_gaps_and_pairs_that_cannot_be_measured() -> None:
    slow_s = NORMAL.times_s(20.0)
    with pytest.raises(UnusableSignal, match="samples per second"):
        from_volume(slow_s, NORMAL.volume_l(slow_s))
    with pytest.raises(InvalidInput, match="times for"):
        from_flow([0.0, 0.1], [1.0])
    times_s = NORMAL.times_s(100.0)
    holed_s = times_s[(times_s < 0.5) | (times_s > 0.9)]
    with pytest.raises(UnusableSignal, match="missing"):
        measure(from_volume(holed_s, NORMAL.volume_l(holed_s)))
    late_s = times_s[times_s > 0.04]
    with pytest.raises(UnusableSignal, match="begins after"):
        measure(from_volume(late_s, NORMAL.volume_l(late_s)))
    at_once_s = times_s[times_s >= 0]
    begun = measure(from_volume(at_once_s, NORMAL.volume_l(at_once_s))).indices
    assert begun.fvc_l == pytest.approx(4.5555, abs=0.002)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(st.floats(-20, 20), st.floats(), st.just(0.0)), min_size=0, max_size=80),
    st.sampled_from([from_volume, from_flow]),
)
def test_any_numbers_are_measured_or_refused(values: list[float], make: Any) -> None:
    times_s = np.arange(len(values)) / 50
    try:
        indices = measure(make(times_s, values)).indices
    except SignalError:
        return
    assert indices.fvc_l >= indices.fev1_l - 1e-9
