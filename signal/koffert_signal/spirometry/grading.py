"""Acceptability, usability and session grades (Graham 2019, Tables 7 and 10).

Limits of repeatability are compared in whole millilitres: 3.20 - 3.05 L is 0.150 L, as on paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from msgspec import Struct

from koffert_signal.spirometry.faults import Fault
from koffert_signal.spirometry.states import Advice

Grade = Literal["A", "B", "C", "D", "E", "F", "U"]
Eofe = Literal["plateau", "fet15", "repeatable"]

# Of back-extrapolated volume, and of a breath in that is deeper than the blow.
EXCESS_L, EXCESS_OF_FVC = 0.100, 0.05
# End of forced expiration: at most this much in the last second, or this long.
PLATEAU_L = 0.025
LONGEST_FET_S = 15.0
# Floating-point dust of a limit that is met exactly.
DUST = 1e-9
# Best two within these, in mL: grades A and B, C, D. The younger column ends with the sixth year of life
# and allows 10 % of the largest value where that is more.
LIMITS_ML = (150, 200, 250)
LIMITS_TO_6_Y_ML = (100, 150, 200)
YOUNG_TO_Y = 6.0
FEWEST_FOR_A, FEWEST_TO_COMPARE = 3, 2
MOST_BLOWS = 8
# A fall of FEV1 to less than this share of the first ends the session.
TIRED_BELOW_PCT = 80

ALL = frozenset({"fev1_acceptable", "fvc_acceptable", "fev1_usable", "fvc_usable"})
BOTH_ACCEPTABLE = frozenset({"fev1_acceptable", "fvc_acceptable"})
# Table 7: what each fault takes away.
SPOILS: dict[Fault, frozenset[str]] = {
    Fault.ZERO_FLOW: ALL,
    Fault.SLOW_START: ALL,
    Fault.CLOSURE_FIRST_SECOND: ALL,
    Fault.COUGH_FIRST_SECOND: frozenset({"fev1_acceptable", "fev1_usable"}),
    Fault.LEAK: BOTH_ACCEPTABLE,
    Fault.OBSTRUCTION: BOTH_ACCEPTABLE,
    Fault.NOT_FULL: BOTH_ACCEPTABLE,
    Fault.CLOSURE_LATER: frozenset({"fvc_acceptable"}),
    Fault.NO_END: frozenset({"fvc_acceptable"}),
}


class BlowFacts(Struct, frozen=True, kw_only=True):
    """What Table 7 asks of one blow. Volumes in L, time in s; `plateau` is the first EOFE indicator.

    A device that measures and does not hand over its curve fills this in itself.
    """

    fev1_l: float
    fvc_l: float
    bev_l: float
    fet_s: float
    plateau: bool
    fivc_l: float | None = None
    pef_l_s: float | None = None
    fef25_75_l_s: float | None = None
    faults: frozenset[Fault] = frozenset()


class Judgement(Struct, frozen=True, kw_only=True):
    """Table 7 for one blow; `reasons` are the faults that cost it something, worst first."""

    fev1_acceptable: bool
    fvc_acceptable: bool
    fev1_usable: bool
    fvc_usable: bool
    bev_ok: bool
    eofe: Eofe | None
    reasons: tuple[Fault, ...]

    @property
    def acceptable(self) -> bool:
        """Whether the blow counts in full."""
        return self.fev1_acceptable and self.fvc_acceptable


class Session(Struct, frozen=True, kw_only=True):
    """What is reported of a session. A value from blows that are only usable carries grade U.

    The largest FEV1 and FVC may come from different blows; FEF25-75 comes from the one with the largest
    sum of both. Differences are between the best two acceptable values, None where there are fewer.
    """

    judgements: tuple[Judgement, ...]
    grade_fev1: Grade
    grade_fvc: Grade
    fev1_l: float | None
    fvc_l: float | None
    ratio: float | None
    pef_l_s: float | None
    fef25_75_l_s: float | None
    fev1_difference_ml: int | None
    fvc_difference_ml: int | None
    fev1_repeatable: bool
    fvc_repeatable: bool
    advice: Advice


def judge(facts: BlowFacts, *, earlier_fvc_l: float | None = None, age_y: float) -> Judgement:
    """Judge one blow; `earlier_fvc_l` is the largest FVC before it in the session."""
    bev_ok = facts.bev_l <= _excess_limit(facts.fvc_l)
    eofe = _eofe(facts, earlier_fvc_l, age_y)
    full = facts.fivc_l is None or facts.fivc_l - facts.fvc_l <= _excess_limit(facts.fvc_l)
    failed = {Fault.SLOW_START: not bev_ok, Fault.NO_END: eofe is None, Fault.NOT_FULL: not full}
    reasons = tuple(fault for fault in Fault if fault in facts.faults or failed.get(fault, False))
    spoilt = frozenset().union(*(SPOILS[fault] for fault in reasons))
    return Judgement(
        **{state: state not in spoilt for state in ALL}, bev_ok=bev_ok, eofe=eofe, reasons=reasons
    )


def grade(acceptable_l: Sequence[float], *, usable: int = 0, age_y: float) -> Grade:
    """Grade one index by Table 10: its acceptable values in L, and how many more are usable."""
    if not acceptable_l:
        return "U" if usable else "F"
    difference_ml = best_two_differ_ml(acceptable_l)
    if difference_ml is None:
        return "E"
    limit_a, limit_c, limit_d = _limits_ml(max(acceptable_l), age_y)
    if difference_ml <= limit_a:
        return "A" if len(acceptable_l) >= FEWEST_FOR_A else "B"
    if difference_ml <= limit_c:
        return "C"
    return "D" if difference_ml <= limit_d else "E"


def grade_session(blows: Sequence[BlowFacts], *, age_y: float) -> Session:
    """Judge the blows in the order they were made and grade FEV1 and FVC apart."""
    judged = tuple(_judge_in_order(blows, age_y))
    fev1s = _values(blows, judged, "fev1_acceptable", "fev1_l")
    fvcs = _values(blows, judged, "fvc_acceptable", "fvc_l")
    usable_fev1s = _values(blows, judged, "fev1_usable", "fev1_l")
    usable_fvcs = _values(blows, judged, "fvc_usable", "fvc_l")
    grade_fev1 = grade(fev1s, usable=len(usable_fev1s), age_y=age_y)
    grade_fvc = grade(fvcs, usable=len(usable_fvcs), age_y=age_y)
    fev1_l, fvc_l = max(fev1s or usable_fev1s, default=None), max(fvcs or usable_fvcs, default=None)
    best = _best_blow(blows, judged)
    return Session(
        judgements=judged,
        grade_fev1=grade_fev1,
        grade_fvc=grade_fvc,
        fev1_l=fev1_l,
        fvc_l=fvc_l,
        ratio=None if fev1_l is None or fvc_l is None else fev1_l / fvc_l,
        pef_l_s=best.pef_l_s if best else None,
        fef25_75_l_s=best.fef25_75_l_s if best else None,
        fev1_difference_ml=best_two_differ_ml(fev1s),
        fvc_difference_ml=best_two_differ_ml(fvcs),
        fev1_repeatable=grade_fev1 in {"A", "B"},
        fvc_repeatable=grade_fvc in {"A", "B"},
        advice=_advice(blows, grade_fev1, grade_fvc),
    )


def best_two_differ_ml(values_l: Iterable[float]) -> int | None:
    """Return by how much the two largest differ, each rounded to 1 mL; None for fewer than two."""
    largest_ml = sorted((round(value_l * 1000) for value_l in values_l), reverse=True)[:2]
    return largest_ml[0] - largest_ml[1] if len(largest_ml) == FEWEST_TO_COMPARE else None


def _excess_limit(fvc_l: float) -> float:
    return max(EXCESS_L, EXCESS_OF_FVC * fvc_l) + DUST


def _limits_ml(largest_l: float, age_y: float) -> tuple[int, ...]:
    if age_y > YOUNG_TO_Y:
        return LIMITS_ML
    tenth_ml = round(largest_l * 1000) // 10
    return tuple(max(limit_ml, tenth_ml) for limit_ml in LIMITS_TO_6_Y_ML)


def _eofe(facts: BlowFacts, earlier_fvc_l: float | None, age_y: float) -> Eofe | None:
    if facts.plateau:
        return "plateau"
    if facts.fet_s >= LONGEST_FET_S - DUST:
        return "fet15"
    if earlier_fvc_l is None:
        return None
    missing_ml = round(earlier_fvc_l * 1000) - round(facts.fvc_l * 1000)
    return "repeatable" if missing_ml <= _limits_ml(earlier_fvc_l, age_y)[0] else None


def _judge_in_order(blows: Sequence[BlowFacts], age_y: float) -> Iterable[Judgement]:
    earlier_fvc_l: float | None = None
    for facts in blows:
        yield judge(facts, earlier_fvc_l=earlier_fvc_l, age_y=age_y)
        if Fault.ZERO_FLOW not in facts.faults:  # a sensor that runs away measured no volume
            earlier_fvc_l = max(facts.fvc_l, earlier_fvc_l or 0.0)


def _values(
    blows: Sequence[BlowFacts], judged: Sequence[Judgement], state: str, index: str
) -> list[float]:
    pairs = zip(blows, judged, strict=True)
    return [getattr(facts, index) for facts, judgement in pairs if getattr(judgement, state)]


def _best_blow(blows: Sequence[BlowFacts], judged: Sequence[Judgement]) -> BlowFacts | None:
    """Return the blow with the largest FEV1 + FVC among the acceptable, else among the usable ones."""
    tests: tuple[Callable[[Judgement], bool], ...] = (
        lambda j: j.acceptable,
        lambda j: j.fev1_usable and j.fvc_usable,
    )
    for test in tests:
        passed = [facts for facts, one in zip(blows, judged, strict=True) if test(one)]
        if passed:
            return max(passed, key=lambda facts: facts.fev1_l + facts.fvc_l)
    return None


def _advice(blows: Sequence[BlowFacts], grade_fev1: Grade, grade_fvc: Grade) -> Advice:
    if grade_fev1 == grade_fvc == "A":
        return Advice.ENOUGH
    if len(blows) > 1:
        first_ml, last_ml = (round(blow.fev1_l * 1000) for blow in (blows[0], blows[-1]))
        if last_ml * 100 < first_ml * TIRED_BELOW_PCT:
            return Advice.TIRED
    return Advice.MOST_BLOWS if len(blows) >= MOST_BLOWS else Advice.ANOTHER
