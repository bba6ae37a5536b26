"""From what a box sent to open alerts."""

import pytest

from koffert_hub.alerts.book import Book
from koffert_hub.alerts.history import settle, unconfirmed
from koffert_hub.alerts.life import Action
from koffert_hub.alerts.records import Patient, PatientLimits
from koffert_hub.corrections import Chosen, Reason, correct
from koffert_hub.database import reading as open_reading
from koffert_wire.messages import (
    Attempt,
    CallButton,
    Diary,
)
from tests.hub.alerts.kit import rules
from tests.hub.alerts.ward_kit import DAY_S, MINUTE_S, Ward


def test_two_low_readings_are_red(ward: Ward) -> None:
    ward.send(ward.spot(82.0))
    assert ward.open() == []
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(81.0))
    assert ward.open() == ["red spo2-low-confirmed"]


def test_without_a_repeat_the_timer_fires(ward: Ward) -> None:
    ward.send(ward.spot(82.0))
    ward.wait(10 * MINUTE_S)
    assert ward.open() == []
    ward.wait(1)
    assert ward.open() == ["red spo2-low-unconfirmed"]


def test_a_late_repeat_revises_what_was_raised_and_raises_nothing(ward: Ward) -> None:
    ward.send(ward.spot(82.0))
    ward.wait(5 * MINUTE_S)
    queued = ward.box.queue([ward.spot(81.0)])
    ward.wait(6 * MINUTE_S)
    assert ward.open() == ["red spo2-low-unconfirmed"]
    ward.store.take(queued, at_ns=ward.box.wall_ns)
    ward.service.work()
    assert ward.open() == ["red spo2-low-confirmed"]
    assert ward.raised() == 1
    alert = ward.service.desk.open_alerts()[0].id
    assert [step.action for step in ward.service.desk.history(alert)] == [
        Action.RAISE,
        Action.REVISE,
    ]


def test_duplicates_raise_nothing(ward: Ward) -> None:
    low, lower = ward.spot(82.0), ward.spot(81.0)
    ward.send(low)
    ward.wait(5 * MINUTE_S)
    ward.send(low, low)
    assert ward.open() == []
    ward.send(ward.spot(81.0))
    ward.send(low, lower)
    assert ward.raised() == 1


def test_the_call_button_and_the_diary_come_through(ward: Ward) -> None:
    ward.send(CallButton(ward.box.identifier(), ward.box.now()))
    answers = {"breathlessness_worse": True, "sputum_more": True, "sputum_colour": True}
    ward.send(Diary(ward.box.identifier(), ward.box.now(), answers))
    assert ward.open() == ["yellow deterioration-at-once"]
    ward.wait(MINUTE_S + 1)
    assert ward.open() == ["yellow deterioration-at-once", "red call-button"]


def test_three_attempts_without_a_value(ward: Ward) -> None:
    for _ in range(3):
        ward.send(Attempt(ward.box.identifier(), ward.box.now(), "nonin-ble", "no-signal"))
        ward.wait(2 * MINUTE_S)
    assert ward.open() == ["yellow cannot-measure"]


def test_gaps_of_a_continuous_meter_are_no_attempts_and_its_seconds_no_repeats(ward: Ward) -> None:
    for second in range(25):
        ward.send(ward.box.reading(None, quality=0.0), ward.box.reading(80.0))
        ward.wait(1)
        assert ward.open() == [], second
    ward.wait(40)
    ward.send(ward.box.reading(80.0))
    assert ward.open() == ["red spo2-low-confirmed"]


def test_a_doctors_limits_hold_from_then_on(ward: Ward) -> None:
    limits = PatientLimits(spo2_floor_pct=79)
    with ward.store.engine.begin() as connection:
        patient = Patient(spo2_scale=2, limits=limits)
        settle(connection, ward.loan().patient, patient, "Testlege 1", now_ms=ward.now_ms)
        with pytest.raises(ValueError, match="doctor's name"):
            settle(connection, ward.loan().patient, patient, " ", now_ms=ward.now_ms)
    ward.send(ward.spot(82.0))
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(81.0))
    assert ward.open() == ["yellow spo2-low-single"]


def test_a_correction_in_the_log_takes_the_alert_back(ward: Ward) -> None:
    ward.send(low := ward.spot(82.0))
    body_sequence = ward.store.records()[-1].sequence
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(81.0))
    (alert,) = ward.service.desk.open_alerts()
    with ward.store.engine.begin() as connection:
        patient, chosen = ward.loan().patient, [Chosen(body_sequence, low.id)]
        correct(connection, patient, chosen, Reason.INVALID, "nurse", now_ms=ward.now_ms)
    ward.service.work()
    assert Action.REVISE in [step.action for step in ward.service.desk.history(alert.id)]


def test_a_silent_case_is_blue_until_it_speaks(ward: Ward) -> None:
    ward.send(ward.spot(94.0))
    ward.wait(DAY_S + 2 * 3_600 + 1)
    assert ward.open() == ["blue no-data"]
    ward.wait(DAY_S)
    assert ward.raised() == 1
    ward.send(ward.spot(94.0))
    assert ward.open() == []


def test_a_case_that_never_spoke_is_blue_too(ward: Ward) -> None:
    ward.wait(2 * DAY_S)
    assert ward.open() == ["blue no-data"]


def test_a_first_red_reading_is_seen_at_once_as_unconfirmed(ward: Ward) -> None:
    ward.send(ward.spot(82.0))
    with open_reading(ward.store.engine) as connection:
        (waiting,) = unconfirmed(connection)
    assert (waiting.cause, waiting.value) == ("spo2_low", 82.0)
    assert waiting.until_ms - waiting.since_ms == 600_000
    ward.wait(5 * MINUTE_S)
    ward.send(ward.spot(81.0))
    with open_reading(ward.store.engine) as connection:
        assert unconfirmed(connection) == []


def test_an_answered_call_is_not_red(ward: Ward) -> None:
    ward.send(CallButton(ward.box.identifier(), ward.box.now()))
    ward.wait(30)
    loan = ward.loan()
    with ward.store.engine.begin() as connection:
        assert Book(rules()).answer_call(connection, loan, now_ms=ward.now_ms)
    ward.wait(5 * MINUTE_S)
    assert ward.open() == []


def test_a_diary_of_somebody_else_is_taken_back_with_its_alert(ward: Ward) -> None:
    answers = {"breathlessness_worse": True, "sputum_more": True, "sputum_colour": True}
    ward.send(diary := Diary(ward.box.identifier(), ward.box.now(), answers))
    body_sequence = ward.store.records()[-1].sequence
    (alert,) = ward.service.desk.open_alerts()
    assert ward.open() == ["yellow deterioration-at-once"]
    with ward.store.engine.begin() as connection:
        patient, chosen = ward.loan().patient, [Chosen(body_sequence, diary.id)]
        correct(connection, patient, chosen, Reason.NOT_THIS_PATIENT, "nurse", now_ms=ward.now_ms)
    ward.service.work()
    assert Action.REVISE in [step.action for step in ward.service.desk.history(alert.id)]
