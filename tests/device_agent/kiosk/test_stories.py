"""Stories of patients in front of the kiosk: what stands there, what is sent, what is never said."""

import msgspec
import pytest

from koffert_agent.kiosk.attendant import REPEAT_AFTER_S
from koffert_agent.kiosk.flow import OXYGEN_FLOWS_L_MIN
from koffert_agent.kiosk.plan import pages_of
from koffert_agent.kiosk.records import DeliveryState
from koffert_agent.video.records import CallState
from koffert_wire.commands import SelfPlan
from koffert_wire.messages import Attempt, CallButton, Diary, SpotContext
from tests.device_agent.kiosk.patient import SETTINGS, Patient


def test_a_calm_morning_with_the_network_up() -> None:
    patient = Patient()
    assert patient.screen.title == "God morgen."
    patient.press("start")
    assert patient.screen.title == "Er det du som måler?"
    patient.press("yes", "no", "yes", "no")
    assert patient.screen.name == "clip"
    assert patient.context == SpotContext(
        oxygen_l_min=0.0, at_rest=True, reliever_before=False, by_patient=True
    )
    patient.hold(9)
    assert patient.screen.name == "hold"
    assert patient.screen.number is None
    patient.hold(3)
    shown = patient.screen
    assert (shown.number, shown.unit, shown.title) == ("91", "%", "Puls 82")
    assert shown.voice == ("91 prosent.", "Puls 82.")
    assert "Sendt." not in patient.all_text
    patient.deliver(patient.measured, state=DeliveryState.QUEUED)
    assert "Lagret. Sendes nå." in patient.all_text
    patient.deliver(patient.measured)
    assert "Sendt." in patient.all_text
    patient.press("next", "no", "no", "no")
    assert patient.screen.title == "Takk. Det var alt."
    [diary] = [message for message in patient.said if isinstance(message, Diary)]
    assert diary.answers == {
        "breathlessness_worse": False,
        "sputum_more": False,
        "sputum_colour": False,
    }
    patient.deliver(diary.id)
    assert "Sendt." in patient.all_text
    patient.press("next")
    assert patient.screen.name == "greeting"
    assert patient.context is None


def test_with_the_network_down_it_is_saved_and_never_called_sent() -> None:
    patient = Patient()
    patient.box = msgspec.structs.replace(patient.box, link_up=False)
    assert patient.wait(1).screen.note == "Nettet er borte. Du kan måle som vanlig."
    patient.to_clip().hold(12)
    assert "Lagrer." in patient.all_text
    patient.deliver(patient.measured, state=DeliveryState.QUEUED)
    assert "Lagret. Sendes når nettet er tilbake." in patient.all_text
    patient.press("next")
    assert "Sendt" not in patient.all_text


def test_the_minor_signs_are_asked_for_only_beside_a_major_one() -> None:
    patient = Patient().to_clip().hold(12).press("next", "yes", "no", "no")
    assert patient.screen.title == "Hoster du mer enn vanlig?"
    patient.press("yes", "no", "no", "no")
    [diary] = [message for message in patient.said if isinstance(message, Diary)]
    assert diary.answers == {
        "breathlessness_worse": True,
        "sputum_more": False,
        "sputum_colour": False,
        "cough": True,
        "wheeze": False,
        "cold": False,
        "fever": False,
    }


def test_oxygen_goes_round_and_may_be_unknown() -> None:
    patient = Patient().press("start", "yes", "yes")
    assert (patient.screen.number, patient.screen.unit) == ("1", "liter")
    patient.press("other")
    assert patient.screen.number == "1,5"
    patient.press(*["other"] * (len(OXYGEN_FLOWS_L_MIN) - 2))
    assert patient.screen.number == "Vet ikke"
    patient.press("other", "other", "yes", "no", "yes")
    assert patient.context == SpotContext(
        oxygen_l_min=1.5, at_rest=False, reliever_before=True, by_patient=True
    )
    # Tomorrow it stands where it stood.
    patient.press("stop", "start", "yes", "yes")
    assert patient.screen.number == "1,5"


