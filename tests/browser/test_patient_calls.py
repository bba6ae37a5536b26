"""The patient's own call, through the whole demonstration: kiosk, box, hub, the ward's page, and a visit in answer."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from koffert_cli.demonstration.provision import NURSE
from koffert_cli.demonstration.site import Demonstration
from tests.browser.conftest import ARTIFACTS
from tests.browser.kiosk_look import PANELS
from tests.browser.test_kiosk_call import visiting
from tests.support.demonstration import InBackground, patient, provisioned

__all__ = ["visiting"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
PATIENCE_MS = 40_000
RED_WITHIN_MS = 90_000
_FRAMES = "() => document.getElementById('patient').getVideoPlaybackQuality().totalVideoFrames"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InBackground]:
    site = provisioned(tmp_path_factory.mktemp("site"), patients=1)
    demonstration = Demonstration(site, report=lambda _step: None, kiosks=1)
    demonstration.boxes[0].patient = patient(91, 82, finger_on=False)
    with InBackground(demonstration) as background:
        yield background


@pytest.fixture
def kiosk(visiting: Browser, running: InBackground) -> Iterator[Page]:
    context = visiting.new_context(viewport=PANELS[0], has_touch=True)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{running.demonstration.boxes[0].kiosk_port}/")
    yield page
    context.close()


@pytest.fixture
def ward(visiting: Browser, running: InBackground) -> Iterator[Page]:
    """The nurse's browser, logged in and at the ward."""
    site = running.demonstration.site
    context = visiting.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{site.ports.web}/login")
    page.fill("#username", NURSE)
    page.fill("#password", site.password)
    page.click(".primary")
    expect(page.locator("tr[data-patient]")).to_be_visible(timeout=PATIENCE_MS)
    yield page
    context.close()


def call(kiosk: Page, ward: Page) -> None:
    """The patient presses «Ring sykepleier»; the ward's row asks for an answer."""
    kiosk.locator("#call").tap()
    row = ward.locator("tr[data-patient]")
    expect(row.locator(".cause")).to_contain_text("ringer", timeout=PATIENCE_MS)
    expect(row.locator(".answer")).to_be_visible()


def test_the_nurse_answers_with_video(kiosk: Page, ward: Page) -> None:
    call(kiosk, ward)
    ARTIFACTS.mkdir(exist_ok=True)
    ward.screenshot(path=ARTIFACTS / "ward_patient_calls.png")
    ward.locator("tr[data-patient] .answer").click()
    screen = kiosk.locator("#screen")
    expect(screen).to_have_attribute("data-name", "ring", timeout=PATIENCE_MS)
    kiosk.get_by_role("button", name="Svar med bilde").tap()
    expect(screen).to_have_attribute("data-name", "talk", timeout=PATIENCE_MS)
    began_s = time.monotonic()
    while ward.evaluate(_FRAMES) == 0:
        assert time.monotonic() - began_s < PATIENCE_MS / 1000
        ward.wait_for_timeout(100)
    ward.screenshot(path=ARTIFACTS / "call_answered.png")
    kiosk.screenshot(path=ARTIFACTS / "kiosk_call_answered.png")
    ward.click("#hang-up")
    expect(screen).not_to_have_attribute("data-name", "talk", timeout=PATIENCE_MS)
    # It was taken: nothing is open, and a reload of the page rings nobody.
    ward.reload()
    expect(ward.locator("#ring")).to_be_visible()
    ward.goto(ward.url.partition("/patients/")[0])
    expect(ward.locator("tr[data-patient] .answer")).to_be_hidden(timeout=PATIENCE_MS)


def test_a_call_that_nobody_answers_becomes_red(kiosk: Page, ward: Page) -> None:
    call(kiosk, ward)
    row = ward.locator("tr[data-patient]")
    expect(row).to_have_attribute("data-band", "red", timeout=RED_WITHIN_MS)
    expect(row.locator(".answer")).to_be_visible()
