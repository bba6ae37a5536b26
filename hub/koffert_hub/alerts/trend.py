"""Layer 2: bad days in a row, and the course after discharge.

A day is bad when its composite is high with at least one symptom, or when the diary alone says so. Days are
judged on what they have brought so far, so an alert comes with the answer that completes it.
"""

from functools import partial

from koffert_hub.alerts.baseline import composite_z
from koffert_hub.alerts.case import Case
from koffert_hub.alerts.records import (
    BETTER_THEN_WORSE,
    CAT_RISE,
    DETERIORATION,
    FEV1_FALL,
    NOT_IMPROVING,
    RELIEVER_RISE,
    RESPIRATORY_RATE_RISE,
    Finding,
    Level,
    Number,
)
from koffert_hub.alerts.scores import anthonisen_type, majors, minors, symptom_names
from koffert_hub.alerts.state import Day, State
from koffert_hub.alerts.turn import Turn

SUPPORTS = (FEV1_FALL, RESPIRATORY_RATE_RISE, CAT_RISE, RELIEVER_RISE)
# Sums of binary fractions may fall a hair short of a limit that they reach on paper.
_HAIR = 1e-9
_TWICE, _OF_DAYS = 2, 3


def judge_trend(turn: Turn) -> None:
    """Judge today again, and with it the last days and the course since discharge."""
    state, today = turn.state, turn.state.today
    baseline = state.baseline
    if baseline is None:
        return
    today.composite_z = composite_z(today, baseline)
    today.bad = _is_bad(turn.case, today)
    _judge_deterioration(turn, today)
    if turn.case.discharge_day is not None:
        _judge_course(turn, today, turn.case.discharge_day)


def _is_bad(case: Case, day: Day) -> bool:
    rules, count = case.rules.trend, majors(day.symptoms)
    if count >= rules.majors or (count and minors(day.symptoms)):
        return True
    return bool(day.symptoms) and _reaches(day.composite_z, rules.composite_z)


def _reaches(composite: float | None, limit: float) -> bool:
    return composite is not None and composite >= limit - _HAIR


def _judge_deterioration(turn: Turn, today: Day) -> None:
    rules = turn.case.rules.trend
    first = today.number - rules.of_days
    bad_days = sum(day.bad for day in turn.state.days[-rules.of_days :] if day.number > first)
    at_once = majors(today.symptoms) >= rules.majors_at_once
    standing = turn.state.level(DETERIORATION)
    level = Level.NONE
    if at_once or bad_days >= rules.days:
        level = Level.RED if _graver(turn.state, today.number) else Level.YELLOW
    elif standing is not Level.NONE and not today.answered:
        return  # until today's questions are answered, nobody knows that the days are better
    find = partial(_deterioration, turn, today, bad_days)
    turn.observe(DETERIORATION, level, find, step_down_ms=_step_down_ms(turn, level))


def _step_down_ms(turn: Turn, level: Level) -> int:
    """Part of a day must pass before it is over; from red to yellow it steps with the vitals."""
    return turn.case.trend_step_down_ms if level is Level.NONE else turn.case.step_down_ms


def _graver(state: State, today: int) -> bool:
    """Whether a vital sign is off today as well, or support raises the trend by a step."""
    off = any(number == today for number in state.mild.values())
    return off or any(state.level(cause) >= Level.YELLOW for cause in SUPPORTS)


def _deterioration(turn: Turn, today: Day, bad_days: int) -> Finding:
    rules, state = turn.case.rules.trend, turn.state
    off = sorted(cause for cause, number in state.mild.items() if number == today.number)
    support = [cause for cause in SUPPORTS if state.level(cause) >= Level.YELLOW]
    inputs = _day_inputs(today) | {
        "bad_days": bad_days,
        "anthonisen_type": anthonisen_type(today.symptoms),
        "vitals_off": " ".join(off) or None,
        "support": " ".join(support) or None,
    }
    grave = "-red" if off or support else ""
    rule = f"deterioration-at-once{grave}" if bad_days < rules.days else f"deterioration{grave}"
    limits: dict[str, Number] = {
        "composite_z": rules.composite_z,
        "bad_days": rules.days,
        "of_days": rules.of_days,
        "majors": rules.majors,
        "majors_at_once": rules.majors_at_once,
    }
    return Finding(rule, inputs, limits)


