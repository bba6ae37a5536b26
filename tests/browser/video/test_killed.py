"""Every process of a visit is killed once: both sides know within 5 s, nothing stays open, the next call works."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from koffert_agent.video.records import AnswerCall, CallState, EndCall
from koffert_cli.demonstration.children import Child, koffert
from koffert_cli.demonstration.provision import NURSE
from koffert_cli.demonstration.site import HUB_READY_WITHIN_S, Demonstration
from tests.browser.video.kit import frames, wait
from tests.drivers.stills.samples import beats, scp
from tests.support.demonstration import InBackground, patient, provisioned
from tests.support.visit import Screen

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]

TOLD_WITHIN_S = 5.0
_FLAGS = ["--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream"]
_FLAGS += ["--use-fake-device-for-media-stream", "--disable-background-networking"]


class Processes:
    """Broker, hub, gateway and video process, each as it ships, and the screen's end of the socket."""

    def __init__(self, background: InBackground) -> None:
        self._background = background
        demonstration = background.demonstration
        self.site, self.hub, self.box = (
            demonstration.site,
            demonstration.hub,
            demonstration.boxes[0],
        )
        settings = self.site.boxes[0].settings
        command = koffert("agent", "video", "--config", str(settings))
        self.video = Child("video", command, self.site.boxes[0].folder / "video.log")
        self.start_video()

    def start_video(self) -> None:
        """Start the video process and look at it as the kiosk does."""

        async def start() -> Screen:
            await self.video.start()
            return await Screen.open(self.site.boxes[0].folder / "data")

        self.screen = self._background.run(start())

    def kill(self, child: Child) -> None:
        """Kill -9."""
        self._background.run(child.kill())

    def kill_video(self) -> None:
        """Kill -9; the screen's socket ends with it."""
        self.kill(self.video)
        self._background.run(self.screen.close())

    def kill_gateway(self) -> None:
        """Kill -9."""
        self._background.run(self.box.kill())

    def start_gateway(self) -> None:
        """As systemd would."""
        self._background.run(self.box.start_agent())

    def start_hub(self) -> None:
        """As systemd would."""

        async def start() -> None:
            await self.hub.start()
            await self.hub.wait_for_port(self.site.ports.web, HUB_READY_WITHIN_S)

        self._background.run(start())

    def press(self, what: AnswerCall | EndCall) -> None:
        """As the patient does."""

        async def press() -> None:
            self.screen.press(what)

        self._background.run(press())

    def shows(self, state: CallState, within_s: float = 40.0) -> float:
        """Wait until the patient's screen shows this."""
        return self._background.run(self.screen.shows(state, within_s))

    def stop(self) -> None:
        """Stop the video process and the screen."""

        async def stop() -> None:
            await self.screen.close()
            await self.video.stop()

        self._background.run(stop())


@pytest.fixture(name="processes")
def fixture_processes(tmp_path: Path) -> Iterator[Processes]:
    demonstration = Demonstration(provisioned(tmp_path, patients=1), report=lambda _step: None)
    demonstration.boxes[0].patient = patient(spo2_pct=94)
    with InBackground(demonstration) as running:
        processes = Processes(running)
        try:
            yield processes
        finally:
            processes.stop()


@pytest.fixture(name="chromium")
def fixture_chromium() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("NO CHROMIUM ON THIS MACHINE: nobody has held a visit (`make setup`)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        yield browser
        browser.close()


def call_page(browser: Browser, processes: Processes) -> Page:
    """Logged in, on the patient's call page, with the numbers beside."""
    site = processes.site
    page = browser.new_context().new_page()
    page.goto(f"http://127.0.0.1:{site.ports.web}/login")
    page.fill("#username", NURSE)
    page.fill("#password", site.password)
    page.click(".primary")
    expect(page.locator("#password")).to_have_count(0)
    page.goto(f"http://127.0.0.1:{site.ports.web}/patients/{site.boxes[0].patient}/call")
    expect(page.locator(".spo2 .number")).to_have_text("94", timeout=20_000)
    return page


def talk(page: Page, processes: Processes) -> None:
    """Ring, be answered, see a picture."""
    page.click("#ring")
    processes.shows(CallState.RINGING)
    processes.press(AnswerCall(picture=True))
    wait(page, lambda: frames(page) > 0, "the first picture")


def crash(page: Page) -> None:
    """Kill the page's process; it has no time for a word."""
    with contextlib.suppress(PlaywrightError):
        page.goto("chrome://crash", timeout=1_000)


def said(page: Page, words: str) -> float:
    """Wait until the page says this; the seconds that it took."""
    return wait(page, lambda: words in (page.locator("#said").text_content() or ""), words)


def test_numbers_wave_and_ecg_stand_beside_the_picture_of_a_planned_visit(
    chromium: Browser, processes: Processes, keep: Callable[..., None]
) -> None:
    page = call_page(chromium, processes)
    page.goto(page.url.removesuffix("/call") + "/visits")
    expect(page.locator("tbody tr")).to_contain_text("planlagt")
    page.go_back()
    talk(page, processes)
    stills = processes.site.boxes[0].folder / "data" / "stills"
    stills.mkdir(parents=True, exist_ok=True)
    (stills / "cart.scp").write_bytes(scp(beats(size=5_000)))
    expect(page.locator("#wave")).to_have_attribute("data-state", "live", timeout=40_000)
    expect(page.locator("#ecg-beside svg").first).to_be_visible(timeout=60_000)
    expect(page.locator(".spo2 .number")).to_have_text("94")
    keep(page)


def test_whatever_is_killed_both_sides_know_and_the_next_call_works(
    chromium: Browser, processes: Processes
) -> None:
    page = call_page(chromium, processes)

    talk(page, processes)
    processes.kill_video()
    assert said(page, "Kofferten ble borte") < TOLD_WITHIN_S
    processes.start_video()
    assert processes.screen.view.state is CallState.IDLE

    talk(page, processes)
    processes.kill_gateway()
    assert said(page, "Ingen kontakt med kofferten") < TOLD_WITHIN_S
    assert processes.shows(CallState.WAITING) < TOLD_WITHIN_S
    processes.start_gateway()
    # The picture never needed the gateway; the call goes on by itself.
    wait(page, page.locator("#said").is_hidden, "the call goes on", 40)
    processes.shows(CallState.TALKING)

    processes.kill(processes.hub)
    assert said(page, "Ingen kontakt med sentralen") < TOLD_WITHIN_S
    assert processes.shows(CallState.WAITING) < TOLD_WITHIN_S
    processes.start_hub()
    said(page, "Samtalen er slutt")

    page = call_page(chromium, processes)
    talk(page, processes)
    crash(page)
    assert processes.shows(CallState.WAITING) < TOLD_WITHIN_S

    page = call_page(chromium, processes)
    page.click("#ring")
    processes.shows(CallState.TALKING)
    wait(page, lambda: frames(page) > 0, "back in the call")
    page.click("#hang-up")
    processes.shows(CallState.IDLE)
