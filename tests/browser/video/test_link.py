"""A visit on a bad link: lost, late, narrow and dark; the sound goes on, the picture comes back, vitals go first."""

import asyncio
import itertools
from typing import NamedTuple

import pytest

from koffert_agent.video import connection as connection_module
from koffert_agent.video.records import CallState
from koffert_agent.video.speech import Speech
from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection
from tests.browser.video.kit import (
    BACK_WITHIN_S,
    FROZEN_WITHIN_MS,
    LOG,
    PATIENCE_S,
    VITALS_WITHIN_S,
    Visit,
    frames,
    goes_on,
    in_a_call,
    wait,
)
from tests.support.bad_link import BadLink
from tests.support.visit import until
from tests.support.visit_site import VisitSite

pytestmark = pytest.mark.timeout(120)

READINGS = 40

# By the page's own clock: from the last picture on the screen to the word, and how late its timers were meanwhile.
_TELLS = """() => {
  const video = document.getElementById("patient"), bar = document.getElementById("frozen");
  let shownMs = performance.now(), beatMs = shownMs, lateMs = 0;
  const shown = (_nowMs, picture) => {
    shownMs = picture.presentationTime;
    lateMs = 0;
    video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
  setInterval(() => {
    lateMs = Math.max(lateMs, performance.now() - beatMs - 20);
    beatMs = performance.now();
  }, 20);
  new MutationObserver(() => {
    if (!bar.hidden) window.frozenTold ??= [performance.now() - shownMs, Math.max(lateMs, performance.now() - beatMs - 20)];
  }).observe(bar, { attributes: true });
}"""


@pytest.mark.slow
def test_a_break_is_shown_and_mended_without_a_click(
    visit: Visit, site: VisitSite, bad_link: BadLink
) -> None:
    page = visit()
    in_a_call(page, site)
    [call] = [line.call for line in site.rig.board._lines.values()]
    page.evaluate(_TELLS)
    goes_on(page)
    bad_link.dark = True
    wait(page, page.locator("#frozen").is_visible, "the frozen picture", PATIENCE_S)
    told_ms, late_ms = page.evaluate("window.frozenTold")
    LOG.info("frozen: told after %.0f ms, the page's timers %.0f ms late", told_ms, late_ms)
    assert told_ms <= FROZEN_WITHIN_MS + late_ms
    wait(page, lambda: _round(site) > 1, "a new offer", 30)
    bad_link.dark = False
    wait(page, page.locator("#frozen").is_hidden, "moving again", 30)
    before = frames(page)
    wait(page, lambda: frames(page) > before + 15, "moving pictures")
    assert [line.call for line in site.rig.board._lines.values()] == [call]
    assert site.screen.view.state is CallState.TALKING


@pytest.mark.slow
def test_a_far_link_keeps_its_connection(visit: Visit, site: VisitSite, bad_link: BadLink) -> None:
    """ICE asks each 5 s whether the other side listens, and ends what has not answered six times."""
    page = visit()
    in_a_call(page, site)
    bad_link.take_after(BadLink(delay_s=0.3))
    page.wait_for_timeout(45_000)  # six times 6.5 s at most, and some
    goes_on(page)
    assert _round(site) == 1


@pytest.mark.slow
def test_a_page_that_hung_comes_back_to_its_call_by_itself(visit: Visit, site: VisitSite) -> None:
    """It was given up for dead after 3.5 s; nobody clicks."""
    page = visit()
    in_a_call(page, site)
    [call] = [line.call for line in site.rig.board._lines.values()]
    page.evaluate(
        "() => { const end = performance.now() + 7000; while (performance.now() < end); }"
    )
    site.until(lambda: site.screen.view.watchers == ("Sykepleier Test",), "back on the screen")
    before = frames(page)
    wait(page, lambda: frames(page) > before + 15, "moving pictures")
    assert [line.call for line in site.rig.board._lines.values()] == [call]


# Each link with the share of sound that may be made up on it once the call has settled.
BAD_LINKS = {
    "nothing wrong": (BadLink(), 0.05),
    "2 % lost": (BadLink(loss=0.02), 0.10),
    "10 % lost": (BadLink(loss=0.10), 0.20),
    "600 ms there and back": (BadLink(delay_s=0.3), 0.05),
    "128 kbit/s": (BadLink(rate_kbps=128), 0.15),
    "64 kbit/s": (BadLink(rate_kbps=64), 0.15),
}
# Samples of sound, of those the made up ones, gaps, pictures, and the page's clock: so far, each 100 ms.
_NOTE = """() => {
  window.noted = [];
  const video = document.getElementById("patient");
  setInterval(async () => {
    const report = await window.peers.at(-1).getStats();
    for (const item of report.values()) if (item.type === "inbound-rtp" && item.kind === "audio")
      window.noted.push([item.totalSamplesReceived, item.concealedSamples, item.concealmentEvents,
        video.getVideoPlaybackQuality().totalVideoFrames, performance.now()]);
  }, 100);
}"""
_SAMPLES_MS = 48


class Sound(NamedTuple):
    """What of the patient's sound had to be made up; a gap is what lies between two packets that came in time."""

    made_up: float
    gaps: float
    mean_gap_ms: float
    longest_gap_ms: float


