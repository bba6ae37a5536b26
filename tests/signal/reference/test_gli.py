"""Predicted values against the ERS calculator's answers and two other implementations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koffert_signal.errors import InvalidInput
from koffert_signal.reference.gli import (
    AGE_RANGE_Y,
    LLN_Z,
    Group,
    Person,
    Reference,
    Sex,
    Values,
    compare,
    distribution,
)
from koffert_signal.reference.gold import airflow_limitation, gold_grade, gold_group

# The vectors' word for an index -> ours, and the issue's tolerance in the index's unit.
INDEX = {
    "fev1": ("fev1_l", 0.0015),
    "fvc": ("fvc_l", 0.0015),
    "fev1fvc": ("ratio", 0.0015),
    "fef2575": ("fef25_75_l_s", 0.01),
}
# Of cases that were printed with few decimals or by an older table.
LOOSE = {"quadrant_gli2012": 0.01, "quadrant_gli2022": 0.01, "quanjer2012_table4": 0.02}


@pytest.fixture(scope="session")
def vectors(shared: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((shared / "vectors" / "spirometry.json").read_text())
    return loaded


def person(case: dict[str, Any]) -> Person:
    group = Group(case.get("ethnic", 1))
    return Person(sex=Sex(case["sex"]), age_y=case["age"], height_cm=case["height"], group=group)


@pytest.mark.parametrize(
    ("block", "reference"),
    [
        ("gli2012_calculator", Reference.GLI_2012),
        ("gli2012_zscores", Reference.GLI_2012),
        ("gli2022_oracle", Reference.GLI_GLOBAL),
    ],
)
def test_values_of_other_implementations(
    vectors: dict[str, Any], block: str, reference: Reference
) -> None:
    for case in vectors[block]["cases"]:
        for word, (index, tolerance) in INDEX.items():
            if word not in case:
                continue
            expected = case[word]
            measured = Values(**{index: expected.get("measured")})
            ours = compare(person(case), reference, measured)
            for limit in ("predicted", "lln", "uln"):
                if limit in expected:
                    value = getattr(getattr(ours, limit), index)
                    assert value == pytest.approx(expected[limit], abs=tolerance), (case, limit)
            if "z" in expected:
                assert getattr(ours.z, index) == pytest.approx(expected["z"], abs=0.01), case
            if "percent_predicted" in expected:
                percent = getattr(ours.percent_predicted, index)
                assert percent == pytest.approx(expected["percent_predicted"], abs=0.1), case
            if word == "fev1fvc" and "gold_grade" in case:
                whole = compare(
                    person(case),
                    reference,
                    Values(fev1_l=case["fev1"]["measured"], fvc_l=case["fvc"]["measured"]),
                )
                limitation = airflow_limitation(expected["measured"], whole)
                assert limitation.gold_grade == case["gold_grade"]


@pytest.mark.parametrize(
    ("block", "reference"),
    [
        ("quanjer2012_table4", Reference.GLI_2012),
        ("quadrant_gli2012", Reference.GLI_2012),
        ("quadrant_gli2022", Reference.GLI_GLOBAL),
        ("gli2022_bowerman_e2", Reference.GLI_GLOBAL),
    ],
)
def test_printed_values(vectors: dict[str, Any], block: str, reference: Reference) -> None:
    for case in vectors[block]["cases"]:
        words = [case["parameter"].lower()] if "parameter" in case else ["fev1", "fvc", "fev1fvc"]
        ours = compare(person(case), reference)
        for word in words:
            index, tolerance = INDEX[word]
            expected = case["predicted"] if "parameter" in case else case[word]
            value = getattr(ours.predicted, index)
            assert value == pytest.approx(expected, abs=LOOSE.get(block, tolerance)), case


def test_values_that_a_spirometer_printed(vectors: dict[str, Any]) -> None:
    for case in vectors["ndd_demo"]["cases"]:
        ours = compare(person(case), Reference.GLI_2012)
        for printed, limit in (("gli2012_pred", "predicted"), ("gli2012_lln", "lln")):
            for word, expected in case[printed].items():
                value = getattr(getattr(ours, limit), INDEX[word][0])
                assert value == pytest.approx(expected, abs=0.001), (case["id"], printed, word)


def test_gold(vectors: dict[str, Any]) -> None:
    for case in vectors["gold_grade"]["cases"]:
        assert gold_grade(case["fev1_pct_pred"], case["fev1_fvc"]) == case["grade"]
    for case in vectors["gold_abe"]["cases"]:
        counts = {name: case[name] for name in ("moderate", "hospitalised", "cat", "mmrc")}
        assert gold_group(**counts) == case["group"]
    assert gold_group(moderate=0, hospitalised=0) is None


@pytest.mark.parametrize("age_y", [2.99, 95.01, float("nan"), -1.0])
def test_ages_outside_the_tables_are_refused(age_y: float) -> None:
    with pytest.raises(InvalidInput, match="age"):
        compare(Person(sex=Sex.MALE, age_y=age_y, height_cm=170), Reference.GLI_2012)


@pytest.mark.parametrize("height_cm", [1.75, 68.0 / 2.54, 1750.0, float("nan")])
def test_heights_in_other_units_are_refused(height_cm: float) -> None:
    with pytest.raises(InvalidInput, match="height"):
        compare(Person(sex=Sex.FEMALE, age_y=70, height_cm=height_cm), Reference.GLI_GLOBAL)


@pytest.mark.parametrize("fev1_l", [0.0, -1.0, float("inf"), float("nan")])
def test_measured_values_that_are_none_are_refused(fev1_l: float) -> None:
    with pytest.raises(InvalidInput, match="fev1_l"):
        compare(
            Person(sex=Sex.MALE, age_y=70, height_cm=170),
            Reference.GLI_2012,
            Values(fev1_l=fev1_l),
        )


@pytest.mark.parametrize("age_y", AGE_RANGE_Y)
@pytest.mark.parametrize("reference", Reference)
@pytest.mark.parametrize("sex", Sex)
def test_both_ends_of_the_tables_answer(age_y: float, reference: Reference, sex: Sex) -> None:
    ours = compare(Person(sex=sex, age_y=age_y, height_cm=150), reference)
    assert ours.predicted.fev1_l is not None
    assert ours.predicted.fvc_l is not None
    assert 0.2 < ours.predicted.fev1_l < ours.predicted.fvc_l < 6


def test_fef25_75_exists_only_where_its_equation_reaches() -> None:
    def fef(reference: Reference, age_y: float) -> float | None:
        made = compare(Person(sex=Sex.MALE, age_y=age_y, height_cm=170), reference)
        return made.predicted.fef25_75_l_s

    assert fef(Reference.GLI_2012, 90.0) is not None
    assert fef(Reference.GLI_2012, 90.2) is None
    assert fef(Reference.GLI_GLOBAL, 60.0) is None


people = st.builds(
    Person,
    sex=st.sampled_from(Sex),
    age_y=st.floats(*AGE_RANGE_Y),
    height_cm=st.floats(60, 230),
    group=st.sampled_from(Group),
)


@given(people, st.sampled_from(Reference), st.sampled_from(["fev1_l", "fvc_l", "ratio"]))
def test_z_undoes_at(one: Person, reference: Reference, index: str) -> None:
    lms = distribution(one, reference, index)
    assert lms is not None
    assert lms.at(LLN_Z) < lms.median < lms.at(-LLN_Z)
    assert lms.z(lms.at(LLN_Z)) == pytest.approx(LLN_Z, abs=1e-9)
    assert lms.z(lms.median) == pytest.approx(0, abs=1e-9)
