"""What must hold for every sequence of readings."""

from dataclasses import dataclass

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from koffert_hub.alerts.engine import END_MS, advance, elapse, evaluate, record
from koffert_hub.alerts.records import (
    Alert,
    Correction,
    Kind,
    Patient,
    PatientBaseline,
    Priority,
    Reading,
    Session,
    Symptoms,
    Value,
)
from koffert_hub.alerts.replay import Ledger, evaluate_arrivals
from koffert_hub.alerts.state import State, decode_state, encode_state
from tests.hub.alerts.kit import SCALE_2, at, case, reading

MINUTE_MS = 60_000
DAY_MS = 86_400_000
START_MS = at(1)

values: dict[str, st.SearchStrategy[Value]] = {
    "spo2": st.sampled_from([79.0, 82.0, 83.0, 84.0, 85.0, 88.0, 91.0, 97.0]),
    "pulse": st.sampled_from([38.0, 70.0, 82.0, 95.0, 112.0, 130.0, 131.0, 140.0]),
    "respiratory_rate": st.sampled_from([8.0, 14.0, 18.0, 21.0, 25.0]),
    "consciousness": st.sampled_from(["A", "A", "A", "C"]),
    "diary": st.builds(Symptoms, *[st.booleans()] * 7),
    "spirometry": st.builds(
        Session, st.sampled_from([0.9, 1.0, 1.2]), st.sampled_from(["A", "C", "D"])
    ),
    "call_button": st.sampled_from([0.0, 1.0]),
    "cat": st.sampled_from([10.0, 12.0, 16.0]),
}
patients = st.sampled_from(
    [
        SCALE_2,
        Patient(spo2_scale=1, discharged_ms=START_MS),
        msgspec.structs.replace(SCALE_2, discharged_ms=START_MS, baseline=PatientBaseline()),
    ]
)


@dataclass(frozen=True)
class Taken:
    kind: str
    value: Value
    after_minutes: int
    delay_minutes: int
    good: bool


@st.composite
def taken(draw: st.DrawFn) -> Taken:
    kind = draw(st.sampled_from(sorted(values)))
    # Minutes cluster around repeats, timers and midnights; days bring trends about.
    after = draw(st.sampled_from([0, 1, 3, 5, 9, 10, 11, 16, 60, 700, 1440]))
    delay = draw(st.sampled_from([0, 0, 0, 2, 12, 300, 3000]))
    return Taken(kind, draw(values[kind]), after, delay, good=draw(st.integers(0, 5)) > 0)


def readings_of(steps: list[Taken]) -> list[Reading]:
    now_ms, readings = START_MS, []
    for number, step in enumerate(steps):
        now_ms += step.after_minutes * MINUTE_MS
        readings.append(
            reading(
                step.kind,
                step.value,
                now_ms,
                id=f"r{number:03}",
                arrived_ms=now_ms + step.delay_minutes * MINUTE_MS,
                quality=0.9 if step.good else 0.2,
            )
        )
    return readings


stories = st.lists(taken(), max_size=40).map(readings_of)
some = settings(max_examples=60, deadline=None)


def content(alerts: list[Alert]) -> list[bytes]:
    return [msgspec.json.encode(alert) for alert in alerts]


def standing(alerts: list[Alert]) -> list[bytes]:
    return sorted(content([alert for alert in alerts if not alert.revised]))


@given(stories, patients)
@some
def test_what_stands_does_not_depend_on_the_order_of_arrival(
    readings: list[Reading], patient: Patient
) -> None:
    as_measured = evaluate(case(patient), readings)
    assert standing(evaluate_arrivals(case(patient), readings)) == standing(as_measured)


@given(stories, st.randoms(use_true_random=False))
@some
def test_the_order_of_lines_changes_nothing_at_all(readings: list[Reading], random: object) -> None:
    shuffled = list(readings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = (evaluate_arrivals(case(), some) for some in (readings, shuffled))
    assert content(first) == content(second)


@given(stories, st.data())
@some
def test_duplicates_never_raise_twice(readings: list[Reading], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(readings), max_size=10)) if readings else []
    later = [
        msgspec.structs.replace(copy, arrived_ms=copy.arrived_ms + 7 * MINUTE_MS) for copy in again
    ]
    once = evaluate_arrivals(case(), readings)
    assert content(evaluate_arrivals(case(), [*readings, *again, *later])) == content(once)


