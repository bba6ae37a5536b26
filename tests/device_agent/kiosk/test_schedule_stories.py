"""The day at home: when the hub has agreed with the patient to measure, and in which language."""

import msgspec
import pytest

from koffert_agent.kiosk.day import Today, round_now
from koffert_agent.kiosk.duty import local_time
from koffert_wire.commands import Round
from koffert_wire.messages import Diary
from tests.device_agent.kiosk.patient import MONDAY_MORNING_NS, TOLD, Patient

MORNING = Round(9 * 60)
EVENING = Round(19 * 60, blow=False, questions=False)
TUESDAY = Round(12 * 60, weekdays=0b0000010)
MONDAY_MS = MONDAY_MORNING_NS // 1_000_000
HOUR_MS = 3_600_000


@pytest.fixture(name="patient")
def fixture_patient() -> Patient:
    return Patient()


def follow(patient: Patient, *schedule: Round, language: str | None = None) -> Patient:
    """The hub's word has come."""
    told = msgspec.structs.replace(TOLD, schedule=schedule, language=language)
    patient.box = msgspec.structs.replace(patient.box, settings=told)
    return patient.wait(1)


def day_of(patient: Patient) -> list[str]:
    """What the first page says of the day."""
    return patient.screen.note.split()


def test_the_day_stands_on_the_first_page_and_what_is_done_is_ticked(patient: Patient) -> None:
    assert patient.screen.lines == ("Skal vi måle?",)
    follow(patient, MORNING, TUESDAY, EVENING)
    assert patient.screen.title == "Det er tid for å måle."
    assert patient.screen.voice == ("Det er tid for å måle.", "Skal vi måle?")
    assert day_of(patient) == ["I", "dag:", "09:00", "19:00"]
    patient.to_clip().hold(12).press("next", "no", "no", "no").take_off().press("next")
    assert patient.screen.name == "greeting"
    assert patient.screen.title == "God morgen."
    assert day_of(patient) == ["I", "dag:", "09:00", "✓", "19:00"]


def test_each_round_asks_for_what_was_agreed(patient: Patient) -> None:
    follow(patient, MORNING, EVENING).plug_spirometer()
    patient.to_clip().hold(12).press("next")
    assert patient.screen.name == "blow_ask"
    patient.press("no", "no", "no", "no").take_off().press("next").wait_until(19)
    patient.to_clip().hold(12).press("next")
    assert patient.screen.name == "done"
    assert len([one for one in patient.said if isinstance(one, Diary)]) == 1


def test_after_a_low_reading_the_questions_come_whatever_was_agreed(patient: Patient) -> None:
    follow(patient, Round(8 * 60, blow=False, questions=False))
    patient.to_clip().hold(12, spo2_pct=80)
    assert patient.screen.name == "pause"
    patient.wait(300).hold(12, spo2_pct=80)
    assert patient.screen.name == "low"
    assert patient.press("next").screen.name == "breathlessness_worse"


def test_beside_the_schedule_everything_is_asked(patient: Patient) -> None:
    follow(patient, EVENING).plug_spirometer()
    assert patient.screen.title == "God morgen."
    patient.to_clip().hold(12).press("next")
    assert patient.screen.name == "blow_ask"


def test_a_sleeping_screen_wakes_once_when_it_is_time(patient: Patient) -> None:
    follow(patient, Round(10 * 60)).press("screen")
    assert patient.screen.name == "asleep"
    patient.wait_until(10)
    assert patient.screen.title == "Det er tid for å måle."
    patient.press("screen").wait(5)
    assert patient.screen.name == "asleep"


def test_a_box_that_does_not_know_the_time_follows_no_schedule(patient: Patient) -> None:
    patient.box = msgspec.structs.replace(patient.box, wall_trusted=False)
    assert follow(patient, EVENING).screen.lines == ("Skal vi måle?",)


def test_the_language_follows_the_hub_and_stays_when_the_gateway_is_away(patient: Patient) -> None:
    assert follow(patient, language="nn").screen.language == "nn"
    assert patient.press("start").screen.title == "Er det du som måler?"
    assert follow(patient, language="en").screen.title == "Is it you who measures?"
    patient.gateway_there = False
    assert patient.wait(5).screen.language == "en"
    patient.gateway_there = True
    assert follow(patient, language="xx").screen.language == "en"
    assert follow(patient).screen.language == "nb"


def test_a_measurement_shortly_before_its_time_is_for_it(patient: Patient) -> None:
    follow(patient, Round(9 * 60 + 30)).to_clip().hold(12)
    patient.press("next", "no", "no", "no").take_off().press("next")
    assert "✓" in day_of(patient)


def test_the_next_patient_begins_with_nothing_done(patient: Patient) -> None:
    follow(patient, MORNING).to_clip().hold(12)
    patient.box = msgspec.structs.replace(patient.box, loan=None)
    patient.wait(1)
    patient.box = msgspec.structs.replace(patient.box, loan="loan-2")
    assert follow(patient, MORNING).screen.title == "Det er tid for å måle."


@pytest.mark.parametrize("day", ["2027-03-27", "2027-03-28", "2026-10-24", "2026-10-25"])
def test_rounds_are_on_the_wall_clock_on_both_nights_that_change_it(day: str) -> None:
    """Each hour of such a day: nine is nine, and no round is due twice."""
    today, reminders = Today(), []
    schedule = (Round(2 * 60 + 30), MORNING)
    start_ms = MONDAY_MS
    for hour in range(-24 * 400, 24 * 400):
        at_ms = start_ms + hour * HOUR_MS
        if f"{local_time(at_ms):%Y-%m-%d}" == day and today.reminds(schedule, at_ms):
            reminders.append(f"{local_time(at_ms):%H:%M}")
    assert reminders == ["03:00", "09:00"]


def test_days_without_a_round_have_none() -> None:
    assert round_now((TUESDAY,), MONDAY_MS + 5 * HOUR_MS) is None
    assert round_now((TUESDAY,), MONDAY_MS + 29 * HOUR_MS) == TUESDAY
    assert Today().planned((TUESDAY,), MONDAY_MS) == ()
