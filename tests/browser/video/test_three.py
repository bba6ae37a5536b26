"""Three who watch one box, directly and through the relay: each sees and hears the patient and is heard; there is no fourth seat."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from av import AudioFrame
from playwright.sync_api import Browser, Page, expect

from koffert_agent.video.mixing import Mixer
from koffert_agent.video.records import CallState
from koffert_hub.registry import Role
from koffert_hub.video.turn import TurnCredentials
from tests.browser.video.kit import (
    NAMES,
    PATIENCE_MS,
    Party,
    goes_on,
    hears_the_tone,
)
from tests.support.coturn import coturn
from tests.support.visit_site import Ear, VisitSite

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]

_LOUD = 1000


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How much that is loud has come from each watcher, by number of the seat."""
    counted, hear = Counter[int](), Mixer.hear

    def count(mixer: Mixer, number: int, frame: AudioFrame) -> None:
        counted[number] += int(np.abs(frame.to_ndarray().astype(int)).max() > _LOUD)
        hear(mixer, number, frame)

    monkeypatch.setattr(Mixer, "hear", count)
    return counted


@pytest.fixture
def gatherings(nurses_browser: Browser) -> Iterator[Callable[[VisitSite, str], Party]]:
    yield lambda site, query: Party(nurses_browser, site, query)
    for context in nurses_browser.contexts:
        context.close()


def see_hear_and_are_heard(party: Party, pages: list[Page], spoken: Counter[int]) -> None:
    """All three, while the others are there."""
    for page in pages:
        goes_on(page)
        hears_the_tone(page)
        for name in NAMES:
            expect(page.locator("#watchers")).to_contain_text(name)
    seats = set(party.site.rig.video.visit._connections)
    assert len(seats) == len(NAMES)
    before = spoken.copy()
    party.site.until(lambda: all(spoken[seat] > before[seat] for seat in seats), "each voice")


def test_three_watch_hear_and_are_heard_and_a_fourth_is_refused(
    gatherings: Callable[[VisitSite, str], Party],
    site: VisitSite,
    ear: Ear,
    spoken: Counter[int],
    keep: Callable[..., None],
) -> None:
    party = gatherings(site, "")
    pages = party.gather()
    see_hear_and_are_heard(party, pages, spoken)
    site.until(lambda: len(ear.tones_hz) > 3, "sound at the patient's")
    fourth = party.page(Role.NURSE)
    fourth.click("#ring")
    expect(fourth.locator("#said")).to_have_text(
        "Tre ser allerede på denne pasienten.", timeout=PATIENCE_MS
    )
    assert party.is_complete()
    for name, page in zip(("nurse", "doctor", "guest"), pages, strict=True):
        keep(page, f"-{name}")
    pages[0].click("#hang-up")
    site.until(lambda: site.screen.view.state is CallState.IDLE, "the end")
    assert not site.rig.video.visit.devices_open
    for page in pages[1:]:
        expect(page.locator("#said")).to_have_text("Samtalen er slutt.", timeout=PATIENCE_MS)
    [*_, last] = site.rig.visits()
    assert (last.count, last.detail is not None and "guest-amk" in last.detail) == (3, True)


def test_three_watch_through_the_relay_alone(
    gatherings: Callable[[VisitSite, str], Party], tmp_path: Path, ear: Ear, spoken: Counter[int]
) -> None:
    with (
        coturn(tmp_path) as settings,
        VisitSite(tmp_path, TurnCredentials(settings)) as site,
    ):
        party = gatherings(site, "?relay=1")
        pages = party.gather()
        see_hear_and_are_heard(party, pages, spoken)
        site.until(lambda: len(ear.tones_hz) > 3, "sound at the patient's")
        kinds = []
        for connection in site.rig.video.visit._connections.values():
            pair = connection._pc.getSenders()[0].transport.transport._connection._nominated[1]
            kinds.append((pair.local_candidate.type, pair.remote_candidate.type != "host"))
        assert kinds == [("relay", True)] * 3
        pages[0].click("#hang-up")
        site.until(lambda: site.screen.view.state is CallState.IDLE, "the end")