def sound_of(noted: list[list[float]]) -> Sound:
    """From the page's notes; the longest gap is that of neighbouring notes whose sound was made up for the most part."""
    received, made_up, gaps, *_ = (
        last - first for first, last in zip(noted[0], noted[-1], strict=True)
    )
    longest = running = 0.0
    for before, after in itertools.pairwise(noted):
        invented = after[1] - before[1]
        running = running + invented if 2 * invented > after[0] - before[0] else 0
        longest = max(longest, running, invented)
    return Sound(
        made_up / received, gaps, made_up / max(gaps, 1) / _SAMPLES_MS, longest / _SAMPLES_MS
    )


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", BAD_LINKS)
def test_on_a_bad_link_words_go_on_vitals_go_first_and_the_picture_comes_back(
    visit: Visit, site: VisitSite, bad_link: BadLink, name: str
) -> None:
    """Vitals are 40 readings over the queue of the datagrams; the picture is taken away for 3 s at the end."""
    page = visit()
    in_a_call(page, site)
    worse, made_up_at_most = BAD_LINKS[name]
    bad_link.take_after(worse)
    page.wait_for_timeout(6_000)  # it is the link that needs this time: the encoders settle
    page.evaluate(_NOTE)
    late_s = sorted(site.run(_vitals(site, bad_link)))
    noted = page.evaluate("window.noted")
    sound, moved = sound_of(noted), noted[-1][3] - noted[0][3]
    lasted_s = (noted[-1][4] - noted[0][4]) / 1000
    bad_link.dark = True
    wait(page, page.locator("#frozen").is_visible, "the frozen picture", PATIENCE_S)
    page.wait_for_timeout(1_500)  # with the time that it took to be seen the dip is of some 3 s
    bad_link.dark = False
    back_s = wait(page, page.locator("#frozen").is_hidden, "moving again", PATIENCE_S)
    LOG.info(
        "| %s | %.0f | %.1f %% | %d of %.0f ms, longest %.0f ms | %.2f s, %.2f s | %.1f s |",
        *(name, moved / lasted_s, 100 * sound.made_up, *sound[1:]),
        *(late_s[len(late_s) // 2], late_s[-1], back_s),
    )
    assert site.screen.view.state is CallState.TALKING
    assert sound.made_up <= made_up_at_most, sound
    assert moved >= 20
    assert _round(site) == 1, "it is the same connection that came back"
    assert late_s[-1] <= VITALS_WITHIN_S
    assert back_s <= BACK_WITHIN_S


_CORRECTED = """async () => {
  const report = await window.peers.at(-1).getStats();
  for (const item of report.values()) if (item.type === "inbound-rtp" && item.kind === "audio")
    return [item.totalSamplesReceived, item.concealedSamples, item.fecPacketsReceived];
}"""


@pytest.mark.slow
def test_lost_words_are_corrected_from_the_packets_after_them(
    visit: Visit, site: VisitSite, bad_link: BadLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one link that loses a tenth: with Opus's correction less is made up than without, in the same call."""
    speech = Speech(20, 24_000, corrects=True)
    monkeypatch.setattr(connection_module, "speech_for", lambda *_: speech)
    page = visit()
    in_a_call(page, site)
    bad_link.take_after(BadLink(loss=0.10))
    made_up = {}
    for corrects in (True, False):
        speech = Speech(20, 24_000, corrects=corrects)
        page.wait_for_timeout(3_000)  # the encoder is exchanged, and what was under way arrives
        before = page.evaluate(_CORRECTED)
        page.wait_for_timeout(9_000)  # what is counted is a share
        received, invented, corrected = (
            now - then for now, then in zip(page.evaluate(_CORRECTED), before, strict=True)
        )
        made_up[corrects] = invented / received
        assert (corrected > 0) is corrects
    LOG.info(
        "made up of a tenth lost: %.1f %% corrected, %.1f %% not",
        *(100 * made_up[one] for one in (True, False)),
    )
    assert made_up[True] < made_up[False]


async def _vitals(site: VisitSite, link: BadLink) -> list[float]:
    """Send what a sealed reading takes, twice a second; how late each reached the broker's other side."""
    loop, topic, late_s = asyncio.get_running_loop(), "koffert/v1/x/up/vitals", list[float]()

    def take(incoming: Incoming) -> None:
        late_s.append(loop.time() - float(incoming.payload[:32]))

    port = site.rig.broker_port
    async with link.tcp(port) as shaped:
        receiver = MqttConnection(Endpoint("127.0.0.1", port, "far"), on_message=take)
        sender = MqttConnection(Endpoint("127.0.0.1", shaped, "near"), on_message=take)
        await receiver.open()
        await receiver.subscribe(topic)
        await sender.open()
        for _ in range(READINGS):
            sender.publish(topic, f"{loop.time():32.6f}".encode() + bytes(300), qos=1)
            await asyncio.sleep(0.5)
        await until(lambda: len(late_s) >= READINGS, "all vitals", PATIENCE_S)
        await sender.close()
        await receiver.close()
    return late_s


def _round(site: VisitSite) -> int:
    return max((one.round for one in site.rig.video.visit._connections.values()), default=0)
