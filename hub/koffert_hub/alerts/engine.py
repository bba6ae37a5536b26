"""The engine: readings in the order in which they were measured in, alerts out.

A fold without clock, I/O or randomness: the same readings give the same alerts, however often and in
whatever order they arrived. What comes late is folded in again at its place (`replay.py`).
"""

from collections.abc import Callable, Iterable

from koffert_hub.alerts.baseline import estimate
from koffert_hub.alerts.case import Case
from koffert_hub.alerts.civil import civil_day
from koffert_hub.alerts.contact import (
    judge_call,
    judge_consciousness,
    judge_device,
    note_failure,
    note_success,
    raise_unanswered,
)
from koffert_hub.alerts.records import (
    CALL_BUTTON,
    Alert,
    DeviceProblem,
    Event,
    Kind,
    Level,
    Raised,
    Reading,
    Session,
    Symptoms,
)
from koffert_hub.alerts.scores import symptom_mask
from koffert_hub.alerts.state import Day, Latest, State
from koffert_hub.alerts.support import judge_breathing, judge_report, judge_session
from koffert_hub.alerts.trend import judge_trend
from koffert_hub.alerts.turn import Turn, next_due_ms
from koffert_hub.alerts.vitals import judge_vital, on_oxygen, raise_unconfirmed

# Beyond any timer: what is pending after the last reading still comes to its end.
END_MS = 1 << 62

# Said by people and boxes, not measured: signal quality is no property of these.
_UNGATED = frozenset({Kind.CALL_BUTTON, Kind.DEVICE, Kind.CORRECTION})
_OXIMETER = frozenset({Kind.SPO2, Kind.PULSE})


def advance(case: Case, state: State, reading: Reading) -> list[Event]:
    """Fire what is due before `reading`, then judge it; changes `state`.

    Readings must come in the order of (measured_ms, id), each once.
    """
    events = elapse(case, state, reading.measured_ms)
    state.at_ms, state.at_id = reading.measured_ms, reading.id
    if reading.measured_ms >= state.day_end_ms:
        _begin_day(case, state, reading.measured_ms)
    elif case.from_ms != state.case_from_ms:
        _estimate(case, state)  # a doctor's new settings hold from their first reading on
    late = reading.arrived_ms - reading.measured_ms > case.late_after_ms
    turn = Turn(case, state, reading.measured_ms, late=late)
    if reading.kind in _UNGATED or _is_value(case, reading):
        _HANDLERS[reading.kind](turn, reading)
    elif reading.kind in _OXIMETER:
        note_failure(turn)
    return events + turn.events if events else turn.events


def elapse(case: Case, state: State, until_ms: int) -> list[Event]:
    """Fire the timers due before `until_ms`, in order; a reading at that very moment still counts."""
    events: list[Event] = []
    while state.next_due_ms is not None and state.next_due_ms < until_ms:
        due_ms = next_due_ms(state)
        if due_ms is not None and due_ms < until_ms:
            events += _fire(case, state, due_ms)
            due_ms = next_due_ms(state)
        state.next_due_ms = due_ms
    return events


def evaluate(case: Case, readings: Iterable[Reading]) -> list[Alert]:
    """The alerts of these readings, in the order raised, with all timers run to their end."""
    state, alerts = State(), list[Alert]()
    for reading in sorted(readings, key=order):
        record(alerts, advance(case, state, reading))
    record(alerts, elapse(case, state, END_MS))
    return alerts


def order(reading: Reading) -> tuple[int, str]:
    """Where a reading stands among a patient's readings."""
    return reading.measured_ms, reading.id


def record(alerts: list[Alert], events: Iterable[Event]) -> None:
    """Write events into a list of alerts: a step up or a clear ends the open one of the same cause."""
    for event in events:
        if isinstance(event, Raised):
            _close(alerts, event.alert.cause, event.alert.raised_ms)
            alerts.append(event.alert)
        elif event.level is Level.NONE:
            _close(alerts, event.cause, event.at_ms)


def _close(alerts: list[Alert], cause: str, at_ms: int) -> None:
    for alert in reversed(alerts):
        if alert.cause == cause:
            if alert.cleared_ms is None:
                alert.cleared_ms = at_ms
            return


def _fire(case: Case, state: State, due_ms: int) -> list[Event]:
    turn = Turn(case, state, due_ms)
    for cause, awaited in sorted(state.awaited.items()):
        if awaited.until_ms == due_ms:
            del state.awaited[cause]
            turn.late = awaited.late
            if cause == CALL_BUTTON:
                raise_unanswered(turn, awaited)
            else:
                raise_unconfirmed(turn, cause, awaited)
    for cause, track in sorted(state.tracks.items()):
        if track.falls_ms == due_ms:
            turn.ease(cause, track, due_ms)
    return turn.events


