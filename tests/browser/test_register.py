"""The register as the emergency centre's operator sees it, in a real browser."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from koffert_hub import registry
from koffert_hub.log_record import Direction, Result
from koffert_hub.registry import Role
from koffert_hub.technical_alerts import Cause, close_alert, raise_alert
from tests.browser.conftest import Visit
from tests.web.hub import LOG, Hub


@pytest.fixture(autouse=True)
def _served(hub: Hub) -> Iterator[None]:
    with hub.serve():
        for number in range(40):
            hub.log(
                f"koffert-{number % 7:03}", content=("reading", "waveform", "diary")[number % 3]
            )
        hub.log("koffert-003", result=Result.QUARANTINED)
        hub.log("koffert-003", direction=Direction.DOWN, result=Result.SENT, content=None)
        yield


def test_transmissions_come_by_themselves(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    page = visit("/log", Role.AMK)
    expect(page.locator("#connection")).to_have_text("Tilkoblet")
    expect(page.locator("#records tr")).to_have_count(43)
    hub.log("koffert-042")
    expect(page.locator("#records tr").first).to_contain_text("koffert-042")
    first, second = page.locator("#records tr").all_inner_texts()[:2]
    assert re.sub(r"\d", "0", first.split("\t")[1]) == re.sub(r"\d", "0", second.split("\t")[1])
    keep(page)


def test_rows_wait_while_someone_points_at_them(hub: Hub, visit: Visit) -> None:
    page = visit(f"/log/{LOG}", Role.AMK)
    page.hover("#records tr:nth-child(3)")
    hub.log("koffert-041", "koffert-042")
    expect(page.locator("#waiting")).to_have_text("2 nye sendinger")
    expect(page.locator("#records tr").first).not_to_contain_text("koffert-042")
    page.mouse.move(0, 0)
    expect(page.locator("#records tr").first).to_contain_text("koffert-042")


def test_a_caller_gives_only_the_number_on_the_lid(hub: Hub, visit: Visit) -> None:
    page = visit(f"/log/{LOG}", Role.AMK)
    page.fill("[name=device]", "koffert-003")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("device=koffert-003"))
    expect(page.locator("#records tr")).to_have_count(8)
    hub.log("koffert-001", "koffert-003")
    expect(page.locator("#records tr")).to_have_count(9)


def test_one_record_is_opened_and_checked(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    hub.sign_log()
    page = visit(f"/log/{LOG}", Role.AMK)
    page.click("#records tr:nth-child(5) a")
    page.click("text=Kontroller")
    expect(page.locator(".outcome[data-ok=true]")).to_contain_text("Posten er uendret")
    page.click("#copy")
    expect(page.locator("#copied")).to_be_visible()
    keep(page)


def test_an_export_says_how_far_it_is(visit: Visit, tmp_path: Path) -> None:
    page = visit(f"/log/{LOG}", Role.AMK)
    with page.expect_download() as download:
        page.click("text=JSON Lines")
    expect(page.locator("#exported")).to_have_text("Lastet ned: 43 poster")
    download.value.save_as(tmp_path / "log.jsonl")
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 44
    assert download.value.suggested_filename == "dalane-1-43.jsonl"


def test_a_hub_that_falls_silent_is_said_at_once(
    hub: Hub, visit: Visit, keep: Callable[..., None]
) -> None:
    page = visit(f"/log/{LOG}", Role.AMK)
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
    with hub.engine.begin() as connection:
        raise_alert(connection, LOG, Cause.HUB_SILENT, "15 s", now_ms=hub.now_ms())
    expect(page.locator(".alarm")).to_contain_text("dalane er taus")
    keep(page)
    with hub.engine.begin() as connection:
        close_alert(connection, LOG, Cause.HUB_SILENT, now_ms=hub.now_ms())
    expect(page.locator(".alarm")).to_have_count(0)


def test_a_server_that_is_gone_is_said(hub: Hub, visit: Visit) -> None:
    page = visit(f"/log/{LOG}", Role.AMK)
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
    hub.cut()
    expect(page.locator("#connection")).to_have_attribute("data-state", "disconnected")


def test_a_name_is_searched_with_a_reason(hub: Hub, visit: Visit) -> None:
    with hub.engine.begin() as connection:
        centre = registry.create_centre(connection, "Dalane DMS", now_ms=0)
        registry.create_patient(connection, centre, "Testpasient 1", now_ms=0)
    page = visit(f"/log/{LOG}", Role.AMK)
    page.click("summary")
    page.fill("[name=name]", "Testpasient 1")
    page.fill("[name=reason]", "ringer og er tungpust")
    page.click(".by-name button")
    expect(page.locator("main")).to_contain_text("Viser én pasients sendinger")
    assert "Testpasient" not in page.content()
