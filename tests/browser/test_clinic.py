"""The pages about one patient that are read: spirometry, ECG, documents."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from koffert_hub.spirometry.person import Physique
from koffert_hub.spirometry.store import write_physique
from koffert_signal.reference.gli import Reference, Sex
from tests.browser.conftest import Visit
from tests.hub.spirometry.blows import blow, curve, follow, send, session
from tests.web.hub import Hub
from tests.web.lent import Lent, lent

TABLET = {"width": 820, "height": 1180}
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
    page.set_viewport_size({"width": 820, "height": 1180})
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
