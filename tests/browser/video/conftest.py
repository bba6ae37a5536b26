"""A browser with a test picture and a beep in place of a nurse, and a site whose box has an ear and a link of its own."""

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from koffert_agent.video import visit as visit_module
from koffert_agent.video.settings import VideoSettings
from koffert_hub.registry import Role
from tests.browser.video.kit import KEEP_PEERS, Visit
from tests.support.bad_link import BadLink
from tests.support.visit import TEST_DEVICES
from tests.support.visit_site import Ear, VisitSite

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Test pictures to choose from (the second of three has depth and no colour) and a beep in place of a nurse.
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream=device-count=3",
]


@pytest.fixture(scope="module")
def nurses_browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if executable is None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("no Chromium: THE VIDEO TESTS DID NOT RUN", stacklevel=1)
        pytest.skip("NO CHROMIUM ON THIS MACHINE: nobody has held a visit (`make setup`)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    listening = Ear()
    monkeypatch.setattr(visit_module, "open_loudspeaker", lambda _source: listening)
    return listening


@pytest.fixture
def bad_link(monkeypatch: pytest.MonkeyPatch) -> BadLink:
    """A link that is good until a test says otherwise."""
    link = BadLink()
    link.install(monkeypatch)
    return link


@pytest.fixture
def devices() -> VideoSettings:
    """The box's devices; a file may say otherwise."""
    return TEST_DEVICES


@pytest.fixture
def site(
    tmp_path: Path, ear: Ear, bad_link: BadLink, devices: VideoSettings
) -> Iterator[VisitSite]:
    """A site whose box has this ear, on this link."""
    del ear, bad_link
    with VisitSite(tmp_path, devices=devices) as running:
        yield running


@pytest.fixture
def visit(nurses_browser: Browser, site: VisitSite) -> Iterator[Visit]:
    """Open the call page of the one patient; what its scripts complain of fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_page(role: Role = Role.NURSE, query: str = "") -> Page:
        context = nurses_browser.new_context(viewport={"width": 1280, "height": 800})
        contexts.append(context)
        context.add_cookies([{"name": "koffert", "value": site.token(role), "url": site.url}])
        page = context.new_page()
        page.add_init_script(KEEP_PEERS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{site.url}/patients/{site.rig.patient}/call{query}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
