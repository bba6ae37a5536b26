"""Everybody in the story who looks at a screen, each with a browser of their own."""

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import DESKTOP
from tests.browser.kiosk_look import PANELS
from tests.support.story_site import PASSWORD, StorySite


class People:
    """Opens a browser for whoever comes; `close` closes all."""

    def __init__(self, visiting: Browser, story: StorySite, patience_ms: int) -> None:
        self._visiting, self._story, self._patience_ms = visiting, story, patience_ms
        self._contexts: list[BrowserContext] = []

    def person(self, username: str, url: str = "") -> Page:
        """Someone who logs in."""
        page = self._page(self._visiting.new_context(viewport=DESKTOP))
        page.goto(f"{url or self._story.url}/login")
        page.fill("#username", username)
        page.fill("#password", PASSWORD)
        page.click(".primary")
        expect(page.locator("#password")).to_have_count(0)
        return page

    def kiosk(self) -> Page:
        """The patient's screen."""
        page = self._page(self._visiting.new_context(viewport=PANELS[0], has_touch=True))
        page.goto(f"http://127.0.0.1:{self._story.box.kiosk_port}/")
        return page

    def close(self) -> None:
        """Everybody goes home."""
        for context in self._contexts:
            context.close()

    def _page(self, context: BrowserContext) -> Page:
        context.set_default_timeout(self._patience_ms)
        self._contexts.append(context)
        return context.new_page()
