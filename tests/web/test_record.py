"""What staff read and write about one patient."""

from collections.abc import Iterator

import httpx
import pytest

from koffert_hub import tables
from koffert_hub.alerts.history import settle
from koffert_hub.alerts.records import Patient, Symptoms
from koffert_hub.registry import Role
from koffert_hub.web.access_log import AccessLog, Action
from koffert_hub.web.tables import note
from tests.hub.kit import NOON_MS
from tests.web.hub import Hub, client
from tests.web.lent import ALERT, Lent, lent


@pytest.fixture(name="lent")
def fixture_lent(hub: Hub) -> Iterator[Lent]:
    with lent(hub) as patient:
        yield patient


@pytest.fixture(name="nurse")
def fixture_nurse(hub: Hub) -> httpx.Client:
    return client(hub, Role.NURSE)


def _post(visitor: httpx.Client, path: str, data: dict[str, object]) -> httpx.Response:
    csrf = visitor.get(path.removesuffix("/notes")).text.partition('name="csrf" value="')[2]
    return visitor.post(path, data={"csrf": csrf.partition('"')[0], **data})


def test_the_page_says_target_oxygen_and_who_set_it(
    hub: Hub, lent: Lent, nurse: httpx.Client
) -> None:
    assert "ikke satt" in nurse.get(f"/patients/{lent.patient}").text
    settings = Patient(2, on_oxygen=True, target_low_pct=88, target_high_pct=92)
    with hub.engine.begin() as connection:
        settle(connection, lent.patient, settings, "Lege Test", now_ms=NOON_MS)
    html = nurse.get(f"/patients/{lent.patient}").text
    assert "88–92 %" in html
    assert "får oksygen" in html
    assert "Lege Test" in html
    assert '"low": 88.0, "usual": null' in html.replace('"high": 92.0, ', "")


def test_a_note_has_author_and_time_and_stays_text(lent: Lent, nurse: httpx.Client) -> None:
    path = f"/patients/{lent.patient}"
    assert _post(nurse, f"{path}/notes", {"text": "<script>alert(1)</script>"}).status_code == 303
    html = nurse.get(path).text
    assert "&lt;script&gt;alert(1)" in html
    assert "Sykepleier Test, " in html
    assert _post(nurse, f"{path}/notes", {"text": "   "}).status_code == 303
    assert lent.rows(note) == 1


def test_an_alert_says_why(lent: Lent, nurse: httpx.Client) -> None:
    lent.raise_alert()
    why = nurse.get(f"/api/v1/alerts/{ALERT}/why").json()
    assert (why["rule"], why["inputs"]) == ("spo2-low", {"spo2_pct": 82.0})
    assert nurse.get("/api/v1/alerts/none/why").status_code == 404


def test_the_diaries_of_a_time(lent: Lent, nurse: httpx.Client) -> None:
    lent.answer_diary(NOON_MS, Symptoms(sputum_more=True))
    lent.answer_diary(NOON_MS + 1, Symptoms())
    lent.answer_diary(NOON_MS + 1000, Symptoms())
    query = f"start_ms={NOON_MS}&end_ms={NOON_MS + 1000}"
    dots = nurse.get(f"/api/v1/patients/{lent.patient}/diary?{query}").json()
    assert [dot["worse"] for dot in dots] == [["sputum_more"], []]


def test_alerts_notes_and_calls_of_a_time_are_marks(
    hub: Hub, lent: Lent, nurse: httpx.Client
) -> None:
    lent.raise_alert()
    path = f"/patients/{lent.patient}"
    _post(nurse, f"{path}/notes", {"text": "Ringt."})
    log = AccessLog(hub.engine)
    log.record("nurse", Action.CALLED, at_ms=NOON_MS + 60_000, patient=lent.patient)
    log.record("nurse", Action.CALLED, at_ms=NOON_MS + 60_000, patient="p-other")
    query = f"start_ms={NOON_MS}&end_ms={NOON_MS + 3_600_000}"
    marks = nurse.get(f"/api/v1{path}/marks?{query}").json()
    assert {mark["kind"] for mark in marks} == {"red", "note", "call"}
    assert next(m for m in marks if m["kind"] == "red")["texts"]["en"] == "SpO₂ below 84 % twice"
    assert next(m for m in marks if m["kind"] == "call")["texts"]["nb"] == "Sykepleier Test"
    assert nurse.get(f"/api/v1{path}/marks?start_ms=0&end_ms={NOON_MS}").json() == []


def test_a_reading_that_does_not_count_is_struck_and_stays(
    hub: Hub, lent: Lent, nurse: httpx.Client
) -> None:
    _, wrong = lent.measure(90.0, 71.0)
    path = f"/patients/{lent.patient}/readings"
    assert nurse.get(path).text.count("checkbox") == 2
    answer = _post(nurse, path, {"reason": "not-this-patient", "chosen": [wrong]})
    assert answer.status_code == 303
    html = nurse.get(path).text
    assert html.count("checkbox") == 1
    assert "ikke denne pasienten (Sykepleier Test)" in html
    assert "71" in html
    assert lent.store.records()[-1].detail == "not-this-patient"
    looks = AccessLog(hub.engine).latest(5, before=2**62)
    assert (Action.CORRECTED, "not-this-patient: 1") in [(one.action, one.detail) for one in looks]


@pytest.mark.parametrize("chosen", ["1:00", "nonsense", "x:y", "999999999999999999:ff"])
def test_what_is_no_reading_of_the_patient_is_refused(
    lent: Lent, nurse: httpx.Client, chosen: str
) -> None:
    lent.measure(90.0)
    path = f"/patients/{lent.patient}/readings"
    answer = _post(nurse, path, {"reason": "invalid", "chosen": [chosen]})
    assert answer.status_code == 404
    assert lent.rows(tables.correction) == 0


def test_nothing_is_written_without_the_forms_token(lent: Lent, nurse: httpx.Client) -> None:
    path = f"/patients/{lent.patient}"
    for target, data in (("notes", {"text": "x"}), ("readings", {"reason": "invalid"})):
        assert nurse.post(f"{path}/{target}", data={**data, "csrf": "wrong"}).status_code == 403


def test_who_looked_at_a_patient_is_told_to_who_looks_after_them(
    hub: Hub, lent: Lent, nurse: httpx.Client
) -> None:
    client(hub, Role.DOCTOR).get(f"/patients/{lent.patient}")
    html = nurse.get(f"/patients/{lent.patient}/looks").text
    assert "doctor" in html
    assert "åpnet pasienten" in html


def test_who_is_not_on_the_ward_has_no_page(nurse: httpx.Client) -> None:
    for page in ("", "/readings", "/looks"):
        assert nurse.get(f"/patients/p-9{page}").status_code == 404
