"""The nurse at this machine's browser, while the box is in the virtual suitcase."""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect, sync_playwright

from tests.suitcase.centre import Centre

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
# A test picture and a beep in place of a nurse.
PRETENDS = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
_FRAMES = "() => document.getElementById('patient').getVideoPlaybackQuality().totalVideoFrames"
_SIZE = "() => [document.getElementById('patient').videoWidth, document.getElementById('patient').videoHeight]"
# The kernel's test picture has upright bars of full colour; what each of sixteen places across it shows.
_ACROSS = """() => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [16, 12];
  const context = canvas.getContext("2d");
  context.drawImage(document.getElementById("patient"), 0, 0, 16, 12);
  const pixels = context.getImageData(0, 9, 16, 1).data;
  return Array.from({ length: 16 }, (_, x) => Array.from(pixels.slice(4 * x, 4 * x + 3)));
}"""
_HALF = 110


@contextmanager
def nurse_at_the_call(centre: Centre) -> Iterator[Page]:
    """Logged in, with the call page of the one patient open."""
    password = secrets.token_urlsafe(16)
    user = ("nurse", "--name", "Sykepleier Test", "--role", "nurse", "--password", password)
    added = centre.hub("hub", "add-user", *user, as_json=False)
    assert added.exit_code == 0, added.error
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert executable is not None, "no Chromium on this machine: make setup"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=[*FLAGS, *PRETENDS])
        page = chromium.new_page()
        site = f"http://127.0.0.1:{centre.web_port}"
        page.goto(f"{site}/login")
        page.fill("#username", "nurse")
        page.fill("#password", password)
        page.click(".primary")
        patient = page.locator("tr[data-patient]").first
        expect(patient).to_be_visible(timeout=30_000)
        page.goto(f"{site}/patients/{patient.get_attribute('data-patient')}/call")
        yield page
        chromium.close()


def frames(page: Page) -> int:
    """How many of the patient's pictures the browser has decoded."""
    count: int = page.evaluate(_FRAMES)
    return count


def wait_for_frames(page: Page, at_least: int, within_s: float) -> None:
    """Wait until so many pictures have been decoded."""
    deadline_s = time.monotonic() + within_s
    while frames(page) < at_least:
        assert time.monotonic() < deadline_s, page.locator("#line").text_content()
        page.wait_for_timeout(200)


def size(page: Page) -> tuple[int, int]:
    """Of the patient's picture."""
    width, height = page.evaluate(_SIZE)
    return width, height


def colours(page: Page) -> set[tuple[bool, ...]]:
    """The different colours across the picture, each as whether it has red, green and blue."""
    return {tuple(part > _HALF for part in colour) for colour in page.evaluate(_ACROSS)}