def test_a_bad_signal_shows_no_number_and_three_bad_tries_end_in_calm_words() -> None:
    patient = Patient().to_clip()
    for attempt in range(3):
        patient.hold(32, None, None, ("artefact",))
        assert patient.screen.number is None
        if attempt < 2:
            assert patient.screen.title == "Ta av klypen og sett den på igjen."
            patient.take_off()
            assert patient.screen.name == "clip"
    assert patient.screen.title == "Vi fikk ikke et sikkert tall."
    assert "ikke din feil" in patient.all_text
    [attempt_message] = [message for message in patient.said if isinstance(message, Attempt)]
    assert (attempt_message.sensor, attempt_message.reason) == ("contec-v7", "artefact")
    patient.press("next")
    assert patient.screen.title == "Er du mer tungpust enn vanlig?"


def test_a_moving_hand_begins_the_countdown_anew() -> None:
    patient = Patient().to_clip().hold(8)
    assert patient.screen.lines == ("Fint. 4 sekunder igjen.",)
    patient.hold(1, None, None, ("movement",))
    assert patient.screen.lines == ("Legg hånden på bordet.",)
    patient.hold(1)
    assert patient.screen.lines == ("Fint. 10 sekunder igjen.",)


def test_values_that_jump_are_no_result() -> None:
    patient = Patient().to_clip()
    for second in range(20):
        patient.hold(1, 91 if second % 2 else 80)
    assert patient.screen.name == "hold"


def test_a_slow_patient_is_waited_for() -> None:
    patient = Patient().press("start", "yes")
    patient.wait(1500)
    assert patient.screen.title == "Bruker du oksygen nå?"


def test_a_question_that_was_left_is_gone_the_next_day_and_what_was_answered_is_sent() -> None:
    patient = Patient().to_clip().hold(12).press("next", "yes").wait(1810)
    assert patient.screen.name == "greeting"
    [diary] = [message for message in patient.said if isinstance(message, Diary)]
    assert diary.answers == {"breathlessness_worse": True}


def test_a_clip_put_on_without_a_word_is_asked_about() -> None:
    patient = Patient().hold(3)
    assert patient.screen.title == "Er det du som måler?"
    assert patient.context is None
    patient.press("no")
    assert patient.context == SpotContext(by_patient=False)
    assert patient.screen.title == "Denne målingen teller ikke."
    patient.press("next")
    assert patient.screen.name == "greeting"
    assert patient.context is None


def test_a_trembling_hand_does_not_answer_the_next_question() -> None:
    patient = Patient().press("start")
    serial = patient.attendant.shown.serial
    patient.wait(1)
    patient.attendant.press(serial, "yes")
    patient.attendant.press(serial, "yes")
    patient.attendant.press(patient.attendant.shown.serial, "yes")
    assert patient.screen.title == "Bruker du oksygen nå?"


# -- a low reading --------------------------------------------------------------------------------


def low_twice(patient: Patient) -> Patient:
    patient.to_clip().hold(12, 82, 118)
    assert patient.screen.title == "Vi måler en gang til om fem minutter."
    assert patient.screen.number == "82"
    patient.wait(REPEAT_AFTER_S - 100)
    assert "2 minutter igjen." in patient.all_text
    patient.wait(101)
    assert patient.screen.name == "clip"
    assert patient.context is not None
    return patient.hold(12, 81, 118)


def test_a_low_reading_is_taken_again_and_the_nurse_is_named_only_once_the_hub_has_it() -> None:
    patient = low_twice(Patient())
    assert patient.first_line == "Vi sender beskjed."
    assert patient.screen.lines[1] == "Ved fare for liv: ring 113."
    patient.deliver(patient.measured)
    assert patient.first_line == "Sykepleieren har fått beskjed."
    assert "rød" not in patient.all_text.lower()
    patient.press("next")
    assert patient.screen.title == "Er du mer tungpust enn vanlig?"


def test_without_a_receipt_for_a_minute_the_patient_is_told_whom_to_ring() -> None:
    patient = low_twice(Patient()).wait(61)
    assert (
        patient.first_line
        == "Vi får ikke kontakt. Ring 51\N{NO-BREAK SPACE}00\N{NO-BREAK SPACE}00\N{NO-BREAK SPACE}00."
    )


