"""The patient's page on both panels: every screen looked at, and the touch of a finger.

Time passes as the story tells it; the same page with box and hub behind it is in test_kiosk_whole.py.
"""

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from koffert_agent.kiosk import contents
from koffert_agent.kiosk.flow import Step
from koffert_agent.kiosk.records import DeliveryState
from koffert_agent.kiosk.screen import Screen
from koffert_agent.kiosk.settings import KioskSettings
from koffert_agent.video.records import CallState
from koffert_drivers.simulated.physiology import Effort
from koffert_wire.commands import (
    MOST_NURSE_CHARACTERS,
    MOST_ROUNDS,
    NurseMessage,
    PlannedVisit,
    Round,
    SelfPlan,
)
from koffert_wire.messages import Diary, MessageRead, SensorLink, Spirometry
from tests.browser.conftest import ARTIFACTS
from tests.browser.kiosk_look import PANELS, check
from tests.device_agent.kiosk.patient import SETTINGS, TOLD, Patient
from tests.support.kiosk_page import StoryPage

LEAST_NUMBER_PX = 96
NURSE = "Sykepleier Test"
THREE = (NURSE, "Lege Test", "Tolk Test")
WORDS = "Kan du puste litt roligere? Så prøver vi en gang til."

PLAN = SelfPlan(
    "Ta medisinene som vanlig. Gå en tur hver dag.",
    "Mer tungpust eller slim: ta anfallsmedisin, og hvil. Ring sykepleieren om det ikke går over.",
    "Hjelper ikke medisinen: ring sykepleieren eller 116 117.",
)
LONG_PLAN = SelfPlan(("Mer oksygenmetningsmåling om morgenen. " * 20)[:600], "a", "b")
LINED_PLAN = SelfPlan("\n".join(("Medisin om morgenen.",) * 6), "a", "b")

LONG_WORDS = ("Ta med oksygenmetningsmålingen og medisinlisten til videosamtalen. " * 5)[
    :MOST_NURSE_CHARACTERS
]
CROWDED = tuple(Round(hour * 60) for hour in range(7, 7 + 2 * MOST_ROUNDS, 2))

Scene = Callable[[Patient], object]


@pytest.fixture(scope="module")
def story() -> Iterator[StoryPage]:
    with StoryPage() as running:
        yield running


@pytest.fixture(scope="module")
def opened(browser: Browser, story: StoryPage) -> Iterator[list[Page]]:
    """The page on each panel; what its scripts complain of fails the module."""
    complaints: list[str] = []
    contexts = [browser.new_context(viewport=panel, has_touch=True) for panel in PANELS]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(story.url)
    yield pages
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def pages(opened: list[Page], story: StoryPage) -> list[Page]:
    """Both, with a new patient in front of them."""
    story.begin()
    return opened


@pytest.fixture
def page(pages: list[Page], story: StoryPage) -> Page:
    """The first of them, which no longer shows the patient before."""
    shows(pages[0], story.patient.screen)
    return pages[0]


def shows(page: Page, screen: Screen) -> None:
    """Wait until this screen stands there."""
    expect(page.locator("#screen")).to_have_attribute("data-name", screen.name)
    expect(page.locator("#title")).to_have_text(screen.title)
    expect(page.locator("#lines p")).to_have_text(list(screen.lines))
    expect(page.locator("#buttons button")).to_have_text([one.text for one in screen.buttons])
    expect(page.locator("#caption")).to_have_text(screen.caption)
    expect(page.locator("#who")).to_have_text(screen.watched)
    if screen.nurse:
        expect(page.locator("#nurse")).to_have_js_property("naturalWidth", 320)


# -- the scenes -----------------------------------------------------------------------------------


def away(patient: Patient) -> Patient:
    patient.box = msgspec.structs.replace(patient.box, link_up=False)
    return patient.wait(1)


def nobodys(**change: object) -> Scene:
    def scene(patient: Patient) -> None:
        patient.box = msgspec.structs.replace(patient.box, **change)
        patient.wait(1)

    return scene


def starting(patient: Patient) -> None:
    patient.gateway_there = False
    patient.wait(6)


def saved(patient: Patient) -> Patient:
    return patient.deliver(patient.measured, state=DeliveryState.QUEUED)


