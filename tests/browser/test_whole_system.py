"""From a simulated finger to the nurse's page, through every real part in between."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from koffert_cli.demonstration.provision import NURSE
from koffert_cli.demonstration.site import Demonstration
from tests.support.demonstration import InBackground, patient, provisioned

# What is promised: a change is on the page within 2 s, a dead box is seen within 5 s.
CHANGE_WITHIN_MS = 2_000
STALE_WITHIN_MS = 5_000
# Two whole processes start and the first reading comes.
FIRST_VALUE_WITHIN_MS = 60_000


@pytest.fixture(params=[15, pytest.param(1, marks=pytest.mark.slow)], ids=["busy", "promised"])
def patience(request: pytest.FixtureRequest) -> int:
    """How many times the promised time a page gets; only the long suite has its machine alone."""
    times: int = request.param
    return times


@pytest.fixture(name="system")
def fixture_system(tmp_path: Path) -> Iterator[InBackground]:
    demonstration = Demonstration(provisioned(tmp_path, patients=1), report=lambda _step: None)
    demonstration.boxes[0].patient = patient(spo2_pct=94)
    with InBackground(demonstration) as running:
        yield running


@pytest.fixture(name="page")
def fixture_page(context: BrowserContext, system: InBackground) -> Page:
    site = system.demonstration.site
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{site.ports.web}/login")
    page.fill("#username", NURSE)
    page.fill("#password", site.password)
    page.click(".primary")
    return page


def spo2(page: Page) -> Locator:
    return page.locator("tr[data-patient] .spo2 .number")


def test_a_nurse_sees_the_finger(
    page: Page, system: InBackground, patience: int, keep: Callable[..., None]
) -> None:
    """The value follows the finger; a removed finger has none; a killed box turns stale."""
    box = system.demonstration.boxes[0]
    number = spo2(page)
    expect(number).to_have_text("94", timeout=FIRST_VALUE_WITHIN_MS)

    box.patient = patient(spo2_pct=81)
    expect(number).to_have_text("81", timeout=patience * CHANGE_WITHIN_MS)
    keep(page, "-desaturated")

    box.patient = patient(spo2_pct=81, finger_on=False)
    expect(number).to_have_text("––", timeout=patience * CHANGE_WITHIN_MS)
    keep(page, "-finger-removed")

    box.patient = patient(spo2_pct=93)
    expect(number).to_have_text("93", timeout=patience * CHANGE_WITHIN_MS)

    system.run(box.kill())
    row = page.locator("tr[data-patient]")
    expect(row).to_have_attribute("data-state", "stale", timeout=patience * STALE_WITHIN_MS)
    keep(page, "-box-killed")


def test_a_dead_hub_is_seen_and_a_living_one_again(
    page: Page, system: InBackground, patience: int
) -> None:
    number = spo2(page)
    expect(number).to_have_text("94", timeout=FIRST_VALUE_WITHIN_MS)
    hub = system.demonstration.hub
    system.run(hub.kill())
    expect(page.locator("#disconnected")).to_be_visible(timeout=patience * STALE_WITHIN_MS)
    system.run(hub.start())
    expect(page.locator("#disconnected")).to_be_hidden(timeout=60_000)
    expect(number).to_have_text("94", timeout=FIRST_VALUE_WITHIN_MS)
