"""The shared screen: shows the ward for ever, and does nothing for anyone who has not said who it is."""

import re

import httpx
import pytest

from koffert_hub.registry import Role
from koffert_hub.web.access_log import AccessLog, Action
from koffert_hub.web.app import ROUTES
from koffert_hub.web.permissions import STATION, Permission
from koffert_hub.web.session import ABSOLUTE_LIMIT_MS, ACTING_MS
from koffert_hub.web.throttle import STATION_LIMITS, WINDOW_MS
from tests.web.hub import Hub, client

PIN = "4711"
BADGE = "0004711471147"


def _csrf(visitor: httpx.Client) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', visitor.get("/account").text)
    assert found
    return found[1]


class Screen:
    """A shared screen that a nurse has started, and a doctor with PIN and badge."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        doctor = client(hub, Role.DOCTOR)
        form = {"csrf": _csrf(doctor)}
        assert doctor.post("/account/pin", data={**form, "pin": PIN}).status_code == 303
        assert doctor.post("/account/badge", data={**form, "badge": BADGE}).status_code == 303
        self.visitor = client(hub, Role.NURSE)
        self.csrf = _csrf(self.visitor)
        started = self.post("/station", name="Vaktrom")
        assert started.headers["location"] == "/"

    def post(self, path: str, **data: str) -> httpx.Response:
        return self.visitor.post(path, data={"csrf": self.csrf, **data})

    def identify(self, **data: str) -> int:
        return self.post("/api/v1/identify", **data).status_code

    def acknowledge(self) -> int:
        return self.post("/api/v1/alerts/a1/acknowledge").status_code

    def who(self) -> str:
        name: str = self.visitor.get("/api/v1/session").json()["username"]
        return name


@pytest.fixture(name="screen")
def fixture_screen(hub: Hub) -> Screen:
    return Screen(hub)


def test_it_shows_the_ward_and_nothing_else(screen: Screen) -> None:
    assert "Vaktrom" in screen.visitor.get("/").text
    for route in ROUTES:
        if route.permission is None or route.permission in STATION:
            continue
        answer = screen.visitor.request(route.method, re.sub(r"\{\w+\}", "p-1", route.path))
        if route.method == "GET" and not route.path.startswith("/api/"):
            assert answer.headers["location"].startswith("/identify?to="), route.path
        else:
            assert answer.status_code == 403, route.path


def test_it_never_ends_by_itself_but_an_administrator_turns_it_off(
    hub: Hub, screen: Screen
) -> None:
    hub.offset_ms += 10 * ABSOLUTE_LIMIT_MS
    assert screen.visitor.get("/").status_code == 200
    admin = client(hub, Role.ADMIN)
    found = re.search(r'action="(/stations/\w+/end)"', admin.get("/users").text)
    assert found
    csrf = _csrf(admin)
    assert admin.post(found[1], data={"csrf": csrf}).status_code == 303
    assert screen.visitor.get("/api/v1/session").status_code == 401
    for gone in (found[1], "/stations/x/end", f"/stations/{'z' * 64}/end"):
        assert admin.post(gone, data={"csrf": csrf}).status_code == 404


@pytest.mark.parametrize("said", [{"badge": BADGE}, {"username": "doctor", "pin": PIN}])
def test_what_is_done_is_done_by_name(screen: Screen, said: dict[str, str]) -> None:
    assert screen.acknowledge() == 403
    assert screen.identify(**said) == 200
    assert screen.who() == "doctor"
    assert screen.acknowledge() == 404  # allowed; there is no such alert
    screen.post("/station/leave")
    assert screen.who() == "station"
    assert screen.acknowledge() == 403


def test_it_forgets_who_acted_after_a_while(hub: Hub, screen: Screen) -> None:
    screen.identify(badge=BADGE)
    hub.offset_ms += ACTING_MS - 60_000
    assert screen.who() == "doctor"
    hub.offset_ms += 60_000
    assert screen.who() == "station"


def test_a_page_that_was_asked_for_comes_after_the_answer(hub: Hub, screen: Screen) -> None:
    hub.admit("Testpasient 1")
    asked = screen.visitor.get("/patients/p-1").headers["location"]
    assert asked == "/identify?to=/patients/p-1"
    assert "Lege Test" in screen.visitor.get(asked).text
    answer = screen.post("/identify", username="doctor", pin="0000", to="/patients/p-1")
    assert answer.headers["location"] == "/identify?problem=wrong&to=/patients/p-1"
    answer = screen.post("/identify", username="doctor", pin=PIN, to="/patients/p-1")
    assert answer.headers["location"] == "/patients/p-1"
    page = screen.visitor.get("/patients/p-1")
    assert page.headers["refresh"] == f"{ACTING_MS // 1000}; url=/"
    looks = AccessLog(hub.engine).latest(3, before=2**62)
    assert [(look.username, look.action) for look in looks[:2]] == [
        ("doctor", Action.SAW_PATIENT),
        ("doctor", Action.IDENTIFIED),
    ]


def test_guessing_a_pin_is_stopped_and_a_busy_screen_is_not(hub: Hub, screen: Screen) -> None:
    for _ in range(3 * STATION_LIMITS[0].attempts):
        assert screen.identify(badge=BADGE) == 200
    for _ in range(STATION_LIMITS[0].attempts):
        assert screen.identify(username="doctor", pin="0000") == 401
    assert screen.identify(username="doctor", pin=PIN) == 429
    hub.offset_ms += WINDOW_MS
    assert screen.identify(username="doctor", pin=PIN) == 200


def test_nobody_of_another_role_acts_at_the_ward(hub: Hub, screen: Screen) -> None:
    admin = client(hub, Role.ADMIN)
    admin.post("/account/pin", data={"csrf": _csrf(admin), "pin": PIN})
    assert screen.identify(username="admin", pin=PIN) == 401
    assert screen.identify(username="nobody", pin=PIN) == 401
    assert screen.identify(badge="000000") == 401
    assert screen.identify() == 401


def test_what_belongs_to_one_person_is_not_changed_at_a_shared_screen(screen: Screen) -> None:
    screen.identify(badge=BADGE)
    assert screen.post("/account/pin", pin="1234").status_code == 403
    assert screen.post("/account/badge", badge="999999").status_code == 403
    assert screen.post("/station", name="Vaktrom 2").status_code == 403


@pytest.mark.parametrize("pin", ["", "123", "123456789", "12a4", "١٢٣٤"])
def test_a_pin_has_four_to_eight_digits(hub: Hub, pin: str) -> None:
    nurse = client(hub, Role.NURSE)
    answer = nurse.post("/account/pin", data={"csrf": _csrf(nurse), "pin": pin})
    assert answer.status_code == 422 or answer.headers["location"] == "/account?problem=pin"


def test_a_badge_is_one_persons(hub: Hub, screen: Screen) -> None:
    nurse = client(hub, Role.NURSE)
    answer = nurse.post("/account/badge", data={"csrf": _csrf(nurse), "badge": BADGE})
    assert answer.headers["location"] == "/account?problem=badge"
    screen.identify(badge=BADGE)
    assert screen.who() == "doctor"


def test_who_lost_access_acts_no_more(hub: Hub, screen: Screen) -> None:
    screen.identify(badge=BADGE)
    admin = client(hub, Role.ADMIN)
    admin.post("/users/doctor", data={"csrf": _csrf(admin), "change": "remove"})
    assert screen.who() == "station"
    assert screen.identify(badge=BADGE) == 401


def test_the_permission_to_identify_is_a_screens_alone() -> None:
    assert Permission.IDENTIFY in STATION
    assert Permission.SEE_PATIENT not in STATION