@pytest.mark.parametrize("stored", [True, False])
def test_outside_staffing_hours_nobody_is_said_to_watch(*, stored: bool) -> None:
    patient = Patient()
    patient.clock.wall += 9 * 3600 * 10**9
    low_twice(patient)
    if stored:
        patient.deliver(patient.measured)
    assert patient.first_line == "Ingen følger med nå. Ring legevakten 116\N{NO-BREAK SPACE}117."
    assert "113" in patient.screen.lines[1]


def test_a_clock_that_nobody_set_knows_no_staffing_hours() -> None:
    patient = Patient()
    patient.box = msgspec.structs.replace(patient.box, wall_trusted=False)
    assert low_twice(patient).screen.lines[0].startswith("Ingen følger med nå.")


def test_a_second_reading_that_is_well_is_a_plain_result() -> None:
    patient = Patient().to_clip().hold(12, 82).wait(REPEAT_AFTER_S + 1).hold(14, 91)
    assert patient.screen.name == "result"


def test_a_second_try_that_fails_still_says_who_knows_of_the_first() -> None:
    patient = Patient().to_clip().hold(12, 82).wait(REPEAT_AFTER_S + 1)
    for _ in range(3):
        patient.hold(32, None, None, ("searching",)).take_off()
    assert patient.screen.name == "no_value"
    assert patient.first_line.startswith("Vi får ikke kontakt.")


# -- the call button ------------------------------------------------------------------------------


def test_the_call_is_truthful_all_the_way() -> None:
    patient = Patient().press("start", "call")
    [call] = patient.said
    assert isinstance(call, CallButton)
    assert patient.first_line == "Vi sender beskjed."
    assert patient.screen.call is None
    patient.deliver(call.id)
    assert patient.first_line == "Sykepleieren har fått beskjed."
    patient.wait(61)
    assert (
        patient.first_line
        == "Ingen har svart ennå. Ring 51\N{NO-BREAK SPACE}00\N{NO-BREAK SPACE}00\N{NO-BREAK SPACE}00."
    )
    patient.press("back")
    assert patient.screen.title == "Er det du som måler?"


def test_a_caller_is_told_when_somebody_has_seen_the_call() -> None:
    patient = Patient().press("call")
    call = patient.said[0]
    assert isinstance(call, CallButton)
    patient.box = msgspec.structs.replace(patient.box, answered_call=b"another")
    patient.wait(2)
    assert "har sett" not in patient.all_text
    patient.box = msgspec.structs.replace(patient.box, answered_call=call.id)
    patient.wait(61)
    assert patient.first_line == "Sykepleieren har sett at du ringer, og tar kontakt."


def test_a_call_that_does_not_get_through_says_so() -> None:
    patient = (
        Patient(msgspec.structs.replace(SETTINGS, nurse_telephone=None)).press("call").wait(61)
    )
    assert patient.first_line == "Vi får ikke kontakt. Ring 116\N{NO-BREAK SPACE}117."


def test_a_call_is_said_again_to_a_gateway_that_was_away() -> None:
    patient = Patient()
    patient.gateway_there = False
    patient.wait(6)
    assert patient.screen.title == "Kofferten gjør seg klar."
    patient.press("call")
    [call] = patient.said
    patient.attendant.connected()
    assert patient.said == [call, call]
    patient.deliver(call.id, state=DeliveryState.QUEUED)
    patient.attendant.connected()
    assert patient.said == [call, call]


# -- the box --------------------------------------------------------------------------------------


def test_a_gateway_that_starts_again_leaves_the_patient_where_he_was() -> None:
    patient = Patient().press("start", "yes")
    patient.gateway_there = False
    patient.wait(6)
    assert patient.screen.name == "starting"
    patient.gateway_there = True
    patient.wait(1)
    assert patient.screen.title == "Bruker du oksygen nå?"


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({"loan": None}, "Kofferten er ikke i bruk."),
        ({"ends_ms": 1}, "Kofferten er ikke i bruk."),
        ({"locked": True}, "Denne kofferten er meldt savnet."),
    ],
)
def test_a_box_that_is_nobodys_is_silent(change: dict[str, object], title: str) -> None:
    patient = Patient().press("start")
    patient.box = msgspec.structs.replace(patient.box, **change)
    patient.wait(1).press("call").hold(15).ring()
    assert patient.screen.title == title
    assert not patient.screen.rings
    assert patient.screen.call is patient.screen.volume is None
    assert not patient.screen.voice
    assert not patient.screen.buttons
    assert patient.said == []
    assert patient.context is None


