"""The story of ux.md, from the first code to the next patient, on every real part.

Engineer's command line, hub, broker, the emergency centre's own machine, a suitcase with screen, camera and meters on a
satellite link, and the browsers of nurse, doctor, nurse on call, receiving unit and operator. Only fingers, lungs, camera
and the SMS provider are simulated. Days are not waited for; the five minutes until the second reading and the two until
somebody else is told are. The video's own packets do not take the slow link: `video/test_link.py` has those.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from koffert_agent.byte_search import search
from koffert_agent.loan import read_loan
from koffert_drivers.simulated.physiology import Effort, Physiology
from koffert_hub.alerts.civil import OSLO
from koffert_hub.times import to_ms
from tests.browser.story_people import People
from tests.browser.test_kiosk_call import visiting
from tests.browser.test_kiosk_whole import press
from tests.drivers.stills.samples import beats, scp
from tests.support.gateway import Gateway
from tests.support.story_site import BOX, FINGER_OFF, UNIT_NAME, StorySite

__all__ = ["visiting"]
NUMBER = "018150 12433"  # synthetic: 80 is added to the month
TELEPHONE = "00 00 00 01"
# A satellite's round trips, two processes that start, and a machine that does other work too.
WITHIN_MS = 60_000
# What the patient is told to rest, and what the next on the list waits; see the rules.
REPEAT_WITHIN_MS = (5 * 60 + 60) * 1000
TOLD_WITHIN_S = 2 * 60 + 60
# Below it the box asks for a second reading instead of saying what it was.
LOW_PCT = 84
_FRAMES = "() => document.getElementById('patient').getVideoPlaybackQuality().totalVideoFrames"
Keep = Callable[..., None]


@pytest.fixture(name="story")
def fixture_story(tmp_path: Path) -> Iterator[StorySite]:
    with StorySite(tmp_path) as running:
        yield running


@pytest.fixture(name="people")
def fixture_people(visiting: Browser, story: StorySite) -> Iterator[People]:
    expect.set_options(timeout=WITHIN_MS)
    found = People(visiting, story, WITHIN_MS)
    yield found
    found.close()


def _at(kiosk: Page, name: str, within_ms: float = WITHIN_MS) -> None:
    expect(kiosk.locator("#screen")).to_have_attribute("data-name", name, timeout=within_ms)


def _row(ward: Page) -> Locator:
    return ward.locator("tr[data-patient]")


def _until(page: Page, found: Locator) -> None:
    """Load the page again until it has something."""
    for _ in range(60):
        if found.count():
            return
        page.wait_for_timeout(1000)
        page.reload()
    expect(found.first).to_be_visible()


def _register(nurse: Page, story: StorySite, name: str, number: str) -> str:
    """Registered and lent by web; returns the loan's page."""
    nurse.goto(f"{story.url}/patients")
    nurse.get_by_label("Navn", exact=True).fill(name)
    nurse.get_by_role("textbox", name="Fødselsnummer").fill(number)
    nurse.get_by_role("button", name="Registrer pasient").click()
    expect(nurse.get_by_role("heading", level=1)).to_have_text(name)
    expect(nurse.get_by_label("Antall dager")).to_have_value("14")
    nurse.get_by_role("button", name="Lån ut").click()
    expect(nurse.get_by_text(f"Har koffert: {BOX}")).to_be_visible()
    return nurse.url.removesuffix("/loan")


def _prescribe(doctor: Page, patient: str) -> None:
    doctor.goto(f"{patient}/plan")
    doctor.locator("[name=spo2_scale]").select_option("2")
    doctor.locator("[name=target_low_pct]").fill("88")
    doctor.locator("[name=target_high_pct]").fill("92")
    doctor.locator("form[action$='/plan'] .primary").click()
    expect(doctor.locator("table").last).to_contain_text("Lege Test")


