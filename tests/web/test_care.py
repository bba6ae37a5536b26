"""Who is no longer followed here is opened only by somebody who says why; every route that reads a record asks."""

import re

import httpx
import pytest

from koffert_hub.registry import Role
from koffert_hub.web.app import ROUTES
from koffert_hub.web.care import FOLLOWED_MS, REASON_HOLDS_MS
from koffert_hub.web.guard import READS_RECORD, Route
from tests.web.hub import Hub, client
from tests.web.office import Office

RECORD_ROUTES = [
    route for route in ROUTES if route.permission in READS_RECORD and "{patient}" in route.path
]
PAGES = ("", "/readings", "/spirometry", "/documents", "/plan", "/looks", "/zones", "/summary")
REASON = "Fastlegen ringer om lungefunksjonen"


class Former:
    """A patient whose loan is over, at the day that it ended."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        office = Office(hub)
        self.patient = office.register()
        assert office.lend(self.patient) == ""
        office.post(f"/patients/{self.patient}/loan/step", step="end", reason="returned")

    def later(self, ms: int) -> None:
        self.hub.offset_ms += ms

    def get(self, visitor: httpx.Client, page: str) -> httpx.Response:
        return visitor.get(f"/patients/{self.patient}{page}")

    def explain(self, visitor: httpx.Client, reason: str = REASON) -> httpx.Response:
        found = re.search(r'name="csrf" value="(\w+)"', visitor.get("/account").text)
        assert found
        return visitor.post(
            f"/patients/{self.patient}/reason",
            data={"csrf": found[1], "reason": reason, "to": f"/patients/{self.patient}/readings"},
        )


@pytest.fixture(name="former")
def fixture_former(hub: Hub) -> Former:
    return Former(hub)


def test_lately_given_back_is_read_and_no_longer_written_to(hub: Hub, former: Former) -> None:
    visitor = client(hub, Role.NURSE)
    for page in PAGES:
        answer = former.get(visitor, page)
        assert answer.status_code == 200, page
    assert "/notes" not in former.get(visitor, "").text
    assert former.get(visitor, "/call").status_code == 404


def test_a_reason_opens_the_record_to_one_person_for_an_hour(hub: Hub, former: Former) -> None:
    former.later(FOLLOWED_MS + 1)
    nurse, doctor = client(hub, Role.NURSE), client(hub, Role.DOCTOR)
    asked = former.get(nurse, "/readings").headers["location"]
    assert asked == f"/patients/{former.patient}/reason?to=/patients/{former.patient}/readings"
    assert "Testpasient 1" in nurse.get(asked).text
    assert former.explain(nurse, "    ").status_code == 422
    assert former.get(nurse, "").status_code == 303
    assert former.explain(nurse).headers["location"] == f"/patients/{former.patient}/readings"
    assert [former.get(nurse, page).status_code for page in PAGES] == [200] * len(PAGES)
    assert former.get(doctor, "").status_code == 303
    assert REASON in former.get(nurse, "/looks").text
    assert REASON in client(hub, Role.ADMIN).get("/access-log").text
    former.later(REASON_HOLDS_MS)
    assert former.get(client(hub, Role.NURSE), "").status_code == 303


@pytest.mark.parametrize("route", RECORD_ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_of_a_record_asks(forgotten: Former, route: Route) -> None:
    visitor = client(forgotten.hub, Role.DOCTOR)
    found = re.search(r'name="csrf" value="(\w+)"', visitor.get("/account").text)
    assert found
    path = re.sub(r"\{patient\}", forgotten.patient, route.path)
    path = re.sub(r"\{\w+\}", "1", path)
    answer = visitor.request(route.method, path, headers={"X-Koffert-CSRF": found[1]})
    if route.method == "GET" and not path.startswith("/api/"):
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"/patients/{forgotten.patient}/reason")
    else:
        assert answer.status_code == 403


@pytest.fixture(scope="module", name="forgotten")
def fixture_forgotten(calm_hub: Hub) -> Former:
    """Shared by all routes: nothing is changed, each is refused."""
    former = Former(calm_hub)
    former.later(FOLLOWED_MS + 1)
    return former