@given(stories)
@some
def test_a_bad_reading_never_raises(readings: list[Reading]) -> None:
    said = {Kind.CALL_BUTTON}
    bad = [msgspec.structs.replace(one, quality=0.2) for one in readings if one.kind not in said]
    raised = evaluate(case(), bad)
    assert {alert.cause for alert in raised} <= {"cannot_measure"}


@given(stories)
@some
def test_bad_readings_change_nothing_but_failed_attempts(readings: list[Reading]) -> None:
    good = [one for one in readings if one.quality >= 0.5 or one.kind is Kind.CALL_BUTTON]
    with_bad = [one for one in evaluate(case(), readings) if one.cause != "cannot_measure"]
    without = [one for one in evaluate(case(), good) if one.cause != "cannot_measure"]
    assert [(a.raised_ms, a.cause, a.priority) for a in with_bad] == [
        (a.raised_ms, a.cause, a.priority) for a in without
    ]


@given(stories)
@some
def test_a_red_vital_is_delayed_by_its_confirmation_alone(readings: list[Reading]) -> None:
    """Each red of a vital comes at its repeat, or ten minutes after its first reading."""
    by_id = {one.id: one for one in readings}
    for alert in evaluate(case(), readings):
        if alert.priority is not Priority.RED or "confirmed" not in alert.inputs:
            continue
        first = by_id[alert.readings[0]]
        if alert.inputs["confirmed"]:
            assert alert.raised_ms == by_id[alert.readings[1]].measured_ms
            assert alert.raised_ms - first.measured_ms <= 10 * MINUTE_MS
        else:
            assert alert.raised_ms - first.measured_ms == 10 * MINUTE_MS


@given(stories)
@some
def test_one_open_alert_per_cause(readings: list[Reading]) -> None:
    open_until: dict[str, int] = {}
    for alert in evaluate(case(), readings):
        assert alert.raised_ms >= open_until.get(alert.cause, 0)
        open_until[alert.cause] = END_MS if alert.cleared_ms is None else alert.cleared_ms


@given(stories, st.data())
@some
def test_a_corrected_reading_is_as_if_never_taken(
    readings: list[Reading], data: st.DataObject
) -> None:
    if not readings:
        return
    wrong = data.draw(st.sampled_from(readings))
    said_ms = max(one.arrived_ms for one in readings) + MINUTE_MS
    correction = reading("correction", Correction(wrong.id, "not this patient"), said_ms)
    without = [one for one in readings if one is not wrong]
    corrected = evaluate_arrivals(case(), [*readings, correction])
    assert standing(corrected) == standing(evaluate(case(), without))


@given(stories)
@some
def test_a_state_survives_being_stored(readings: list[Reading]) -> None:
    state, alerts = State(), list[Alert]()
    for one in sorted(readings, key=lambda one: (one.measured_ms, one.id)):
        record(alerts, advance(case(), state, one))
        data = encode_state(state)
        assert len(data) <= 4_096
        state = decode_state(data)
    record(alerts, elapse(case(), state, END_MS))
    assert content(alerts) == content(evaluate(case(), readings))


@given(stories)
@some
def test_time_may_pass_in_any_steps(readings: list[Reading]) -> None:
    ledger = Ledger(case())
    for one in sorted(readings, key=lambda one: (one.arrived_ms, one.measured_ms, one.id)):
        for earlier_ms in (one.arrived_ms - 3 * MINUTE_MS, one.arrived_ms - 1, one.arrived_ms):
            ledger.tick(earlier_ms)
        ledger.arrive(one)
    for days in range(20):
        ledger.tick(START_MS + days * DAY_MS)
    ledger.tick(END_MS)
    standing_in_steps = [alert for alert in ledger.alerts if not alert.revised]
    at_once = [alert for alert in evaluate_arrivals(case(), readings) if not alert.revised]
    assert content(standing_in_steps) == content(at_once)
