"""The ward page in a real browser: what a nurse sees, and never sees."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from koffert_hub.alerts.records import Priority
from koffert_hub.registry import Role
from tests.browser.conftest import Visit
from tests.web.hub import PASSWORD, Hub

# A machine busy with other tests may paint an age this much late; a page on its own clock is decades off.
CLOCK_WITHIN_S = 30.0


@pytest.fixture(autouse=True)
def _served(hub: Hub) -> Iterator[None]:
    with hub.serve():
        yield


def _row(page: Page, patient: str) -> Locator:
    return page.locator(f'tr[data-patient="{patient}"]')


def _number(page: Page, patient: str, quantity: str = "spo2") -> Locator:
    return _row(page, patient).locator(f".{quantity} .number")


@contextmanager
def _measuring(hub: Hub, *patients: str) -> Iterator[None]:
    """Let these patients send a calm reading each quarter of a second."""
    stop = Event()

    def send() -> None:
        while not stop.wait(0.25):
            for name in patients:
                hub.publish(name)

    sender = Thread(target=send, name="patients")
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join()


def _hour(hub: Hub, name: str, spo2: Callable[[float], float], pulse: float) -> None:
    now_ms = hub.now_ms()
    hub.store(
        name,
        [
            (
                now_ms - (60 - minute) * 60_000,
                {"spo2_pct": spo2(minute), "pulse_bpm": pulse + minute % 5},
            )
            for minute in range(60)
        ],
    )


def test_a_ward_of_twelve(
    hub: Hub, context: BrowserContext, visit: Visit, keep: Callable[..., None]
) -> None:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    names = [f"Testpasient {number}" for number in range(1, 13)]
    hub.admit(*names)
    for name in names[:9]:
        _hour(hub, name, lambda minute: round(92 + 3 * math.sin(minute / 9)), 82)
    now_ms = hub.now_ms()
    for number, name in enumerate(names[:6]):
        hub.publish(name, spo2_pct=95.0 - 2 * number, pulse_bpm=72.0 + 9 * number)
    hub.publish(
        "Testpasient 7",
        spo2_pct=89.0,
        measured_at_ms=now_ms - 260_000,
        received_at_ms=now_ms - 259_000,
    )
    hub.publish("Testpasient 8", spo2_pct=None, pulse_bpm=None, quality=0.0, flags=("no-finger",))
    hub.publish(
        "Testpasient 9",
        spo2_pct=90.0,
        measured_at_ms=now_ms - 4 * 3_600_000,
        received_at_ms=now_ms - 4 * 3_600_000,
    )
    hub.publish("Testpasient 10", spo2_pct=91.0, mode="spot", measured_at_ms=now_ms - 2 * 3_600_000)
    page = visit()
    with _measuring(hub, *names[:5]):
        expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
        expect(page.locator("canvas")).to_have_count(12)
        expect(page.locator("canvas[aria-label*='til 95 %']")).to_have_count(9)
        # The small trends of all rows come in one answer.
        trends = [url for url in asked if "trend" in url]
        assert trends[0].count("patient=") == 12
        page.wait_for_timeout(1500)
        keep(page)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_a_change_is_on_the_screen(hub: Hub, visit: Visit) -> None:
    hub.admit("Testpasient 1")
    page = visit()
    with _measuring(hub, "Testpasient 1"):
        expect(_number(page, "p-1")).to_have_text("91")
    hub.publish("Testpasient 1", spo2_pct=81.0, pulse_bpm=118.0)
    expect(_number(page, "p-1")).to_have_text("81")
    expect(_number(page, "p-1", "pulse")).to_have_text("118")


def test_a_value_of_a_silent_box_is_struck_through(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    hub.admit("Testpasient 1", "Testpasient 2")
    page = visit()
    with _measuring(hub, "Testpasient 1", "Testpasient 2"):
        expect(_row(page, "p-1")).to_have_attribute("data-state", "live")
    with _measuring(hub, "Testpasient 2"):
        expect(_row(page, "p-1")).to_have_attribute("data-state", "stale")
        expect(_row(page, "p-2")).to_have_attribute("data-state", "live")
        expect(_row(page, "p-1")).to_contain_text("gammel verdi: kofferten er stille")
        struck = "getComputedStyle(document.querySelector('[data-patient=p-1] .number')).textDecorationLine"
        assert page.evaluate(struck) == "line-through"
        keep(page)


def test_the_value_of_a_removed_finger_is_never_shown(hub: Hub, visit: Visit) -> None:
    hub.admit("Testpasient 1")
    page = visit()
    page.evaluate(
        """() => {
          window.seen = new Set();
          const number = document.querySelector("[data-patient=p-1] .spo2 .number");
          new MutationObserver(() => window.seen.add(number.textContent))
            .observe(number, { childList: true, characterData: true, subtree: true });
        }"""
    )
    hub.publish("Testpasient 1", spo2_pct=91.0)
    expect(_number(page, "p-1")).to_have_text("91")
    # A meter that goes on saying 34 while it says that no finger is in it.
    off = {"spo2_pct": 34.0, "pulse_bpm": 20.0, "quality": 0.0, "flags": ("no-finger",)}
    for _ in range(5):
        hub.publish("Testpasient 1", **off)
    expect(_number(page, "p-1")).to_have_text("––")
    expect(_row(page, "p-1")).to_contain_text("klypen er av")
    assert "34" not in page.evaluate("[...window.seen]")


def test_ages_tick_by_the_hubs_clock_whatever_the_machines_own_says(hub: Hub, visit: Visit) -> None:
    hub.admit("Testpasient 1")
    measured_at_ms = hub.now_ms() - 20_000
    hub.publish("Testpasient 1", mode="spot", measured_at_ms=measured_at_ms)
    page = visit()
    page.add_init_script("Date.now = () => 0")
    page.reload()
    age = _row(page, "p-1").locator(".age")
    for _ in range(3):
        expect(age).not_to_have_text(age.inner_text())
        shown_s = int("".join(filter(str.isdigit, age.inner_text())))
        assert abs((hub.now_ms() - measured_at_ms) / 1000 - shown_s) < CLOCK_WITHIN_S
    expect(_row(page, "p-1")).to_have_attribute("data-state", "live")


def test_a_hub_that_dies_greys_everything_and_one_that_returns_is_found(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    hub.admit("Testpasient 1")
    hub.publish("Testpasient 1", mode="spot")
    page = visit()
    expect(_row(page, "p-1")).to_have_attribute("data-state", "live")
    hub.cut()
    expect(page.locator("#disconnected")).to_be_visible()
    expect(page.locator("#disconnected")).to_contain_text("Ingen forbindelse med sentralen siden")
    expect(_row(page, "p-1")).to_have_attribute("data-state", "stale")
    keep(page)
    with hub.serve(hub.port):
        expect(page.locator("#disconnected")).to_be_hidden()
        expect(_row(page, "p-1")).to_have_attribute("data-state", "live")
        hub.publish("Testpasient 1", spo2_pct=87.0)
        expect(_number(page, "p-1")).to_have_text("87")


def test_a_hub_that_freezes_without_closing_greys_everything(hub: Hub, visit: Visit) -> None:
    hub.admit("Testpasient 1")
    hub.publish("Testpasient 1", mode="spot")
    page = visit()
    expect(_row(page, "p-1")).to_have_attribute("data-state", "live")
    thaw = hub.freeze()
    try:
        expect(page.locator("#disconnected")).to_be_visible()
        expect(_row(page, "p-1")).to_have_attribute("data-state", "stale")
    finally:
        thaw.set()
    expect(page.locator("#disconnected")).to_be_hidden()


def test_a_session_that_ended_leads_to_the_login(hub: Hub, visit: Visit) -> None:
    page = visit()
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
    hub.cut()
    hub.offset_ms += 13 * 3_600_000
    with hub.serve(hub.port):
        page.wait_for_url(f"{hub.url}/login?to=*")


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=window.harm=1>", "</script><script>window.harm=1</script>"]
)
def test_a_name_that_is_markup_is_shown_as_it_is_written(hub: Hub, visit: Visit, name: str) -> None:
    hub.admit(f"{name} 1")
    hub.board.raise_alert(
        "a1", "p-1", Priority.RED, raised_ms=hub.now_ms(), reason={"nb": f"Grunn {name}"}
    )
    hub.publish(f"{name} 1", suitcase=name, mode="spot")
    page = visit()
    expect(_row(page, "p-1").locator(".name")).to_have_text(f"{name} 1")
    expect(_row(page, "p-1").locator(".suitcase")).to_have_text(name)
    expect(_row(page, "p-1").locator(".cause")).to_have_text(f"Grunn {name}")
    page.goto(f"{hub.url}/patients/p-1")
    expect(page.locator("h1")).to_have_text(f"{name} 1")
    expect(page.locator("#alerts .cause")).to_have_text(f"Grunn {name}")
    assert page.evaluate("window.harm") is None


def test_a_nurse_logs_in_and_out(
    hub: Hub, context: BrowserContext, keep: Callable[..., None]
) -> None:
    page = context.new_page()
    page.goto(hub.url)
    keep(page)
    page.fill("#username", Role.NURSE)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
    page.click(".person")
    page.click("text=Logg ut")
    expect(page.locator("#password")).to_be_visible()
    page.goto(hub.url)
    expect(page.locator("#password")).to_be_visible()


def test_more_tabs_than_the_browser_has_connections_are_all_live(
    hub: Hub, visit: Visit, context: BrowserContext
) -> None:
    hub.admit("Testpasient 1")
    pages = [visit()]
    for _ in range(7):
        pages.append(context.new_page())
        pages[-1].goto(f"{hub.url}/patients/p-1")
    with _measuring(hub, "Testpasient 1"):
        for page in pages[1:]:
            expect(page.locator("#now")).to_have_attribute("data-state", "live")
        expect(_row(pages[0], "p-1")).to_have_attribute("data-state", "live")
        # The tab that opened the stream may go; the others stay live.
        pages[0].close()
        pages[1].wait_for_timeout(5000)
        expect(pages[7].locator("#now")).to_have_attribute("data-state", "live")
