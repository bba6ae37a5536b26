"""A session as one record for machines and as a table for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from koffert_signal.reference.gli import Comparison, Person, Reference, Values
from koffert_signal.reference.gold import AirflowLimitation
from koffert_signal.spirometry.coaching import hint_for
from koffert_signal.spirometry.grading import Judgement
from koffert_signal.spirometry.indices import Blow
from koffert_signal.spirometry.session import MeasuredSession

# 0.1 mL, 0.1 ms, 0.0001 of a z: finer than anything measured, coarse enough to read.
DECIMALS = 4
NOTES = (
    "Not a diagnosis. GOLD and the Norwegian guideline both ask for values after a bronchodilator.",
    "ratio_below_0_70 and gold_grade: GOLD's fixed limit. ratio_below_lln: the Norwegian guideline's.",
)
TITLES = {"fev1_l": "FEV1 L", "fvc_l": "FVC L", "ratio": "FEV1/FVC", "fef25_75_l_s": "FEF25-75 L/s"}
REFERENCE_NAMES = {Reference.GLI_2012: "GLI-2012", Reference.GLI_GLOBAL: "GLI Global 2022"}


class Report(Struct, frozen=True, kw_only=True):
    """All that one run found; `comparison` is None where no reference was asked for."""

    measured: MeasuredSession
    person: Person
    comparison: Comparison | None
    limitation: AirflowLimitation | None


def as_record(report: Report) -> dict[str, Any]:
    """Return the JSON object of `koffert signal spirometry`."""
    session = asdict(report.measured.session)
    judgements = session.pop("judgements")
    pairs = zip(report.measured.blows, judgements, strict=True)
    blows = {"blows": [_blow_record(blow, judged) for blow, judged in pairs]}
    person = {"sex": report.person.sex, "age_y": report.person.age_y}
    person |= {"height_cm": report.person.height_cm}
    compared = comparison_record(report.comparison, report.person) if report.comparison else {}
    limitation = asdict(report.limitation) if report.limitation else {}
    whole = blows | session | person | compared | limitation | {"notes": NOTES}
    return {name: rounded(value) for name, value in whole.items()}


def comparison_record(comparison: Comparison, person: Person) -> dict[str, Any]:
    """Return predicted values, limits and scores; the group only where the equations know groups."""
    group = person.group.name.lower() if comparison.reference is Reference.GLI_2012 else None
    return asdict(comparison) | {"group": group}


def rounded(value: Any) -> Any:
    """Return the record with its floats at `DECIMALS` places."""
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, Struct):
        return rounded(asdict(value))
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return value


def as_text(report: Report) -> str:
    """Return what a person reads."""
    return "\n".join(_lines(report))


def comparison_lines(comparison: Comparison, measured: Values | None = None) -> Iterator[str]:
    """Return a table: one index a line, measured beside predicted."""
    yield f"{REFERENCE_NAMES[comparison.reference]:<15}{'measured':>9}{'predicted':>10}{'LLN':>8}{'z':>8}{'% pred':>8}"
    for index, title in TITLES.items():
        if getattr(comparison.predicted, index) is None:
            continue
        cells = (
            _cell(getattr(measured, index) if measured else None, 9, 3),
            _cell(getattr(comparison.predicted, index), 10, 3),
            _cell(getattr(comparison.lln, index), 8, 3),
            _cell(getattr(comparison.z, index), 8, 2),
            _cell(getattr(comparison.percent_predicted, index), 8, 0),
        )
        yield f"{title:<15}" + "".join(cells)


def session_values(measured: MeasuredSession) -> Values:
    """Return the values that the session reports, to compare with predicted ones."""
    session = measured.session
    return Values(
        fev1_l=session.fev1_l,
        fvc_l=session.fvc_l,
        ratio=session.ratio,
        fef25_75_l_s=session.fef25_75_l_s,
    )


def _blow_record(blow: Blow, judgement: Judgement) -> dict[str, Any]:
    hint = hint_for(judgement.reasons, blow.indices.rise_time_s)
    judged = {"acceptable": judgement.acceptable} | asdict(judgement)
    return asdict(blow.indices) | judged | {"hint": hint.key}


def _lines(report: Report) -> Iterator[str]:
    session = report.measured.session
    yield "Blow   FEV1 L   FVC L  FEV6 L  PEF L/s   FET s   BEV L  counts for  reasons"
    pairs = zip(report.measured.blows, session.judgements, strict=True)
    for number, (blow, judgement) in enumerate(pairs, start=1):
        yield _blow_line(number, blow, judgement)
    yield ""
    yield f"Grade: FEV1 {session.grade_fev1}, FVC {session.grade_fvc}. {_differences(report)}"
    if report.comparison is None or report.limitation is None:
        return
    yield ""
    yield from comparison_lines(report.comparison, session_values(report.measured))
    yield from _limitation_lines(report.comparison, report.limitation)
    yield NOTES[0]


def _blow_line(number: int, blow: Blow, judgement: Judgement) -> str:
    indices = blow.indices
    counts = [
        name
        for name, counts in (("FEV1", judgement.fev1_acceptable), ("FVC", judgement.fvc_acceptable))
        if counts
    ]
    cells = (
        _cell(indices.fev1_l, 9, 3),
        _cell(indices.fvc_l, 8, 3),
        _cell(indices.fev6_l, 8, 3),
        _cell(indices.pef_l_s, 9, 2),
        _cell(indices.fet_s, 8, 2),
        _cell(indices.bev_l, 8, 3),
    )
    reasons = ", ".join(judgement.reasons)
    return f"{number:>4}{''.join(cells)}  {' '.join(counts) or '-':<10}  {reasons}".rstrip()


def _differences(report: Report) -> str:
    session = report.measured.session
    parts = [
        f"{name} {difference_ml} mL"
        for name, difference_ml in (
            ("FEV1", session.fev1_difference_ml),
            ("FVC", session.fvc_difference_ml),
        )
        if difference_ml is not None
    ]
    return f"Best two differ by {', '.join(parts)}." if parts else ""


def _limitation_lines(comparison: Comparison, limitation: AirflowLimitation) -> Iterator[str]:
    if limitation.ratio_below_0_70 is None:
        return
    grade = f", grade {limitation.gold_grade}" if limitation.gold_grade else ""
    yield f"FEV1/FVC {_side(limitation.ratio_below_0_70)} 0.70 (GOLD{grade})"
    lln = comparison.lln.ratio
    if lln is not None and limitation.ratio_below_lln is not None:
        name = REFERENCE_NAMES[comparison.reference]
        side = _side(limitation.ratio_below_lln)
        yield f"FEV1/FVC {side} the lower limit of normal, {lln:.3f} ({name}; Norwegian guideline)"


def _side(below: bool) -> str:  # noqa: FBT001 - the one thing that it says
    return "is below" if below else "is not below"


def _cell(value: float | None, width: int, decimals: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:>{width}.{decimals}f}"