def sent(patient: Patient) -> Patient:
    return patient.deliver(patient.measured)


def low(patient: Patient) -> Patient:
    return patient.to_clip().hold(12, 82).wait(301).hold(14, 82)


def no_value(patient: Patient) -> Patient:
    patient.to_clip()
    for _ in range(3):
        patient.hold(32, None, None, ("artefact",)).take_off()
    return patient


def major(patient: Patient) -> Patient:
    return patient.to_clip().hold(12).press("next", "yes", "no", "no")


def done(patient: Patient) -> Patient:
    return patient.to_clip().hold(12).press("next", "no", "no", "no")


def diary_sent(patient: Patient) -> Patient:
    done(patient)
    return patient.deliver(*(m.id for m in patient.said if isinstance(m, Diary)))


def at_the_blow(patient: Patient) -> Patient:
    return patient.plug_spirometer().to_clip().press("stop", "yes")


def session(patient: Patient, state: DeliveryState) -> Patient:
    at_the_blow(patient).blow(Effort.GOOD).press("stop")
    return patient.deliver(*(m.id for m in patient.said if isinstance(m, Spirometry)), state=state)


def talk(patient: Patient, *, picture: bool = True, caption: str = "") -> Patient:
    return patient.visit(
        state=CallState.TALKING,
        caller=NURSE,
        watchers=(NURSE,),
        picture=picture,
        caller_picture=True,
        caption=caption,
    )


def with_plan(patient: Patient, plan: SelfPlan = PLAN) -> Patient:
    patient.box = msgspec.structs.replace(patient.box, plan=plan)
    return patient.wait(1)


def on_schedule(patient: Patient, *rounds: Round, language: str | None = None) -> Patient:
    schedule = rounds or (Round(9 * 60), Round(19 * 60))
    told = msgspec.structs.replace(TOLD, schedule=schedule, language=language)
    patient.box = msgspec.structs.replace(patient.box, settings=told)
    return patient.wait(1)


def told(patient: Patient, text: str) -> Patient:
    patient.box = msgspec.structs.replace(patient.box, message=NurseMessage(bytes(16), 0, text))
    return patient.wait(1)


def visited(patient: Patient, hours: float) -> Patient:
    at_ms = patient.clock.wall_ns() // 1_000_000 + round(hours * 3_600_000)
    patient.box = msgspec.structs.replace(patient.box, visits=(PlannedVisit(at_ms),))
    return patient.wait(1)


