"""The loan's story through the real parts: command line, hub, broker, box, meter and the nurse's browser."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from koffert_agent.byte_search import search
from koffert_agent.loan import read_loan
from koffert_drivers.simulated.oximeter import SimulatedOximeter
from koffert_drivers.simulated.physiology import Physiology
from tests.support.cli_site import CliBox, CliSite

BOX = "koffert-0001"
NUMBER = "018150 12433"  # synthetic: 80 is added to the month
PASSWORD = "hemmelig nok til test"


class Story:
    """A centre and a suitcase on a loop of their own, while a nurse looks at the pages."""

    def __init__(self, folder: Path, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self.run = run
        self.meter = SimulatedOximeter("contec-v7", Physiology(spo2_pct=91, pulse_bpm=82))
        self.site = CliSite(folder)
        assert self.site.init().exit_code == 0
        made = self.site.hub(
            *("hub", "add-user", "kari", "--role", "nurse", "--name", "Sykepleier Test"),
            *("--password", PASSWORD),
            as_json=False,
        )
        assert made.exit_code == 0, made.error
        self.box: CliBox | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.site.running())
            await stack.enter_async_context(self.meter)
            self.box = self.site.box("first", self.meter.path)
            enrolled = await asyncio.to_thread(self.box.run, "enrol", self.site.code(BOX))
            assert enrolled.exit_code == 0, enrolled.error
            await self.box.agent.start()
            stack.push_async_callback(self.box.agent.stop)
            yield


@contextmanager
def _loop() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="story")
    thread.start()
    try:
        yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(120)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(name="story")
def fixture_story(tmp_path: Path) -> Iterator[Story]:
    with _loop() as run:
        story = Story(tmp_path, run)
        running = story.running()
        run(running.__aenter__())
        try:
            yield story
        finally:
            run(running.__aexit__(None, None, None))


def _register(page: Page, base: str, name: str, number: str) -> None:
    page.goto(f"{base}/patients")
    page.get_by_label("Navn", exact=True).fill(name)
    page.get_by_role("textbox", name="Fødselsnummer").fill(number)
    page.get_by_role("button", name="Registrer pasient").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def _log_in(page: Page, base: str) -> None:
    page.goto(f"{base}/login")
    page.fill("#username", "kari")
    page.fill("#password", PASSWORD)
    page.click(".primary")


def _lend(story: Story, page: Page, base: str) -> str:
    """Lent by web, with the doctor's target; the box hears of it by itself. Returns the loan's page."""
    _register(page, base, "Testpasient 1", NUMBER)
    page.get_by_label("Fra %").fill("88")
    page.get_by_label("Til %").fill("92")
    page.get_by_label("NEWS2-skala").select_option("2")
    page.get_by_label("Legens navn").fill("Lege Test")
    page.get_by_role("button", name="Lån ut").click()
    expect(page.get_by_text("Har koffert: koffert-0001")).to_be_visible()
    story.run(story.site.followed(BOX))
    return page.url


def _confirm(page: Page, base: str) -> None:
    """The first value is on the ward, and not believed to be this patient's before somebody saw that."""
    page.goto(base)
    row = page.locator("tr[data-patient]")
    expect(row.locator(".spo2 .number")).to_have_text("91", timeout=60_000)
    expect(row).to_have_attribute("data-marks", "unconfirmed")
    row.locator(".name").click()
    page.get_by_role("button", name="Navn og numre stemmer").click()
    expect(page.locator(".identity .mark")).to_have_count(0)


def _plan(story: Story, box: CliBox, page: Page, loan: str) -> None:
    """The patient's own plan reaches the box."""
    page.goto(loan)
    page.get_by_role("link", name="Egenbehandlingsplan").click()
    for zone in ("Grønn: som vanlig", "Gul: varsel", "Rød: få hjelp"):
        page.get_by_label(zone).fill(f"Plan: {zone}")
    page.get_by_role("button", name="Lagre og send til kofferten").click()
    expect(page.get_by_text("Skrevet av Sykepleier Test")).to_be_visible()
    story.run(story.site.followed(BOX))
    plan = read_loan(box.data).plan
    assert plan is not None
    assert plan.red == "Plan: Rød: få hjelp"


def _worsen(story: Story, page: Page, base: str) -> None:
    """A low value waits for its repeat: no alarm yet, and the next shift is told."""
    story.meter.physiology = Physiology(spo2_pct=81, pulse_bpm=118)
    page.goto(base)
    row = page.locator("tr[data-patient]")
    expect(row.locator(".spo2 .number")).to_have_text("81")
    page.goto(f"{base}/hand-over")
    for _ in range(30):
        if page.get_by_text("ny måling ventes innen").count():
            break
        page.wait_for_timeout(1000)
        page.reload()
    expect(page.get_by_text("ny måling ventes innen").first).to_be_visible()


def _return(story: Story, box: CliBox, page: Page, loan: str) -> None:
    """Returned by web, wiped by the box itself, and ready by its own proof."""
    page.goto(loan)
    page.get_by_role("button", name="Avslutt lånet").click()
    expect(page.get_by_text("Før neste utlån:")).to_be_visible()
    story.run(story.site.followed(BOX))
    story.run(box.agent.stop())
    report = box.folder / "wipe.json"
    wiped = box.run("wipe", "--report", str(report))
    assert wiped.exit_code == 0, wiped.error
    assert search([box.data], [b"Plan: ", NUMBER.encode()]).findings == []
    for tick in page.locator("input[name=done]").all():
        tick.check()
    page.locator("input[name=report]").set_input_files(report)
    page.get_by_role("button", name="Kryss av").click()
    expect(page.get_by_text("klar til utlån")).to_be_visible()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_loan_from_the_first_code_to_the_next_patient(
    story: Story, context: BrowserContext, keep: Callable[..., None]
) -> None:
    assert story.box is not None
    base = f"http://127.0.0.1:{story.site.web_port}"
    page = context.new_page()
    _log_in(page, base)
    loan = _lend(story, page, base)
    _confirm(page, base)
    _plan(story, story.box, page, loan)
    _worsen(story, page, base)
    keep(page, "-awaited")
    _return(story, story.box, page, loan)

    _register(page, base, "Testpasient 2", "028150 12472")
    page.get_by_role("button", name="Lån ut").click()
    story.meter.physiology = Physiology(spo2_pct=95, pulse_bpm=70)
    story.run(story.box.agent.start())
    story.run(story.site.followed(BOX))
    page.goto(base)
    row = page.locator("tr[data-patient]")
    expect(row).to_have_count(1)
    expect(row.locator(".name")).to_have_text("Testpasient 2")
    expect(row.locator(".spo2 .number")).to_have_text("95", timeout=60_000)
    page.goto(loan.removesuffix("/loan") + "/summary")
    expect(page.get_by_text("88–92 %")).to_be_visible()
    keep(page, "-summary")