def _write_plan(nurse: Page, patient: str, story: StorySite) -> None:
    nurse.goto(f"{patient}/zones")
    for zone in ("Grønn: som vanlig", "Gul: varsel", "Rød: få hjelp"):
        nurse.get_by_label(zone).fill(f"Plan: {zone}")
    nurse.get_by_role("button", name="Lagre og send til kofferten").click()
    expect(nurse.get_by_text("Skrevet av Sykepleier Test")).to_be_visible()
    story.followed()
    plan = read_loan(story.box.data).plan
    assert plan is not None
    assert plan.red == "Plan: Rød: få hjelp"


def _be_on_call(vakt: Page, story: StorySite) -> None:
    vakt.goto(f"{story.url}/staff")
    vakt.locator("[name=phone]").fill(TELEPHONE)
    vakt.locator("[name=place_in_line]").select_option("1")
    vakt.locator("form[action='/staff/me'] .primary").click()
    expect(vakt.locator("main")).to_contain_text("+4700000001")


def _measure(
    kiosk: Page, story: StorySite, spo2_pct: int, pulse_bpm: int, *, begin: bool = True
) -> None:
    """Is it you, any oxygen, at rest, any reliever: then the clip, until the number stands there."""
    press(kiosk, *(("Ja, vi måler",) if begin else ()), "Ja", "Nei", "Ja", "Nei")
    _at(kiosk, "clip")
    story.meter.physiology = Physiology(spo2_pct=spo2_pct, pulse_bpm=pulse_bpm)
    expect(kiosk.locator("#value")).to_have_text(str(spo2_pct))
    if spo2_pct > LOW_PCT:
        expect(kiosk.locator("#screen")).to_contain_text(f"Puls {pulse_bpm}")


def _take_off(story: StorySite) -> None:
    story.meter.physiology = FINGER_OFF


def _answer(kiosk: Page, *answers: str, back_to: str = "greeting") -> None:
    """The questions after the numbers; more than three only where the first ones call for it."""
    press(kiosk, *answers)
    _at(kiosk, "done")
    press(kiosk, "Ferdig")
    _at(kiosk, back_to)


def _first_morning(kiosk: Page, nurse: Page, story: StorySite, keep: Keep) -> None:
    _at(kiosk, "greeting")
    expect(kiosk.locator("#lines")).to_contain_text("Skal vi måle?")
    _measure(kiosk, story, 91, 82)
    _at(kiosk, "result")
    expect(kiosk.locator("#lines")).to_have_text("Sendt.")
    keep(kiosk, "-1-sent")
    nurse.goto(story.url)
    expect(_row(nurse).locator(".spo2 .number")).to_have_text("91")
    expect(_row(nurse)).to_have_attribute("data-marks", "unconfirmed")
    _take_off(story)
    press(kiosk, "Gå videre", "Nei")
    _answer(kiosk, "Nei", "Nei", "Nei")


def _planned(nurse: Page, story: StorySite) -> None:
    now = datetime.now(UTC).astimezone(OSLO)
    starts = now.replace(second=0, microsecond=0) + timedelta(minutes=20)
    nurse.goto(f"{story.url}/visits?day={starts:%Y-%m-%d}")
    nurse.get_by_label("Når").fill(f"{starts:%Y-%m-%dT%H:%M}")
    nurse.get_by_role("button", name="Planlegg et videobesøk").click()
    expect(nurse.locator("table")).to_contain_text("Testpasient 1")
    story.followed()
    # A screen tells the hour only by a clock that is set; this machine's may not be (test_message_stories.py).
    assert to_ms(starts) in [one.starts_ms for one in read_loan(story.box.data).visits]


