"""Readings that staff enter: with author and source, plausible, and in the log like any other."""

from collections.abc import Iterator

import httpx
import pytest

from koffert_hub.corrections import BODY_COLUMNS
from koffert_hub.database import reading
from koffert_hub.log_record import Direction
from koffert_hub.projection import StoredBody, open_stored
from koffert_hub.registry import Role
from koffert_hub.tables import body
from koffert_hub.web.access_log import AccessLog, Action
from koffert_hub.web.tables import hand_entry
from tests.hub.kit import NOON_MS
from tests.web.hub import Hub, client
from tests.web.lent import Lent, lent

# NOON_MS as the field of a browser in Norway writes it, two hours earlier.
TEN_UTC = "2026-06-01T12:00"


@pytest.fixture(name="lent")
def fixture_lent(hub: Hub) -> Iterator[Lent]:
    with lent(hub) as patient:
        yield patient


@pytest.fixture(name="nurse")
def fixture_nurse(hub: Hub) -> httpx.Client:
    return client(hub, Role.NURSE)


def enter(lent: Lent, nurse: httpx.Client, **fields: str) -> httpx.Response:
    """Fill in the form on the patient's page."""
    html = nurse.get(f"/patients/{lent.patient}").text
    csrf = html.partition('name="csrf" value="')[2].partition('"')[0]
    data = {"csrf": csrf, "source": "read-aloud", **fields}
    return nurse.post(f"/patients/{lent.patient}/entered", data=data)


def test_numbers_are_filed_with_author_source_and_time(
    hub: Hub, lent: Lent, nurse: httpx.Client
) -> None:
    answer = enter(lent, nurse, spo2_pct="86", temperature_c="38,4", measured=TEN_UTC)
    assert answer.status_code == 303
    with reading(lent.store.engine) as connection:
        (row,) = connection.execute(body.select().with_only_columns(*BODY_COLUMNS)).all()
        (entry,) = connection.execute(hand_entry.select()).all()
    ((one, at_ms, quality),) = open_stored(StoredBody(*row)).readings
    assert one.values == {"temperature_c": 38.4, "spo2_pct": 86.0}
    assert (at_ms, quality) == (NOON_MS - 2 * 3_600_000, "wall")
    assert (entry.username, entry.display_name, entry.source) == (
        Role.NURSE,
        "Sykepleier Test",
        "read-aloud",
    )
    record = lent.store.records()[-1]
    assert (record.direction, record.loan, record.content) == (
        Direction.HUB,
        lent.box.loan,
        "reading",
    )
    html = nurse.get(f"/patients/{lent.patient}/readings").text
    assert "Skrevet inn av Sykepleier Test: lest opp av pasienten" in html
    assert "38,4" in html
    looks = AccessLog(hub.engine).latest(9, before=2**62, patient=lent.patient)
    assert Action.ENTERED_BY_HAND in {look.action for look in looks}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"spo2_pct": "8"},
        {"spo2_pct": "nan"},
        {"spo2_pct": "<b>"},
        {"temperature_c": "384"},
        {"systolic_mmhg": "130"},
        {"systolic_mmhg": "80", "diastolic_mmhg": "130"},
        {"crp_mg_l": "-1"},
        {"crp_mg_l": "12", "source": "rumour"},
        {"crp_mg_l": "12", "measured": "2026-06-01T15:00"},
        {"crp_mg_l": "12", "measured": "2026-05-01T15:00"},
        {"crp_mg_l": "12", "measured": "0001-01-01T00:00"},
        {"crp_mg_l": "12", "measured": "yesterday"},
    ],
)
def test_what_cannot_be_is_not_filed(
    lent: Lent, nurse: httpx.Client, fields: dict[str, str]
) -> None:
    assert enter(lent, nurse, **fields).status_code == 422
    assert lent.rows(body) == lent.rows(hand_entry) == 0


def test_blood_pressure_and_crp_are_taken_together(lent: Lent, nurse: httpx.Client) -> None:
    fields = {"systolic_mmhg": "132", "diastolic_mmhg": "78", "crp_mg_l": "41"}
    assert enter(lent, nurse, **fields, source="laboratory").status_code == 303
    assert "Blodtrykk, øvre 132" in nurse.get(f"/patients/{lent.patient}/readings").text
