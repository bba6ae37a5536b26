"""No violation of WCAG 2.2 AA that axe can find, on any page, by day and by night."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from koffert_hub.alerts.card import Card, write_card
from koffert_hub.alerts.prescription import Change, prescribe
from koffert_hub.alerts.records import Priority
from koffert_hub.documents.dispatch import Hand
from koffert_hub.documents.dispatch import send as send_to_unit
from koffert_hub.documents.records import State
from koffert_hub.registry import Role
from koffert_hub.technical_alerts import Cause, raise_alert
from koffert_hub.web.care import FOLLOWED_MS
from tests.browser.axe import violations
from tests.browser.conftest import Visit
from tests.drivers.stills.samples import beats, scp
from tests.hub.documents import kit as documents
from tests.hub.kit import NOON_MS
from tests.hub.spirometry.blows import blow, curve, follow, send, session
from tests.web.hub import LOG, UNITS, Hub
from tests.web.lent import Lent, lent
from tests.web.office import Office


@pytest.fixture(autouse=True)
def _served(hub: Hub) -> Iterator[None]:
    with hub.serve():
        now_ms = hub.now_ms()
        hub.admit(*(f"Testpasient {number}" for number in range(1, 7)))
        hub.publish("Testpasient 1", mode="spot")
        hub.publish("Testpasient 2", measured_at_ms=now_ms - 90_000)
        hub.publish("Testpasient 3", spo2_pct=None, pulse_bpm=None, quality=0.0)
        for number, priority in enumerate(Priority, start=1):
            hub.board.raise_alert(
                f"a{number}", f"p-{number}", priority, raised_ms=now_ms - number * 1000
            )
        hub.board.acknowledge("a2", "doctor", "Lege Test", now_ms)
        yield


# Role, path, and what must be there before the page counts as complete.
_PAGES = (
    (Role.NURSE, "/", "[data-patient=p-2][data-state=stale]"),
    (Role.NURSE, "/patients/p-1", "#now[data-state=live]"),
    (Role.NURSE, "/patients/p-2", "#now[data-state=stale]"),
    (Role.NURSE, "/patients/p-1/readings", "h1"),
    (Role.NURSE, "/patients/p-1/looks", "table"),
    (Role.NURSE, "/patients/p-1/call", "#now[data-state=live]"),
    (Role.NURSE, "/visit", "h1"),
    (Role.NURSE, "/account", "h1"),
    (Role.NURSE, "/account/totp", ".qr svg"),
    (Role.NURSE, "/login", "#username"),
    (Role.ADMIN, "/access-log", "table"),
    (Role.ADMIN, "/users", "table"),
    (Role.AMK, "/nowhere", "h1"),
    (Role.AMK, "/", "h1"),
    (Role.RECEIVER, "/received", "h1"),
    (Role.NURSE, "/staff", "h1"),
    (Role.NURSE, "/visits", "h1"),
    (Role.NURSE, "/patients", "h1"),
    (Role.AMK, "/log/dalane", "#connection[data-state=connected]"),
    (Role.AMK, "/log/dalane/records/1?check=true", ".outcome"),
)


@pytest.mark.parametrize("theme", ["day", "night"])
@pytest.mark.parametrize("case", _PAGES, ids=lambda case: case[1])
def test_a_page(
    hub: Hub, visit: Visit, bare: BrowserContext, theme: str, case: tuple[Role, str, str]
) -> None:
    role, path, ready = case
    bare.add_cookies([{"name": "koffert_theme", "value": theme, "url": hub.url}])
    page = visit(path, role)
    expect(page.locator(ready).first).to_be_visible()
    assert violations(page) == []


@pytest.mark.slow
@pytest.mark.parametrize("language", ["nn", "en"])
@pytest.mark.parametrize("case", _PAGES, ids=lambda case: case[1])
def test_a_page_in_another_language(
    hub: Hub, visit: Visit, bare: BrowserContext, language: str, case: tuple[Role, str, str]
) -> None:
    role, path, ready = case
    bare.add_cookies([{"name": "koffert_language", "value": language, "url": hub.url}])
    page = visit(path, role)
    expect(page.locator(ready).first).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", re.compile(language))
    assert violations(page) == []


@pytest.mark.parametrize("theme", ["day", "night"])
def test_a_record_that_opens_with_a_reason(
    hub: Hub, visit: Visit, bare: BrowserContext, theme: str, keep: Callable[..., None]
) -> None:
    bare.add_cookies([{"name": "koffert_theme", "value": theme, "url": hub.url}])
    office = Office(hub)
    patient = office.register()
    office.lend(patient)
    office.post(f"/patients/{patient}/loan/step", step="end", reason="returned")
    hub.offset_ms += FOLLOWED_MS + 1
    page = visit(f"/patients/{patient}")
    expect(page.get_by_label("Hvorfor må du se journalen?")).to_be_visible()
    assert violations(page) == []
    keep(page)
    page.get_by_label("Hvorfor må du se journalen?").fill("Fastlegen ringer")
    page.get_by_role("button", name="Åpne journalen").click()
    expect(page.locator("#now")).to_be_visible()
    expect(page.locator("#note")).to_have_count(0)
    assert violations(page) == []
    keep(page, "-opened")


@pytest.mark.usefixtures("bare")
def test_the_register_when_a_hub_is_silent_and_a_name_is_asked_for(hub: Hub, visit: Visit) -> None:
    with hub.engine.begin() as connection:
        raise_alert(connection, LOG, Cause.HUB_SILENT, "15 s", now_ms=hub.now_ms())
    page = visit(f"/log/{LOG}", Role.AMK)
    page.click("summary")
    expect(page.locator(".alarm")).to_be_visible()
    expect(page.locator("[name=reason]")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("theme", ["day", "night"])
def test_what_is_read_about_a_patient(
    hub: Hub, visit: Visit, bare: BrowserContext, theme: str
) -> None:
    bare.add_cookies([{"name": "koffert_theme", "value": theme, "url": hub.url}])
    with lent(hub) as patient:
        page = visit(f"/patients/{patient.patient}/spirometry")
        assert violations(page) == []
        blows = [curve(patient.box, blow(share)) for share in (0.93, 1.0)]
        send(patient.store, patient.box, *blows, session(patient.box, *blows, fev1_l=1.62))
        follow(patient.store)
        for content in (scp(beats(size=5000)), documents.named("Testpasient", "9")):
            documents.send(patient.store, patient.box, content)
            documents.follow(patient.store)
        page.reload()
        expect(page.locator(".blow")).to_have_count(4)
        assert violations(page) == []
        for state, ready in (("filed", "#ecg"), ("held", "#held")):
            page.goto(f"{hub.url}/patients/{patient.patient}/documents")
            assert violations(page) == []
            page.click(f"tr[data-state={state}] a")
            expect(page.locator(ready)).to_be_visible()
            assert violations(page) == []
        _send_to_unit(patient)
        page = visit("/received", Role.RECEIVER)
        assert violations(page) == []
        page.click("table a")
        expect(page.locator("#ecg")).to_be_visible()
        assert violations(page) == []


def _send_to_unit(patient: Lent) -> None:
    (filed,) = (line for line in documents.listed(patient.store) if line.state is State.FILED)
    with patient.store.engine.begin() as connection:
        hand = Hand(Role.NURSE, "Sykepleier Test")
        send_to_unit(connection, filed, next(iter(UNITS)), hand, now_ms=NOON_MS)


@pytest.mark.parametrize("theme", ["day", "night"])
@pytest.mark.parametrize("role", [Role.DOCTOR, Role.NURSE])
def test_limits_and_plan(
    hub: Hub,
    visit: Visit,
    bare: BrowserContext,
    role: Role,
    *,
    theme: str,
    keep: Callable[..., None],
) -> None:
    bare.add_cookies([{"name": "koffert_theme", "value": theme, "url": hub.url}])
    with lent(hub) as patient:
        target = Change(spo2_scale=2, on_oxygen=True, target_low_pct=88, target_high_pct=92)
        with hub.engine.begin() as connection:
            prescribe(connection, patient.patient, target, "Lege Test", now_ms=hub.now_ms())
            card = Card(fast_track=True, preferred_ward="Lungeposten, SUS")
            write_card(connection, patient.patient, card, "Lege Test", now_ms=hub.now_ms())
        page = visit(f"/patients/{patient.patient}/plan", role)
        expect(page.locator("select[name=spo2_scale]")).to_be_enabled(enabled=role is Role.DOCTOR)
        expect(page.locator(".identity .suitcase")).to_contain_text("koffert-001")
        keep(page)
        assert violations(page) == []
        page.goto(f"{hub.url}/patients/{patient.patient}/zones")
        assert violations(page) == []


@pytest.mark.usefixtures("bare")
def test_the_login(hub: Hub, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{hub.url}/login")
    assert violations(page) == []
    page.fill("#username", "nurse")
    page.fill("#password", "feil")
    page.click(".primary")
    expect(page.locator(".problem")).to_be_visible()
    assert violations(page) == []


@pytest.mark.usefixtures("bare")
def test_the_ward_without_the_hub(hub: Hub, visit: Visit) -> None:
    page = visit()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    hub.cut()
    expect(page.locator("#disconnected")).to_be_visible()
    assert violations(page) == []