def _judge_course(turn: Turn, today: Day, discharge_day: int) -> None:
    rules, since = turn.case.rules.course, today.number - discharge_day
    known = [day for day in turn.state.days if day.number >= discharge_day]
    if not turn.state.ever_answered:
        recorded = [day for day in known if day.composite_z is not None]
    else:
        recorded = [day for day in known if day.answered]
    if today not in recorded:
        return  # an unanswered day is neither better nor worse
    stuck = rules.by_day <= since <= rules.until_day and _not_improving(turn.case, recorded)
    _report_course(turn, NOT_IMPROVING, recorded, stuck=stuck)
    relapse = since <= rules.watch_days and _better_then_worse(turn.case, recorded)
    _report_course(turn, BETTER_THEN_WORSE, recorded, stuck=relapse)


def _report_course(turn: Turn, cause: str, recorded: list[Day], *, stuck: bool) -> None:
    level = Level.YELLOW if stuck else Level.NONE
    find = partial(_course, turn, cause, recorded)
    turn.observe(cause, level, find, step_down_ms=turn.case.trend_step_down_ms)


def _course(turn: Turn, cause: str, recorded: list[Day]) -> Finding:
    rules, burdens = turn.case.rules.course, [burden(turn.case, day) for day in recorded]
    inputs = _day_inputs(turn.state.today) | {
        "day": turn.state.today.number - (turn.case.discharge_day or 0),
        "first_burden": burdens[0],
        "best_burden": min(burdens),
        "burden": burdens[-1],
    }
    limits: dict[str, Number] = {"by_day": rules.by_day, "worse_by": rules.worse_by}
    return Finding(cause.replace("_", "-"), inputs, limits)


def burden(case: Case, day: Day) -> int:
    """Symptoms of the day, and one or two points for a high composite."""
    points = day.symptoms.bit_count()
    points += _reaches(day.composite_z, case.rules.trend.composite_z)
    return points + _reaches(day.composite_z, case.rules.course.composite_strong_z)


def _unwell(case: Case, day: Day) -> bool:
    return bool(majors(day.symptoms)) or _reaches(day.composite_z, case.rules.trend.composite_z)


def _unwell_in_words(case: Case, day: Day) -> bool:
    """Where the patient answers, numbers without a complaint are no relapse."""
    return bool(majors(day.symptoms)) if day.answered else _unwell(case, day)


def _not_improving(case: Case, recorded: list[Day]) -> bool:
    """Unwell on every day since discharge, and today no better than on the first."""
    no_better = burden(case, recorded[-1]) >= burden(case, recorded[0])
    return len(recorded) > 1 and no_better and all(_unwell(case, day) for day in recorded)


def _better_then_worse(case: Case, recorded: list[Day]) -> bool:
    """A day that was better than the first, then clearly worse: plainly so, or on two of three days."""
    today = recorded[-1]
    if len(recorded) < 3 or not _unwell_in_words(case, today):
        return False
    rules = case.rules.course
    burdens = [burden(case, day) for day in recorded]
    best = min(burdens[1:-1])
    if best >= burdens[0]:
        return False
    after_best = recorded[burdens.index(best, 1) :][-_OF_DAYS:]
    worse = [
        _unwell_in_words(case, day) and burden(case, day) >= best + rules.worse_by
        for day in after_best
    ]
    much = burdens[-1] >= best + rules.worse_at_once_by
    plain = majors(today.symptoms) >= case.rules.trend.majors  # as good as a bad day by itself
    return much or (worse[-1] and (plain or sum(worse) >= _TWICE))


def _day_inputs(day: Day) -> dict[str, Number]:
    return {
        "spo2_pct": _rounded(day.spo2_pct),
        "pulse_bpm": _rounded(day.pulse_bpm),
        "composite_z": None if day.composite_z is None else round(day.composite_z, 2),
        "majors": majors(day.symptoms),
        "minors": minors(day.symptoms),
        "symptoms": " ".join(symptom_names(day.symptoms)) or None,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
