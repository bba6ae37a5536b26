"""The patient's screen on both panels, with the whole system behind it: hub there, hub away, hub back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from koffert_cli.demonstration.site import Demonstration
from tests.browser.conftest import ARTIFACTS
from tests.support.demonstration import InBackground, patient, provisioned

# Seven-inch panels, both 154 mm wide; the limits are in millimetres because fingers and eyes are.
PANELS: list[ViewportSize] = [{"width": 1024, "height": 600}, {"width": 800, "height": 480}]
PANEL_WIDTH_MM = 154
LEAST_TOUCH_MM = 20
LEAST_TEXT_MM = 7
LEAST_TEXT_PX, LEAST_NUMBER_PX = 28, 96
LEAST_CONTRAST = 7
MOST_BUTTONS = 2
# A measurement takes 10 s of steady signal.
MEASURED_WITHIN_MS = 30_000
SENT_WITHIN_MS = 40_000

FINGER_OFF, FINGER_ON = patient(91, 82, finger_on=False), patient(91, 82)

# What is on the screen and how large it is; contrast by the formula of WCAG 2.2 (1.4.6).
_LOOK = """() => {
  const seen = [...document.querySelectorAll('h1, p, button')].filter((e) => e.offsetParent !== null);
  const light = (colour) => {
    const [r, g, b] = colour.match(/[0-9.]+/g).map(Number).map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    const colour = getComputedStyle(e).backgroundColor;
    return colour === 'rgba(0, 0, 0, 0)' && e.parentElement ? behind(e.parentElement) : colour;
  };
  return seen.map((e) => {
    const box = e.getBoundingClientRect();
    const [dark, bright] = [light(getComputedStyle(e).color), light(behind(e))].sort((a, b) => a - b);
    return {
      text: e.textContent.trim(), button: e.tagName === 'BUTTON', id: e.id,
      width: box.width, height: box.height,
      inside: box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight,
      font: parseFloat(getComputedStyle(e).fontSize), contrast: (bright + 0.05) / (dark + 0.05),
    };
  });
}"""


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
    """Wait for a screen; then all of it must be readable and within reach, on both panels."""
    expect(page.locator("#screen")).to_have_attribute("data-name", name, timeout=within_ms)
    for panel in PANELS:
        page.set_viewport_size(panel)
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTIFACTS / f"kiosk_{panel['width']}_{name}.png")
        _check(page, panel["width"] / PANEL_WIDTH_MM)


def _check(page: Page, px_per_mm: float) -> None:
    seen = page.evaluate(_LOOK)
    for element in seen:
        assert element["inside"], element
        assert element["font"] >= max(LEAST_TEXT_PX, LEAST_TEXT_MM * px_per_mm), element
        assert element["contrast"] >= LEAST_CONTRAST, element
        if element["button"]:
            assert element["width"] >= LEAST_TOUCH_MM * px_per_mm, element
            assert element["height"] >= LEAST_TOUCH_MM * px_per_mm, element
    offered = [e for e in seen if e["button"] and e["id"] not in {"call", "volume"}]
    assert len(offered) <= MOST_BUTTONS


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
    assert float(_style(page, "#value", "fontSize").removesuffix("px")) >= LEAST_NUMBER_PX


def _style(page: Page, selector: str, name: str) -> str:
    found: str = page.locator(selector).evaluate(f"element => getComputedStyle(element).{name}")
    return found


@pytest.mark.timeout(180)
def test_a_patient_measures_and_answers_with_the_hub_there_away_and_back(
    page: Page, running: InBackground
) -> None:
    at(page, "greeting")
    measure(page, running)
    expect(page.locator("#lines")).to_have_text("Sendt.", timeout=SENT_WITHIN_MS)
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
    press(page, "Gå videre", "Nei", "Nei", "Nei", "Ferdig")
    at(page, "greeting")


@pytest.mark.timeout(120)
def test_a_call_says_what_is_true_and_leads_back(page: Page) -> None:
    at(page, "greeting")
    page.locator("#call").tap()
    at(page, "call")
    expect(page.locator("#call")).to_be_hidden()
    expect(page.locator("#lines")).to_contain_text("Ved fare for liv: ring 113.")
    press(page, "Tilbake")
    at(page, "greeting")


@pytest.mark.timeout(120)
def test_there_is_no_way_out_and_nothing_to_type_into(page: Page) -> None:
    at(page, "greeting")
    assert page.locator("a, input, textarea, select, form, iframe, [contenteditable]").count() == 0
    prevented = page.evaluate(
        """() => ["contextmenu", "keydown", "dragstart", "wheel"].filter((kind) =>
            !document.dispatchEvent(new Event(kind, { bubbles: true, cancelable: true })))"""
    )
    assert prevented == ["contextmenu", "keydown", "dragstart", "wheel"]
    assert page.evaluate(
        "() => [scrollY, document.documentElement.scrollHeight <= innerHeight]"
    ) == [
        0,
        True,
    ]


@pytest.mark.timeout(120)
def test_a_kiosk_that_is_away_leaves_nothing_standing(page: Page, running: InBackground) -> None:
    at(page, "greeting")
    box = running.demonstration.boxes[0]
    running.run(box.stop_kiosk())
    at(page, "starting", 20_000)
    running.run(box.start_kiosk())
    at(page, "greeting", 20_000)