def paused(patient: Patient, *, now: bool = True) -> Patient:
    patient.box = msgspec.structs.replace(patient.box, paused=now)
    return patient.wait(1)


def test_a_pause_asks_nothing_but_the_nurse_is_reached_and_its_end_begins_anew() -> None:
    patient = paused(Patient().to_clip().hold(12).press("next", "yes"))
    assert patient.screen.title == "Kofferten er satt på pause."
    assert not patient.screen.voice
    assert patient.context is None
    [diary] = patient.said
    assert isinstance(diary, Diary)
    patient.press("start").hold(15)
    assert patient.screen.name == "paused"
    patient.press("screen")
    assert patient.screen.name == "asleep"
    patient.press("call")
    assert patient.screen.name == "call"
    assert isinstance(patient.said[-1], CallButton)
    patient.press("back").ring()
    assert patient.screen.rings
    patient.visit().press("screen")
    assert paused(patient, now=False).screen.title == "God morgen."
    assert patient.press("start").screen.name == "who"


def test_a_visit_during_a_pause_measures_nothing() -> None:
    patient = paused(Patient()).visit(state=CallState.TALKING, watchers=("Sykepleier Test",))
    patient.visit(state=CallState.TALKING, watchers=("Sykepleier Test",), measure=1)
    assert patient.screen.name == "talk"
    assert not patient.screen.buttons


def test_a_plan_is_read_page_by_page_and_back_and_a_withdrawn_one_is_gone() -> None:
    patient = Patient()
    assert "plan" not in [button.event for button in patient.screen.buttons]
    patient.box = msgspec.structs.replace(patient.box, plan=SelfPlan("Gå tur.", "Hvil.", "Ring."))
    patient.wait(1)
    assert [button.event for button in patient.screen.buttons] == ["start", "plan"]
    read = [
        (patient.press(event).screen.title, patient.first_line) for event in ("plan", *["next"] * 2)
    ]
    assert read == [
        ("Grønn: som vanlig", "Gå tur."),
        ("Gul: varsel", "Hvil."),
        ("Rød: få hjelp", "Ring."),
    ]
    assert patient.screen.buttons[0].text == "Ferdig"
    assert patient.press("stop").first_line == "Hvil."
    assert patient.press("next", "next").screen.name == "greeting"
    assert patient.press("plan", "stop").screen.name == "greeting"
    patient.press("plan")
    patient.box = msgspec.structs.replace(patient.box, plan=None)
    assert [b.event for b in patient.wait(1).screen.buttons] == ["start", "screen"]
    assert patient.said == []


def test_a_call_takes_the_place_of_the_plan() -> None:
    patient = Patient()
    patient.box = msgspec.structs.replace(patient.box, plan=SelfPlan("Gå tur.", "Hvil.", "Ring."))
    patient.wait(1).press("plan").ring()
    assert patient.screen.rings
    assert patient.visit().screen.name == "greeting"


def test_who_has_a_plan_switches_the_screen_off_at_the_end() -> None:
    patient = Patient().to_clip().hold(12).press("next", "no", "no", "no", "screen")
    assert patient.screen.name == "asleep"
    assert patient.press("screen").screen.name == "greeting"


def test_a_long_plan_is_cut_without_a_word_lost() -> None:
    text = "Ta to drag av medisinen.\n" + "hvil og drikk vann " * 25
    pages = pages_of(SelfPlan(text, "b", "c"))
    green = [line for page in pages if page.zone == "green" for line in page.lines]
    assert " ".join(green).replace(" …", "").split() == text.split()
    assert [page.zone for page in pages[-2:]] == ["yellow", "red"]


def test_a_meter_that_fell_silent_holds_no_finger() -> None:
    patient = Patient().to_clip().hold(4).wait(8)
    assert patient.screen.name == "clip"


def test_the_volume_goes_round() -> None:
    patient = Patient()
    seen = [patient.press("volume").screen.volume for _ in range(3)]
    assert seen == ["Lyd høy", "Lyd av", "Lyd lav"]
