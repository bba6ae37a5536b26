"""Trends as the page asks for them."""

import sqlalchemy as sa

from koffert_hub.registry import Role
from koffert_hub.web.tables import access_log
from tests.web.hub import Hub, client

_PATH = "/api/v1/patients/p-1/trend"


def test_the_last_hour_comes_in_equal_parts(hub: Hub) -> None:
    hub.admit("Testpasient 1")
    now_ms = hub.now_ms()
    hub.store("Testpasient 1", [(now_ms - 60_000, {"spo2_pct": 90.0, "pulse_bpm": 80.0})])
    answer = client(hub, Role.NURSE).get(f"{_PATH}?quantity=spo2_pct&quantity=pulse_bpm&buckets=60")
    found = answer.json()
    assert found["end_ms"] - found["start_ms"] == 3_600_000
    assert set(found["trends"]) == {"spo2_pct", "pulse_bpm"}
    spo2 = found["trends"]["spo2_pct"]
    assert len(spo2["t_ms"]) == 60
    assert [value for value in spo2["mean"] if value is not None] == [90.0]


def test_nonsense_is_refused_in_words(hub: Hub) -> None:
    hub.admit("Testpasient 1")
    visitor = client(hub, Role.NURSE)
    for query in (
        "",
        "?quantity=name",
        "?quantity=spo2_pct&hours=0",
        "?quantity=spo2_pct&hours=x",
        "?quantity=spo2_pct&hours=99999999",
        "?quantity=spo2_pct&buckets=100000",
        "?quantity=spo2_pct&end_ms=-1",
        "?quantity=spo2_pct&end_ms=99999999999999999999",
    ):
        assert visitor.get(_PATH + query).status_code == 422, query


def test_who_is_not_on_the_ward_has_no_trend(hub: Hub) -> None:
    assert client(hub, Role.NURSE).get(f"{_PATH}?quantity=spo2_pct").status_code == 404


def test_more_than_the_ward_shows_is_a_look_at_the_patient(hub: Hub) -> None:
    hub.admit("Testpasient 1")
    visitor = client(hub, Role.NURSE)
    visitor.get(f"{_PATH}?quantity=spo2_pct&hours=1")
    visitor.get(f"{_PATH}?quantity=spo2_pct&hours=24")
    visitor.get(f"{_PATH}?quantity=spo2_pct&hours=1&end_ms={hub.now_ms() - 3_600_000}")
    with hub.engine.connect() as connection:
        rows = connection.execute(sa.select(access_log).where(access_log.c.patient == "p-1")).all()
    assert [(row.username, row.action) for row in rows] == [("nurse", "saw-trend")] * 2


def test_the_ward_gets_the_trends_of_its_rows_at_once(hub: Hub) -> None:
    hub.admit("Testpasient 1", "Testpasient 2")
    hub.store("Testpasient 2", [(hub.now_ms() - 60_000, {"spo2_pct": 90.0, "pulse_bpm": 80.0})])
    visitor = client(hub, Role.NURSE)
    found = visitor.get("/api/v1/ward/trends?patient=p-1&patient=p-2&patient=p-none").json()
    means = {
        patient: {
            name: [value for value in trend["mean"] if value is not None]
            for name, trend in trends.items()
        }
        for patient, trends in found["trends"].items()
    }
    assert means == {
        "p-1": {"spo2_pct": [], "pulse_bpm": []},
        "p-2": {"spo2_pct": [90.0], "pulse_bpm": [80.0]},
    }
    assert visitor.get("/api/v1/ward/trends").status_code == 422
    assert visitor.get("/api/v1/ward/trends?" + "patient=p-1&" * 51).status_code == 422
