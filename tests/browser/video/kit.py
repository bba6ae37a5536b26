"""What the tests of a visit share: how long things may take, and a page in a call."""

import logging
import time
from collections.abc import Callable

from playwright.sync_api import Page, expect

from koffert_agent.video.records import AnswerCall, CallState
from tests.support.visit_site import VisitSite

LOG = logging.getLogger(__name__)

# What issue and design ask for.
CONNECTED_WITHIN_S = 3.0

TOLD_WITHIN_S = 5.0

FROZEN_WITHIN_S = 2.5

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

SOUND = """async () => {
  const report = await window.peers.at(-1).getStats();
  for (const item of report.values()) {
    if (item.type === "inbound-rtp" && item.kind === "audio")
      return [item.totalSamplesReceived, item.concealedSamples, item.concealmentEvents];
  }
}"""

FRAMES_SO_FAR = (
    "() => document.getElementById('patient').getVideoPlaybackQuality().totalVideoFrames"
)

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