# Each screen that a patient can meet, with the network up and, where that is another screen, down.
SCENES: dict[str, Scene] = {
    "greeting": lambda p: p,
    "greeting_away": away,
    "greeting_day": on_schedule,
    "greeting_day_done": lambda p: on_schedule(p).to_clip().hold(12).wait(1801),
    "greeting_day_nn": lambda p: on_schedule(p, language="nn"),
    "greeting_day_away": lambda p: on_schedule(away(p)),
    "greeting_day_crowded_plan": lambda p: on_schedule(with_plan(p), *CROWDED),
    "greeting_visit": lambda p: visited(p, 2),
    "greeting_visit_day_plan": lambda p: visited(on_schedule(with_plan(p), *CROWDED), 5),
    "greeting_visit_away": lambda p: visited(away(p), 26),
    "greeting_visit_due_nn": lambda p: visited(on_schedule(p, language="nn"), 26),
    "message": lambda p: told(p, "Husk å måle i dag. Hilsen Sykepleier Test."),
    "message_long": lambda p: told(p, LONG_WORDS),
    "message_away": lambda p: told(away(p), LONG_WORDS).press("more"),
    "night_message": lambda p: told(p.wait_until(23), LONG_WORDS),
    "asleep": lambda p: p.press("screen"),
    "night": lambda p: p.wait_until(23),
    "night_hold": lambda p: p.wait_until(23).to_clip().hold(5),
    "night_blow": lambda p: at_the_blow(p.wait_until(23)).blow(Effort.GOOD, 3.5),
    "night_result": lambda p: p.wait_until(23).to_clip().hold(12),
    "night_ring": lambda p: p.wait_until(23).ring(),
    "night_talk": lambda p: talk(p.wait_until(23), caption=WORDS),
    "who": lambda p: p.press("start"),
    "guest": lambda p: p.press("start", "no"),
    "oxygen": lambda p: p.press("start", "yes"),
    "oxygen_flow": lambda p: p.press("start", "yes", "yes", "other"),
    "oxygen_unknown": lambda p: p.press("start", "yes", "yes", *["other"] * 9),
    "rest": lambda p: p.press("start", "yes", "no"),
    "reliever": lambda p: p.press("start", "yes", "no", "yes"),
    "clip": lambda p: p.to_clip(),
    "clip_searching": lambda p: p.to_clip().lose_meter(),
    "hold": lambda p: p.to_clip().hold(5),
    "hold_still": lambda p: p.to_clip().hold(3, None, None, ("movement",)),
    "again": lambda p: p.to_clip().hold(32, None, None, ("artefact",)),
    "no_value": no_value,
    "result_saving": lambda p: p.to_clip().hold(12),
    "result_saved": lambda p: saved(p.to_clip().hold(12)),
    "result_sent": lambda p: sent(p.to_clip().hold(12)),
    "result_away": lambda p: saved(away(p).to_clip().hold(12)),
    "pause": lambda p: p.to_clip().hold(12, 82),
    "low_told": lambda p: sent(low(p)),
    "low_away": lambda p: saved(low(away(p))).wait(61),
    "breathlessness": lambda p: p.to_clip().hold(12).press("next"),
    "sputum": lambda p: p.to_clip().hold(12).press("next", "no"),
    "colour": lambda p: p.to_clip().hold(12).press("next", "no", "no"),
    "cough": major,
    "wheeze": lambda p: major(p).press("no"),
    "cold": lambda p: major(p).press("no", "no"),
    "fever": lambda p: major(p).press("no", "no", "no"),
    "done_sent": diary_sent,
    "done_away": lambda p: done(away(p)),
    "blow_ask": lambda p: p.plug_spirometer().to_clip().press("stop"),
    "blow_waiting": at_the_blow,
    "blow_searching": lambda p: at_the_blow(p).plug_spirometer(SensorLink.LOST),
    "blow_blast": lambda p: at_the_blow(p).blow(Effort.GOOD, 0.8),
    "blow_go_on": lambda p: at_the_blow(p).blow(Effort.GOOD, 3.5),
    "blow_breathe_in": lambda p: at_the_blow(p).blow(Effort.GOOD, 4.6),
    "blown_well": lambda p: at_the_blow(p).blow(Effort.GOOD),
    "blown_coughed": lambda p: at_the_blow(p).blow(Effort.COUGH),
    "blow_result_sent": lambda p: session(p, DeliveryState.STORED),
    "blow_result_away": lambda p: session(away(p), DeliveryState.QUEUED),
    "blow_result_none": lambda p: at_the_blow(p).blow(Effort.COUGH).press("stop"),
    "call": lambda p: p.press("call"),
    "call_away": lambda p: away(p).press("call").wait(61),
    "call_answered": lambda p: p.press("call").answer_call(),
    "starting": starting,
    "silent": nobodys(loan=None),
    "ended": nobodys(ends_ms=1),
    "locked": nobodys(locked=True),
    "paused": nobodys(paused=True),
    "paused_call": lambda p: nobodys(paused=True)(p) or p.press("call"),
    "paused_talk": lambda p: nobodys(paused=True)(p) or talk(p, caption=WORDS),
    "greeting_plan": with_plan,
    "plan_green": lambda p: with_plan(p).press("plan"),
    "plan_yellow": lambda p: with_plan(p).press("plan", "next"),
    "plan_red": lambda p: with_plan(p).press("plan", "next", "next"),
    "plan_long": lambda p: with_plan(p, LONG_PLAN).press("plan"),
    "plan_lines": lambda p: with_plan(p, LINED_PLAN).press("plan"),
    "plan_call": lambda p: with_plan(p).press("plan", "call"),
    "ring": lambda p: p.ring(),
    "ring_in_measurement": lambda p: p.to_clip().hold(5).ring(),
    "talk": talk,
    "talk_caption": lambda p: talk(p, caption=WORDS),
    "talk_long_caption": lambda p: talk(p, caption=WORDS * 5),
    "talk_three_long_caption": lambda p: p.visit(
        state=CallState.TALKING, watchers=THREE, picture=True, caption=WORDS * 5
    ),
    "talk_no_picture_of_her": lambda p: p.visit(state=CallState.TALKING, watchers=(NURSE,)),
    "talk_three": lambda p: p.visit(state=CallState.TALKING, watchers=THREE, picture=True),
    "talk_three_result": lambda p: (
        p.visit(state=CallState.TALKING, watchers=THREE, picture=True).to_clip().hold(12)
    ),
    "talk_unseen": lambda p: talk(p, picture=False),
    "talk_waiting": lambda p: p.visit(state=CallState.WAITING, picture=True),
    "talk_hold": lambda p: talk(p, caption=WORDS).to_clip().hold(5),
    "talk_result": lambda p: sent(talk(p).to_clip().hold(12)),
    "talk_blow": lambda p: at_the_blow(talk(p, caption="Blås igjen!")).blow(Effort.GOOD, 3.5),
    "talk_blown": lambda p: at_the_blow(talk(p)).blow(Effort.HESITANT),
}


