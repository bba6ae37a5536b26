"""The page of one patient in a real browser."""

import contextlib
import math
from collections.abc import Callable, Iterator
from functools import partial
from threading import Event, Thread

import pytest
from playwright.sync_api import expect

from koffert_hub.alerts.history import settle
from koffert_hub.alerts.records import Patient, Priority, Symptoms
from koffert_hub.waves import Wave
from tests.browser.conftest import Visit
from tests.hub.spirometry.blows import follow, send, session
from tests.web.hub import Hub, wait_until
from tests.web.lent import ALERT, lent

_HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def _served(hub: Hub) -> Iterator[None]:
    with hub.serve():
        hub.admit("Testpasient 1")
        yield


def _week(hub: Hub) -> None:
    now_ms = hub.now_ms()
    hub.store(
        "Testpasient 1",
        [
            (
                now_ms - quarter * _HOUR_MS // 4,
                {
                    "spo2_pct": round(90 + 3 * math.sin(quarter / 17) - (quarter % 5) / 4, 1),
                    "pulse_bpm": 84.0 + 8 * math.sin(quarter / 11),
                },
            )
            for quarter in range(1, 7 * 96)
            if quarter % 96 > 30  # nights without a meter
        ],
    )


def test_numbers_alerts_and_trends_on_one_page(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    _week(hub)
    hub.board.raise_alert("r", "p-1", Priority.RED, raised_ms=hub.now_ms() - 70_000)
    hub.publish("Testpasient 1", spo2_pct=82.0, pulse_bpm=118.0, mode="spot")
    page = visit("/patients/p-1")
    expect(page.locator("#now .spo2 .number")).to_have_text("82")
    expect(page.locator("#alerts li")).to_contain_text("SpO₂ under 84 % to ganger")
    expect(page.locator("figure:visible")).to_have_count(2)
    page.click("[data-range='7d']")
    expect(page.locator("[data-range='7d']")).to_have_attribute("aria-pressed", "true")
    assert page.url.endswith("?range=7d")
    page.wait_for_timeout(300)
    keep(page)
    page.click("#alerts .acknowledge")
    expect(page.locator("#alerts li")).to_contain_text("kvittert av Sykepleier Test")
    page.click("#theme")
    page.wait_for_timeout(300)
    keep(page, "_night")


def test_the_wheel_zooms_around_the_pointer(hub: Hub, visit: Visit) -> None:
    _week(hub)
    page = visit("/patients/p-1?range=7d")
    week = page.locator("[data-range='7d']")
    expect(week).to_have_attribute("aria-pressed", "true")
    expect(page.locator("figure:visible")).to_have_count(2)
    page.keyboard.down("Control")
    for _ in range(10):
        # What has just come may draw the curves anew under the pointer, and the turn is lost.
        page.locator("figure .u-over").first.hover()
        page.mouse.wheel(0, -100)
        with contextlib.suppress(AssertionError):
            expect(week).to_have_attribute("aria-pressed", "false", timeout=3_000)
            break
    page.keyboard.up("Control")
    expect(week).to_have_attribute("aria-pressed", "false")
    assert "hours=112&end=" in page.url


def test_two_fingers_zoom(hub: Hub, visit: Visit) -> None:
    _week(hub)
    page = visit("/patients/p-1?range=7d")
    week = page.locator("[data-range='7d']")
    expect(page.locator("figure:visible")).to_have_count(2)
    plot = page.locator("figure .u-over").first.bounding_box()
    assert plot is not None
    screen = page.context.new_cdp_session(page)
    screen.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    middle_x, y = plot["x"] + plot["width"] / 2, plot["y"] + plot["height"] / 2
    for kind, apart in (
        ("touchStart", 60),
        ("touchMove", 140),
        ("touchMove", 240),
        ("touchEnd", 0),
    ):
        ends = ((1, middle_x - apart / 2), (2, middle_x + apart / 2)) if apart else ()
        points = [{"x": x, "y": y, "id": finger} for finger, x in ends]
        screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(week).to_have_attribute("aria-pressed", "false")
    assert "hours=42&end=" in page.url


def test_a_value_grows_old_here_as_on_the_ward(hub: Hub, visit: Visit) -> None:
    hub.publish("Testpasient 1")
    page = visit("/patients/p-1")
    expect(page.locator("#now")).to_have_attribute("data-state", "stale")
    expect(page.locator("#now .remark")).to_have_text("gammel verdi: kofferten er stille")


def test_the_period_moves_zooms_and_comes_back(hub: Hub, visit: Visit) -> None:
    _week(hub)
    page = visit("/patients/p-1")
    expect(page.locator("[data-range='24h']")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("figure:visible")).to_have_count(2)
    expect(page.locator("#later")).to_be_disabled()
    page.click("#earlier")
    expect(page.locator("#later")).to_be_enabled()
    assert "hours=24&end=" in page.url
    page.click("#later")
    expect(page.locator("#later")).to_be_disabled()
    plot = page.locator("figure .u-over").first.bounding_box()
    assert plot is not None
    middle = plot["y"] + plot["height"] / 2
    page.mouse.move(plot["x"] + plot["width"] * 0.26, middle)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.5, middle, steps=5)
    page.mouse.up()
    expect(page.locator("[data-range='24h']")).to_have_attribute("aria-pressed", "false")
    assert "hours=6&end=" in page.url
    page.go_back()
    expect(page.locator("[data-range='24h']")).to_have_attribute("aria-pressed", "true")


def test_the_numbers_behind_the_curve_can_be_read(hub: Hub, visit: Visit) -> None:
    _week(hub)
    page = visit("/patients/p-1")
    page.locator("figure details summary").first.click()
    rows = page.locator("figure tbody tr")
    expect(rows.first).to_be_visible()
    assert rows.first.locator("td").count() == 5
    assert "," in rows.first.inner_text()


