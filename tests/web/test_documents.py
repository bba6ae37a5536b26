"""A patient's documents: listed, drawn, handed out, brought in, and held until somebody says whose they are."""

import re
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from koffert_drivers.stills.records import NO_SAMPLE, Lead
from koffert_hub.registry import Role
from koffert_hub.web.access_log import AccessLog, Action
from koffert_hub.web.ecg_drawing import Gain, Layout, Pass, Setting, Speed, draw
from tests.drivers.stills.samples import beats, scp, tiff
from tests.hub.documents.kit import follow, listed, named
from tests.web.hub import Hub, client
from tests.web.lent import Lent, lent

STILL = scp(beats(size=5000))
PDF = b"%PDF-1.4\n1 0 obj<</Type/Page>>endobj\ntrailer<<>>\n%%EOF\n"


@pytest.fixture(name="lent")
def fixture_lent(hub: Hub) -> Iterator[Lent]:
    with lent(hub) as patient:
        yield patient


@pytest.fixture(name="nurse")
def fixture_nurse(hub: Hub) -> httpx.Client:
    return client(hub, Role.NURSE)


def bring(lent: Lent, nurse: httpx.Client, content: bytes) -> httpx.Response:
    """Upload a file as the form does."""
    path = f"/patients/{lent.patient}/documents"
    csrf = nurse.get(path).text.partition('name="csrf" value="')[2].partition('"')[0]
    answer = nurse.post(path, data={"csrf": csrf}, files={"file": ("a.xml", content)})
    follow(lent.store)
    return answer


def test_a_still_is_brought_in_drawn_and_handed_out(
    hub: Hub, lent: Lent, nurse: httpx.Client
) -> None:
    path = f"/patients/{lent.patient}/documents"
    assert "Ingen dokumenter ennå" in nurse.get(path).text
    answer = bring(lent, nurse, STILL)
    (line,) = listed(lent.store, lent.patient)
    assert answer.headers["location"] == f"{path}?came={line.id}"
    assert "http-equiv" not in nurse.get(answer.headers["location"]).text
    assert "http-equiv" in nurse.get(f"{path}?came=d-other").text
    html = nurse.get(f"{path}/{line.id}").text
    assert html.count('class="trace fine-units"') == 13
    assert "25 mm/s · 10 mm/mV" in html
    assert "Uten filter hos oss" in html
    other = nurse.get(f"{path}/{line.id}?layout=6x2&gain=20&speed=50&band=monitor&start=5").text
    assert other.count('class="trace fine-units"') == 12
    assert "50 mm/s · 20 mm/mV" in other
    assert "Ikke for ST" in other
    file = nurse.get(f"{path}/{line.id}/file")
    assert file.content == STILL
    assert file.headers["content-disposition"].startswith("attachment")
    looks = AccessLog(hub.engine).latest(9, before=2**62, patient=lent.patient)
    seen = {look.action for look in looks}
    assert {Action.SAW_DOCUMENTS, Action.SAW_DOCUMENT, Action.BROUGHT_DOCUMENT} <= seen


def test_the_newest_still_is_shown_beside_the_picture_once(
    hub: Hub, lent: Lent, nurse: httpx.Client
) -> None:
    beside = f"/patients/{lent.patient}/call/ecg"
    assert nurse.get(beside).status_code == 204
    bring(lent, nurse, STILL)
    bring(lent, nurse, PDF)
    still = next(one for one in listed(lent.store, lent.patient) if one.kind != "pdf")
    shown = nurse.get(beside).text
    assert f'data-version="{still.id}"' in shown
    assert shown.count('class="trace fine-units"') == 13
    assert nurse.get(f"{beside}?known={still.id}").status_code == 204
    looks = AccessLog(hub.engine).latest(9, before=2**62, patient=lent.patient)
    assert [look.action for look in looks].count(Action.SAW_DOCUMENT) == 1


@pytest.mark.parametrize("query", ["gain=7", "speed=x", "start=-1", "start=nan", "layout=1x1"])
def test_a_view_that_is_none_is_refused(lent: Lent, nurse: httpx.Client, query: str) -> None:
    bring(lent, nurse, STILL)
    (line,) = listed(lent.store, lent.patient)
    path = f"/patients/{lent.patient}/documents/{line.id}"
    assert nurse.get(f"{path}?{query}").status_code == 422


def test_pages_open_as_documents(lent: Lent, nurse: httpx.Client) -> None:
    for content, kind, place in ((PDF, "pdf", "inline"), (tiff(2), "tiff", "attachment")):
        bring(lent, nurse, content)
        (line,) = (line for line in listed(lent.store, lent.patient) if line.kind == kind)
        path = f"/patients/{lent.patient}/documents/{line.id}"
        assert f'href="{path}/file"' in nurse.get(path).text
        answer = nurse.get(f"{path}/file")
        assert answer.content == content
        assert answer.headers["content-disposition"].startswith(place)