@pytest.mark.parametrize("name", SCENES)
def test_every_screen_is_readable_and_within_reach(
    name: str, story: StoryPage, pages: list[Page]
) -> None:
    story.tell(SCENES[name])
    for page in pages:
        shows(page, story.patient.screen)
        check(page)
    # Both panels show the same millimetres; on the smaller one there is less to hide behind.
    ARTIFACTS.mkdir(exist_ok=True)
    pages[-1].screenshot(path=ARTIFACTS / f"kiosk_{name}.png")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["nn", "en"])
@pytest.mark.timeout(600)
def test_every_screen_is_readable_in_the_other_languages(
    language: Literal["nn", "en"], story: StoryPage, opened: list[Page]
) -> None:
    for scene in SCENES.values():
        story.begin(KioskSettings(nurse_telephone=SETTINGS.nurse_telephone, language=language))
        story.tell(scene)
        for page in opened:
            # A scene may name a language itself; the page is then loaded anew.
            expect(page.locator("html")).to_have_attribute("lang", story.patient.screen.language)
            shows(page, story.patient.screen)
            check(page)


def test_no_screen_is_left_out() -> None:
    met = set()
    for scene in SCENES.values():
        patient = Patient()
        scene(patient)
        met.add(patient.screen.name)
    assert met == {*contents._OVER, *(step.value for step in Step)}


# -- by touch -------------------------------------------------------------------------------------


def press(page: Page, *texts: str) -> None:
    """Press, each once the screen before it has gone."""
    for text in texts:
        before = page.locator("#title").text_content()
        page.get_by_role("button", name=text, exact=True).tap()
        expect(page.locator("#title")).not_to_have_text(before or "")


def test_a_finger_answers_and_the_number_is_large(page: Page, story: StoryPage) -> None:
    press(page, "Ja, vi måler", "Ja", "Nei", "Ja", "Nei")
    story.tell(lambda patient: patient.hold(5))
    expect(page.locator("#screen")).to_have_attribute("data-name", "hold")
    expect(page.locator("#number")).to_be_hidden()
    story.tell(lambda patient: patient.hold(8))
    expect(page.locator("#value")).to_have_text("91")
    size = page.locator("#value").evaluate("element => getComputedStyle(element).fontSize")
    assert float(size.removesuffix("px")) >= LEAST_NUMBER_PX
    press(page, "Gå videre", "Ja")
    expect(page.locator("#title")).to_have_text("Har du mer slim enn vanlig?")


def test_a_finger_measures_with_the_network_away_and_back(page: Page, story: StoryPage) -> None:
    story.tell(away)
    expect(page.locator("#note")).to_contain_text("Nettet er borte")
    story.tell(lambda patient: saved(patient.to_clip().hold(12)))
    expect(page.locator("#lines")).to_have_text("Lagret. Sendes når nettet er tilbake.")
    story.tell(sent)
    expect(page.locator("#lines")).to_have_text("Sendt.")


