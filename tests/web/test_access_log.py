"""Every look is on record, and an administrator can see whose."""

import sqlalchemy as sa

from koffert_hub import tables
from koffert_hub.registry import Role, create_centre
from koffert_hub.web.pages import LOOKS_PER_PAGE
from koffert_hub.web.tables import access_log
from tests.web.hub import Hub, client


def _recorded(hub: Hub) -> list[tuple[str, str, str | None]]:
    with hub.engine.connect() as connection:
        rows = connection.execute(sa.select(access_log).order_by(access_log.c.id)).all()
    return [(row.username, row.action, row.patient) for row in rows]


def test_opening_the_ward_and_a_patient_is_on_record(hub: Hub) -> None:
    hub.admit("Testpasient 1")
    visitor = client(hub, Role.DOCTOR)
    visitor.get("/")
    visitor.get("/patients/p-1")
    assert _recorded(hub) == [("doctor", "saw-ward", None), ("doctor", "saw-patient", "p-1")]


def test_who_is_not_on_the_ward_cannot_be_opened(hub: Hub) -> None:
    answer = client(hub, Role.NURSE).get("/patients/p-1")
    assert answer.status_code == 404
    assert "levert kofferten tilbake" in answer.text


def test_a_refused_look_shows_nothing(hub: Hub) -> None:
    hub.admit("Testpasient 1")
    for role in (Role.AMK, Role.ENGINEER, Role.ADMIN):
        answer = client(hub, role).get("/patients/p-1")
        assert answer.status_code == 403
        assert "Testpasient" not in answer.text


def test_an_administrator_sees_who_looked_at_a_patient(hub: Hub) -> None:
    hub.admit("Testpasient 1", "Testpasient 2")
    with hub.engine.begin() as connection:
        centre = create_centre(connection, "Dalane DMS", now_ms=0)
        connection.execute(tables.patient.insert().values(key="p-1", centre=centre, created_ms=0))
        connection.execute(
            tables.person.insert().values(patient="p-1", display_name="<b>Testpasient 1</b>")
        )
    visitor = client(hub, Role.NURSE)
    visitor.get("/patients/p-1")
    visitor.get("/patients/p-2")
    html = client(hub, Role.ADMIN).get("/access-log?patient=p-1").text
    assert "åpnet pasienten" in html
    assert "&lt;b&gt;Testpasient 1&lt;/b&gt;" in html
    assert "p-2" not in html
    assert _recorded(hub)[-1] == ("admin", "saw-access-log", None)


def test_the_log_goes_back_page_by_page(hub: Hub) -> None:
    with hub.engine.begin() as connection:
        connection.execute(
            access_log.insert(),
            [
                {"at_ms": n, "username": f"user-{n}", "action": "saw-ward"}
                for n in range(LOOKS_PER_PAGE + 5)
            ],
        )
    visitor = client(hub, Role.ADMIN)
    newest = visitor.get("/access-log").text
    assert "user-104" in newest
    assert "Eldre oppslag" in newest
    oldest = visitor.get("/access-log?before=6").text
    assert "user-4" in oldest
    assert "Eldre oppslag" not in oldest
    assert visitor.get("/access-log?before=x").status_code == 422
