"""What the tests of a visit share: how long things may take, and a page in a call."""

import logging
import time
from collections.abc import Callable

from playwright.sync_api import Browser, Page, expect

from koffert_agent.video.records import AnswerCall, CallState
from koffert_hub.registry import Role
from tests.support.visit_site import VisitSite

LOG = logging.getLogger(__name__)

# What issue and design ask for.
CONNECTED_WITHIN_S = 3.0

TOLD_WITHIN_S = 5.0

FROZEN_WITHIN_MS = 1500

BACK_WITHIN_S = 3.0

VITALS_WITHIN_S = 2.0

# For what has no time limit of its own.
PATIENCE_S = 30.0

PATIENCE_MS = PATIENCE_S * 1000

# So that a test can ask for numbers that the page shows only as words.
KEEP_PEERS = """(() => {
  const Plain = RTCPeerConnection;
  window.peers = [];
  window.RTCPeerConnection = class extends Plain {
    constructor(...settings) { super(...settings); window.peers.push(this); }
  };
})()"""

# The box's tone, and half the width of a field of the page's spectrum (48 kHz, 8192 points).
TONE_HZ, TONE_WITHIN_HZ = 440, 6

# The loudest frequency of what the page plays.
LISTEN = """() => {
  const video = document.getElementById("patient");
  window.heardHz = 0;
  const context = new AudioContext();
  const spectrum = context.createAnalyser();
  spectrum.fftSize = 8192;
  context.createMediaStreamSource(video.srcObject).connect(spectrum);
  const bins = new Float32Array(spectrum.frequencyBinCount);
  setInterval(() => {
    spectrum.getFloatFrequencyData(bins);
    const loudest = bins.indexOf(Math.max(...bins));
    if (bins[loudest] > -60) window.heardHz = loudest * context.sampleRate / spectrum.fftSize;
  }, 100);
}"""

FRAMES_SO_FAR = (
    "() => document.getElementById('patient').getVideoPlaybackQuality().totalVideoFrames"
)

# Who come to a visit of three, as the patient reads them.
NAMES = ("Sykepleier Test", "Lege Test", "AMK")

Visit = Callable[..., Page]


def in_a_call(page: Page, site: VisitSite, *, picture: bool = True) -> float:
    """Ring and be answered; returns the seconds from the answer to the first picture."""
    page.click("#ring")
    site.until(lambda: site.screen.view.state is CallState.RINGING, "ringing")
    site.press(AnswerCall(picture=picture))
    if not picture:
        expect(page.locator("#said")).to_have_text("Pasienten svarte uten bilde.")
        return 0.0
    return wait(page, lambda: frames(page) > 0, "the first picture")


def hears_the_tone(page: Page) -> None:
    """What the box's microphone gives is what the page plays."""
    page.evaluate(LISTEN)
    wait(page, lambda: abs(page.evaluate("window.heardHz") - TONE_HZ) <= TONE_WITHIN_HZ, "the tone")


def frames(page: Page) -> int:
    """Pictures decoded so far."""
    return int(page.evaluate(FRAMES_SO_FAR))


def wait(page: Page, condition: Callable[[], bool], what: str, within_s: float = 40.0) -> float:
    """Look until it is so: the page's policy forbids the polling that Playwright brings."""
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() - began_s < within_s, f"{what}: not within {within_s:g} s"
        page.wait_for_timeout(50)
    return time.monotonic() - began_s


def goes_on(page: Page) -> None:
    """The picture moves."""
    before = frames(page)
    wait(page, lambda: frames(page) > before + 15, "moving pictures", PATIENCE_S)


class Party:
    """Opens pages of one site; `query` is of the address of each."""

    def __init__(self, browser: Browser, site: VisitSite, query: str) -> None:
        self._browser, self.site, self._query = browser, site, query
        self.connected_s = 0.0

    def page(self, role: Role) -> Page:
        """The call page of somebody of the centre."""
        page = self._new_page()
        page.context.add_cookies(
            [{"name": "koffert", "value": self.site.token(role), "url": self.site.url}]
        )
        page.goto(f"{self.site.url}/patients/{self.site.rig.patient}/call{self._query}")
        return page

    def is_complete(self) -> bool:
        """Whether the patient reads all three names, in whatever order."""
        return sorted(self.site.screen.view.watchers) == sorted(NAMES)

    def gather(self) -> list[Page]:
        """Nurse, doctor and, by a link, AMK; each with a picture."""
        nurse, doctor, guest = (
            self.page(Role.NURSE),
            self.page(Role.DOCTOR),
            self._new_page(),
        )
        self.connected_s = in_a_call(nurse, self.site)
        nurse.select_option("#guest-kind", "amk")
        nurse.click("#invite")
        expect(nurse.locator("#invitation")).to_be_visible(timeout=PATIENCE_MS)
        doctor.click("#ring")
        self.site.until(lambda: len(self.site.screen.view.watchers) == 2, "the doctor's seat")
        guest.goto(nurse.locator("#guest-link").input_value().replace("#", f"{self._query}#"))
        guest.click("#ring")
        pages = [nurse, doctor, guest]
        for page in pages:
            goes_on(page)
        self.site.until(self.is_complete, "all on the patient's screen")
        return pages

    def _new_page(self) -> Page:
        page = self._browser.new_context().new_page()
        page.add_init_script(KEEP_PEERS)
        return page