def test_a_screen_that_was_switched_off_wakes_by_a_touch_and_by_a_call(
    page: Page, story: StoryPage
) -> None:
    page.get_by_role("button", name="Skru av skjermen").tap()
    expect(page.locator("#screen")).to_have_attribute("data-name", "asleep")
    expect(page.locator("#call")).to_be_hidden()
    page.get_by_role("button", name="Skru på skjermen").tap()
    expect(page.locator("#screen")).to_have_attribute("data-name", "greeting")
    story.tell(lambda patient: patient.press("screen").ring())
    expect(page.locator("#screen")).to_have_attribute("data-name", "ring")


def test_a_call_says_what_is_true_and_leads_back(page: Page) -> None:
    page.locator("#call").tap()
    expect(page.locator("#screen")).to_have_attribute("data-name", "call")
    expect(page.locator("#call")).to_be_hidden()
    expect(page.locator("#lines")).to_contain_text("Ved fare for liv: ring 113.")
    press(page, "Tilbake")
    expect(page.locator("#screen")).to_have_attribute("data-name", "greeting")


def test_the_curve_of_a_blow_is_drawn_while_it_is_blown(page: Page, story: StoryPage) -> None:
    drawn = """canvas => canvas.getContext('2d')
        .getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte !== 0)"""
    story.tell(lambda patient: at_the_blow(patient).blow(Effort.GOOD, 2.0))
    canvas = page.locator("#blow")
    expect(canvas).to_be_visible()
    expect(page.locator("#progress")).to_have_attribute("data-kind", "blow")
    expect(page.locator("#done")).not_to_have_css("transform", "matrix(0, 0, 0, 1, 0, 0)")
    assert canvas.evaluate(drawn)
    story.tell(lambda patient: patient.blow(Effort.GOOD))
    expect(canvas).to_be_hidden()


def test_the_nurse_is_seen_and_gone_with_the_call(page: Page, story: StoryPage) -> None:
    story.tell(talk)
    nurse = page.locator("#nurse")
    expect(nurse).to_be_visible()
    expect(nurse).to_have_js_property("naturalWidth", 320)
    story.tell(lambda patient: patient.visit())
    expect(nurse).to_be_hidden()
    expect(nurse).not_to_have_attribute("src", "/nurse")


def test_a_message_is_read_and_acknowledged_with_one_button(page: Page, story: StoryPage) -> None:
    story.tell(lambda patient: told(patient, "Husk å måle i dag."))
    expect(page.locator("#lines")).to_have_text("Husk å måle i dag.")
    page.get_by_role("button", name="Jeg har lest det").tap()
    expect(page.locator("#screen")).to_have_attribute("data-name", "greeting")
    [read] = [one for one in story.patient.said if isinstance(one, MessageRead)]
    assert read.message == bytes(16)


def test_there_is_no_way_out_and_nothing_to_type_into(page: Page) -> None:
    assert page.locator("a, input, textarea, select, form, iframe, [contenteditable]").count() == 0
    prevented = page.evaluate(
        """() => ["contextmenu", "keydown", "dragstart", "wheel"].filter((kind) =>
            !document.dispatchEvent(new Event(kind, { bubbles: true, cancelable: true })))"""
    )
    assert prevented == ["contextmenu", "keydown", "dragstart", "wheel"]
    assert page.evaluate(
        "() => [scrollY, document.documentElement.scrollHeight <= innerHeight]"
    ) == [0, True]


def test_a_kiosk_that_is_away_leaves_nothing_standing(pages: list[Page], story: StoryPage) -> None:
    story.tell(lambda patient: patient.to_clip().hold(12))
    story.stop_serving()
    for page in pages:
        expect(page.locator("#title")).to_have_text("Kofferten gjør seg klar.")
        expect(page.locator("#number")).to_be_hidden()
        check(page)
    story.begin()
    story.serve()
    for page in pages:
        expect(page.locator("#title")).to_have_text("God morgen.")


def test_the_page_itself_speaks_the_language_that_the_hub_names(
    page: Page, story: StoryPage
) -> None:
    expect(page.locator("html")).to_have_attribute("lang", "nb")
    story.tell(lambda patient: on_schedule(patient, language="en"))
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#call")).to_have_text("Call the nurse")
    expect(page.locator("#title")).to_have_text("It is time to measure.")
