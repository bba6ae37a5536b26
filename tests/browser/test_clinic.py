"""The pages about one patient that are read: spirometry, ECG, documents."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from koffert_hub.registry import Role
from koffert_hub.spirometry.person import Physique
from koffert_hub.spirometry.store import write_physique
from koffert_signal.reference.gli import Reference, Sex
from tests.browser.conftest import DESKTOP, Visit
from tests.browser.pdf_paths import Line, lines_mm, page_mm
from tests.drivers.stills.samples import beats, scp
from tests.hub.documents import kit as documents
from tests.hub.spirometry.blows import blow, curve, follow, send, session
from tests.web.hub import Hub
from tests.web.lent import Lent, lent

TABLET = ViewportSize(width=820, height=1180)
STILL = scp(beats(size=5000))
BUILD = Physique.entered(Sex.FEMALE, "1951-06-01", 162.0, Reference.GLI_2012)


@pytest.fixture(name="lent")
def fixture_lent(hub: Hub) -> Iterator[Lent]:
    with hub.serve(), lent(hub) as patient:
        yield patient


def _look(page: Page, keep: Callable[..., None]) -> None:
    """Pictures as a nurse sees it: by day, at night, on a tablet."""
    keep(page)
    page.click("#theme")
    keep(page, "_night")
    page.click("#theme")
    page.set_viewport_size(TABLET)
    keep(page, "_tablet")


def test_spirometry_large(lent: Lent, visit: Visit, keep: Callable[..., None]) -> None:
    for day in range(4):
        send(lent.store, lent.box, session(lent.box, fev1_l=1.31 - day / 20, grade="ABBC"[day]))
        lent.box.wait(86_400)
    blows = [
        curve(lent.box, one)
        for one in (blow(0.93), blow(until_s=1.5), blow(), blow(0.97), blow(0.8, until_s=5))
    ]
    send(lent.store, lent.box, *blows, session(lent.box, *blows, fev1_l=1.62))
    follow(lent.store)
    with lent.store.engine.begin() as connection:
        write_physique(connection, lent.patient, BUILD, "nurse", "Sykepleier Test", now_ms=0)
    page = visit(f"/patients/{lent.patient}/spirometry")
    expect(page.locator(".blows svg")).to_have_count(2)
    expect(page.locator(".blow")).to_have_count(10)
    _look(page, keep)
    page.click(".sessions tbody tr:last-child a")
    expect(page.locator(".session .empty")).to_contain_text("bare tall")


def _still(lent: Lent, content: bytes) -> str:
    """A document that has come; its page."""
    documents.send(lent.store, lent.box, content)
    documents.follow(lent.store)
    return f"/patients/{lent.patient}/documents/{documents.listed(lent.store)[0].id}"


def test_an_ecg_is_read_on_the_screen(lent: Lent, visit: Visit, keep: Callable[..., None]) -> None:
    page = visit(_still(lent, STILL))
    expect(page.locator(".ecg .trace.fine-units")).to_have_count(13)
    _look(page, keep)
    page.set_viewport_size(DESKTOP)
    sheet = page.locator("#ecg").bounding_box()
    assert sheet is not None
    mm = sheet["width"] / 297
    page.mouse.move(sheet["x"] + 100 * mm, sheet["y"] + 100 * mm)
    page.mouse.down()
    page.mouse.move(sheet["x"] + 120 * mm, sheet["y"] + 95 * mm, steps=3)
    page.mouse.up()
    expect(page.locator("#caliper")).to_have_text("800 ms · 75 /min · 0,5 mV")
    page.locator("#ecg").focus()
    page.keyboard.press("Enter")
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#caliper")).to_have_text("200 ms · 300 /min · 0 mV")
    page.click(".sheet-tools >> text=6×2")
    expect(page.locator(".ecg .trace.fine-units")).to_have_count(12)
    keep(page, "_6x2")


@pytest.mark.parametrize("gain", [10, 20])
def test_an_ecg_is_printed_true_to_scale(lent: Lent, visit: Visit, gain: int) -> None:
    page = visit(f"{_still(lent, STILL)}?gain={gain}")
    page.click("#theme")
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.count(b"/Type /Page\n") == 1
    assert page_mm(pdf) == pytest.approx((297, 210), abs=0.3)
    lines = lines_mm(pdf)
    pulses = [line for line in lines if len(line) == 6 and _size(line)[1] > gain - 1]
    assert [_size(pulse) for pulse in pulses] == [pytest.approx((9, gain), abs=0.05)] * 4
    # The rhythm strip: 10 s of samples, of which the last is 2 ms before the end.
    assert max(_size(line)[0] for line in lines if len(line) > 100) == pytest.approx(
        249.95, abs=0.3
    )


def _size(line: Line) -> tuple[float, float]:
    xs, ys = zip(*line, strict=True)
    return max(xs) - min(xs), max(ys) - min(ys)


def test_a_document_of_another_name_is_held(
    lent: Lent, visit: Visit, keep: Callable[..., None]
) -> None:
    _still(lent, documents.named("Testpasient", "9"))
    page = visit(f"/patients/{lent.patient}/documents")
    keep(page, "_list")
    page.click(".documents a")
    expect(page.locator("#held")).to_contain_text("Må avklares")
    _look(page, keep)
    page.click("text=Dette er ikke pasientens")
    expect(page.locator(".documents")).to_contain_text("avvist")


def test_an_ecg_is_sent_to_a_unit_and_received(
    lent: Lent, visit: Visit, keep: Callable[..., None]
) -> None:
    still = _still(lent, STILL)
    page = visit(still)
    page.select_option("[name=unit]", label="Hjerteovervåkningen, SUS")
    page.click("text=Send >> nth=-1")
    expect(page.locator(".receipt")).to_contain_text("Ikke mottatt ennå")
    page.locator(".dispatch").scroll_into_view_if_needed()
    keep(page, "_sent")

    unit = visit("/received", Role.RECEIVER)
    expect(unit).to_have_title(re.compile(r"^\(1\) Mottatte EKG"))
    keep(unit, "_inbox")
    unit.click("text=Testpasient 1")
    expect(unit.locator(".ecg .trace.fine-units")).to_have_count(13)
    keep(unit, "_at_the_unit")
    unit.click("text=Bekreft mottak")
    expect(unit.locator(".receipt")).to_contain_text("av Mottaker Test")

    page = visit(f"/patients/{lent.patient}/documents")
    expect(page.locator(".receipt")).to_contain_text("✓ Mottatt")
    keep(page, "_receipt")


def test_a_file_is_brought_in_by_hand(lent: Lent, visit: Visit) -> None:
    page = visit(f"/patients/{lent.patient}/documents")
    page.set_input_files("[name=file]", {"name": "a.scp", "mimeType": "", "buffer": STILL})
    page.click("text=Hent inn >> nth=-1")
    expect(page.locator("[role=status]")).to_contain_text("leses inn")
    documents.follow(lent.store)
    expect(page.locator(".documents")).to_contain_text("EKG (SCP-ECG)", timeout=30_000)
