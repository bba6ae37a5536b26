"""The camera of a visit: pulled out, encoding by itself, large."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Page

from koffert_agent.video import shutter as shutter_module
from koffert_agent.video.camera import RATE_HZ
from koffert_agent.video.connection import Connection
from koffert_agent.video.ladder import RUNGS
from koffert_agent.video.settings import VideoSettings
from koffert_agent.video.shutter import CameraTrack
from tests.browser.video.kit import (
    BACK_WITHIN_S,
    LOG,
    PATIENCE_S,
    TOLD_WITHIN_S,
    Visit,
    frames,
    in_a_call,
    wait,
)
from tests.support.bad_link import BadLink
from tests.support.h264_camera import H264Camera
from tests.support.visit import TEST_DEVICES
from tests.support.visit_site import Ear, VisitSite

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]

_CODEC = """async () => {
  const report = await window.peers.at(-1).getStats();
  for (const item of report.values())
    if (item.type === "inbound-rtp" && item.kind === "video") return report.get(item.codecId).mimeType;
}"""
_WIDTH = "() => document.getElementById('patient').videoWidth"
# Each step up takes 6 s of a good link.
CLIMBED_WITHIN_S = 90.0
GOOD_BPS, NARROW_BPS = 2_000_000, 100_000


class Estimate:
    """What the far end says of the link; a busy machine's browser says too little of a good one."""

    bps = GOOD_BPS


@pytest.fixture
def estimate(monkeypatch: pytest.MonkeyPatch) -> Estimate:
    given = Estimate()
    monkeypatch.setattr(Connection, "_borne_bps", lambda _connection: given.bps)
    return given


def track(site: VisitSite) -> CameraTrack:
    """The box's pictures for the one watcher."""
    [connection] = site.rig.video.visit._connections.values()
    assert connection._camera is not None
    return connection._camera


def goes_on(page: Page) -> None:
    """The picture moves."""
    before = frames(page)
    wait(page, lambda: frames(page) > before + RATE_HZ, "moving pictures", PATIENCE_S)


def test_a_camera_that_is_pulled_out_leaves_the_sound(
    visit: Visit, site: VisitSite, ear: Ear
) -> None:
    page = visit()
    in_a_call(page, site)
    camera = site.rig.video.visit._shutter._camera
    assert camera is not None
    camera.stop()
    said = page.locator("#said")
    told_s = wait(page, lambda: "uten bilde" in (said.text_content() or ""), "the page knows")
    assert told_s < TOLD_WITHIN_S
    assert not site.screen.view.picture
    heard = len(ear.tones_hz)
    site.until(lambda: len(ear.tones_hz) > heard + 3, "the sound goes on")
    assert not site.rig.video.visit._shutter.is_open
    page.click("#hang-up")
    site.until(lambda: not site.rig.video.visit.devices_open, "all devices are free")
    in_a_call(page, site)
    goes_on(page)


class TestEncodesByItself:
    """A camera that gives H.264, a key frame each second."""

    @pytest.fixture(autouse=True)
    def camera(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[H264Camera]:
        with H264Camera(tmp_path) as camera:
            monkeypatch.setattr(shutter_module, "open_camera", lambda _settings: camera.open())
            yield camera

    def test_its_stream_is_passed_on_while_the_link_bears_it(
        self, visit: Visit, site: VisitSite, estimate: Estimate
    ) -> None:
        page = visit()
        in_a_call(page, site)
        passed_s = wait(page, lambda: track(site).passes, "passed on", CLIMBED_WITHIN_S)
        goes_on(page)
        assert (page.evaluate(_CODEC), page.evaluate(_WIDTH)) == ("video/H264", 640)
        # Nothing is decoded or encoded at the box any more.
        given = track(site).shutter.count
        goes_on(page)
        assert track(site).shutter.count - given <= 1
        LOG.info("the camera's own stream went out after %.0f s", passed_s)
        estimate.bps = NARROW_BPS
        wait(page, lambda: not track(site).passes, "made smaller", PATIENCE_S)
        goes_on(page)
        wait(page, lambda: page.evaluate(_WIDTH) < 640, "a smaller picture", PATIENCE_S)

    def test_a_lost_key_frame_is_made_here_and_the_stream_is_passed_on_again(
        self, visit: Visit, site: VisitSite, bad_link: BadLink, estimate: Estimate
    ) -> None:
        """The camera makes none on request; whoever begins or has lost much does not wait for its next."""
        del estimate
        page = visit()
        in_a_call(page, site)
        wait(page, lambda: track(site).passes, "passed on", CLIMBED_WITHIN_S)
        goes_on(page)
        bad_link.dark = True
        wait(page, page.locator("#frozen").is_visible, "the frozen picture", PATIENCE_S)
        page.wait_for_timeout(1_500)  # with the time that it took to be seen the dip is of some 3 s
        bad_link.dark = False
        wait(page, lambda: not track(site).passes, "encoded here", PATIENCE_S)
        back_s = wait(page, page.locator("#frozen").is_hidden, "moving again", PATIENCE_S)
        LOG.info("a passed on picture was back after %.1f s", back_s)
        assert back_s <= BACK_WITHIN_S
        wait(page, lambda: track(site).passes, "passed on again", CLIMBED_WITHIN_S)
        goes_on(page)


class TestLarge:
    """A camera of 1280x720."""

    @pytest.fixture
    def devices(self) -> VideoSettings:
        return msgspec.structs.replace(TEST_DEVICES, camera_size="1280x720")

    @pytest.mark.usefixtures("estimate")
    def test_a_good_link_gets_the_largest_picture(self, visit: Visit, site: VisitSite) -> None:
        page = visit()
        in_a_call(page, site)
        largest = RUNGS[-1].width
        climbed_s = wait(
            page, lambda: page.evaluate(_WIDTH) == largest, "the full size", CLIMBED_WITHIN_S
        )
        LOG.info("1280x720 after %.0f s", climbed_s)
        goes_on(page)
