"""Taking an alert: one person is first, and everyone else is told who."""

import re

import httpx
import sqlalchemy as sa

from koffert_hub.alerts.records import Priority
from koffert_hub.registry import Role
from koffert_hub.web.tables import access_log
from tests.web.hub import Hub, client

_PATH = "/api/v1/alerts/a1/acknowledge"


def _post(visitor: httpx.Client, path: str = _PATH) -> httpx.Response:
    found = re.search(r'name="csrf" value="(\w+)"', visitor.get("/account").text)
    assert found
    return visitor.post(path, headers={"X-Koffert-CSRF": found[1]})


def test_of_two_who_take_it_at_once_one_is_first(hub: Hub) -> None:
    hub.board.raise_alert("a1", "p-1", Priority.RED, raised_ms=1)
    nurse, doctor = client(hub, Role.NURSE), client(hub, Role.DOCTOR)
    first, second = _post(nurse), _post(doctor)
    assert (first.status_code, second.status_code) == (200, 409)
    assert second.json()["acknowledged_by"] == "Sykepleier Test"
    with hub.engine.connect() as connection:
        taken = connection.execute(
            sa.select(access_log).where(access_log.c.action == "acknowledged")
        ).all()
    assert [(row.username, row.patient) for row in taken] == [("nurse", "p-1")]


def test_an_alert_that_is_gone_cannot_be_taken(hub: Hub) -> None:
    assert _post(client(hub, Role.NURSE)).status_code == 404


def test_without_the_forms_token_nothing_is_taken(hub: Hub) -> None:
    hub.board.raise_alert("a1", "p-1", Priority.RED, raised_ms=1)
    assert client(hub, Role.NURSE).post(_PATH).status_code == 403
    assert hub.board.open_alerts()[0].acknowledged_by is None
