"""A visit on a bad link: lost, late, narrow and dark; the sound goes on, the picture comes back, vitals go first."""

import asyncio

import pytest

from koffert_agent.video import connection as connection_module
from koffert_agent.video.records import CallState
from koffert_agent.video.speech import Speech
from koffert_wire.mqtt import Endpoint, Incoming, MqttConnection
from tests.browser.video.kit import (
    BACK_WITHIN_S,
    FROZEN_WITHIN_S,
    LOG,
    PATIENCE_S,
    SOUND,
    VITALS_WITHIN_S,
    Visit,
    frames,
    in_a_call,
    wait,
)
from tests.support.bad_link import BadLink
from tests.support.visit import until
from tests.support.visit_site import VisitSite

pytestmark = pytest.mark.timeout(120)

READINGS = 40


@pytest.mark.slow
def test_a_break_is_shown_and_mended_without_a_click(
    visit: Visit, site: VisitSite, bad_link: BadLink
) -> None:
    page = visit()
    in_a_call(page, site)
    [call] = [line.call for line in site.rig.board._lines.values()]
    bad_link.dark = True
    # 1.5 s without a picture, and the time that a look takes.
    assert wait(page, page.locator("#frozen").is_visible, "the frozen picture") < FROZEN_WITHIN_S
    wait(page, lambda: _round(site) > 1, "a new offer", 30)
    bad_link.dark = False
    wait(page, page.locator("#frozen").is_hidden, "moving again", 30)
    before = frames(page)
    wait(page, lambda: frames(page) > before + 15, "moving pictures")
    assert [line.call for line in site.rig.board._lines.values()] == [call]
    assert site.screen.view.state is CallState.TALKING


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
    "128 kbit/s": (BadLink(rate_kbps=128), 0.15),
    "64 kbit/s": (BadLink(rate_kbps=64), 0.35),
    "2 % lost": (BadLink(loss=0.02), 0.10),
    "10 % lost": (BadLink(loss=0.10), 0.20),
    "600 ms there and back": (BadLink(delay_s=0.3), 0.05),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    BAD_LINKS,
)
def test_on_a_bad_link_the_sound_comes_first_and_the_picture_moves(
    visit: Visit,
    site: VisitSite,
    bad_link: BadLink,
    name: str,
) -> None:
    page = visit()
    in_a_call(page, site)
    worse, made_up_at_most = BAD_LINKS[name]
    bad_link.take_after(worse)
    page.wait_for_timeout(6_000)  # it is the link that needs this time: the encoders settle
    before_sound = page.evaluate(SOUND)
    before = frames(page)
    page.wait_for_timeout(5_000)
    received, made_up, gaps = (
        now - then for now, then in zip(page.evaluate(SOUND), before_sound, strict=True)
    )
    moved = frames(page) - before
    measured = f"{moved / 5:.1f} pictures/s, {made_up / received:.1%} made up in {gaps} gaps"
    LOG.info("%s: %s", name, measured)
    assert site.screen.view.state is CallState.TALKING
    assert made_up / received <= made_up_at_most, measured
    assert moved >= 5, measured


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


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in BAD_LINKS if name != "64 kbit/s"])
def test_vitals_do_not_wait_behind_the_picture(
    visit: Visit, site: VisitSite, bad_link: BadLink, name: str
) -> None:
    """On one link, the queue of the datagrams before them."""
    page = visit()
    in_a_call(page, site)
    bad_link.take_after(BAD_LINKS[name][0])
    late_s = sorted(site.run(_vitals(site, bad_link)))
    LOG.info(
        "%s, vitals beside a call: p50 %.2f s, latest %.2f s",
        name,
        late_s[len(late_s) // 2],
        late_s[-1],
    )
    assert late_s[-1] <= VITALS_WITHIN_S
    before = frames(page)
    wait(page, lambda: frames(page) > before, "the picture moves", PATIENCE_S)


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


@pytest.mark.slow
def test_after_a_dip_the_picture_is_back_at_once(
    visit: Visit, site: VisitSite, bad_link: BadLink
) -> None:
    page = visit()
    in_a_call(page, site)
    bad_link.dark = True
    wait(page, page.locator("#frozen").is_visible, "the frozen picture", PATIENCE_S)
    page.wait_for_timeout(3_000)  # the length of the dip
    bad_link.dark = False
    back_s = wait(page, page.locator("#frozen").is_hidden, "moving again", PATIENCE_S)
    LOG.info("the picture was back after %.1f s", back_s)
    assert back_s <= BACK_WITHIN_S


def _round(site: VisitSite) -> int:
    return max((one.round for one in site.rig.video.visit._connections.values()), default=0)
