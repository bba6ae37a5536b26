"""300 patients at one reading a second, ten of them with a pulse wave, in a real Chromium: what the page costs.

The rival is the plain page that many dashboards are: every second the whole list as JSON, the table made anew
(without sparklines, ages or alerts, which ours has).

`python -m benchmarks.dashboard --minutes 30` watches our page for that long and prints whether its memory grows.
"""

import argparse
import asyncio
import gzip
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from benchmarks.report import Baseline, Result, publish
from koffert_hub.alerts.records import Priority
from koffert_hub.live import LiveEvent
from koffert_hub.registry import Role
from koffert_hub.waves import Wave
from koffert_hub.web.assets import Assets
from tests.web.hub import Hub, place, prepare_database, wait_until

PATIENTS, WITH_WAVE = 300, 10
# How many alerts one nurse takes while another looks on.
ACKNOWLEDGED = 20
RUN_S, SETTLE_S = 60, 10
# The heap is looked at so often during a run.
LOOKS = 6
# Fewer than are in sight at once.
ROWS_A_STEP = 5
_TICKS_PER_S = 20
# The pulse on the screen says when it was measured: in steps of 20 ms, over 200 s.
_STEP_MS, _STEPS = 20, 10_000
_WAVE_HZ = 75
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# What the page itself notes: for each number that has changed, how old it is one frame after.
_WATCH = """
window.delays = [];
window.firstNumbers = 0;
addEventListener("DOMContentLoaded", () => {
  const seen = new Map();
  const look = () => {
    const now = Date.now(), cells = document.querySelectorAll(".pulse .number");
    let filled = 0;
    for (const [index, cell] of cells.entries()) {
      const digits = cell.textContent.replace(/\\D/g, "");
      if (digits === "") continue;
      filled += 1;
      if (seen.get(index) === digits) continue;
      if (seen.has(index)) window.delays.push(((now / 20 - Number(digits)) % 10000 + 10000) % 10000 * 20);
      seen.set(index, digits);
    }
    if (!window.firstNumbers && filled >= 300) window.firstNumbers = performance.now();
  };
  setInterval(() => requestAnimationFrame(look), 250);
});
"""
# When a nurse pressed a key, and when another's screen had a row as acknowledged: both on the browser's one clock.
_PRESSED = """
addEventListener("keydown", (event) => { window.pressed = performance.timeOrigin + event.timeStamp; }, true);
"""
_SEEN = """
window.seen = {};
addEventListener("DOMContentLoaded", () => new MutationObserver((changes) => {
  for (const { target } of changes) {
    if (target.dataset.acknowledged !== "true") continue;
    requestAnimationFrame(() => setTimeout(() => {
      window.seen[target.dataset.patient] ??= performance.timeOrigin + performance.now();
    }));
  }
}).observe(document.documentElement, { subtree: true, attributeFilter: ["data-acknowledged"] }));
"""
_PLAIN = """<!doctype html><table><tbody></tbody></table><script>
setInterval(async () => {
  const { rows } = await (await fetch("/rows")).json();
  document.querySelector("tbody").innerHTML = rows.map((row) =>
    `<tr><th>${row.display_name}</th><td>${row.suitcase}</td><td>${row.spo2_pct}</td>` +
    `<td class="pulse"><span class="number">${row.pulse_bpm}</span></td><td>${row.measured_at_ms}</td></tr>`).join("");
}, 1000);
</script>"""


