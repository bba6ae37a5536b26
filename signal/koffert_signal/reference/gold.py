"""Airflow limitation: the fixed ratio of GOLD beside the lower limit of normal, and GOLD's groups.

Source: GOLD reports 2023 to 2026. The Norwegian guideline diagnoses by the lower limit of normal, GOLD by
0.70; both are asked after a bronchodilator, and whoever shows one shows which.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from koffert_signal.reference.gli import Comparison

GOLD_RATIO = 0.70
# FEV1 in % of predicted at which each milder grade begins: 80 and over is grade 1, under 30 grade 4.
GRADE_FROM_PCT = (80.0, 50.0, 30.0)
CAT_HIGH, MMRC_HIGH = 10, 2

GoldGrade = Literal[1, 2, 3, 4]
GoldGroup = Literal["A", "B", "E"]


class AirflowLimitation(Struct, frozen=True, kw_only=True):
    """FEV1/FVC against both limits; None where a volume is missing."""

    ratio_below_0_70: bool | None
    ratio_below_lln: bool | None
    gold_grade: GoldGrade | None


def gold_grade(fev1_pct_predicted: float, ratio: float) -> GoldGrade | None:
    """Return GOLD grade 1 to 4, or None where FEV1/FVC is not below 0.70."""
    if not ratio < GOLD_RATIO:
        return None
    grades: tuple[GoldGrade, ...] = (1, 2, 3)
    for grade, limit_pct in zip(grades, GRADE_FROM_PCT, strict=True):
        if fev1_pct_predicted >= limit_pct:
            return grade
    return 4


def gold_group(
    *, moderate: int, hospitalised: int, cat: int | None = None, mmrc: int | None = None
) -> GoldGroup | None:
    """Return A, B or E from the exacerbations of 12 months and either score; the worse score wins.

    None where few exacerbations leave the choice to the scores and neither is known.
    """
    if moderate >= 2 or hospitalised >= 1:
        return "E"
    if (cat is not None and cat >= CAT_HIGH) or (mmrc is not None and mmrc >= MMRC_HIGH):
        return "B"
    return None if cat is None and mmrc is None else "A"


def airflow_limitation(ratio: float | None, comparison: Comparison) -> AirflowLimitation:
    """Judge a measured FEV1/FVC by both limits, and grade it by the comparison's FEV1."""
    lln, percent = comparison.lln.ratio, comparison.percent_predicted.fev1_l
    return AirflowLimitation(
        ratio_below_0_70=None if ratio is None else ratio < GOLD_RATIO,
        ratio_below_lln=None if ratio is None or lln is None else ratio < lln,
        gold_grade=None if ratio is None or percent is None else gold_grade(percent, ratio),
    )
