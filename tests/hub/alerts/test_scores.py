"""NEWS2, Anthonisen and Rome against published and measured vectors."""

import json
from pathlib import Path
from typing import Any

import pytest

from koffert_hub.alerts.scores import (
    Observations,
    RomeFindings,
    anthonisen_type,
    news2,
    rome_severity,
    symptom_mask,
    symptom_names,
)
from tests.hub.alerts.kit import diary

# The bands of the chart: parameter, value at each edge, points (scale 2 on air and on oxygen apart).
CHART: tuple[tuple[str, tuple[tuple[float, int], ...]], ...] = (
    (
        "respiratory_rate_bpm",
        ((8, 3), (9, 1), (11, 1), (12, 0), (20, 0), (21, 2), (24, 2), (25, 3)),
    ),
    ("spo2_pct", ((91, 3), (92, 2), (93, 2), (94, 1), (95, 1), (96, 0))),
    (
        "systolic_mmhg",
        ((90, 3), (91, 2), (100, 2), (101, 1), (110, 1), (111, 0), (219, 0), (220, 3)),
    ),
    (
        "pulse_bpm",
        (
            (40, 3),
            (41, 1),
            (50, 1),
            (51, 0),
            (90, 0),
            (91, 1),
            (110, 1),
            (111, 2),
            (130, 2),
            (131, 3),
        ),
    ),
    (
        "temperature_c",
        ((35.0, 3), (35.1, 1), (36.0, 1), (36.1, 0), (38.0, 0), (38.1, 1), (39.0, 1), (39.1, 2)),
    ),
)
SCALE_2_OXYGEN = ((83, 3), (84, 2), (85, 2), (86, 1), (88, 0), (92, 0), (93, 1), (95, 2), (97, 3))
SCALE_2_AIR = ((83, 3), (85, 2), (87, 1), (88, 0), (92, 0), (93, 0), (97, 0), (100, 0))


@pytest.mark.parametrize(("parameter", "edges"), CHART)
def test_bands(parameter: str, edges: tuple[tuple[float, int], ...]) -> None:
    for value, points in edges:
        scored = news2(Observations(**{parameter: value}))  # type: ignore[arg-type]
        assert (scored.score, scored.parameters) == (points, 1), (parameter, value)


def test_scale_2_scores_too_much_oxygen_but_no_good_air() -> None:
    for value, points in SCALE_2_OXYGEN:
        scored = news2(Observations(spo2_pct=value, spo2_scale=2, on_oxygen=True))
        assert scored.score == points + 2
    for value, points in SCALE_2_AIR:
        scored = news2(Observations(spo2_pct=value, spo2_scale=2, on_oxygen=False))
        assert scored.score == points


def test_nothing_measured_is_no_low_risk() -> None:
    nothing = news2(Observations())
    assert (nothing.score, nothing.parameters, nothing.risk) == (0, 0, None)
    assert nothing.label == "partial score, 0 of 7"


@pytest.fixture(name="vectors", scope="module")
def fixture_vectors(shared: Path) -> dict[str, Any]:
    vectors: dict[str, Any] = json.loads((shared / "vectors" / "spirometry.json").read_text())
    return vectors


def test_news2_vectors(vectors: dict[str, Any]) -> None:
    for vector in vectors["news2"]["cases"]:
        seen = vector["obs"]
        scored = news2(
            Observations(
                respiratory_rate_bpm=seen["rr"],
                spo2_pct=seen["spo2"],
                spo2_scale=seen["scale"],
                on_oxygen=seen["o2"],
                systolic_mmhg=seen["sbp"],
                pulse_bpm=seen["pulse"],
                acvpu=seen["acvpu"],
                temperature_c=seen["temp"],
            )
        )
        assert (scored.score, scored.risk) == (vector["total"], vector["risk"]), seen
        assert sorted(scored.points.values()) == sorted(vector["points"].values())
        assert (scored.parameters, scored.label) == (7, "NEWS2")


def test_rome_vectors(vectors: dict[str, Any]) -> None:
    names = {
        "vas": "dyspnoea_vas",
        "rr": "respiratory_rate_bpm",
        "hr": "heart_rate_bpm",
        "spo2": "spo2_pct",
        "crp": "crp_mg_l",
        "paco2": "paco2_mmhg",
        "ph": "ph",
    }
    for vector in vectors["rome_2021"]["cases"]:
        seen = {name: vector[key] for key, name in names.items() if key in vector}
        assert rome_severity(RomeFindings(**seen)) == vector["severity"], vector


def test_rome_counts_a_fall_in_saturation_once() -> None:
    fallen = RomeFindings(spo2_pct=90, spo2_fall_pct=5, heart_rate_bpm=96)
    assert rome_severity(fallen) == "mild"


@pytest.mark.parametrize(
    ("letters", "kind"),
    [("BSP", 1), ("BSPcf", 1), ("BS", 2), ("BP", 2), ("SPk", 2), ("Bc", 3), ("Pf", 3), ("Sk", 3),
     ("B", None), ("ckwf", None), ("-", None)],
)  # fmt: skip
def test_anthonisen(letters: str, kind: int | None) -> None:
    assert anthonisen_type(symptom_mask(diary(letters))) == kind


def test_a_mask_names_its_symptoms() -> None:
    assert symptom_names(symptom_mask(diary("Scf"))) == ("sputum_more", "cough", "fever")
