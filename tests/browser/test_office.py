"""Patients, loans and suitcases in a real browser: what a nurse fills in, by day and by night."""

from collections.abc import Callable, Iterator

import msgspec
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from koffert_hub import registry
from koffert_hub.alerts.roster import RosterEntry, keep_entry
from koffert_hub.database import reading
from koffert_hub.registry import Role
from koffert_hub.times import from_ms
from koffert_hub.visits.calendar import visits_of
from tests.browser.axe import violations
from tests.browser.conftest import Visit
from tests.web.hub import Hub, place
from tests.web.office import BOX, Office

NUMBER = "01815012433"  # synthetic: 80 is added to the month


@pytest.fixture(autouse=True)
def _served(hub: Hub) -> Iterator[None]:
    with hub.serve():
        yield


@pytest.fixture(name="office")
def fixture_office(hub: Hub) -> Office:
    return Office(hub, BOX, "koffert-0002", "koffert-0003")


def _show_ward(hub: Hub) -> None:
    """Put on the ward who has a suitcase, as the projector does."""
    with reading(hub.engine) as connection:
        ward = registry.ward(connection)
    rows = [
        msgspec.structs.replace(
            place(one.display_name), patient=one.patient, suitcase=one.suitcase, marks=one.marks
        )
        for one in ward
    ]
    hub.on_loop(lambda: hub.feed.set_patients(rows, hub.sequence))


def _by_night(context: BrowserContext, hub: Hub) -> None:
    context.add_cookies([{"name": "koffert_theme", "value": "night", "url": hub.url}])


def _look_through(page: Page) -> None:
    """Nothing that axe finds, and nothing beyond the edge of the screen."""
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.usefixtures("office")
def test_a_patient_is_registered_lent_a_suitcase_and_seen(
    hub: Hub, visit: Visit, bare: BrowserContext, keep: Callable[..., None]
) -> None:
    page = visit("/")
    page.get_by_role("button", name="Sider").click()
    page.get_by_role("link", name="Pasienter og utlån").click()
    page.get_by_label("Navn", exact=True).fill("Testpasient 1")
    page.get_by_role("textbox", name="Fødselsnummer").fill("018150 12433")
    page.get_by_label("Pårørende").fill("Testpårørende, 00 00 00 00")
    _look_through(page)
    page.get_by_role("button", name="Registrer pasient").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Testpasient 1")
    page.get_by_label("Fra %").fill("88")
    page.get_by_label("Til %").fill("92")
    page.get_by_label("Legens navn").fill("Lege Test")
    keep(page, "-lend")
    _look_through(page)
    page.get_by_role("button", name="Lån ut").click()
    expect(page.get_by_text("Har koffert: koffert-0001")).to_be_visible()
    keep(page, "-lent")
    _look_through(page)
    _show_ward(hub)
    page.goto(hub.url)
    row = page.locator("tr[data-patient]")
    expect(row.locator(".status")).to_have_text("ubekreftet")
    row.locator(".name").click()
    expect(page.locator(".identity")).to_contain_text("018150 12433")
    _by_night(bare, hub)
    page.reload()
    keep(page, "-patient-night")
    _look_through(page)
    confirm = page.get_by_role("button", name="Navn og numre stemmer")
    confirm.click()
    expect(confirm).to_have_count(0)
    _show_ward(hub)
    page.reload()
    expect(page.locator(".identity .mark")).to_have_count(0)


def test_the_lists_by_day_and_night(
    hub: Hub, office: Office, visit: Visit, bare: BrowserContext, keep: Callable[..., None]
) -> None:
    first = office.register("Testpasient Nord", birth_number=NUMBER)
    second = office.register("Testpassient Nort")
    third = office.register("Testpasient 3")
    for patient, box in ((first, BOX), (second, "koffert-0002"), (third, "koffert-0003")):
        assert office.lend(patient, box) == ""
    office.post(f"/patients/{second}/loan/step", step="pause")
    office.post(f"/patients/{third}/loan/step", step="end")
    office.post("/suitcases/koffert-0003", done=["contents", "cleaned"])
    with reading(hub.engine) as connection:
        planned = visits_of(connection, first)
    day = from_ms(planned[0].starts_ms)
    office.post(f"/visits/{planned[1].id}", step="cancel")
    for theme in ("day", "night"):
        if theme == "night":
            _by_night(bare, hub)
        for name, path in (
            ("patients", "/patients"),
            ("suitcases", "/suitcases"),
            ("visits", f"/visits?day={day:%Y-%m-%d}"),
            ("visits-of-one", f"/patients/{first}/visits"),
        ):
            page = visit(path, Role.NURSE)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            keep(page, f"-{name}-{theme}")
            _look_through(page)
    _show_ward(hub)
    page = visit("/")
    expect(page.locator(".status", has_text="likt navn")).to_have_count(2)
    keep(page, "-ward-night")
    _look_through(page)


def test_the_papers_by_day_and_night(
    hub: Hub, office: Office, visit: Visit, bare: BrowserContext, keep: Callable[..., None]
) -> None:
    patient = office.register("Testpasient 1", birth_number=NUMBER)
    assert office.lend(patient) == ""
    hub.store_of(patient, [(hub.now_ms() - 1000, {"spo2_pct": 91.0, "pulse_bpm": 82.0})])
    with hub.engine.begin() as connection:
        entry = RosterEntry(
            username=Role.DOCTOR,
            name="Lege Test",
            skills=("lunge", "spirometri"),
            place="Stavanger",
            place_in_line=1,
            channels=("sms:+4700000001",),
        )
        keep_entry(connection, office.centre, entry, by=Role.DOCTOR, now_ms=0)
    page = visit(f"/patients/{patient}/zones")
    page.get_by_label("Grønn: som vanlig").fill("Går tur hver dag.")
    page.get_by_label("Gul: varsel").fill("Mer slim: inhaler ekstra, hvil, mål igjen om en time.")
    page.get_by_label("Rød: få hjelp").fill("Ring sykepleieren med den grønne knappen.")
    page.get_by_role("button", name="Lagre og send til kofferten").click()
    expect(page.get_by_text("Skrevet av Sykepleier Test")).to_be_visible()
    for theme in ("day", "night"):
        if theme == "night":
            _by_night(bare, hub)
        for name in ("zones", "summary"):
            page.goto(f"{hub.url}/patients/{patient}/{name}")
            keep(page, f"-{name}-{theme}")
            _look_through(page)
        page.goto(f"{hub.url}/staff")
        keep(page, f"-staff-{theme}")
        _look_through(page)
    page.goto(f"{hub.url}/patients/{patient}/summary")
    page.emulate_media(media="print")
    expect(page.locator(".bar")).to_be_hidden()
    keep(page, "-printed")