def test_a_patient_who_never_measured_is_told_what_will_be_here(
    visit: Visit, keep: Callable[..., None]
) -> None:
    page = visit("/patients/p-1")
    expect(page.locator("#now .remark")).to_have_text("ingen måling ennå")
    expect(page.locator("figure .empty").first).to_contain_text("Ingen målinger i denne perioden")
    # Said once the hub has said so, and not by a page that has not heard from it.
    expect(page.locator("#no-alerts")).to_be_visible()
    assert 'id="no-alerts" hidden' in page.request.get(page.url).text()
    keep(page)


def test_a_suitcase_that_is_returned_says_so(hub: Hub, visit: Visit) -> None:
    hub.publish("Testpasient 1", mode="spot")
    page = visit("/patients/p-1")
    expect(page.locator("#now")).to_have_attribute("data-state", "live")
    hub.admit("Testpasient 2")
    expect(page.locator("#gone")).to_be_visible()
    expect(page.locator("#now")).to_have_attribute("data-state", "stale")


def test_why_notes_guides_and_corrections(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    with lent(hub) as patient:
        settings = Patient(2, on_oxygen=True, target_low_pct=88, target_high_pct=92)
        with hub.engine.begin() as connection:
            settle(connection, patient.patient, settings, "Lege Test", now_ms=hub.now_ms())
        patient.raise_alert()
        now_ms = hub.now_ms()
        patient.answer_diary(now_ms - 2 * _HOUR_MS, Symptoms(breathlessness_worse=True))
        patient.answer_diary(now_ms - 9 * _HOUR_MS, Symptoms())
        readings = [(now_ms - n * _HOUR_MS // 4, {"spo2_pct": 90.0 + n % 3}) for n in range(1, 90)]
        hub.store_of(patient.patient, readings)
        hub.board.raise_alert(ALERT, patient.patient, Priority.RED, raised_ms=now_ms)
        patient.measure(90.0, 71.0)
        for hours in (50, 26, 2):
            send(patient.store, patient.box, session(patient.box, fev1_l=1.2 + hours / 200))
            patient.box.wait(60)
        follow(patient.store)
        # The sessions were taken while the box's clock ran; the page shows what is past.
        hub.offset_ms += 240_000
        page = visit(f"/patients/{patient.patient}")
        page.click(".why summary")
        expect(page.locator(".why dl")).to_contain_text("rød grense for SpO₂ (%) 84")
        expect(page.locator("figcaption .guide").first).to_have_text("Mål 88–92")
        expect(page.locator("#diary")).to_be_visible()
        expect(page.locator("figure:visible")).to_have_count(3)
        page.click("#marks summary")
        expect(page.locator("#marks li")).to_contain_text("▲▲▲ Rød: SpO₂ under 84 % to ganger")
        page.click("#marks summary")
        page.fill("#note", "Ringt. Bruker klypen riktig nå.")
        page.click(".note:has(#note) button")
        expect(page.locator("#notes")).to_contain_text("Sykepleier Test, ")
        page.wait_for_timeout(300)
        keep(page)
        page.click("text=Alle målinger og rettelser")
        page.locator("[name=chosen]").first.check()
        page.click("text=Ikke denne pasienten")
        expect(page.locator("tr.struck")).to_have_count(1)
        keep(page, "_readings")


def test_the_pulse_wave_runs_and_grows_old(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    hub.publish("Testpasient 1")
    page = visit("/patients/p-1")
    wave = page.locator("#wave")
    expect(wave).to_have_attribute("data-state", "none")
    expect(wave.locator(".said")).to_contain_text("kommer hit når en klype")
    wait_until(lambda: hub.feed.waves.is_watched("p-1"), timeout_s=30)
    with _beating(hub):
        expect(wave).to_have_attribute("data-state", "live")
        expect(wave.locator("canvas")).to_be_visible()
        page.wait_for_timeout(300)
        keep(page)
    expect(wave).to_have_attribute("data-state", "stale", timeout=30_000)
    expect(wave.locator(".said")).to_contain_text("det kommer ingen nå")
    keep(page, "_stale")


@contextlib.contextmanager
def _beating(hub: Hub) -> Iterator[None]:
    """Let the wave of ten seconds come, and then what follows."""
    stop = Event()

    def send() -> None:
        at_ms = hub.now_ms() - 10_000
        while not stop.wait(max(0, at_ms - hub.now_ms()) / 1000):
            samples = tuple(_pulse(at_ms / 1000 + n / 75) for n in range(75))
            hub.on_loop(partial(hub.feed.waves.publish, "p-1", Wave(at_ms, 75.0, samples)))
            at_ms += 1000

    sender = Thread(target=send, name="heart")
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join()


def _pulse(at_s: float) -> int:
    """A pulse of 80/min with its second wave, in a meter's steps."""
    share = at_s * 80 / 60 % 1
    return round(
        100 * math.exp(-((share - 0.2) ** 2) / 0.01) + 40 * math.exp(-((share - 0.5) ** 2) / 0.02)
    )


def test_a_number_read_aloud_is_entered(hub: Hub, visit: Visit, keep: Callable[..., None]) -> None:
    with lent(hub) as patient:
        page = visit(f"/patients/{patient.patient}")
        page.click("#by-hand summary")
        page.fill("[name=spo2_pct]", "86")
        page.fill("[name=temperature_c]", "38.4")
        keep(page)
        page.click("text=Lagre målingen")
        expect(page.locator("#by-hand")).not_to_have_attribute("open", "")
        page.click("text=Alle målinger og rettelser")
        expect(page.locator("tbody tr")).to_contain_text("lest opp av pasienten")
