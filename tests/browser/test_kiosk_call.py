"""A visit between the nurse's page and the patient's: both real, with hub, broker and video process between."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from koffert_agent.clock import SystemClock
from koffert_agent.kiosk.server import Kiosk
from koffert_agent.kiosk.settings import KioskPlace, KioskSettings
from koffert_hub.registry import Role
from koffert_wire.notify import Notifier
from tests.browser.conftest import ARTIFACTS
from tests.browser.kiosk_look import PANELS, check
from tests.support.mosquitto import free_port
from tests.support.visit import until
from tests.support.visit_site import VisitSite

PATIENCE_MS = 40_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_FRAMES = "() => document.getElementById('patient').getVideoPlaybackQuality().totalVideoFrames"


class KioskAtSite:
    """The patient's screen, in the folder where the site's video process listens."""

    def __init__(self, folder: Path) -> None:
        self._kiosk = Kiosk(KioskPlace(folder, None, KioskSettings()), SystemClock())
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        config = uvicorn.Config(
            self._kiosk.app,
            port=port,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._stack = AsyncExitStack()
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._stack.enter_async_context(self._kiosk.running(Notifier()))
        self._serving = asyncio.create_task(self._server.serve(), name="kiosk")
        await until(lambda: self._server.started, "the kiosk's page")

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        await self._stack.aclose()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[VisitSite]:
    with VisitSite(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def visiting() -> Iterator[Browser]:
    """A browser with a test picture and a beep in place of a nurse."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip("NO CHROMIUM ON THIS MACHINE: nobody has held a visit (`make setup`)")
    fake = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=[*FLAGS, *fake])
        yield chromium
        chromium.close()


@pytest.fixture
def kiosk(site: VisitSite, tmp_path: Path, visiting: Browser) -> Iterator[Page]:
    running = KioskAtSite(tmp_path)
    site.run(running.start())
    context = visiting.new_context(viewport=PANELS[0], has_touch=True)
    page = context.new_page()
    page.goto(running.url)
    yield page
    context.close()
    site.run(running.stop())


@pytest.fixture
def nurse(site: VisitSite, visiting: Browser) -> Iterator[Page]:
    context = visiting.new_context(viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": "koffert", "value": site.token(Role.NURSE), "url": site.url}])
    page = context.new_page()
    page.goto(f"{site.url}/patients/{site.rig.patient}/call")
    yield page
    context.close()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_nurse_visits_and_each_sees_the_other(kiosk: Page, nurse: Page, site: VisitSite) -> None:
    nurse.click("#ring")
    screen, title = kiosk.locator("#screen"), kiosk.locator("#title")
    expect(screen).to_have_attribute("data-name", "ring", timeout=PATIENCE_MS)
    expect(kiosk.locator("#lines")).to_contain_text("Sykepleier Test")
    assert not site.rig.video.visit.devices_open
    check(kiosk)
    ARTIFACTS.mkdir(exist_ok=True)
    kiosk.screenshot(path=ARTIFACTS / "kiosk_real_ring.png")

    kiosk.get_by_role("button", name="Svar med bilde").tap()
    expect(screen).to_have_attribute("data-name", "talk", timeout=PATIENCE_MS)
    watched = kiosk.locator("#who")
    expect(watched).to_contain_text("Sykepleier Test", timeout=PATIENCE_MS)
    expect(kiosk.locator("#light")).to_be_visible()
    # The nurse sees the patient, and the patient the nurse.
    her = kiosk.locator("#nurse")
    expect(her).to_be_visible(timeout=PATIENCE_MS)
    expect(her).not_to_have_js_property("naturalWidth", 0, timeout=PATIENCE_MS)
    began_s = time.monotonic()
    while nurse.evaluate(_FRAMES) == 0:
        assert time.monotonic() - began_s < PATIENCE_MS / 1000
        nurse.wait_for_timeout(100)

    nurse.fill("#caption", "Hører du meg?")
    nurse.press("#caption", "Enter")
    expect(kiosk.locator("#caption")).to_have_text("Hører du meg?", timeout=PATIENCE_MS)
    check(kiosk)
    kiosk.screenshot(path=ARTIFACTS / "kiosk_real_visit.png")

    kiosk.get_by_role("button", name="Legg på").tap()
    expect(screen).to_have_attribute("data-name", "starting", timeout=PATIENCE_MS)
    expect(watched).to_be_hidden()
    expect(title).to_have_text("Kofferten gjør seg klar.")
    expect(nurse.locator("#said")).to_have_text("Samtalen er slutt.", timeout=PATIENCE_MS)
    assert not site.rig.video.visit.devices_open
