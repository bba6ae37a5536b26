"""More than two in a visit, and what the nurse does beside talking."""

import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect

from koffert_agent.video.records import CallState
from koffert_hub import tables
from koffert_hub.database import reading
from koffert_hub.registry import Role
from koffert_hub.web.record import notes
from koffert_wire.messages import DocumentPart, decode_messages
from tests.browser.video.kit import (
    PATIENCE_MS,
    PATIENCE_S,
    TOLD_WITHIN_S,
    Visit,
    frames,
    in_a_call,
    wait,
)
from tests.support.visit_site import Ear, VisitSite

pytestmark = pytest.mark.timeout(120)

# Which camera the box is sent.
_SENT = """() => window.peers.at(-1).getSenders().map((one) => one.track)
  .find((track) => track?.kind === "video").getSettings().deviceId"""


@pytest.mark.slow
def test_a_page_that_reloads_is_gone_and_the_doctor_goes_on(visit: Visit, site: VisitSite) -> None:
    nurse, doctor = visit(), visit(Role.DOCTOR)
    in_a_call(nurse, site)
    doctor.click("#ring")
    wait(doctor, lambda: frames(doctor) > 0, "the doctor's picture")
    both = ("Sykepleier Test", "Lege Test")
    site.until(lambda: site.screen.view.watchers == both, "both on the patient's screen")
    nurse.reload()
    told_s = site.until(lambda: site.screen.view.watchers == ("Lege Test",), "one is gone")
    assert told_s < TOLD_WITHIN_S
    before = frames(doctor)
    wait(doctor, lambda: frames(doctor) > before + 15, "the doctor's picture goes on")
    doctor.reload()
    site.until(lambda: site.screen.view.state is CallState.IDLE, "the last one has left")
    assert not site.rig.video.visit.devices_open


@pytest.mark.slow
def test_a_guest_joins_by_a_link_that_is_good_once_and_sees_no_readings(
    visit: Visit, site: VisitSite, nurses_browser: Browser, keep: Callable[..., None]
) -> None:
    nurse = visit()
    in_a_call(nurse, site)
    nurse.select_option("#guest-kind", "interpreter")
    nurse.click("#invite")
    expect(nurse.locator("#invitation")).to_be_visible(timeout=PATIENCE_MS)
    link = nurse.locator("#guest-link").input_value()
    keep(nurse)
    # Without a session: another browser altogether.
    with nurses_browser.new_context() as context:
        guest = context.new_page()
        guest.goto(link)
        assert "#" not in guest.url
        guest.click("#ring")
        wait(guest, lambda: frames(guest) > 0, "the guest's picture", PATIENCE_S)
        both = ("Sykepleier Test", "Tolk")
        site.until(lambda: site.screen.view.watchers == both, "both on the patient's screen")
        expect(guest.locator("#watchers")).to_have_text("Sykepleier Test, Tolk")
        assert guest.locator(".spo2, #name, #caption").count() == 0
        assert site.rig.patient not in guest.content()
        keep(guest, "guest")
        late = context.new_page()
        late.goto(link)
        late.click("#ring")
        expect(late.locator("#said")).to_contain_text("Lenken er brukt", timeout=PATIENCE_MS)
        guest.click("#hang-up")
        site.until(lambda: site.screen.view.watchers == both[:1], "the guest has left")
        assert guest.locator("#said").text_content() == "Du har forlatt samtalen."
    before = frames(nurse)
    wait(nurse, lambda: frames(nurse) > before + 15, "the nurse goes on", PATIENCE_S)


@pytest.mark.slow
def test_a_picture_is_kept_on_consent_and_a_note_written_without_leaving_the_call(
    visit: Visit, site: VisitSite
) -> None:
    page = visit()
    in_a_call(page, site)
    page.click("#take-still")
    keep_it = page.locator("#keep-still")
    expect(keep_it).to_be_disabled()
    page.check("#consent")
    keep_it.click()
    told = page.locator("#told")
    expect(told).to_have_text("Bildet er lagret i dokumentene.", timeout=PATIENCE_MS)
    page.fill("#note", "Puster roligere enn i går.")
    page.click("#note-form button")
    expect(told).to_have_text("Notatet er lagret.", timeout=PATIENCE_MS)
    page.click("#measure")
    site.until(lambda: site.screen.view.measure == 1, "the box is asked to measure")
    with reading(site.rig.store.engine) as connection:
        [content] = connection.execute(sa.select(tables.body.c.messages)).scalars()
        [part] = decode_messages(content)
    assert isinstance(part, DocumentPart)
    assert (part.media_type, part.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    [note] = notes(site.rig.store.engine, site.rig.patient)
    assert note.text == "Puster roligere enn i går."


# Longer than the browser's beeps are apart.
_QUIET_S = 3.0


@pytest.mark.slow
def test_the_nurse_mutes_and_takes_another_camera_in_the_call(
    visit: Visit, site: VisitSite, ear: Ear
) -> None:
    page = visit()
    in_a_call(page, site)
    site.until(lambda: len(ear.tones_hz) > 3, "the nurse's sound")
    page.click("#mute")
    expect(page.locator("#mute")).to_have_attribute("aria-pressed", "true")
    heard, since_s = len(ear.tones_hz), time.monotonic()

    def quiet() -> bool:
        nonlocal heard, since_s
        if len(ear.tones_hz) > heard:
            heard, since_s = len(ear.tones_hz), time.monotonic()
        return time.monotonic() - since_s > _QUIET_S

    site.until(quiet, "silence at the patient's")
    page.click("#mute")
    site.until(lambda: len(ear.tones_hz) > heard + 3, "the nurse's sound again")
    camera = page.locator("#camera")
    before = camera.input_value()
    camera.select_option(index=2)
    assert camera.input_value() != before
    chosen = "document.getElementById('own').srcObject.getVideoTracks()[0].getSettings().deviceId"
    wait(page, lambda: page.evaluate(chosen) == camera.input_value(), "the other camera")
    sent = page.evaluate(_SENT)
    assert sent == camera.input_value()
    shown = site.rig.video.visit.faces.count
    site.until(lambda: site.rig.video.visit.faces.count > shown + 15, "the nurse's picture goes on")
