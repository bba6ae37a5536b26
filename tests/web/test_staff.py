"""The competence base: everyone keeps the own entry; who is on call is whom a red alert goes to."""

import re
from datetime import datetime

import httpx
import pytest

from koffert_hub.alerts import roster
from koffert_hub.alerts.civil import OSLO
from koffert_hub.alerts.roster import RosterEntry
from koffert_hub.database import reading
from koffert_hub.registry import Role
from koffert_hub.times import from_ms, to_ms
from tests.hub.kit import NOON_MS
from tests.web.hub import Hub, client
from tests.web.office import Office


@pytest.fixture(autouse=True)
def _noon(hub: Hub) -> None:
    """The hour from now is not one that an autumn night has twice."""
    hub.offset_ms += NOON_MS - hub.now_ms()


@pytest.fixture(name="office")
def fixture_office(hub: Hub) -> Office:
    return Office(hub)


def _entries(office: Office) -> list[RosterEntry]:
    with reading(office.hub.engine) as connection:
        return roster.entries(connection, office.centre)


def _keep(visitor: httpx.Client, **form: str) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', visitor.get("/staff").text)
    assert found
    answer = visitor.post("/staff/me", data={"csrf": found[1], **form})
    return answer.headers["location"]


def test_an_entry_is_found_by_skill_and_place_and_is_rung_in_its_turn(
    hub: Hub, office: Office
) -> None:
    until = "2030-06-01T15:30"
    nurse = {"skills": "KOLS, spirometri", "place": "Egersund", "phone": "00 00 00 01"}
    assert _keep(office.visitor, **nurse, place_in_line="2", available_until=until) == "/staff"
    doctor = {"skills": "lunge", "place": "Stavanger", "phone": "+4700000002"}
    assert _keep(client(hub, Role.DOCTOR), **doctor, place_in_line="1") == "/staff"
    entries = _entries(office)
    assert [one.channels for one in roster.on_call(entries, hub.now_ms())] == [
        ("sms:+4700000002",),
        ("sms:+4700000001",),
    ]
    first = next(one for one in entries if one.username == Role.NURSE)
    assert first.available_until_ms == to_ms(datetime(2030, 6, 1, 15, 30, tzinfo=OSLO))
    shown = office.page("/staff?q=spirometri egersund")
    assert "Sykepleier Test" in shown.partition("<h2")[0]
    assert "Lege Test" not in shown
    assert f'value="{until}"' in shown


def test_who_is_gone_is_not_rung(hub: Hub, office: Office) -> None:
    soon = from_ms(hub.now_ms() + 3_600_000).astimezone(OSLO).strftime("%Y-%m-%dT%H:%M")
    _keep(office.visitor, phone="00000001", place_in_line="1", available_until=soon)
    assert len(roster.on_call(_entries(office), hub.now_ms())) == 1
    assert (
        "Sykepleier Test"
        in office.page("/staff?now=true").partition("<h2")[0].partition("<table")[2]
    )
    hub.offset_ms += 2 * 3_600_000
    assert roster.on_call(_entries(office), hub.now_ms()) == []
    nurse = client(hub, Role.NURSE)
    assert "ikke nå" in nurse.get("/staff").text
    assert "ikke nå" not in nurse.get("/staff?now=true").text


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ({"phone": "123"}, "/staff?problem=phone"),
        ({"phone": "ring meg"}, "/staff?problem=phone"),
        ({"email": "testlege"}, "/staff?problem=email"),
        ({"available_until": "i morgen"}, "/staff?problem=until"),
    ],
)
def test_what_cannot_be_used_says_so(office: Office, form: dict[str, str], answer: str) -> None:
    assert _keep(office.visitor, **form) == answer
    assert 'role="alert"' in office.page(answer)
    assert _entries(office) == []


def test_other_ways_of_reaching_somebody_stay(hub: Hub, office: Office) -> None:
    entry = RosterEntry(username=Role.NURSE, name="x", channels=("webhook:vakt",))
    with hub.engine.begin() as connection:
        roster.keep_entry(connection, office.centre, entry, by=Role.NURSE, now_ms=0)
    _keep(office.visitor, phone="00000001", email="nurse@localhost")
    kept = ("sms:+4700000001", "mailto:nurse@localhost", "webhook:vakt")
    assert _entries(office)[0].channels == kept
    assert "nurse@localhost" in office.page("/staff")


def test_markup_stays_text(office: Office) -> None:
    _keep(office.visitor, skills="<img src=x>", place="<img src=x>")
    assert "<img" not in office.page("/staff")


def test_a_telephone_is_shown_to_who_cares_for_patients(hub: Hub, office: Office) -> None:
    assert _keep(office.visitor, phone="00 00 00 01") == "/staff"
    assert "+4700000001" in client(hub, Role.DOCTOR).get("/staff").text
    engineer = client(hub, Role.ENGINEER)
    assert _keep(engineer, phone="00 00 00 02") == "/staff"
    html = engineer.get("/staff").text
    assert "Sykepleier Test" in html
    assert "+4700000001" not in html
    assert "+4700000002" in html
