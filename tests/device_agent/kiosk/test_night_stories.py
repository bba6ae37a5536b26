"""Night, and a screen that was switched off: dark, never deaf."""

from pathlib import Path

import msgspec

from koffert_agent.kiosk.settings import load_kiosk_settings
from koffert_agent.panel.panel import Control
from koffert_agent.video.records import AnswerCall, CallState
from koffert_wire.messages import CallButton
from tests.device_agent.kiosk.patient import Patient


def test_the_screen_is_dark_at_night_and_bright_where_nobody_knows_the_time() -> None:
    patient = Patient().wait_until(23)
    assert patient.screen.dark
    assert not Patient().screen.dark
    patient.box = msgspec.structs.replace(patient.box, wall_trusted=False)
    assert not patient.wait(1).screen.dark


def test_a_screen_that_is_off_shows_and_says_nothing_until_it_is_touched() -> None:
    patient = Patient().press("screen")
    shown = patient.screen
    assert (shown.name, shown.title, shown.lines, shown.voice) == ("asleep", "", (), ())
    assert (shown.call, shown.volume) == (None, None)
    assert patient.press("screen").screen.name == "greeting"


def test_what_happens_wakes_it() -> None:
    assert Patient().press("screen").hold(1).screen.name == "who"
    assert Patient().press("screen").ring().screen.name == "ring"
    assert Patient().press("screen").ring().visit().screen.name == "greeting"
    assert Patient().press("screen", "call").screen.name == "call"


def test_it_is_not_switched_off_in_the_middle_of_something() -> None:
    patient = Patient().press("start", "screen")
    assert patient.screen.name == "who"
    # Nor afterwards, for that press was not meant so.
    assert patient.press("no", "next").screen.name == "greeting"


def test_the_buttons_beside_the_screen_do_what_the_screen_does() -> None:
    patient = Patient()
    patient.attendant.press_beside(Control.VOLUME)
    assert patient.screen.volume == "Lyd høy"
    patient.wait(1)
    patient.attendant.press_beside(Control.SCREEN)
    assert patient.screen.name == "asleep"
    patient.attendant.press_beside(Control.CALL)
    assert [type(message) for message in patient.said] == [CallButton]
    assert patient.screen.name == "call"


def test_the_receiver_answers_without_picture_and_the_switch_answers_nothing() -> None:
    patient = Patient().ring().wait(1)
    patient.attendant.press_beside(Control.SCREEN)
    assert patient.told_video == []
    patient.attendant.press_beside(Control.CALL)
    assert patient.told_video == [AnswerCall(picture=False)]
    patient.visit(state=CallState.TALKING, watchers=("Sykepleier Test",))
    patient.attendant.press_beside(Control.CALL)
    # Nobody who sits down at the table by accident hangs up or rings on top of it.
    assert patient.said == []
    assert patient.told_video == [AnswerCall(picture=False)]


def test_the_lines_stand_in_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('data_dir = "d"\n[kiosk.panel]\ncall_button = 17\ncall_light = 23\n')
    panel = load_kiosk_settings(file).settings.panel
    assert panel is not None
    assert (panel.chip, panel.call_button, panel.camera_light) == ("/dev/gpiochip0", 17, None)
