"""The calendar's pages: today's visits with a call button, planned, moved and cancelled; on record."""

import re
from datetime import timedelta

import pytest

from koffert_hub.alerts.civil import OSLO
from koffert_hub.database import reading
from koffert_hub.provisioning.desired_state import desired
from koffert_hub.provisioning.reactions import as_command
from koffert_hub.times import from_ms
from koffert_hub.web.access_log import AccessLog, Action
from koffert_wire.commands import PlannedVisit, VisitWith
from tests.hub.kit import NOON_MS
from tests.web.hub import Hub
from tests.web.office import BOX, Office


@pytest.fixture(autouse=True)
def _noon(hub: Hub) -> None:
    """An hour from now is today, whenever the test runs."""
    hub.offset_ms += NOON_MS - hub.now_ms()


def _told(hub: Hub) -> tuple[PlannedVisit, ...]:
    with reading(hub.engine) as connection:
        wanted = desired(connection, BOX)
    assert wanted is not None
    return as_command(wanted).visits


def test_a_visit_is_planned_moved_and_cancelled_from_the_day(hub: Hub) -> None:
    office = Office(hub)
    patient = office.register()
    office.lend(patient)
    planned = _told(hub)
    assert 7 <= len(planned) <= 10  # the weekdays of two weeks, without holidays
    soon = from_ms(hub.now_ms()).astimezone(OSLO).replace(second=0, microsecond=0)
    when = soon + timedelta(minutes=2)
    answer = office.post(
        "/visits", patient=patient, when=f"{when:%Y-%m-%dT%H:%M}", visit_with="doctor"
    )
    assert answer.status_code == 303, answer.text
    assert office.url == f"/visits?day={when:%Y-%m-%d}"
    mine = PlannedVisit(int(when.timestamp() * 1000), VisitWith.DOCTOR)
    assert mine in _told(hub)
    page = office.page(office.url)
    assert f"/patients/{patient}/call" in page
    assert "Testpasient 1" in page
    numbers = re.findall(r'id="visit-(\d+)"', page)
    visit = max(map(int, numbers))
    later = when + timedelta(days=1)
    office.post(f"/visits/{visit}", step="move", when=f"{later:%Y-%m-%dT%H:%M}")
    assert mine not in _told(hub)
    assert PlannedVisit(int(later.timestamp() * 1000), VisitWith.DOCTOR) in _told(hub)
    assert "flyttet av Sykepleier Test" in office.page(office.url)
    assert office.post(f"/visits/{visit}", step="cancel").status_code == 303
    assert len(_told(hub)) == len(planned)
    assert "avlyst av Sykepleier Test" in office.page(f"/patients/{patient}/visits")
    seen = [look.action for look in AccessLog(hub.engine).latest(9, before=2**62)]
    assert {Action.PLANNED_VISIT, Action.MOVED_VISIT, Action.CANCELLED_VISIT} <= set(seen)


def test_what_cannot_be_is_refused(hub: Hub) -> None:
    office = Office(hub)
    patient = office.register()
    soon = from_ms(hub.now_ms() + 3_600_000).astimezone(OSLO)
    form = {"patient": patient, "when": f"{soon:%Y-%m-%dT%H:%M}", "visit_with": "nurse"}
    assert office.post("/visits", **form).status_code == 404  # no suitcase
    office.lend(patient)
    for wrong in ({"when": "2020-01-01T10:00"}, {"when": "soon"}, {"visit_with": "amk"}):
        assert office.post("/visits", **form | wrong).status_code == 422
    late = f"{soon + timedelta(days=15):%Y-%m-%dT%H:%M}"
    mine = office.page(f"/patients/{patient}/visits")
    first = min(map(int, re.findall(r'action="/visits/(\d+)"', mine)))
    before = _told(hub)
    for refused in (
        office.post("/visits", **form | {"when": late}),
        office.post(f"/visits/{first}", step="move", when=late),
    ):
        assert refused.status_code == 303
        assert f"day={soon + timedelta(days=14):%Y-%m-%d}&problem=after-end" in office.url
        assert "lånet er slutt før den tiden" in office.page(office.url)
    assert _told(hub) == before
    assert office.post("/visits/12345", step="cancel").status_code == 404
    assert office.post("/visits/1", step="move").status_code == 422
    assert office.post(f"/visits/{2**63}", step="cancel").status_code == 422
    assert office.visitor.get("/patients/p-0/visits").status_code == 404
