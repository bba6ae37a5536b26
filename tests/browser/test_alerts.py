"""Alerts on the ward page: order, keys, sound, two nurses."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from koffert_hub.alerts.records import Priority
from koffert_hub.live import LiveRow, Mark
from koffert_hub.projector import empty_row
from koffert_hub.registry import Role, ward
from tests.browser.conftest import Visit
from tests.web.hub import Hub, wait_until
from tests.web.office import Office

# Clicks just after rows moved count for nothing (`list.ts`).
SETTLED_AFTER_MS = 600
_NAMES = [f"Testpasient {number}" for number in range(1, 10)]
_ORDER = "[...document.querySelectorAll('#rows tr')].map((row) => row.dataset.patient)"
# Counts what the page would play, whatever the machine's loudspeakers are.
_LISTEN = """
  window.pulses = [];
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (at) {
    window.pulses.push(this.frequency.value);
    return start.call(this, at);
  };
"""

# How many tabs of the browser may sound: the page asks for it, and is given it a moment later.
_SOUNDS = """async () => (await navigator.locks.query()).held
  .filter((lock) => lock.name === "koffert-sound").length"""
# The pulses of yellow alerts; a hub that is away for long is heard too, by other notes.
_YELLOW = "pulses.filter((frequency) => frequency === 523).length"


@pytest.fixture(autouse=True)
def _served(hub: Hub) -> Iterator[None]:
    with hub.serve():
        hub.admit(*_NAMES)
        for name in _NAMES:
            hub.publish(name, mode="spot")
        yield


def _raise(hub: Hub, alert: str, number: int, priority: Priority, ago_s: int = 0) -> None:
    hub.board.raise_alert(alert, f"p-{number}", priority, raised_ms=hub.now_ms() - ago_s * 1000)


def _order(page: Page) -> list[str]:
    order: list[str] = page.evaluate(_ORDER)
    return order


def _stands(page: Page, *first: int) -> None:
    expect(page.locator("#rows tr").nth(len(first) - 1)).to_have_attribute(
        "data-patient", f"p-{first[-1]}"
    )
    assert _order(page)[: len(first)] == [f"p-{number}" for number in first]


def test_worst_first_then_longest_waiting(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    _raise(hub, "b", 9, Priority.BLUE, 600)
    _raise(hub, "y", 7, Priority.YELLOW, 240)
    _raise(hub, "r1", 4, Priority.RED, 12)
    reason = {"nb": "SpO₂ 82 % og så 81 % etter 5 min, begge på eller under grensen 83 %"}
    raised_ms = hub.now_ms() - 130_000
    hub.board.raise_alert("r2", "p-3", Priority.RED, raised_ms=raised_ms, reason=reason)
    # As much as one row can have to say.
    marks = (Mark.UNCONFIRMED, Mark.ALIKE, Mark.STILL_SENT, Mark.UNREAD)
    hub.publish("Testpasient 3", mode="spot", marks=marks)
    page = visit()
    _stands(page, 3, 4, 7, 9, 1, 2)
    row = page.locator("[data-patient=p-3]")
    expect(row).to_contain_text("▲▲▲")
    expect(row).to_contain_text("Rød")
    expect(row).to_contain_text("82 % og så 81 %")
    expect(row).to_contain_text("ikke kvittert")
    # IEC 60601-1-8: high priority flashes at 1.4 to 2.8 Hz, medium at 0.4 to 0.8 Hz, low does not.
    for patient, flashes_s in ((3, "0.5s"), (7, "1.667s"), (9, "0s")):
        patch = page.locator(f"[data-patient=p-{patient}] .patch")
        expect(patch).to_have_css("animation-duration", flashes_s)
    expect(row.locator(".remark")).to_be_in_viewport(ratio=1)
    keep(page)
    page.click("#theme")
    page.wait_for_timeout(400)
    keep(page, "_night")


def test_rows_wait_while_someone_points_at_them(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    page = visit()
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
    page.hover("[data-patient=p-2]")
    _raise(hub, "r", 8, Priority.RED)
    waiting = page.locator("#waiting")
    expect(waiting).to_have_text("1 endring venter · Rød: Testpasient 8")
    assert _order(page)[0] == "p-1"
    keep(page)
    page.mouse.move(5, 5)
    _stands(page, 8, 1)
    expect(waiting).to_be_hidden()


def test_nothing_that_appears_moves_a_row_under_the_pointer(hub: Hub, visit: Visit) -> None:
    page = visit()
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
    row = page.locator("[data-patient=p-2]")
    row.hover()
    before = row.bounding_box()
    _raise(hub, "r", 8, Priority.RED)
    expect(page.locator("#waiting")).to_be_visible()
    assert row.bounding_box() == before
    page.evaluate("document.querySelector('#notice').hidden = false")
    page.evaluate(
        "document.querySelector('#notice').textContent = 'Lege Test har allerede kvittert.'"
    )
    assert row.bounding_box() == before
    hub.cut()
    expect(page.locator("#disconnected")).to_be_visible()
    assert row.bounding_box() == before


def test_a_red_alert_is_acknowledged_without_a_mouse(hub: Hub, visit: Visit) -> None:
    _raise(hub, "r", 8, Priority.RED, 5)
    page = visit()
    _stands(page, 8, 1)
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-patient=p-8]")).to_be_focused()
    page.keyboard.press("k")
    expect(page.locator("[data-patient=p-8]")).to_contain_text("kvittert av Sykepleier Test")
    expect(page.locator("[data-patient=p-8] .acknowledge")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-patient=p-1]")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Escape")
    expect(page.locator("body")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("r")
    page.wait_for_url(f"{hub.url}/patients/p-8/call")
    page.go_back()
    _stands(page, 8, 1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{hub.url}/patients/p-8")


def test_the_keys_are_told_and_letters_can_be_turned_off(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    _raise(hub, "r", 8, Priority.RED, 5)
    page = visit()
    _stands(page, 8, 1)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    keep(page)
    page.uncheck("#letters")
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("k")
    page.keyboard.press("/")
    expect(page.locator("#search")).not_to_be_focused()
    assert hub.board.open_alerts()[0].acknowledged_by is None


def test_one_nurse_sees_what_another_took(hub: Hub, visit: Visit) -> None:
    _raise(hub, "r", 8, Priority.RED, 5)
    page = visit()
    _stands(page, 8, 1)
    hub.board.acknowledge("r", "doctor", "Lege Test", hub.now_ms())
    expect(page.locator("[data-patient=p-8]")).to_contain_text("kvittert av Lege Test")


def test_who_comes_second_is_told_who_was_first(hub: Hub, visit: Visit) -> None:
    _raise(hub, "r", 8, Priority.RED, 5)
    page = visit()
    _stands(page, 8, 1)
    # The other nurse's answer is on its way when this one presses.
    page.route("**/acknowledge", lambda route: _after_another(hub, route))
    page.wait_for_timeout(SETTLED_AFTER_MS)
    page.click("[data-patient=p-8] .acknowledge")
    expect(page.locator("#notice")).to_have_text("Lege Test har allerede kvittert.")


def _turn_sound_on(page: Page) -> None:
    """Until it was heard, and this tab of the browser is the one that sounds."""
    page.click("#sound")
    expect(page.locator("#sound")).to_contain_text("Lyd på")
    wait_until(lambda: bool(page.evaluate("pulses.length") == 3 and page.evaluate(_SOUNDS) == 1))


def _after_another(hub: Hub, route: Route) -> None:
    hub.board.acknowledge("r", "doctor", "Lege Test", hub.now_ms())
    route.continue_()


def test_search_and_filter_are_a_link_and_hide_no_alert_silently(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    _raise(hub, "r", 8, Priority.RED, 5)
    page = visit()
    _stands(page, 8, 1)
    page.keyboard.press("/")
    page.keyboard.type("pasient 3")
    expect(page.locator("#rows tr:visible")).to_have_count(1)
    expect(page.locator("#filtered")).to_have_text("1 av 9 vises · 1 med alarm er skjult")
    assert page.url.endswith("/?q=pasient+3")
    keep(page)
    page.goto(f"{hub.url}/?show=alerts")
    expect(page.locator("#rows tr:visible")).to_have_count(1)
    expect(page.locator("[data-patient=p-8]")).to_be_visible()


def test_sound_says_whether_it_would_be_heard(
    hub: Hub, visit: Visit, context: BrowserContext
) -> None:
    context.add_init_script(_LISTEN)
    page = visit()
    sound = page.locator("#sound")
    expect(sound).to_contain_text("Lyd av")
    _raise(hub, "silent", 1, Priority.RED)
    first = page.locator("[data-patient=p-1]")
    expect(first).to_have_attribute("data-band", "red")
    assert page.evaluate("pulses.length") == 0
    hub.board.clear("silent")
    expect(first).not_to_have_attribute("data-band", "red")
    _turn_sound_on(page)
    _raise(hub, "r", 8, Priority.RED)
    wait_until(lambda: page.evaluate("pulses.length") >= 3 + 10)
    # A tab that nobody has touched may make no sound, and says so.
    second = context.new_page()
    second.goto(hub.url)
    expect(second.locator("#sound")).to_contain_text("Lyd blokkert")
    second.mouse.click(5, 5)
    expect(second.locator("#sound")).to_contain_text("Lyd på")
    # One tab of a browser sounds; this one is not it.
    _raise(hub, "r2", 7, Priority.RED)
    wait_until(lambda: page.evaluate("pulses.length") >= 3 + 20)
    assert second.evaluate("pulses.length") == 0


# Wakes as a laptop does: both of its clocks have moved on. What each frame shows of the first patient is kept.
_SLEEPER = """
  window.slept = 0;
  window.shown = [];
  const [wall, monotonic] = [Date.now, performance.now.bind(performance)];
  Date.now = () => wall() + window.slept;
  performance.now = () => monotonic() + window.slept;
  const look = () => {
    const row = document.querySelector("[data-patient=p-1]");
    if (window.slept && row) window.shown.push(row.dataset.state);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
"""
# A shift's session ends after an hour without use.
_SLEPT_MS = 59 * 60_000


def test_an_alert_is_heard_once_whatever_becomes_of_hub_network_and_laptop(
    hub: Hub, visit: Visit, context: BrowserContext
) -> None:
    """Killed and back three times, then asleep: three pulses of a yellow alert, and no old value as from now."""
    context.add_init_script(_LISTEN)
    context.add_init_script(_SLEEPER)
    page = visit()
    _turn_sound_on(page)
    page.mouse.move(5, 5)
    _raise(hub, "y", 8, Priority.YELLOW)
    _stands(page, 8, 1)
    heard = 3 + 3  # the one that turning on makes, and the alert
    wait_until(lambda: bool(page.evaluate(_YELLOW) == heard))
    with ExitStack() as served:
        for _ in range(3):
            hub.cut()
            expect(page.locator("#disconnected")).to_be_visible()
            served.enter_context(hub.serve(hub.port))
            expect(page.locator("#disconnected")).to_be_hidden()
        first = page.locator("[data-patient=p-1]")
        hub.publish("Testpasient 1", mode="continuous", spo2_pct=87.0)
        expect(first.locator(".number").first).to_have_text("87")
        hub.offset_ms += _SLEPT_MS
        page.evaluate(f"slept = {_SLEPT_MS}; document.dispatchEvent(new Event('resume'))")
        expect(page.locator("#disconnected")).to_be_hidden()
        expect(first).to_have_attribute("data-state", "stale")
        assert set(page.evaluate("shown")) == {"stale"}
        assert page.evaluate(_YELLOW) == heard
        # The next alert is heard as before.
        _raise(hub, "y2", 7, Priority.YELLOW)
        wait_until(lambda: bool(page.evaluate(_YELLOW) == heard + 3))


def test_thirty_patients_on_a_wall_screen(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    names = [f"Testpasient {number}" for number in range(1, 31)]
    hub.admit(*names)
    for name in names:
        hub.publish(name, mode="spot")
    _raise(hub, "r", 8, Priority.RED, 130)
    _raise(hub, "y", 18, Priority.YELLOW, 50)
    page = visit()
    page.set_viewport_size({"width": 1920, "height": 1080})
    _stands(page, 8, 18, 1)
    keep(page)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_a_tablet_has_all_that_matters(hub: Hub, visit: Visit, keep: Callable[..., None]) -> None:
    _raise(hub, "r", 8, Priority.RED, 130)
    page = visit(role=Role.NURSE)
    page.set_viewport_size({"width": 820, "height": 1180})
    _stands(page, 8, 1)
    for shown in ("#clock", "#sound", "#connection"):
        expect(page.locator(shown)).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    keep(page)


def test_a_patient_who_has_not_measured_is_reminded_from_the_row(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    office = Office(hub)
    patient = office.register("Testpasient 9")
    office.lend(patient)
    hub.on_loop(lambda: hub.feed.set_patients(_ward_now(hub), hub.sequence))
    hub.board.raise_alert(
        "b",
        patient,
        Priority.BLUE,
        raised_ms=hub.now_ms() - 600_000,
        reason={"nb": "Ingen måling siden i går"},
        reminds=True,
    )
    page = visit()
    row = page.locator(f"[data-patient={patient}]")
    expect(row.locator(".remind")).to_be_visible()
    expect(row.locator(".acknowledge")).to_be_hidden()
    expect(row.locator(".remind")).to_be_in_viewport(ratio=1)
    keep(page)
    row.locator(".remind").click(delay=SETTLED_AFTER_MS)
    expect(page.locator("#notice")).to_have_text(
        "Påminnelse er sendt til skjermen hos Testpasient 9."
    )
    hub.on_loop(lambda: hub.feed.set_patients(_ward_now(hub), hub.sequence))
    expect(row).to_contain_text("melding ikke lest")
    expect(row.locator(".acknowledge")).to_be_visible()
    keep(page, "_sent")
    page.goto(f"{hub.url}/patients/{patient}")
    expect(page.locator(".notes").first).to_contain_text("ikke lest ennå")
    page.set_viewport_size({"width": 1280, "height": 1400})
    keep(page, "_patient")


def _ward_now(hub: Hub) -> list[LiveRow]:
    with hub.engine.connect() as connection:
        return [empty_row(place) for place in ward(connection)]
