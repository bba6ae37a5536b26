"""Stories of patients who blow: what the coach says, what comes of it, and that nothing is lost."""

import msgspec

from koffert_agent.kiosk.records import DeliveryState
from koffert_drivers.simulated.physiology import Effort
from koffert_wire.messages import Diary, SensorLink, Spirometry, WaveformBlock
from tests.device_agent.kiosk.patient import Patient


def at_the_blow() -> Patient:
    """A patient who has measured, and wants to blow."""
    patient = Patient().plug_spirometer().to_clip().hold(12).press("next")
    assert patient.screen.title == "Skal vi blåse også?"
    return patient.press("yes")


def session_of(patient: Patient) -> Spirometry:
    [session] = [message for message in patient.said if isinstance(message, Spirometry)]
    return session


def test_three_good_blows_end_the_session_and_sent_is_said_only_by_the_receipt() -> None:
    patient = at_the_blow()
    assert patient.screen.title == "Pust helt inn."
    patient.blow(Effort.GOOD)
    assert patient.screen.title == "Fint blåst!"
    assert patient.first_line == "Gode forsøk: 1 av 1."
    patient.press("next").blow(Effort.GOOD).press("next").blow(Effort.GOOD)
    shown = patient.screen
    assert (shown.name, shown.number, shown.unit) == ("blow_result", "1,48", "liter")
    assert shown.title == "Kvalitet A"
    session = session_of(patient)
    assert (session.grade_fev1, session.blows, session.sensor) == ("A", 3, "flow-lines")
    curves = [message for message in patient.said if isinstance(message, WaveformBlock)]
    assert session.curves == tuple(curve.id for curve in curves)
    assert "Lagrer." in patient.all_text
    patient.deliver(session.id, state=DeliveryState.QUEUED)
    assert "Lagret. Sendes nå." in patient.all_text
    patient.deliver(*session.curves)
    assert "Sendt." not in patient.all_text
    patient.deliver(session.id)
    assert "Sendt." in patient.all_text
    patient.press("next")
    assert patient.screen.title == "Er du mer tungpust enn vanlig?"


def test_with_the_network_down_the_blow_is_saved() -> None:
    patient = at_the_blow()
    patient.box = msgspec.structs.replace(patient.box, link_up=False)
    patient.blow(Effort.GOOD).press("stop")
    patient.deliver(session_of(patient).id, state=DeliveryState.QUEUED)
    assert "Lagret. Sendes når nettet er tilbake." in patient.all_text


def test_the_coach_shouts_goes_on_and_says_when_to_breathe_in() -> None:
    patient = at_the_blow()
    titles = []
    for until_s in (1.0, 3.0, 4.6):
        patient = at_the_blow().blow(Effort.GOOD, until_s)
        titles.append(patient.screen.title)
        assert patient.screen.blow
    assert titles == ["Blås, blås, blås!", "Fortsett, fortsett!", "Og pust inn."]


def test_each_fault_has_its_one_hint() -> None:
    for effort, hint in (
        (Effort.HESITANT, "Ikke nøl: pust helt inn, og blås med en gang."),
        (Effort.COUGH, "Du hostet. Hvil litt, drikk litt vann, og prøv igjen."),
        (Effort.SHORT, "Fortsett å blåse lenger, til streken er nådd."),
    ):
        patient = at_the_blow().blow(effort)
        assert patient.screen.title == hint
        assert patient.screen.lines == ("Gode forsøk: 0 av 1.",)


def test_after_eight_blows_it_is_enough() -> None:
    patient = at_the_blow()
    for number in range(8):
        patient.blow(Effort.COUGH)
        assert patient.screen.name == ("blown" if number < 7 else "blow_result")
        if number < 7:
            patient.press("next")
    assert patient.screen.title.startswith("Takk")
    assert patient.screen.number is None
    session = session_of(patient)
    assert (session.blows, session.grade_fev1, session.values["fev1_l"]) == (8, "F", None)


def test_who_stops_before_the_next_blow_sees_what_came_of_it() -> None:
    patient = at_the_blow().blow(Effort.GOOD).press("next", "stop")
    assert patient.screen.name == "blow_result"
    assert session_of(patient).blows == 1
    # Who has not blown has nothing to see.
    assert at_the_blow().press("stop").screen.title == "Er du mer tungpust enn vanlig?"


def test_who_walks_away_loses_nothing() -> None:
    patient = at_the_blow().blow(Effort.GOOD).wait(1810)
    assert patient.screen.name == "greeting"
    assert session_of(patient).blows == 1


def test_a_session_is_said_again_to_a_gateway_that_was_away() -> None:
    patient = at_the_blow().blow(Effort.GOOD).press("stop")
    before = patient.said
    patient.attendant.connected()
    assert patient.said == before * 2
    patient.deliver(*(message.id for message in before), state=DeliveryState.QUEUED)
    patient.attendant.connected()
    assert patient.said == before * 2


def test_nobody_is_asked_to_blow_without_a_sensor_or_after_a_low_reading() -> None:
    assert (
        Patient().to_clip().hold(12).press("next").screen.title == "Er du mer tungpust enn vanlig?"
    )
    low = Patient().plug_spirometer().to_clip().hold(12, 80).wait(301).hold(14, 92)
    assert low.screen.name == "result"
    assert low.press("next").screen.title == "Er du mer tungpust enn vanlig?"


def test_a_sensor_that_is_switched_off_in_the_middle_is_looked_for_and_the_try_forgotten() -> None:
    patient = at_the_blow().blow(Effort.GOOD, 1.0)
    assert patient.screen.title == "Blås, blås, blås!"
    patient.plug_spirometer(SensorLink.LOST).wait(3)
    assert patient.screen.lines == ("Vi leter etter blåserøret. Slå det på.",)
    patient.plug_spirometer().blow(Effort.GOOD)
    assert patient.first_line == "Gode forsøk: 1 av 1."


def test_who_does_not_want_the_clip_may_still_blow() -> None:
    patient = Patient().plug_spirometer().to_clip().press("stop")
    assert patient.screen.title == "Skal vi blåse også?"
    patient.press("no", "no", "no", "no")
    assert [type(message) for message in patient.said] == [Diary]


def test_what_one_patient_blew_is_nothing_to_the_next() -> None:
    patient = at_the_blow().blow(Effort.GOOD)
    patient.box = msgspec.structs.replace(patient.box, loan=None)
    patient.wait(1)
    patient.box = msgspec.structs.replace(patient.box, loan="loan-2")
    patient.wait(1)
    assert patient.screen.name == "greeting"
    assert patient.said == []
