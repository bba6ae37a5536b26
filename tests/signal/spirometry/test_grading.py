"""Tables 7 and 10 against the vectors and at their edges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_signal.spirometry.curve import from_flow, from_volume
from koffert_signal.spirometry.faults import Fault
from koffert_signal.spirometry.grading import (
    SPOILS,
    BlowFacts,
    best_two_differ_ml,
    grade,
    grade_session,
    judge,
)
from koffert_signal.spirometry.session import measure_session
from koffert_signal.spirometry.states import Advice
from tests.signal.spirometry.closed_form import Model

# The vectors' words for faults.
FLAGS = {
    "cough_first_second": Fault.COUGH_FIRST_SECOND,
    "glottic_closure_first_second": Fault.CLOSURE_FIRST_SECOND,
    "glottic_closure_after_first_second": Fault.CLOSURE_LATER,
    "leak": Fault.LEAK,
    "obstructed_mouthpiece": Fault.OBSTRUCTION,
    "zero_flow_error": Fault.ZERO_FLOW,
}


def facts(blow: dict[str, Any]) -> BlowFacts:
    return BlowFacts(
        fev1_l=blow["fev1"],
        fvc_l=blow["fvc"],
        bev_l=blow["bev"],
        fet_s=blow["fet"],
        plateau=blow["plateau"],
        fivc_l=blow.get("fivc"),
        faults=frozenset(fault for word, fault in FLAGS.items() if blow.get(word)),
    )


def good(fev1_l: float = 2.0, fvc_l: float = 3.0, **changes: Any) -> BlowFacts:
    return BlowFacts(
        **{"fev1_l": fev1_l, "fvc_l": fvc_l, "bev_l": 0.05, "fet_s": 9.0, "plateau": True} | changes
    )


def test_grades(vectors: dict[str, Any]) -> None:
    for case in vectors["quality_grades"]["cases"]:
        given_grade = grade(
            case["acceptable_values"], usable=case["usable_only"], age_y=case["age"]
        )
        assert given_grade == case["grade"], case


def test_sessions(vectors: dict[str, Any]) -> None:
    for case in vectors["session_rules"]["cases"]:
        session = grade_session([facts(blow) for blow in case["blows"]], age_y=case["age"])
        for word, expected in case["expect"].items():
            if word.startswith("blow_"):
                found: Any = [
                    getattr(one, word.removeprefix("blow_")) for one in session.judgements
                ]
            else:
                ours = {"fev1": "fev1_l", "fvc": "fvc_l", "fev1_fvc": "ratio"}.get(word, word)
                found = getattr(session, ours)
            if isinstance(expected, float):
                assert found == pytest.approx(expected, abs=5e-5), (case["id"], word)
            else:
                assert found == expected, (case["id"], word)


@pytest.mark.parametrize("kind", ["volume", "flow"])
@pytest.mark.parametrize("rate_hz", [50.0, 60.0, 100.0, 200.0])
def test_judgements_of_closed_form_blows(
    vectors: dict[str, Any], rate_hz: float, kind: str
) -> None:
    for case in vectors["synthetic_manoeuvres"]["cases"]:
        model = Model(**case["params"])
        times_s = model.times_s(rate_hz, offset_s=0.0017)
        curve = (
            from_volume(times_s, model.volume_l(times_s))
            if kind == "volume"
            else from_flow(times_s, model.flow_l_s(times_s))
        )
        judgement = measure_session([curve], age_y=60).session.judgements[0]
        for word, expected in case["expect"].items():
            assert getattr(judgement, word) == expected, (case["id"], word, judgement)


def test_back_extrapolated_volumes_of_the_26_waveforms(vectors: dict[str, Any]) -> None:
    for case in vectors["ats_flow_time_26_targets"]["cases"]:
        judgement = judge(good(bev_l=case["bev_l"], fvc_l=case["fvc_l_implied"]), age_y=40)
        assert judgement.bev_ok == case["bev_ok_2019"], case["waveform"]


@pytest.mark.parametrize(
    ("values_l", "usable", "age_y", "expected"),
    [
        ([], 0, 70, "F"),
        ([], 1, 70, "U"),
        ([2.0], 0, 70, "E"),
        ([2.0, 1.85], 0, 70, "B"),
        ([2.0, 1.849], 0, 70, "C"),
        ([2.0, 1.8], 0, 70, "C"),
        ([2.0, 1.799], 0, 70, "D"),
        ([2.0, 1.75], 0, 70, "D"),
        ([2.0, 1.749], 0, 70, "E"),
        ([2.0, 1.85, 1.0], 0, 70, "A"),
        ([1.0, 0.9, 0.85], 0, 6, "A"),
        ([1.0, 0.89, 0.85], 0, 6, "C"),
        ([1.6, 1.44, 1.3], 0, 6, "A"),
        ([1.6, 1.439, 1.3], 0, 6, "D"),
        ([1.0, 0.86, 0.85], 0, 6.1, "A"),
    ],
)
def test_grades_at_their_edges(
    values_l: list[float], usable: int, age_y: float, expected: str
) -> None:
    assert grade(values_l, usable=usable, age_y=age_y) == expected


@given(st.integers(200, 8000), st.integers(0, 400))
def test_repeatability_is_counted_in_whole_millilitres(largest_ml: int, less_ml: int) -> None:
    other_ml = largest_ml - min(less_ml, largest_ml - 1)
    difference = best_two_differ_ml([other_ml / 1000, largest_ml / 1000, other_ml / 1000])
    assert difference == largest_ml - other_ml


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"bev_l": 0.15, "fvc_l": 3.0}, ()),
        ({"bev_l": 0.151, "fvc_l": 3.0}, (Fault.SLOW_START,)),
        ({"bev_l": 0.100, "fvc_l": 1.2}, ()),
        ({"bev_l": 0.101, "fvc_l": 1.2}, (Fault.SLOW_START,)),
        ({"fivc_l": 3.15}, ()),
        ({"fivc_l": 3.151}, (Fault.NOT_FULL,)),
        ({"plateau": False}, (Fault.NO_END,)),
        ({"plateau": False, "fet_s": 15.0}, ()),
        ({"faults": frozenset({Fault.LEAK})}, (Fault.LEAK,)),
    ],
)
def test_table_7_at_its_edges(changes: dict[str, Any], reasons: tuple[Fault, ...]) -> None:
    judgement = judge(good(**changes), age_y=70)
    assert judgement.reasons == reasons
    assert judgement.acceptable == (not reasons)


@given(st.sets(st.sampled_from(Fault)))
def test_every_fault_takes_what_table_7_says(faults: set[Fault]) -> None:
    judgement = judge(good(faults=frozenset(faults)), age_y=70)
    taken = frozenset().union(*(SPOILS[fault] for fault in faults))
    for state in ("fev1_acceptable", "fvc_acceptable", "fev1_usable", "fvc_usable"):
        assert getattr(judgement, state) == (state not in taken)
    assert not (judgement.fev1_acceptable and not judgement.fev1_usable)


def test_reaching_the_earlier_fvc_is_an_end_of_expiration() -> None:
    short = good(fvc_l=2.90, plateau=False, fet_s=5.0)
    session = grade_session([good(fvc_l=3.05), short, good(fvc_l=2.89, plateau=False)], age_y=70)
    assert [one.eofe for one in session.judgements] == ["plateau", "repeatable", None]
    assert grade_session([short], age_y=70).judgements[0].eofe is None


def test_largest_values_may_come_from_different_blows() -> None:
    blows = [
        good(2.0, 3.0, fef25_75_l_s=1.0, pef_l_s=6.0),
        good(1.9, 3.2, fef25_75_l_s=0.9, pef_l_s=5.5),
        good(2.5, 3.5, bev_l=0.3),
    ]
    session = grade_session(blows, age_y=70)
    assert (session.fev1_l, session.fvc_l) == (2.0, 3.2)
    assert session.fef25_75_l_s == 0.9


def test_advice() -> None:
    def advice(*fev1s: float) -> Advice:
        return grade_session([good(fev1_l) for fev1_l in fev1s], age_y=70).advice

    assert advice(2.0) is Advice.ANOTHER
    assert advice(2.0, 1.99, 1.98) is Advice.ENOUGH
    assert advice(2.0, 1.59) is Advice.TIRED
    assert advice(2.0, 1.6) is Advice.ANOTHER
    assert advice(*[2.0, 1.7] * 4) is Advice.ENOUGH
    assert advice(2.0, *[1.7] * 7) is Advice.MOST_BLOWS
    empty = grade_session([], age_y=70)
    assert (empty.grade_fev1, empty.fev1_l, empty.advice) == ("F", None, Advice.ANOTHER)
