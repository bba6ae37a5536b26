"""The shared screen and the hand-over in a real browser."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from koffert_hub.alerts.records import Priority
from koffert_hub.registry import Role
from koffert_hub.web import credentials
from tests.browser.axe import violations
from tests.browser.conftest import Visit
from tests.web.hub import Hub
from tests.web.lent import lent

PIN = "4711"
BADGE = "0004711471147"


@pytest.fixture(autouse=True)
def _served(hub: Hub) -> Iterator[None]:
    with hub.engine.begin() as connection:
        credentials.set_pin(connection, Role.DOCTOR, PIN)
        credentials.set_badge(connection, Role.DOCTOR, BADGE)
    with hub.serve():
        yield


def test_a_red_alert_is_taken_by_badge_without_a_mouse(
    hub: Hub, visit: Visit, bare: BrowserContext, keep: Callable[..., None]
) -> None:
    hub.admit("Testpasient 1", "Testpasient 2")
    hub.board.raise_alert("a1", "p-1", Priority.RED, raised_ms=hub.now_ms())
    page = visit("/account")
    keep(page, "-account")
    assert violations(page) == []
    page.get_by_label("Skjermens navn").fill("Vaktrom")
    page.get_by_role("button", name="Start felles skjerm").click()
    row = page.locator("tr[data-patient=p-1]")
    expect(row.locator(".acknowledge")).to_be_visible()
    expect(page.get_by_text("Vaktrom")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("k")
    expect(page.get_by_role("dialog")).to_be_visible()
    # A reader types the number and ends with Enter.
    page.keyboard.type("000000")
    page.keyboard.press("Enter")
    expect(page.locator("#identify-problem")).to_have_text("Kjenner deg ikke igjen. Prøv igjen.")
    bare.add_cookies([{"name": "koffert_theme", "value": "night", "url": hub.url}])
    keep(page, "-wrong")
    assert violations(page) == []
    page.get_by_label("Les kortet").focus()
    page.keyboard.type(BADGE)
    page.keyboard.press("Enter")
    expect(row).to_contain_text("kvittert av Lege Test")
    row.locator(".name").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hvem er du?")
    page.get_by_label("Navn").select_option("doctor")
    page.get_by_label("PIN").fill(PIN)
    keep(page, "-identify-night")
    assert violations(page) == []
    page.get_by_role("button", name="Gå videre").click()
    expect(page.locator(".identity")).to_contain_text("Testpasient 1")
    page.get_by_role("button", name="Lege Test: ferdig").click()
    expect(page.locator("tr[data-patient=p-1]")).to_be_visible()
    expect(page.get_by_text("Vaktrom")).to_be_visible()


def test_a_shift_is_handed_over(
    hub: Hub, visit: Visit, bare: BrowserContext, keep: Callable[..., None]
) -> None:
    with lent(hub) as patient:
        patient.raise_alert()
        page = visit("/hand-over", Role.DOCTOR)
        expect(page.get_by_text("SpO₂ under 84 % to ganger")).to_be_visible()
        page.get_by_label("Beskjed som følger vakten").fill("Legen ringer kl. 14")
        keep(page)
        assert violations(page) == []
        page.get_by_role("button", name="Lege Test tar over vakten").click()
        expect(page.get_by_text("Vakten er tatt over av Lege Test")).to_be_visible()
        bare.add_cookies([{"name": "koffert_theme", "value": "night", "url": hub.url}])
        page.reload()
        keep(page, "-night")
        assert violations(page) == []
