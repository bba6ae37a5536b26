"""Layers 1 and 1b: the safety floor, confirmed on a repeat, and the milder single readings.

A first red reading waits for its repeat and for nothing else: the repeat confirms or refutes it, and when
none comes in time the red goes out unconfirmed.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from koffert_hub.alerts.case import Case, Limits
from koffert_hub.alerts.records import (
    PULSE_HIGH,
    PULSE_LOW,
    RESPIRATORY_RATE_HIGH,
    RESPIRATORY_RATE_LOW,
    SPO2_HIGH_ON_OXYGEN,
    SPO2_LOW,
    Finding,
    Kind,
    Level,
    Number,
    Reading,
)
from koffert_hub.alerts.state import Awaited
from koffert_hub.alerts.turn import Turn


class Vital(NamedTuple):
    """One cause that a vital sign can have: which limits it shows, and how grave a value is."""

    cause: str
    kind: Kind
    red_limit: str
    yellow_limit: str | None
    low: bool


VITALS: tuple[Vital, ...] = (
    Vital(SPO2_LOW, Kind.SPO2, "spo2_floor_pct", "spo2_yellow_pct", low=True),
    Vital(PULSE_LOW, Kind.PULSE, "pulse_low_bpm", None, low=True),
    Vital(PULSE_HIGH, Kind.PULSE, "pulse_high_bpm", "pulse_yellow_bpm", low=False),
    Vital(RESPIRATORY_RATE_LOW, Kind.RESPIRATORY_RATE, "respiratory_rate_low_bpm", None, low=True),
    Vital(
        RESPIRATORY_RATE_HIGH,
        Kind.RESPIRATORY_RATE,
        "respiratory_rate_high_bpm",
        "respiratory_rate_yellow_bpm",
        low=False,
    ),
)
_BY_KIND = {
    kind: tuple(vital for vital in VITALS if vital.kind is kind)
    for kind in (Kind.SPO2, Kind.PULSE, Kind.RESPIRATORY_RATE)
}
_BY_CAUSE = {vital.cause: vital for vital in VITALS}


def judge_vital(turn: Turn, reading: Reading, value: float) -> None:
    """Hold one accepted value of SpO2, pulse or breathing rate against its limits."""
    for vital in _BY_KIND[reading.kind]:
        _judge(turn, vital, reading, value)
    if reading.kind is Kind.SPO2:
        _judge_high_on_oxygen(turn, reading, value)


def on_oxygen(case: Case, reading: Reading) -> bool:
    """Whether the patient breathed oxygen; where the reading does not say, the settings do."""
    flow_l_min = reading.oxygen_l_min
    return case.patient.on_oxygen if flow_l_min is None else flow_l_min > 0


def raise_unconfirmed(turn: Turn, cause: str, awaited: Awaited) -> None:
    """No repeat came: the red goes out on the first reading alone."""
    vital = _BY_CAUSE[cause]
    inputs: dict[str, Number] = {_name(vital): awaited.value, "confirmed": False}
    turn.observe(cause, Level.RED, _finding(turn, vital, "unconfirmed", inputs, (awaited.reading,)))


def _judge(turn: Turn, vital: Vital, reading: Reading, value: float) -> None:
    level = _level(turn, vital, reading, value)
    _note_mild(turn, vital.cause, level)
    awaited = turn.state.awaited.get(vital.cause)
    if level is Level.RED and turn.state.level(vital.cause) is not Level.RED:
        if awaited is None:
            turn.wait(vital.cause, turn.awaited_for(reading, value, turn.case.wait_ms))
        elif turn.now_ms - awaited.since_ms >= turn.case.repeat_apart_ms:
            _confirm(turn, vital, awaited, reading, value)
        return
    if awaited is not None and turn.now_ms - awaited.since_ms >= turn.case.repeat_apart_ms:
        del turn.state.awaited[vital.cause]
    inputs: dict[str, Number] = {_name(vital): value}
    find = _finding(turn, vital, "single", inputs, (reading.id,))
    turn.observe(vital.cause, level, find, step_down_ms=turn.case.step_down_ms)


def _confirm(turn: Turn, vital: Vital, first: Awaited, repeat: Reading, value: float) -> None:
    del turn.state.awaited[vital.cause]
    inputs: dict[str, Number] = {
        _name(vital): value,
        f"first_{_name(vital)}": first.value,
        "minutes_between": round((turn.now_ms - first.since_ms) / 60_000, 1),
        "confirmed": True,
    }
    readings = (first.reading, repeat.id)
    turn.observe(vital.cause, Level.RED, _finding(turn, vital, "confirmed", inputs, readings))


def _level(turn: Turn, vital: Vital, reading: Reading, value: float) -> Level:
    limits = turn.case.limits
    red: float = getattr(limits, vital.red_limit)
    if value <= red if vital.low else value >= red:
        return Level.RED
    # After exertion a milder value is expected: the patient is asked to rest and measure again.
    if vital.yellow_limit is None or reading.at_rest is False:
        return Level.NONE
    yellow: float = getattr(limits, vital.yellow_limit)
    off = value <= yellow if vital.low else value >= yellow
    return Level.YELLOW if off and not _usual(turn, vital, value) else Level.NONE


def _usual(turn: Turn, vital: Vital, value: float) -> bool:
    """On scale 1 a saturation that is usual for this patient is no deviation."""
    baseline = turn.state.baseline
    if vital.cause != SPO2_LOW or turn.case.patient.spo2_scale != 1 or baseline is None:
        return False
    return baseline.usual_from_pct is not None and value >= baseline.usual_from_pct


def _judge_high_on_oxygen(turn: Turn, reading: Reading, value: float) -> None:
    limit = turn.case.rules.vitals.spo2_high_on_oxygen_pct
    high = value >= limit and on_oxygen(turn.case, reading)
    level = Level.YELLOW if high else Level.NONE
    _note_mild(turn, SPO2_HIGH_ON_OXYGEN, level)
    find = partial(
        Finding,
        "spo2-high-on-oxygen",
        {"spo2_pct": value, "oxygen_l_min": reading.oxygen_l_min},
        {"spo2_high_on_oxygen_pct": limit},
        (reading.id,),
    )
    turn.observe(SPO2_HIGH_ON_OXYGEN, level, find, step_down_ms=turn.case.step_down_ms)


def _note_mild(turn: Turn, cause: str, level: Level) -> None:
    """Remember which vitals were off at their newest reading: with a trend they make it red."""
    if level is Level.NONE:
        turn.state.mild.pop(cause, None)
    else:
        turn.state.mild[cause] = turn.state.today.number


def _finding(
    turn: Turn, vital: Vital, how: str, inputs: dict[str, Number], readings: tuple[str, ...]
) -> Callable[[], Finding]:
    return partial(
        Finding,
        f"{vital.cause.replace('_', '-')}-{how}",
        inputs,
        _shown_limits(turn.case.limits, vital),
        readings,
    )


def _shown_limits(limits: Limits, vital: Vital) -> dict[str, Number]:
    names = [name for name in (vital.red_limit, vital.yellow_limit) if name is not None]
    return {name: getattr(limits, name) for name in names}


def _name(vital: Vital) -> str:
    return "spo2_pct" if vital.kind is Kind.SPO2 else f"{vital.kind.value}_bpm"