class Ward:
    """300 patients whose meters send once a second, spread over the second."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._rows = [place(f"Testpasient {number}") for number in range(1, PATIENTS + 1)]
        self._stopped = threading.Event()
        self._id = 0

    def begin(self) -> None:
        """Admit everybody and start sending, on the hub's own loop."""
        self._hub.feed.set_patients(self._rows, 0)
        asyncio.get_running_loop().call_soon(self._tick, 0)

    def stop(self) -> None:
        """Send no more."""
        self._stopped.set()

    def _tick(self, number: int) -> None:
        for index in range(number % _TICKS_PER_S, PATIENTS, _TICKS_PER_S):
            self._measure(index)
        if not self._stopped.is_set():
            asyncio.get_running_loop().call_later(1 / _TICKS_PER_S, self._tick, number + 1)

    def _measure(self, index: int) -> None:
        now_ms, row = self._hub.now_ms(), self._rows[index]
        self._id += 1
        changed = msgspec.structs.replace(
            row,
            spo2_pct=88.0 + self._id % 7,
            pulse_bpm=float(now_ms // _STEP_MS % _STEPS),
            quality=1.0,
            measured_at_ms=now_ms,
            received_at_ms=now_ms,
            sequence=self._id,
        )
        self._hub.feed.publish(LiveEvent(self._id, changed))
        if index < WITH_WAVE:
            samples = tuple(self._id * n % 97 for n in range(_WAVE_HZ))
            self._hub.feed.waves.publish(row.patient, Wave(now_ms - 1000, _WAVE_HZ, samples))


def main() -> None:
    """Measure and publish `dashboard`, or with --minutes watch the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=0)
    minutes = parser.parse_args().minutes
    if minutes:
        _watch_memory(60 * minutes)
    else:
        _measure()


def _watch_memory(run_s: int) -> None:
    """With an hour behind it and every row once in sight, the page holds all that it will ever hold."""
    with _ward() as (browser, hub):
        _store_an_hour(hub)
        page = _open(_nurse(browser, hub), hub.url)
        wait_until(lambda: bool(page.evaluate("window.firstNumbers > 0")), timeout_s=60)
        for row in range(0, PATIENTS, ROWS_A_STEP):
            page.locator("tr[data-patient]").nth(row).scroll_into_view_if_needed()
            page.wait_for_timeout(1000)
        page.locator("tr[data-patient]").first.scroll_into_view_if_needed()
        print(json.dumps(_measured(page, run_s)))


def _store_an_hour(hub: Hub) -> None:
    end_ms = hub.now_ms()
    for number in range(1, PATIENTS + 1):
        series = [
            (end_ms - minute * 60_000, {"spo2_pct": 88.0 + minute % 7, "pulse_bpm": 80.0})
            for minute in range(60)
        ]
        hub.store(f"Testpasient {number}", series)


@contextmanager
def _ward() -> Iterator[tuple[Browser, Hub]]:
    """A browser, and a hub whose patients send."""
    executable = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if executable is None:
        raise SystemExit("no Chromium on this machine: `make setup`")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hub = Hub(folder, prepare_database(folder / "prepared.sqlite"))
        ward = Ward(hub)
        with hub.serve(), sync_playwright() as playwright:
            hub.on_loop(ward.begin)
            browser = playwright.chromium.launch(executable_path=executable)
            yield browser, hub
            ward.stop()
            browser.close()
        hub.close()


def _measure() -> None:
    with _ward() as (browser, hub):
        ours, wave_pct = _ours(browser, hub)
        between_ms = _between_nurses_ms(browser, hub)
        with _plain(hub) as address:
            rival = _measured(_open(browser.new_context(), address))
    publish(
        Result(
            name="dashboard",
            value=ours["painted_p95_ms"],
            unit=f"ms from measured to painted, p95, {PATIENTS} patients at 1 Hz",
            baseline=Baseline("whole list as JSON each second", rival["painted_p95_ms"]),
            ratio=ours["painted_p95_ms"] / rival["painted_p95_ms"],
            detail={
                **ours,
                "acknowledged_elsewhere_p50_ms": statistics.median(between_ms),
                "acknowledged_elsewhere_worst_ms": max(between_ms),
                **{f"plain_{name}": value for name, value in rival.items()},
                "patient_page_with_wave_pct": wave_pct,
                "initial_js_gzip_kb": _script_kb(),
            },
        )
    )


def _ours(browser: Browser, hub: Hub) -> tuple[dict[str, float], float]:
    context = _nurse(browser, hub)
    found = _measured(_open(context, hub.url))
    page = _open(context, f"{hub.url}/patients/p-1")
    page.wait_for_selector("#wave[data-state=live]")
    return found, _share_pct(page, SETTLE_S)


def _between_nurses_ms(browser: Browser, hub: Hub) -> list[float]:
    """From one nurse's key to the frame of another's screen that shows it, with the whole ward measuring."""
    patients = [f"p-{number}" for number in range(1, ACKNOWLEDGED + 1)]
    for patient in patients:
        hub.board.raise_alert(patient, patient, Priority.RED, raised_ms=hub.now_ms())
    taker, other = _nurse(browser, hub), _nurse(browser, hub, Role.DOCTOR)
    pages = taker.new_page(), other.new_page()
    for page, script in zip(pages, (_PRESSED, _SEEN), strict=True):
        page.add_init_script(script)
        page.goto(hub.url)
        page.wait_for_selector(f"tr[data-band=red] >> nth={ACKNOWLEDGED - 1}")
    delays_ms = []
    for number, patient in enumerate(patients):
        pages[0].focus(f"tr[data-patient={patient}]")
        # Not in step with the stream, which looks for changes a few times a second.
        pages[0].wait_for_timeout(number * 89 % 500)
        pages[0].keyboard.press("k")
        delays_ms.append(_seen_ms(pages[1], patient) - float(pages[0].evaluate("pressed")))
    for context in (taker, other):
        context.close()
    return delays_ms


def _seen_ms(page: Page, patient: str) -> float:
    wait_until(lambda: bool(page.evaluate(f"'{patient}' in seen")))
    return float(page.evaluate(f"seen['{patient}']"))


def _nurse(browser: Browser, hub: Hub, role: Role = Role.NURSE) -> BrowserContext:
    context = browser.new_context()
    token = hub.session_token(role)
    context.add_cookies([{"name": "koffert", "value": token, "url": hub.url}])
    return context


def _open(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.goto(address)
    return page


def _measured(page: Page, run_s: int = RUN_S) -> dict[str, float]:
    """After some seconds of settling: ages of numbers when painted, the main thread, the heap before and after."""
    # Asked again and again from outside: the page's policy lets nobody evaluate inside it.
    wait_until(lambda: bool(page.evaluate("window.firstNumbers > 0")), timeout_s=60)
    page.wait_for_timeout(SETTLE_S * 1000)
    page.evaluate("window.delays.splice(0)")
    heap_mb = [_heap_mb(page)]
    shares_pct: list[float] = []
    delays_ms: list[float] = []
    for _ in range(LOOKS):
        shares_pct.append(_share_pct(page, run_s // LOOKS))
        # Our own notes would else be what grows.
        delays_ms += page.evaluate("window.delays.splice(0)")
        heap_mb.append(_heap_mb(page))
    cuts = statistics.quantiles(delays_ms, n=20)
    found = {
        "first_view_ms": float(page.evaluate("window.firstNumbers")),
        "painted_p50_ms": cuts[9],
        "painted_p95_ms": cuts[18],
        "painted": float(len(delays_ms)),
        "main_thread_pct": statistics.mean(shares_pct),
        **{f"heap_{look}_mb": found_mb for look, found_mb in enumerate(heap_mb)},
        "heap_growth_mb": heap_mb[-1] - heap_mb[0],
        "heap_growth_second_half_mb": heap_mb[-1] - heap_mb[LOOKS // 2],
        "run_s": float(run_s),
    }
    page.close()
    return found


def _share_pct(page: Page, seconds: int) -> float:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy_s() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")

    start_s, busy_before_s = time.perf_counter(), busy_s()
    page.wait_for_timeout(seconds * 1000)
    return 100 * (busy_s() - busy_before_s) / (time.perf_counter() - start_s)


def _heap_mb(page: Page) -> float:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def _script_kb() -> float:
    """What a browser loads before the ward lives: the page's script and the worker's."""
    files = Assets.load().files
    return (
        sum(len(gzip.compress(files[name].content)) for name in ("ward.js", "live_worker.js")) / 1e3
    )


@contextmanager
def _plain(hub: Hub) -> Iterator[str]:
    def page(_request: Request) -> Response:
        return HTMLResponse(_PLAIN)

    def rows(_request: Request) -> Response:
        return Response(msgspec.json.encode(hub.feed.snapshot()), media_type="application/json")

    app = Starlette(routes=[Route("/", page), Route("/rows", rows)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, name="plain")
    thread.start()
    wait_until(lambda: server.started, timeout_s=30)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