def test_what_is_no_still_is_not_taken_in(lent: Lent, nurse: httpx.Client) -> None:
    answer = bring(lent, nurse, b"<script>alert(1)</script>")
    assert "problem=unknown-format" in answer.headers["location"]
    assert "formatet er ukjent" in nurse.get(answer.headers["location"]).text
    assert "problem=damaged" in bring(lent, nurse, STILL[:-20]).headers["location"]
    assert listed(lent.store) == []
    path = f"/patients/{lent.patient}/documents?problem=<b>"
    assert "<b>" not in nurse.get(path).text


@pytest.mark.parametrize("theirs", [True, False])
def test_another_name_in_the_file_waits_for_a_person(
    lent: Lent, nurse: httpx.Client, *, theirs: bool
) -> None:
    bring(lent, nurse, named("Testpasient", "<i>9</i>".replace("<", "&lt;")))
    (line,) = listed(lent.store, lent.patient)
    path = f"/patients/{lent.patient}/documents/{line.id}"
    assert "1 må avklares" in nurse.get(f"/patients/{lent.patient}").text
    html = nurse.get(path).text
    assert "&lt;i&gt;9" in html
    assert 'class="trace' not in html
    assert nurse.get(f"{path}/file").status_code == 404
    csrf = html.partition('name="csrf" value="')[2].partition('"')[0]
    data = {"csrf": csrf, "theirs": str(theirs).lower()}
    assert nurse.post(f"{path}/decision", data=data).status_code == 303
    assert nurse.post(f"{path}/decision", data=data).status_code == 409
    assert ('class="trace' in nurse.get(path).text) is theirs
    assert nurse.get(f"{path}/file").status_code == (200 if theirs else 404)


def test_another_patients_document_is_not_here(lent: Lent, nurse: httpx.Client) -> None:
    bring(lent, nurse, STILL)
    (line,) = listed(lent.store, lent.patient)
    assert nurse.get(f"/patients/p-2/documents/{line.id}").status_code == 404
    assert nurse.get(f"/patients/{lent.patient}/documents/d-none").status_code == 404


def _lead(name: str, microvolts: list[int], start_s: float = 0.0) -> Lead:
    return Lead(name, np.array(microvolts, dtype=np.int32), 1.0, start_s)


def test_a_millivolt_is_ten_millimetres_and_a_second_is_twenty_five() -> None:
    leads = [_lead("II", [0] * 250 + [1000] * 250)]
    sheet = draw(leads, 100.0, Setting())
    rhythm = sheet.traces[-1]
    assert (rhythm.name, rhythm.x) == ("II", 26.0)
    steps = np.array(re.findall(r"-?\d+", rhythm.path), dtype=int).reshape(-1, 2)
    assert steps[0].tolist() == [2600, round(rhythm.y * 100)]
    assert steps[1:].sum(axis=0).tolist() == [round(4.99 * 2500), -1000]
    assert sheet.pulses[0].endswith("v-10h5v10h2")
    fast = draw(leads, 100.0, Setting(speed=Speed.FAST, gain=Gain.HALF, start_s=2.0)).traces[-1]
    steps = np.array(re.findall(r"-?\d+", fast.path), dtype=int).reshape(-1, 2)
    assert steps[1:].sum(axis=0).tolist() == [round(2.99 * 5000), -500]


def test_columns_follow_each_other_in_time() -> None:
    sheet = draw([], 500.0, Setting())
    windows = {trace.name: (trace.from_s, trace.to_s) for trace in sheet.traces[:12]}
    assert windows["I"] == (0.0, 2.5)
    assert windows["aVL"] == (2.5, 5.0)
    assert windows["V6"] == (7.5, 10.0)
    halves = draw([], 500.0, Setting(layout=Layout.SIX_BY_TWO))
    assert [trace.name for trace in halves.traces[:2]] == ["I", "V1"]
    assert halves.traces[1].from_s == 5.0


@pytest.mark.parametrize("band", list(Pass))
def test_what_was_not_recorded_is_a_gap(band: Pass) -> None:
    values = [NO_SAMPLE] * 100 + [50] * 300 + [NO_SAMPLE] * 50 + [50] * 50
    sheet = draw([_lead("II", values)], 100.0, Setting(band=band))
    assert sheet.traces[-1].path.count("M") == 2
    assert draw([_lead("II", [NO_SAMPLE] * 500)], 100.0, Setting(band=band)).traces[-1].path == ""
    assert sheet.traces[0].path == ""
