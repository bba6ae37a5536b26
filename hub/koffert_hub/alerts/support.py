"""Layer 3, support: spirometry, breathing rate, CAT and reliever use. Yellow alone, red only with a trend."""

from functools import partial
from statistics import median, pstdev

from koffert_hub.alerts.records import (
    CAT_RISE,
    FEV1_FALL,
    RELIEVER_RISE,
    RESPIRATORY_RATE_RISE,
    Finding,
    Kind,
    Level,
    Session,
)
from koffert_hub.alerts.state import Day
from koffert_hub.alerts.turn import Turn

# Own sessions that are kept: two weeks of daily blows.
_FEV1_SESSIONS = 14
_TWICE = 2
_OF_DAYS = 3


def judge_session(turn: Turn, reading_id: str, session: Session) -> None:
    """Compare a graded session's FEV1 with what is usual; sessions below grade C say nothing."""
    rules, state = turn.case.rules.support, turn.state
    if session.grade not in rules.fev1_grades:
        return
    usual = _usual_fev1(turn)
    if usual is None:
        state.fev1_own_l.append(session.fev1_l)
        return
    mean_l, sd_l = usual
    low = _is_fall(turn, mean_l - session.fev1_l, sd_l)
    state.fev1_low_sessions = state.fev1_low_sessions + 1 if low else 0
    if not low:
        state.fev1_own_l = [*state.fev1_own_l, session.fev1_l][-_FEV1_SESSIONS:]
    falling = state.fev1_low_sessions >= rules.fev1_sessions
    find = partial(
        Finding,
        "fev1-fall",
        {
            "fev1_l": session.fev1_l,
            "fall_l": round(mean_l - session.fev1_l, 3),
            "grade": session.grade,
            "sessions": state.fev1_low_sessions,
        },
        {
            "fev1_fall_l": rules.fev1_fall_l,
            "fev1_fall_sd": rules.fev1_fall_sd,
            "fev1_sessions": rules.fev1_sessions,
        },
        (reading_id,),
        {"fev1_mean_l": round(mean_l, 3), "fev1_sd_l": round(sd_l, 3)},
    )
    if falling or not low:
        turn.observe(FEV1_FALL, Level.YELLOW if falling else Level.NONE, find)


def judge_breathing(turn: Turn) -> None:
    """Compare today's breathing rate with the patient's own earlier days, once there are some."""
    rules, state = turn.case.rules.support, turn.state
    own = [
        rate
        for day in state.days[:-1]
        if day.teaches and (rate := day.respiratory_rate_bpm) is not None
    ]
    if len(own) < rules.respiratory_rate_own_days:
        return
    usual_bpm = median(own)
    first = state.today.number - _OF_DAYS
    rises = [
        rate - usual_bpm
        for day in state.days[-_OF_DAYS:]
        if day.number > first and (rate := day.respiratory_rate_bpm) is not None
    ]
    again = sum(rise >= rules.respiratory_rate_rise_bpm for rise in rises) >= _TWICE
    risen = rises[-1] >= rules.respiratory_rate_strong_bpm or (
        again and rises[-1] >= rules.respiratory_rate_rise_bpm
    )
    find = partial(
        Finding,
        "respiratory-rate-rise",
        {"respiratory_rate_bpm": _mean(state.today), "rise_bpm": round(rises[-1], 1)},
        {
            "rise_limit_bpm": rules.respiratory_rate_rise_bpm,
            "strong_rise_bpm": rules.respiratory_rate_strong_bpm,
        },
        baseline={"respiratory_rate_usual_bpm": round(usual_bpm, 1)},
    )
    turn.observe(RESPIRATORY_RATE_RISE, Level.YELLOW if risen else Level.NONE, find)


def judge_report(turn: Turn, kind: Kind, value: float) -> None:
    """Compare a CAT score or a day's reliever doses with the first one; two rises in a row count."""
    rules, state = turn.case.rules.support, turn.state
    cause, limit = {
        Kind.CAT: (CAT_RISE, rules.cat_rise),
        Kind.RELIEVER: (RELIEVER_RISE, rules.reliever_rise_doses),
    }[kind]
    first = state.first_reports.setdefault(kind, value)
    times = state.high_reports.get(kind, 0) + 1 if value - first >= limit else 0
    state.high_reports[kind] = times
    find = partial(
        Finding,
        cause.replace("_", "-"),
        {"value": value, "times": times},
        {"rise": limit},
        baseline={"first": first},
    )
    turn.observe(cause, Level.YELLOW if times >= _TWICE else Level.NONE, find)


def _usual_fev1(turn: Turn) -> tuple[float, float] | None:
    """Mean and SD in litres: as set, else of the own sessions once there are enough."""
    given, rules, own = turn.case.patient.baseline, turn.case.rules, turn.state.fev1_own_l
    if given.fev1_mean_l is not None:
        return given.fev1_mean_l, given.fev1_sd_l or rules.baseline.fev1_sd_l
    if len(own) < rules.support.fev1_own_sessions:
        return None
    return median(own), max(pstdev(own), rules.baseline.fev1_sd_l)


def _is_fall(turn: Turn, fall_l: float, sd_l: float) -> bool:
    """In whole millilitres: 1.50 - 1.30 must count as 0.200 L."""
    rules, fall_ml = turn.case.rules.support, round(fall_l * 1_000)
    return fall_ml >= round(rules.fev1_fall_l * 1_000) and fall_ml >= round(
        rules.fev1_fall_sd * sd_l * 1_000
    )


def _mean(day: Day) -> float | None:
    rate = day.respiratory_rate_bpm
    return None if rate is None else round(rate, 1)
