"""Vaktskifte: what is open, snoozed, awaited and paused, and who took it over."""

import re
from collections.abc import Iterator

import httpx
import pytest

from koffert_hub import registry
from koffert_hub.alerts import tables as alert_tables
from koffert_hub.alerts.life import Action, Life
from koffert_hub.alerts.register import change, find
from koffert_hub.alerts.state import Awaited, State, encode_state
from koffert_hub.loans import LoanAction
from koffert_hub.registry import Role
from tests.hub.kit import NOON_MS
from tests.web.hub import Hub, client
from tests.web.lent import ALERT, Lent, lent


@pytest.fixture(name="patient")
def fixture_patient(hub: Hub) -> Iterator[Lent]:
    with lent(hub) as one:
        yield one


def _section(page: str, heading: str) -> str:
    found = re.search(rf"<h2>{heading}</h2>(.*?)(<h2>|<form)", page, re.DOTALL)
    assert found, heading
    return found[1]


def _page(nurse: httpx.Client) -> str:
    answer = nurse.get("/hand-over")
    assert answer.status_code == 200
    return answer.text


def test_each_alert_stands_where_it_belongs(hub: Hub, patient: Lent) -> None:
    nurse = client(hub, Role.NURSE)
    assert _section(_page(nurse), "Ikke kvittert").count("Ingen.") == 1
    patient.raise_alert()
    assert "Testpasient 1" in _section(_page(nurse), "Ikke kvittert")
    with hub.engine.begin() as connection:
        change(connection, ALERT, Action.ACKNOWLEDGE, at_ms=NOON_MS, by="nurse", name="Sykepleier")
    assert "Sykepleier" in _section(_page(nurse), "Kvittert, ikke ferdig")
    assert "Ingen." in _section(_page(nurse), "Ikke kvittert")


def test_the_shift_is_taken_over_with_what_was_taken(hub: Hub, patient: Lent) -> None:
    patient.raise_alert()
    with hub.engine.begin() as connection:
        change(connection, ALERT, Action.ACKNOWLEDGE, at_ms=NOON_MS, by="nurse", name="Sykepleier")
    doctor = client(hub, Role.DOCTOR)
    csrf = re.search(r'name="csrf" value="(\w+)"', _page(doctor))
    assert csrf
    note = "Ringer igjen kl. 14 <b>"
    answer = doctor.post("/hand-over", data={"csrf": csrf[1], "note": note})
    assert answer.headers["location"] == "/hand-over"
    page = _page(doctor)
    assert "Vakten er tatt over av Lege Test" in page
    assert "«Ringer igjen kl. 14 &lt;b&gt;»" in page
    with hub.engine.connect() as connection:
        row = find(connection, ALERT)
    assert (row.life, row.taken_name) == (Life.ACKNOWLEDGED, "Lege Test")


def test_what_awaits_a_repeat_and_who_is_paused_is_told(hub: Hub, patient: Lent) -> None:
    state = State(
        awaited={"spo2_low": Awaited(NOON_MS, NOON_MS + 600_000, 82.0, "r-1", late=False)}
    )
    with hub.engine.begin() as connection:
        connection.execute(
            alert_tables.alert_state.insert().values(
                loan=patient.box.loan,
                patient=patient.patient,
                state=encode_state(state),
                elapsed_ms=NOON_MS,
                next_due_ms=NOON_MS + 600_000,
                last_arrival_ms=NOON_MS,
            )
        )
    nurse = client(hub, Role.NURSE)
    assert "Testpasient 1" in _section(_page(nurse), "Venter på ny måling")
    with hub.engine.begin() as connection:
        registry.change_loan(connection, patient.box.loan or "", LoanAction.PAUSE)
    assert "koffert-001" in _section(_page(nurse), "Lån på pause")
