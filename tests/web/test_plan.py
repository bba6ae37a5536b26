"""A doctor sets a patient's limits on a page; anyone of the staff writes the VIP card; both remember who."""

from collections.abc import Iterator

import httpx
import pytest

from koffert_hub.alerts.card import Card, cards
from koffert_hub.alerts.prescription import standing
from koffert_hub.alerts.records import Patient
from koffert_hub.at_home import agreements, written
from koffert_hub.database import reading
from koffert_hub.registry import Role
from koffert_hub.web.access_log import AccessLog, Action
from tests.web.hub import Hub, client
from tests.web.lent import Lent, lent


@pytest.fixture(name="lent")
def fixture_lent(hub: Hub) -> Iterator[Lent]:
    with lent(hub) as patient:
        yield patient


@pytest.fixture(name="doctor")
def fixture_doctor(hub: Hub) -> httpx.Client:
    return client(hub, Role.DOCTOR)


def _post(
    visitor: httpx.Client, path: str, data: dict[str, str], form: str = "plan"
) -> httpx.Response:
    page = visitor.get(path.replace("/card", "/plan")).text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    return visitor.post(path.replace("/plan", f"/{form}"), data={"csrf": csrf, **data})


def _standing(hub: Hub, patient: str) -> Patient:
    with reading(hub.engine) as connection:
        return standing(connection, patient)


RETAINER = {"spo2_scale": "2", "target_low_pct": "88", "target_high_pct": "92"}


def test_a_doctor_sets_limits_under_the_own_name(
    hub: Hub, lent: Lent, doctor: httpx.Client
) -> None:
    path = f"/patients/{lent.patient}/plan"
    assert "Regelsettet gjelder" in doctor.get(path).text
    more = {"on_oxygen": "yes", "spo2_floor_pct": "83,5", "discharged_ms": "2026-11-20T09:30"}
    assert _post(doctor, path, RETAINER | more).status_code == 303
    now = _standing(hub, lent.patient)
    assert (now.spo2_scale, now.on_oxygen, now.limits.spo2_floor_pct) == (2, True, 83.5)
    assert now.discharged_ms == 1_795_163_400_000
    html = doctor.get(path).text
    assert "Lege Test" in html
    assert "SpO₂ lav: – → 83,5" in html
    assert 'value="83,5"' in html
    assert 'value="2026-11-20T09:30"' in html
    # The form says all of it: what is emptied goes back to the rule set.
    assert _post(doctor, path, RETAINER).status_code == 303
    now = _standing(hub, lent.patient)
    assert (now.on_oxygen, now.limits.spo2_floor_pct, now.target_low_pct) == (False, None, 88)
    looks = AccessLog(hub.engine).latest(10, patient=lent.patient, before=2**62)
    assert [look.action for look in looks].count(Action.SET_LIMITS) == 2


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"pulse_high_bpm": "1 2"}, "Puls høy"),
        ({"pulse_high_bpm": "nan"}, "Puls høy"),
        ({"pulse_high_bpm": "500"}, "Puls høy"),
        ({"target_low_pct": "88"}, "Mål til"),
        ({"discharged_ms": "soon"}, "Utskrevet"),
        ({"target_low_pct": "88", "target_high_pct": "92", "spo2_floor_pct": "90"}, "SpO₂ lav"),
    ],
)
def test_what_is_impossible_comes_back_as_it_was_written(
    hub: Hub, lent: Lent, doctor: httpx.Client, wrong: dict[str, str], field: str
) -> None:
    answer = _post(doctor, f"/patients/{lent.patient}/plan", {"pulse_low_bpm": "44", **wrong})
    assert answer.status_code == 422
    assert f"«{field}»" in answer.text
    assert 'value="44"' in answer.text
    assert _standing(hub, lent.patient) == Patient()


def test_a_nurse_sees_limits_and_sets_none(hub: Hub, lent: Lent) -> None:
    nurse = client(hub, Role.NURSE)
    path = f"/patients/{lent.patient}/plan"
    assert "Bare en lege" in nurse.get(path).text
    assert _post(nurse, path, RETAINER).status_code == 403
    assert _standing(hub, lent.patient) == Patient()


def test_the_card_is_written_and_shown(hub: Hub, lent: Lent) -> None:
    nurse = client(hub, Role.NURSE)
    path = f"/patients/{lent.patient}/card"
    words = {"preferred_ward": "Lungeposten <3>", "plan_contact": "Koordinator, 51 00 00 00"}
    assert _post(nurse, path, words | {"fast_track": "true"}).status_code == 303
    html = nurse.get(f"/patients/{lent.patient}/plan").text
    assert "Lungeposten &lt;3&gt;" in html
    assert "Sykepleier Test" in html
    assert _post(nurse, path, {"preferred_ward": "Lungeposten"}).status_code == 303
    with reading(hub.engine) as connection:
        (held,) = cards(connection, [lent.patient]).values()
    assert held.card == Card(preferred_ward="Lungeposten")


def test_a_patient_who_is_not_on_the_ward_has_no_page(doctor: httpx.Client) -> None:
    assert doctor.get("/patients/p-none/plan").status_code == 404


def test_the_staff_agree_on_times_and_language_for_home(hub: Hub, lent: Lent) -> None:
    nurse = client(hub, Role.NURSE)
    path = f"/patients/{lent.patient}/plan"
    rounds = {"at_0": "19:00", "questions_0": "yes", "days_0": "mon-fri", "at_3": "09:00"}
    assert _post(nurse, path, rounds | {"language": "nn", "days_3": ""}, "home").status_code == 303
    with reading(hub.engine) as connection:
        [agreed] = agreements(connection, lent.patient)
    assert list(map(written, agreed.home.schedule)) == [
        "09:00/clip",
        "19:00/questions/mon,tue,wed,thu,fri",
    ]
    assert (agreed.home.language, agreed.by) == ("nn", "Sykepleier Test")
    html = nurse.get(path).text
    assert 'value="09:00"' in html
    assert "09:00/clip" in html
    twice = {"at_0": "09:00", "at_1": "09:00"}
    answer = _post(nurse, path, twice, "home")
    assert (answer.status_code, "Ikke lagret" in answer.text) == (422, True)
    looks = AccessLog(hub.engine).latest(10, patient=lent.patient, before=2**62)
    assert Action.CHANGED_HOME in [look.action for look in looks]
