"""Stories of the nurse's call: it rings, a person answers, and the screen never hides who is there."""

import msgspec

from koffert_agent.video.records import AnswerCall, CallState, CallView, EndCall
from tests.device_agent.kiosk.patient import Patient

NURSE = "Sykepleier Test"


def talking(patient: Patient, *, picture: bool = True, caption: str = "") -> Patient:
    return patient.visit(
        state=CallState.TALKING,
        caller=NURSE,
        watchers=(NURSE,),
        picture=picture,
        caller_picture=True,
        caption=caption,
    )


def test_it_rings_and_never_answers_by_itself() -> None:
    patient = Patient().ring()
    shown = patient.screen
    assert (shown.name, shown.title, shown.lines) == ("ring", "Det ringer.", (NURSE,))
    assert [button.text for button in shown.buttons] == ["Svar med bilde", "Svar uten bilde"]
    assert shown.rings
    assert shown.call is None
    assert patient.wait(600).told_video == []


def test_each_answer_is_the_patients() -> None:
    assert Patient().ring().press("picture").told_video == [AnswerCall(picture=True)]
    assert Patient().ring().press("no-picture").told_video == [AnswerCall(picture=False)]
    assert Patient().ring().press("hang-up").told_video == [EndCall()]


def test_a_hasty_press_that_was_meant_for_the_screen_before_answers_nothing() -> None:
    patient = Patient().press("start")
    serial = patient.attendant.shown.serial
    patient.ring()
    patient.attendant.press(serial, "picture")
    patient.attendant.press(patient.attendant.shown.serial, "picture")
    assert patient.told_video == []


def test_who_sees_and_who_hears_always_stands_there() -> None:
    patient = talking(Patient())
    assert (patient.screen.name, patient.screen.watched) == (
        "talk",
        "Sykepleier Test ser og hører deg.",
    )
    assert patient.screen.camera
    assert patient.screen.nurse
    talking(patient, picture=False)
    assert patient.screen.watched == "Sykepleier Test hører deg."
    assert not patient.screen.camera
    patient.visit(state=CallState.WAITING, picture=True)
    assert patient.screen.watched == "Kameraet er på."
    assert patient.screen.title == "Vi venter på sykepleieren."
    patient.visit()
    assert (patient.screen.name, patient.screen.watched) == ("greeting", "")


def test_measuring_goes_on_during_the_call_with_the_nurse_beside_it() -> None:
    patient = talking(Patient(), caption="Kan du måle nå?")
    assert [button.text for button in patient.screen.buttons] == ["Vi måler"]
    patient.press("start", "yes", "no", "yes", "no").hold(12)
    shown = patient.screen
    assert (shown.name, shown.number) == ("result", "91")
    assert shown.nurse
    assert shown.watched
    assert shown.caption == "Kan du måle nå?"
    assert shown.hang_up == "Legg på"
    # The nurse speaks: the box does not speak between.
    assert shown.voice == ()
    assert patient.press("hang-up").told_video == [EndCall()]
    assert patient.visit().screen.name == "result"


def test_the_nurse_asks_for_a_measurement_and_it_begins_once() -> None:
    patient = talking(Patient())
    asked = CallView(state=CallState.TALKING, watchers=(NURSE,), measure=1)
    patient.attendant.see_visit(asked)
    assert patient.screen.title == "Er det du som måler?"
    # The same word again, as each change of the call brings it.
    patient.press("no", "next")
    patient.attendant.see_visit(msgspec.structs.replace(asked, caption="Takk!"))
    assert patient.screen.name == "talk"
    patient.attendant.see_visit(msgspec.structs.replace(asked, measure=2))
    patient.press("yes")
    patient.attendant.see_visit(msgspec.structs.replace(asked, measure=3))
    assert patient.screen.name == "oxygen"


def test_a_call_in_the_middle_of_a_measurement_loses_nothing_of_it() -> None:
    patient = Patient().to_clip().hold(4).ring()
    assert patient.screen.name == "ring"
    patient.hold(8)
    talking(patient)
    assert (patient.screen.name, patient.screen.number) == ("result", "91")


def test_a_nurse_who_has_come_ends_the_waiting_for_her() -> None:
    patient = talking(Patient().press("call"))
    assert patient.screen.name == "talk"
    assert patient.visit().screen.name == "greeting"


def test_a_call_reaches_the_patient_while_the_gateway_starts_again() -> None:
    patient = Patient()
    patient.gateway_there = False
    patient.wait(6)
    assert patient.screen.name == "starting"
    assert patient.ring().screen.name == "ring"
    assert patient.visit().screen.name == "starting"


def test_a_loan_that_ends_ends_the_call_and_a_box_that_is_nobodys_takes_none() -> None:
    patient = talking(Patient())
    patient.box = msgspec.structs.replace(patient.box, loan=None)
    patient.wait(0.5)
    assert patient.screen.name == "silent"
    assert patient.told_video == [EndCall()]
    patient.visit().ring()
    assert patient.screen.name == "silent"
    assert patient.told_video == [EndCall(), EndCall()]
