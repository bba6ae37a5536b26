"""Debian's Chromium driven by Playwright, against the web app on loopback."""

import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from koffert_hub.registry import Role
from tests.browser.axe import AXE
from tests.web.hub import Hub, prepare_database

ARTIFACTS = Path(__file__).parent / "artifacts"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# The desktop that the ward view must fit without scrolling.
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # Nothing but the page may use the network.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # As on a nurse's desktop: no sound before the person has touched the page.
    "--autoplay-policy=document-user-activation-required",
]

# How long an expectation waits before it fails; one that is met returns at once.
EXPECTED_WITHIN_MS = 30_000

Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a file of tests; without one they say loudly that they did not run.

    Not for the session: Playwright keeps a loop running in this thread, where no other test could
    start one of its own.
    """
    executable = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if executable is None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("no Chromium: THE BROWSER TESTS DID NOT RUN", stacklevel=1)
        pytest.skip("NO CHROMIUM ON THIS MACHINE: nobody has looked at the pages (`make setup`)")
    expect.set_options(timeout=EXPECTED_WITHIN_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database that each test gets a copy of."""
    return prepare_database(tmp_path_factory.mktemp("prepared") / "hub.sqlite")


@pytest.fixture
def hub(tmp_path: Path, prepared: Path) -> Iterator[Hub]:
    """A web app that a test may serve, stop and serve again."""
    prepared_hub = Hub(tmp_path, prepared)
    yield prepared_hub
    prepared_hub.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of its own; any error in a page's console fails the test."""
    fresh = browser.new_context(locale="en-US", timezone_id="America/New_York", viewport=DESKTOP)
    yield fresh
    fresh.close()


@pytest.fixture
def visit(context: BrowserContext, hub: Hub) -> Iterator[Visit]:
    """Open a page in a session; what the page's scripts complain of fails the test."""
    complaints: list[str] = []

    def open_page(path: str = "/", role: Role = Role.NURSE) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        context.add_cookies([{"name": "koffert", "value": hub.session_token(role), "url": hub.url}])
        page.goto(hub.url + path)
        return page

    yield open_page
    assert complaints == []


@pytest.fixture
def bare(context: BrowserContext) -> BrowserContext:
    """A profile in which axe is on every page; a script of the page's own could not load it."""
    context.add_init_script(path=AXE)
    return context


@pytest.fixture
def keep(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keep a picture of the page for a person to look at."""
    name = request.node.name.removeprefix("test_")

    def screenshot(page: Page, suffix: str = "") -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTIFACTS / f"{name}{suffix}.png")

    return screenshot
