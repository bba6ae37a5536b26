"""Faults that the curve shows: each one on blows of closed form, and none of them on good blows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from koffert_signal.checks import Floats
from koffert_signal.spirometry.coaching import BLAST, HINTS, WELL_DONE, hint_for
from koffert_signal.spirometry.curve import from_flow, from_volume
from koffert_signal.spirometry.faults import Fault
from koffert_signal.spirometry.session import measure_session
from tests.signal.spirometry.closed_form import Model

NORMAL = Model(pef=8.0, tr=0.08, w=0.9, tau1=0.4, tau2=1.6, t_end=10.0)
SEVERE = Model(pef=2.4, tr=0.06, w=0.82, tau1=0.16, tau2=6.0, t_end=15.4)
BLOWS = [NORMAL, SEVERE]
TIMES_S = np.arange(-1.0, 17.0, 0.01)


def reasons(flow_l_s: Floats, times_s: Floats = TIMES_S, noise_l_s: float = 0.0) -> set[Fault]:
    noise = np.random.default_rng(5).normal(0, noise_l_s, times_s.size)
    curve = from_flow(times_s, flow_l_s + noise)
    return set(measure_session([curve], age_y=70).session.judgements[0].reasons)


@pytest.mark.parametrize("noise_l_s", [0.0, 0.010])
@pytest.mark.parametrize("model", BLOWS)
def test_good_blows_show_none(model: Model, noise_l_s: float) -> None:
    assert reasons(model.flow_l_s(TIMES_S), noise_l_s=noise_l_s) == set()


def test_a_good_blow_in_whole_millilitres_shows_none() -> None:
    rounded_l = np.round(NORMAL.volume_l(TIMES_S), 3)
    judged = measure_session([from_volume(TIMES_S, rounded_l)], age_y=70).session.judgements[0]
    assert judged.reasons == ()


@pytest.mark.parametrize("noise_l_s", [0.0, 0.010])
@pytest.mark.parametrize("left", [0.0, 0.4])
@pytest.mark.parametrize("at_s", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("model", BLOWS)
def test_cough(model: Model, at_s: float, left: float, noise_l_s: float) -> None:
    coughing = (at_s < TIMES_S) & (at_s + 0.08 > TIMES_S)
    flow_l_s = np.where(coughing, left, 1.0) * model.flow_l_s(TIMES_S)
    assert reasons(flow_l_s, noise_l_s=noise_l_s) == {Fault.COUGH_FIRST_SECOND}


@pytest.mark.parametrize("model", BLOWS)
def test_a_cough_after_the_first_second_costs_nothing(model: Model) -> None:
    coughing = (TIMES_S > 1.6) & (TIMES_S < 1.68)
    assert reasons(np.where(coughing, 0, model.flow_l_s(TIMES_S))) == set()


@pytest.mark.parametrize("noise_l_s", [0.0, 0.010])
@pytest.mark.parametrize("opens_s", [0.9, 99.0])
@pytest.mark.parametrize("model", BLOWS)
def test_closure_in_the_first_second(model: Model, opens_s: float, noise_l_s: float) -> None:
    closed = (TIMES_S > 0.5) & (opens_s > TIMES_S)
    found = reasons(np.where(closed, 0, model.flow_l_s(TIMES_S)), noise_l_s=noise_l_s)
    assert Fault.CLOSURE_FIRST_SECOND in found
    assert Fault.COUGH_FIRST_SECOND not in found


@pytest.mark.parametrize("noise_l_s", [0.0, 0.010])
@pytest.mark.parametrize("opens_s", [2.0, 99.0])
@pytest.mark.parametrize("model", BLOWS)
def test_closure_later(model: Model, opens_s: float, noise_l_s: float) -> None:
    closed = (TIMES_S > 1.5) & (opens_s > TIMES_S)
    found = reasons(np.where(closed, 0, model.flow_l_s(TIMES_S)), noise_l_s=noise_l_s)
    assert Fault.CLOSURE_LATER in found
    assert Fault.CLOSURE_FIRST_SECOND not in found


def test_a_blow_broken_off_is_too_short_and_no_more() -> None:
    times_s = np.arange(-0.5, 3.0, 0.01)
    broken = np.where(times_s > 2.5, 0.0, NORMAL.flow_l_s(times_s))
    assert reasons(broken, times_s) == {Fault.NO_END}


@pytest.mark.parametrize("offset_l_s", [-0.1, -0.05, 0.05, 0.1])
@pytest.mark.parametrize("model", BLOWS)
def test_zero_that_is_off(model: Model, offset_l_s: float) -> None:
    assert Fault.ZERO_FLOW in reasons(model.flow_l_s(TIMES_S) + offset_l_s)


def test_slow_start() -> None:
    slow = Model(pef=5.2, tr=0.3, w=0.92, tau1=0.2, tau2=0.5, t_end=8.0)
    assert reasons(slow.flow_l_s(TIMES_S)) == {Fault.SLOW_START}


@pytest.mark.parametrize("depth_l", [3.6, 4.3])
def test_breath_in_deeper_than_the_blow(depth_l: float) -> None:
    drawn_l = depth_l * np.clip((TIMES_S - 10.2) / 2, 0, 1)
    volume_l = NORMAL.volume_l(TIMES_S) - drawn_l
    measured = measure_session([from_volume(TIMES_S, volume_l)], age_y=70)
    assert measured.blows[0].indices.fivc_l == pytest.approx(depth_l, abs=0.01)
    fvc_l = measured.blows[0].indices.fvc_l
    expected = (Fault.NOT_FULL,) if depth_l > 1.05 * fvc_l else ()
    assert measured.session.judgements[0].reasons == expected


def test_hints_follow_the_worst_fault() -> None:
    assert {fault for fault, _ in HINTS} == set(Fault)
    assert len({hint.key for _, hint in HINTS} | {WELL_DONE.key, BLAST.key}) == len(Fault) + 2
    assert hint_for([]) is WELL_DONE
    assert hint_for([], rise_time_s=0.2) is BLAST
    assert hint_for([Fault.NO_END, Fault.SLOW_START]).key == "start-at-once"
    assert hint_for([Fault.NO_END], rise_time_s=0.2).key == "keep-blowing"


def test_vectors_without_faults(vectors: dict[str, Any]) -> None:
    for case in vectors["synthetic_manoeuvres"]["cases"]:
        if case["expect"]["fvc_acceptable"]:
            model = Model(**case["params"])
            times_s = model.times_s(100.0)
            assert reasons(model.flow_l_s(times_s), times_s) == set(), case["id"]