def _begin_day(case: Case, state: State, at_ms: int) -> None:
    number, state.day_start_ms, state.day_end_ms = civil_day(at_ms)
    rules = case.rules.baseline
    if state.unwell():
        state.frozen_until_day = max(state.frozen_until_day, number - 1 + rules.freeze_after_days)
    for day in state.days[-1:]:
        day.teaches = day.number > state.frozen_until_day and not day.foreign
    state.days = [day for day in state.days if day.number >= number - rules.days]
    state.days.append(Day(number))
    _estimate(case, state)


def _estimate(case: Case, state: State) -> None:
    state.case_from_ms = case.from_ms
    state.baseline = estimate(case.rules, case.patient, state.days[:-1])


def _is_value(case: Case, reading: Reading) -> bool:
    return reading.value is not None and reading.quality >= case.rules.quality.minimum


def _take_spo2(turn: Turn, reading: Reading) -> None:
    value = _number(turn, reading)
    note_success(turn)
    judge_vital(turn, reading, value)
    if reading.at_rest is not False:
        today = _today(turn, reading)
        today.spo2_count += 1
        today.spo2_sum += value
        judge_trend(turn)


def _take_pulse(turn: Turn, reading: Reading) -> None:
    value = _number(turn, reading)
    note_success(turn)
    judge_vital(turn, reading, value)
    if reading.at_rest is not False:
        today = _today(turn, reading)
        today.pulse_count += 1
        today.pulse_sum += value
        judge_trend(turn)


def _take_respiratory_rate(turn: Turn, reading: Reading) -> None:
    value = _number(turn, reading)
    judge_vital(turn, reading, value)
    if reading.at_rest is not False:
        today = _today(turn, reading)
        today.respiratory_rate_count += 1
        today.respiratory_rate_sum += value
        judge_breathing(turn)
        judge_trend(turn)


def _today(turn: Turn, reading: Reading) -> Day:
    today = turn.state.today
    today.foreign = today.foreign or not reading.trains
    return today


def _take_number(turn: Turn, reading: Reading) -> None:
    _number(turn, reading)


def _take_consciousness(turn: Turn, reading: Reading) -> None:
    acvpu = str(reading.value)
    turn.state.latest[reading.kind] = Latest(turn.now_ms, acvpu)
    judge_consciousness(turn, reading, acvpu)


def _take_diary(turn: Turn, reading: Reading) -> None:
    if isinstance(reading.value, Symptoms):
        turn.state.ever_answered = turn.state.today.answered = True
        turn.state.today.symptoms |= symptom_mask(reading.value)
        judge_trend(turn)


def _take_spirometry(turn: Turn, reading: Reading) -> None:
    if isinstance(reading.value, Session):
        judge_session(turn, reading.id, reading.value)
        judge_trend(turn)


def _take_report(turn: Turn, reading: Reading) -> None:
    judge_report(turn, reading.kind, _number(turn, reading))
    judge_trend(turn)


def _take_call(turn: Turn, reading: Reading) -> None:
    judge_call(turn, reading, pressed=reading.value != 0)


def _take_device(turn: Turn, reading: Reading) -> None:
    if isinstance(reading.value, DeviceProblem):
        judge_device(turn, reading, reading.value.problem)


def _take_correction(_turn: Turn, _reading: Reading) -> None:
    """A correction acts on which readings there are (`replay.py`), not on the engine."""


def _number(turn: Turn, reading: Reading) -> float:
    value = reading.value
    if not isinstance(value, int | float):
        raise TypeError(f"{reading.kind} takes a number, not {type(value).__name__}")
    breathed = on_oxygen(turn.case, reading) if reading.kind is Kind.SPO2 else None
    turn.state.latest[reading.kind] = Latest(turn.now_ms, value, breathed)
    return value


_HANDLERS: dict[Kind, Callable[[Turn, Reading], None]] = {
    Kind.SPO2: _take_spo2,
    Kind.PULSE: _take_pulse,
    Kind.RESPIRATORY_RATE: _take_respiratory_rate,
    Kind.TEMPERATURE: _take_number,
    Kind.SYSTOLIC: _take_number,
    Kind.MMRC: _take_number,
    Kind.CONSCIOUSNESS: _take_consciousness,
    Kind.DIARY: _take_diary,
    Kind.SPIROMETRY: _take_spirometry,
    Kind.CAT: _take_report,
    Kind.RELIEVER: _take_report,
    Kind.CALL_BUTTON: _take_call,
    Kind.DEVICE: _take_device,
    Kind.CORRECTION: _take_correction,
}
