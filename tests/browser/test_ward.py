"""The ward page in a real browser: what a nurse sees, and never sees."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.web.hub import Hub

# Issue limits, in ms: a change within two seconds of the measurement, staleness within five of silence.
CHANGE_WITHIN_MS = 2000
STALE_WITHIN_MS = 5000


@pytest.fixture(autouse=True)
def _served(hub: Hub) -> Iterator[None]:
    with hub.serve():
        yield


def _row(page: Page, patient: str) -> "object":
    return page.locator(f'tr[data-patient="{patient}"]')


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
            (now_ms - (60 - minute) * 60_000, {"spo2_pct": spo2(minute), "pulse_bpm": pulse + minute % 5})
            for minute in range(60)
        ],
    )


def test_a_ward_of_twelve(hub: Hub, visit: Visit, keep: Callable[..., None]) -> None:
    names = [f"Testpasient {number}" for number in range(1, 13)]
    hub.admit(*names)
    for name in names[:9]:
        _hour(hub, name, lambda minute: round(92 + 3 * math.sin(minute / 9)), 82)
    now_ms = hub.now_ms()
    for number, name in enumerate(names[:6]):
        hub.publish(name, spo2_pct=95.0 - 2 * number, pulse_bpm=72.0 + 9 * number)
    hub.publish("Testpasient 7", spo2_pct=89.0, measured_at_ms=now_ms - 260_000, received_at_ms=now_ms - 259_000)
    hub.publish("Testpasient 8", spo2_pct=None, pulse_bpm=None, quality=0.0, flags=("no-finger",))
    hub.publish("Testpasient 9", spo2_pct=90.0, measured_at_ms=now_ms - 4 * 3_600_000, received_at_ms=now_ms - 4 * 3_600_000)
    hub.publish("Testpasient 10", spo2_pct=91.0, mode="spot", measured_at_ms=now_ms - 2 * 3_600_000)
    page = visit()
    with _measuring(hub, *names[:5]):
        expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
        expect(page.locator("canvas")).to_have_count(12)
        page.wait_for_timeout(1500)
        keep(page)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
