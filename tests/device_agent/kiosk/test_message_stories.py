"""Stories of the nurse's message and of the planned visits."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from koffert_agent.kiosk.day import next_visit
from koffert_wire.commands import NurseMessage, PlannedVisit, VisitWith
from koffert_wire.messages import MessageRead
from tests.device_agent.kiosk.patient import Patient

FIRST = NurseMessage(b"1" * 16, 0, "Husk å måle i dag.")
SECOND = NurseMessage(b"2" * 16, 0, "Vi ringer klokken 11.")
LONG = NurseMessage(
    b"3" * 16, 0, "Ta med deg medisinlisten til samtalen i morgen, er du snill. " * 3
)


def told(patient: Patient, **change: object) -> Patient:
    patient.box = msgspec.structs.replace(patient.box, **change)
    return patient.wait(1)


def oslo_ms(*day_and_time: int) -> int:
    moment = datetime(*day_and_time, tzinfo=ZoneInfo("Europe/Oslo"))  # type: ignore[arg-type,misc]
    return round(moment.astimezone(UTC).timestamp() * 1000)


def read_by(patient: Patient) -> list[bytes]:
    return [message.message for message in patient.said if isinstance(message, MessageRead)]


def test_a_message_stands_there_is_said_and_goes_when_it_has_been_read() -> None:
    patient = told(Patient(), message=FIRST)
    shown = patient.screen
    assert (shown.name, shown.title, shown.lines) == (
        "message",
        "Melding fra sykepleieren",
        ("Husk å måle i dag.",),
    )
    assert shown.voice == (shown.title, *shown.lines)
    assert [button.text for button in shown.buttons] == ["Jeg har lest det"]
    assert patient.wait(7200).screen.name == "message"
    patient.press("read")
    assert (patient.screen.name, read_by(patient)) == ("greeting", [FIRST.id])
    # The hub still says it, for it has not heard yet.
    assert patient.wait(60).screen.name == "greeting"
    assert told(patient, message=SECOND).first_line == SECOND.text
    told(patient, message=None)
    assert (patient.screen.name, read_by(patient)) == ("greeting", [FIRST.id])


def test_a_long_message_is_read_page_by_page() -> None:
    patient = told(Patient(), message=LONG)
    read: list[str] = []
    while patient.screen.buttons[0].event == "more":
        read += patient.screen.lines
        assert read_by(patient) == []
        patient.press("more")
    read += patient.screen.lines
    patient.press("read")
    assert read_by(patient) == [LONG.id]
    assert " ".join(read).replace(" …", "") == LONG.text.strip()


def test_a_message_interrupts_no_measurement_and_no_empty_home() -> None:
    patient = Patient().to_clip()
    assert told(patient, message=FIRST).screen.name == "clip"
    assert patient.hold(12).screen.name == "result"
    patient.press("next", "no", "no", "no", "next")
    assert patient.screen.name == "message"
    assert told(patient, paused=True).screen.name == "paused"
    assert told(patient, paused=False, loan=None).screen.name == "silent"
    # What one patient was told is nothing to the next.
    assert told(patient, loan="loan-2", message=None).screen.name == "greeting"


def test_a_finger_in_the_clip_measures_and_the_message_waits() -> None:
    patient = told(Patient(), message=FIRST).hold(1)
    assert patient.screen.name == "who"


def test_a_message_wakes_the_screen_by_day_and_waits_for_the_morning() -> None:
    patient = told(Patient().press("screen"), message=FIRST)
    assert patient.screen.name == "message"
    patient = Patient().wait_until(23).press("screen")
    assert told(patient, message=FIRST).screen.name == "asleep"
    patient.press("screen")
    assert (patient.screen.name, patient.screen.voice) == ("message", ())
    patient = told(Patient().wait_until(23).press("screen"), message=FIRST)
    patient.clock.advance(9 * 3600)
    assert patient.wait(1).screen.name == "message"


def test_the_greeting_tells_of_the_next_visit() -> None:
    patient = Patient()  # Monday, 23 November, 09:00
    today = PlannedVisit(oslo_ms(2026, 11, 23, 11))
    told(patient, visits=(today, PlannedVisit(oslo_ms(2026, 11, 25, 10, 30), VisitWith.DOCTOR)))
    assert "Video med sykepleier i dag 11:00." in patient.screen.lines
    patient.wait_until(12)
    assert "Video med lege onsdag 10:30." in patient.screen.lines
    patient.clock.advance(24 * 3600)
    assert "Video med lege i morgen 10:30." in patient.wait(1).screen.lines
    told(patient, wall_trusted=False)
    assert (patient.screen.title, *patient.screen.lines) == ("God dag.", "Skal vi måle?")


def test_a_visit_is_not_over_at_the_minute_it_should_begin() -> None:
    visit = PlannedVisit(1_000_000)
    assert next_visit((visit,), 1_000_000 + 29 * 60_000) == visit
    assert next_visit((visit,), 1_000_000 + 31 * 60_000) is None
