"""A visit between real Chromium and the real video process: pictures and sound both ways, who may call, calls in a row."""

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import NamedTuple

import psutil
import pytest
from playwright.sync_api import expect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from koffert_agent.video.bitrates import VIDEO_START_BPS
from koffert_agent.video.records import AnswerCall, CallState, EndCall
from koffert_hub.registry import Role
from koffert_hub.video.socket import CLOSE_NOT_ALLOWED
from tests.browser.video.kit import (
    CONNECTED_WITHIN_S,
    LOG,
    PATIENCE_S,
    Visit,
    frames,
    hears_the_tone,
    in_a_call,
    wait,
)
from tests.support.visit_site import Ear, VisitSite

CALLS_IN_A_ROW = 20


# What malloc keeps of a busy moment was 16 MB once in 20 calls; 2 MB for each of the 15 that are compared would show.
GROWTH_MB = 25


SHOWN_WITHIN_MS = 300


# The time code of `write_time_code`, read out of what the browser is about to show: milliseconds from the making
# of a picture to its showing, by the one clock of this machine.
_READ_CODE = """() => {
  const video = document.getElementById("patient");
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  window.delaysMs = [];
  const look = (_, metadata) => {
    video.requestVideoFrameCallback(look);
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight / 10;
    context.drawImage(video, 0, 0);
    let word = 0n;
    for (let row = 0; row < 2; row++) for (let column = 0; column < 16; column++) {
      const [red] = context.getImageData((column + 0.5) * canvas.width / 16, (row + 0.5) * canvas.height / 2, 1, 1).data;
      word = word << 1n | BigInt(red > 128);
    }
    const value = Number(word >> 8n), check = Number(word & 255n);
    if (((value ^ (value >> 8) ^ (value >> 16)) & 255) !== check) return;
    const shownMs = performance.timeOrigin + metadata.expectedDisplayTime;
    window.delaysMs.push((Math.round(shownMs) % 2 ** 24 - value + 2 ** 24) % 2 ** 24);
  };
  video.requestVideoFrameCallback(look);
}"""


def test_a_visit_connects_and_ends(visit: Visit, site: VisitSite) -> None:
    """The one that always runs: a picture each way, however slow the machine is; the rest is in the long suite."""
    page = visit()
    page.click("#ring")
    site.until(lambda: site.screen.view.state is CallState.RINGING, "ringing", PATIENCE_S)
    site.press(AnswerCall(picture=True))
    wait(page, lambda: frames(page) > 0, "a picture of the patient", PATIENCE_S)
    site.until(lambda: site.rig.video.visit.faces.count > 0, "a picture of the nurse", PATIENCE_S)
    page.click("#hang-up")
    site.until(lambda: site.screen.view.state is CallState.IDLE, "the end", PATIENCE_S)
    assert not site.rig.video.visit.devices_open


@pytest.mark.slow
def test_pictures_and_sound_go_both_ways(
    visit: Visit, site: VisitSite, ear: Ear, keep: Callable[..., None]
) -> None:
    page = visit()
    assert in_a_call(page, site) < CONNECTED_WITHIN_S
    hears_the_tone(page)
    before = frames(page)
    wait(page, lambda: frames(page) > before + 15, "moving pictures")
    site.until(lambda: site.rig.video.visit.faces.count > 15, "the nurse's picture at the box")
    site.until(lambda: len(ear.tones_hz) > 3, "the nurse's sound at the box")
    [connection] = site.rig.video.visit._connections.values()
    # Read from inside aiortc: an update that moves it must be noticed.
    site.until(lambda: connection._borne_bps() != VIDEO_START_BPS, "an estimate of the link")
    expect(page.locator("#frozen")).to_be_hidden()
    expect(page.locator("#line")).not_to_be_empty()
    keep(page)
    page.click("#hang-up")
    site.until(lambda: site.screen.view.state is CallState.IDLE, "the end")
    assert not site.rig.video.visit.devices_open
    expect(page.locator("#said")).to_have_text("Samtalen er slutt.")
    [*_, last] = site.rig.visits()
    assert last.bytes is not None
    assert last.bytes > 10_000


@pytest.mark.slow
def test_a_picture_is_shown_soon_after_it_was_taken(visit: Visit, site: VisitSite) -> None:
    """Without what a real camera and a screen add (30-80 ms)."""
    page = visit()
    in_a_call(page, site)
    page.evaluate(_READ_CODE)
    wait(page, lambda: page.evaluate("window.delaysMs.length") > 150, "150 pictures", PATIENCE_S)
    delays_ms = sorted(page.evaluate("window.delaysMs"))
    middle_ms, late_ms = delays_ms[len(delays_ms) // 2], delays_ms[len(delays_ms) * 95 // 100]
    LOG.info("from picture to screen: p50 %d ms, p95 %d ms", middle_ms, late_ms)
    assert 0 < middle_ms <= late_ms <= SHOWN_WITHIN_MS


@pytest.mark.slow
def test_calls_in_a_row_leave_nothing_behind(visit: Visit, site: VisitSite) -> None:
    page = visit()
    held = list[Held]()
    for _ in range(CALLS_IN_A_ROW):
        in_a_call(page, site)
        site.press(EndCall())
        wait(page, page.locator("#ring").is_visible, "the end on the page", PATIENCE_S)
        site.until(lambda: site.screen.view.state is CallState.IDLE, "the end at the box")
        assert not site.rig.video.visit.devices_open
        assert site.rig.video.visit._connections == {}
        held.append(site.run(_held()))
    LOG.info("held after each call: %s", held)
    # The first calls load codecs and fill pools.
    early, late = held[CALLS_IN_A_ROW // 4], held[-1]
    assert late.files <= early.files
    assert late.tasks <= early.tasks
    assert late.threads <= early.threads + 1
    assert late.memory_mb <= early.memory_mb + GROWTH_MB


class Held(NamedTuple):
    """What this process, with box and hub in it, has."""

    files: int
    tasks: int
    threads: int
    memory_mb: int


async def _held() -> Held:
    # What was closed is let go of in the next rounds of the loop.
    await asyncio.sleep(0.5)
    gc.collect()
    process = psutil.Process()
    return Held(
        process.num_fds(),
        len(asyncio.all_tasks()),
        threading.active_count(),
        process.memory_info().rss // 2**20,
    )


def test_who_may_not_call_is_not_let_in(visit: Visit, site: VisitSite) -> None:
    page = visit(Role.AMK)
    assert "403" in page.content() or page.locator("#ring").count() == 0
    host, path = site.url.removeprefix("http://"), f"/api/v1/patients/{site.rig.patient}/call"
    nurse, amk = f"koffert={site.token(Role.NURSE)}", f"koffert={site.token(Role.AMK)}"
    ours = f"http://{host}"
    for origin, cookie in ((ours, ""), (ours, amk), ("http://elsewhere.example", nurse)):
        with connect(
            f"ws://{host}{path}", origin=Origin(origin), additional_headers={"Cookie": cookie}
        ) as socket:
            with pytest.raises(ConnectionClosed):
                socket.recv(5)
            assert socket.close_code == CLOSE_NOT_ALLOWED
    assert site.rig.visits() == []
    assert site.screen.view.state is CallState.IDLE
