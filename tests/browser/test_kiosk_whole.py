"""The patient's screen with the whole system behind it: hub there, hub away, hub back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from koffert_cli.demonstration.site import Demonstration
from tests.browser.kiosk_look import PANELS, check
from tests.support.demonstration import InBackground, patient, provisioned

# A measurement takes 10 s of steady signal.
MEASURED_WITHIN_MS = 30_000
SENT_WITHIN_MS = 40_000
# The demonstration's patient blows every 15 s; a blow that had begun before does not count.
BLOWN_WITHIN_MS = 45_000

FINGER_OFF, FINGER_ON = patient(91, 82, finger_on=False), patient(91, 82)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InBackground]:
    site = provisioned(tmp_path_factory.mktemp("site"), patients=1)
    demonstration = Demonstration(site, report=lambda _step: None, kiosks=1)
    demonstration.boxes[0].patient = FINGER_OFF
    with InBackground(demonstration) as background:
        yield background


@pytest.fixture
def page(browser: Browser, running: InBackground) -> Iterator[Page]:
    complaints: list[str] = []
    context = browser.new_context(viewport=PANELS[0], has_touch=True)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"http://127.0.0.1:{running.demonstration.boxes[0].kiosk_port}/")
    yield page
    context.close()
    assert complaints == []


def at(page: Page, name: str, within_ms: float = 15_000) -> None:
    """Wait for a screen; then all of it must be readable and within reach."""
    expect(page.locator("#screen")).to_have_attribute("data-name", name, timeout=within_ms)
    check(page)


def press(page: Page, *texts: str) -> None:
    """Press, each once the screen before it has gone."""
    for text in texts:
        before = page.locator("#title").text_content()
        page.get_by_role("button", name=text, exact=True).tap()
        expect(page.locator("#title")).not_to_have_text(before or "")


def measure(page: Page, running: InBackground) -> None:
    box = running.demonstration.boxes[0]
    press(page, "Ja, vi måler", "Ja", "Nei", "Ja", "Nei")
    at(page, "clip")
    box.patient = FINGER_ON
    at(page, "hold")
    expect(page.locator("#number")).to_be_hidden()
    at(page, "result", MEASURED_WITHIN_MS)
    box.patient = FINGER_OFF
    expect(page.locator("#value")).to_have_text("91")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_patient_measures_and_answers_with_the_hub_there_away_and_back(
    page: Page, running: InBackground
) -> None:
    at(page, "greeting")
    measure(page, running)
    expect(page.locator("#lines")).to_have_text("Sendt.", timeout=SENT_WITHIN_MS)
    press(page, "Gå videre", "Ja")
    at(page, "blow")
    at(page, "blown", BLOWN_WITHIN_MS)
    press(page, "Ferdig")
    at(page, "blow_result")
    expect(page.locator("#lines")).to_contain_text("Sendt.", timeout=SENT_WITHIN_MS)
    press(page, "Gå videre", "Ja", "Nei", "Nei", "Nei", "Nei", "Nei", "Nei")
    at(page, "done")
    expect(page.locator("#lines")).to_have_text("Sendt.", timeout=SENT_WITHIN_MS)
    press(page, "Ferdig")

    running.run(running.demonstration.broker.kill())
    expect(page.locator("#note")).to_contain_text("Nettet er borte", timeout=SENT_WITHIN_MS)
    at(page, "greeting")
    measure(page, running)
    expect(page.locator("#lines")).to_have_text("Lagret. Sendes når nettet er tilbake.")
    at(page, "result")

    running.run(running.demonstration.broker.start())
    expect(page.locator("#lines")).to_have_text("Sendt.", timeout=SENT_WITHIN_MS)
    press(page, "Gå videre", "Nei", "Nei", "Nei", "Nei", "Ferdig")
    at(page, "greeting")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_kiosk_that_is_away_leaves_nothing_standing(page: Page, running: InBackground) -> None:
    at(page, "greeting")
    box = running.demonstration.boxes[0]
    running.run(box.stop_kiosk())
    at(page, "starting", 20_000)
    running.run(box.start_kiosk())
    at(page, "greeting", 20_000)