def _ring(caller: Page, kiosk: Page, patient: str) -> None:
    caller.goto(f"{patient}/call")
    caller.click("#ring")
    _at(kiosk, "ring")
    kiosk.get_by_role("button", name="Svar med bilde").tap()
    _at(kiosk, "talk")
    for _ in range(WITHIN_MS // 100):
        if caller.evaluate(_FRAMES):
            return
        caller.wait_for_timeout(100)
    raise AssertionError("no picture of the patient")


def _hang_up(caller: Page, kiosk: Page) -> None:
    caller.click("#hang-up")
    expect(kiosk.locator("#screen")).not_to_have_attribute("data-name", "talk")


def _visit(nurse: Page, kiosk: Page, patient: str, story: StorySite, keep: Keep) -> None:
    """Who it is, a measurement, and a blow that is coached: all of it while they talk."""
    _ring(nurse, kiosk, patient)
    expect(nurse.locator(".identity")).to_contain_text(NUMBER)
    expect(nurse.locator(".identity")).to_contain_text(BOX)
    nurse.get_by_role("button", name="Navn og numre stemmer").click()
    expect(nurse.locator(".identity .mark")).to_have_count(0)
    nurse.click("#measure")
    _at(kiosk, "who")
    _measure(kiosk, story, 90, 84, begin=False)
    expect(nurse.locator("#now .spo2 .number")).to_have_text("90")
    keep(nurse, "-2-face-and-numbers")
    _take_off(story)
    press(kiosk, "Gå videre", "Ja")
    for blow in range(2):
        _at(kiosk, "blow")
        story.flow.physiology = Physiology(effort=Effort.GOOD)
        _at(kiosk, "blown")
        story.flow.physiology = Physiology(effort=Effort.REST)
        if blow == 0:
            nurse.fill("#caption", "Fint! En gang til.")
            nurse.press("#caption", "Enter")
            expect(kiosk.locator("#caption")).to_have_text("Fint! En gang til.")
            press(kiosk, "Blås igjen")
    press(kiosk, "Ferdig")
    _at(kiosk, "blow_result")
    expect(kiosk.locator("#screen")).to_contain_text("Kvalitet B")
    expect(kiosk.locator("#lines")).to_contain_text("Sendt.")
    # Beside the picture, without leaving it.
    expect(nurse.locator("#blow-beside .grade")).to_have_text("B")
    expect(nurse.locator("#blow-beside svg")).to_be_visible()
    keep(nurse, "-3-blow")
    press(kiosk, "Gå videre")
    _answer(kiosk, "Nei", "Nei", "Nei", back_to="talk")
    _hang_up(nurse, kiosk)


def _night(nurse: Page, kiosk: Page, patient: str, story: StorySite) -> None:
    """Without a link two measurements are kept; with it they come, with the times at which they were taken."""
    story.link.dark = True
    began = datetime.now(UTC).astimezone(OSLO)
    for _ in range(2):
        _measure(kiosk, story, 89, 80)
        _take_off(story)
        expect(kiosk.locator("#lines")).to_have_text("Lagret. Sendes når nettet er tilbake.")
        press(kiosk, "Gå videre", "Nei")
        _answer(kiosk, "Nei", "Nei", "Nei")
    ended = datetime.now(UTC).astimezone(OSLO)
    story.link.dark = False
    nurse.goto(f"{patient}/readings")
    _until(nurse, nurse.locator("tr", has_text="89").nth(1))
    times = nurse.locator("tr", has_text="SpO₂ 89").locator("td:nth-child(2)").all_inner_texts()
    taken = [datetime.strptime(time, "%d.%m.%Y %H:%M:%S (%z)") for time in times]
    assert taken
    assert all(began - timedelta(seconds=1) <= at <= ended for at in taken)


def _promise(story: StorySite) -> str:
    """What the box may say of the centre's hours: it knows them only by a clock that a time service has set."""
    trusted = story.box.run("status").printed["clock"]["trusted"]
    return "Sykepleieren har fått beskjed." if trusted else "Ingen følger med nå."


def _worse(nurse: Page, kiosk: Page, story: StorySite, keep: Keep) -> None:
    """Seen at once and not yet an alarm; confirmed after five minutes, it is red and says why."""
    nurse.goto(story.url)
    _measure(kiosk, story, 82, 118)
    expect(_row(nurse).locator(".spo2 .number")).to_have_text("82")
    # Half a minute more on the finger would confirm it before the rest is over.
    _take_off(story)
    _at(kiosk, "pause")
    expect(kiosk.locator("#title")).to_have_text("Vi måler en gang til om fem minutter.")
    keep(nurse, "-4-awaited")
    keep(kiosk, "-4-pause")
    nurse.goto(f"{story.url}/hand-over")
    _until(nurse, nurse.get_by_text("ny måling ventes innen"))
    _at(kiosk, "clip", REPEAT_WITHIN_MS)
    story.meter.physiology = Physiology(spo2_pct=81, pulse_bpm=120)
    _at(kiosk, "low")
    expect(kiosk.locator("#lines")).to_contain_text(_promise(story))
    nurse.goto(story.url)
    expect(_row(nurse)).to_have_attribute("data-band", "red")
    reason = re.compile("SpO₂ 82 % og så 81 % etter [5-9](,[0-9])? min")
    expect(_row(nurse).locator(".cause")).to_contain_text(reason)
    keep(nurse, "-5-red")
    keep(kiosk, "-5-told")
    _take_off(story)
    # Nobody is asked to blow after a low reading.
    press(kiosk, "Gå videre")
    _answer(kiosk, "Ja", "Ja", "Nei", "Nei", "Nei", "Nei", "Nei")


def _taken_over(vakt: Page, kiosk: Page, patient: str, story: StorySite, keep: Keep) -> None:
    """Nobody takes it: the next on the list gets an SMS that names no patient, and does."""
    for _ in range(TOLD_WITHIN_S):
        if Gateway.taken:
            break
        vakt.wait_for_timeout(1000)
    ((_, notice),) = Gateway.taken
    assert notice["to"] == "+4700000001"
    assert BOX in notice["text"]
    assert "Testpasient" not in notice["text"]
    vakt.goto(story.url)
    expect(_row(vakt)).to_have_attribute("data-band", "red")
    vakt.keyboard.press("ArrowDown")
    expect(_row(vakt)).to_be_focused()
    vakt.keyboard.press("k")
    expect(_row(vakt)).to_contain_text("kvittert av Sykepleier Vakt")
    _ring(vakt, kiosk, patient)
    vakt.fill("#note", "Ringt. Tar 12-avlednings EKG.")
    vakt.locator("#note-form button").click()
    expect(vakt.locator("#told")).to_have_text("Notatet er lagret.")
    _hang_up(vakt, kiosk)
    vakt.goto(patient)
    expect(vakt.locator("#notes")).to_contain_text("Tar 12-avlednings EKG.")
    keep(vakt, "-6-taken")


def _still(vakt: Page, unit: Page, patient: str, story: StorySite, keep: Keep) -> None:
    """Taken at home, sent on by the nurse, opened and receipted at the hospital."""
    story.box.leave_still(scp(beats(size=5_000)))
    vakt.goto(f"{patient}/documents")
    _until(vakt, vakt.locator(".documents a"))
    vakt.locator(".documents a").first.click()
    expect(vakt.locator("#ecg")).to_be_visible()
    vakt.select_option("[name=unit]", label=UNIT_NAME)
    vakt.click("text=Send >> nth=-1")
    expect(vakt.locator(".receipt")).to_contain_text("Ikke mottatt ennå")
    unit.goto(f"{story.url}/received")
    unit.get_by_role("link", name="Testpasient 1").click()
    expect(unit.locator("#ecg")).to_be_visible()
    keep(unit, "-7-at-sus")
    unit.get_by_role("button", name="Bekreft mottak").click()
    expect(unit.locator(".receipt")).to_contain_text("av Mottaker Test")


def _looked_up(operator: Page, story: StorySite, keep: Keep) -> None:
    """The caller has only the number on the lid; the operator's own machine has it all, and no patient."""
    operator.goto(f"{story.amk_url}/log/dalane")
    operator.fill("[name=device]", BOX)
    operator.keyboard.press("Enter")
    expect(operator).to_have_url(re.compile(f"[?&]device={BOX}(&|$)"))
    expect(operator.locator("#records tr").nth(20)).to_be_visible()
    assert "Testpasient" not in operator.content()
    operator.locator("#records tr a").first.click()
    operator.click("text=Kontroller")
    _until(operator, operator.locator(".outcome[data-ok=true]"))
    expect(operator.locator(".outcome")).to_contain_text("det ligger bare hos sentralen")
    keep(operator, "-8-register")


def _return(story: StorySite, nurse: Page, patient: str) -> None:
    """Returned by web, wiped by the box itself, and ready by its own proof."""
    nurse.goto(f"{patient}/loan")
    nurse.get_by_role("button", name="Avslutt lånet").click()
    expect(nurse.get_by_text("Før neste utlån:")).to_be_visible()
    story.followed()
    story.run(story.box.delivered())
    story.run(story.box.close())
    report = story.box.folder / "wipe.json"
    wiped = story.box.run("wipe", "--report", str(report))
    assert wiped.exit_code == 0, wiped.error
    left = [b"Plan: ", b"Testpasient", NUMBER.encode(), NUMBER.replace(" ", "").encode()]
    assert search([story.box.data], left).findings == []
    for tick in nurse.locator("input[name=done]").all():
        tick.check()
    nurse.locator("input[name=report]").set_input_files(report)
    nurse.get_by_role("button", name="Kryss av").click()
    expect(nurse.get_by_text("klar til utlån")).to_be_visible()


def _next_patient(nurse: Page, people: People, story: StorySite, keep: Keep) -> None:
    """Nothing of the first is on the box, its screen or the ward."""
    _register(nurse, story, "Testpasient 2", "028150 12472")
    story.run(story.box.open())
    story.followed()
    assert read_loan(story.box.data).plan is None
    kiosk = people.kiosk()
    _at(kiosk, "greeting")
    expect(kiosk.get_by_role("button", name="Min plan")).to_have_count(0)
    _measure(kiosk, story, 95, 70)
    nurse.goto(story.url)
    expect(_row(nurse)).to_have_count(1)
    expect(_row(nurse).locator(".name")).to_have_text("Testpasient 2")
    expect(_row(nurse).locator(".spo2 .number")).to_have_text("95")
    keep(nurse, "-9-next")


def _begin(story: StorySite, people: People, nurse: Page) -> str:
    """A box enrols by its code, is lent, and follows what the doctor set; returns the patient's page."""
    enrolled = story.box.run("enrol", story.site.code(BOX))
    assert enrolled.exit_code == 0, enrolled.error
    story.run(story.box.open())
    patient = _register(nurse, story, "Testpasient 1", NUMBER)
    story.followed()
    _prescribe(people.person("lege"), patient)
    return patient


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_first_day_and_its_visit(story: StorySite, people: People, keep: Keep) -> None:
    nurse = people.person("kari")
    patient = _begin(story, people, nurse)
    kiosk = people.kiosk()
    _first_morning(kiosk, nurse, story, keep)
    _planned(nurse, story)
    _visit(nurse, kiosk, patient, story, keep)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_night_the_fifth_day_and_the_next_patient(
    story: StorySite, people: People, keep: Keep
) -> None:
    nurse, vakt = people.person("kari"), people.person("vakt")
    patient = _begin(story, people, nurse)
    _write_plan(nurse, patient, story)
    _be_on_call(vakt, story)
    kiosk = people.kiosk()
    _night(nurse, kiosk, patient, story)
    _worse(nurse, kiosk, story, keep)
    _taken_over(vakt, kiosk, patient, story, keep)
    _still(vakt, people.person("sus"), patient, story, keep)
    _looked_up(people.person("operator", story.amk_url), story, keep)
    _return(story, nurse, patient)
    _next_patient(nurse, people, story, keep)
    nurse.goto(f"{patient}/summary")
    expect(nurse.get_by_text("88–92 %")).to_be_visible()
    keep(nurse, "-summary")
