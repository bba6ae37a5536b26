"""Every route against every role: deny by default, and nobody forgets a new route."""

import re

import pytest

from koffert_hub.registry import Role
from koffert_hub.web.app import ROUTES
from koffert_hub.web.guard import Route
from koffert_hub.web.permissions import PERMISSIONS, Permission, may
from tests.web.hub import Hub, client

# Who may call what, written down once more by hand: a change of the table must be meant.
EXPECTED: dict[tuple[str, str], set[Role] | None] = {
    ("GET", "/login"): None,
    ("POST", "/login"): None,
    ("POST", "/language"): None,
    ("GET", "/static/{name}"): None,
    ("POST", "/logout"): set(Role),
    ("GET", "/account"): set(Role),
    ("GET", "/api/v1/session"): set(Role),
    ("GET", "/"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/api/v1/live"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/call"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/visit"): None,
    ("POST", "/api/v1/patients/{patient}/stills"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/access-log"): {Role.ADMIN},
    ("POST", "/api/v1/alerts/{alert}/acknowledge"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/api/v1/patients/{patient}/trend"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/api/v1/ward/trends"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/api/v1/alerts/{alert}/why"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/api/v1/patients/{patient}/diary"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/notes"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/readings"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/readings"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/plan"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/plan"): {Role.DOCTOR},
    ("POST", "/patients/{patient}/card"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/home"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/looks"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/spirometry"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/build"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/api/v1/patients/{patient}/spirometry"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/person"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/identity"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/loan"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/loan"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/loan/step"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/suitcases"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/suitcases/{device}"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/entered"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/api/v1/patients/{patient}/marks"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/api/v1/patients/{patient}/waves"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/documents"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/documents"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/documents/{document}"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/documents/{document}/file"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/documents/{document}/decision"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/documents/{document}/dispatch"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/api/v1/patients/{patient}/messages"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/api/v1/patients/{patient}/messages"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/api/v1/patients/{patient}/reminder"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/messages"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/received"): {Role.RECEIVER},
    ("GET", "/api/v1/received"): {Role.RECEIVER},
    ("GET", "/received/{identifier}"): {Role.RECEIVER},
    ("POST", "/received/{identifier}"): {Role.RECEIVER},
    ("GET", "/received/{identifier}/file"): {Role.RECEIVER},
    ("GET", "/patients/{patient}/reason"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/reason"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/zones"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/patients/{patient}/zones"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/summary"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/call/blow"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/call/ecg"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/visits"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/visits"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/visits/{visit}"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/patients/{patient}/visits"): {Role.NURSE, Role.DOCTOR},
    ("GET", "/staff"): {Role.NURSE, Role.DOCTOR, Role.ENGINEER},
    ("POST", "/staff/me"): {Role.NURSE, Role.DOCTOR, Role.ENGINEER},
    ("GET", "/hand-over"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/hand-over"): {Role.NURSE, Role.DOCTOR},
    ("POST", "/station"): {Role.NURSE, Role.DOCTOR},
    # Only a shared screen asks who acts; `test_station.py` has its routes.
    ("POST", "/station/leave"): set(),
    ("GET", "/identify"): set(),
    ("POST", "/identify"): set(),
    ("POST", "/api/v1/identify"): set(),
    ("POST", "/stations/{station}/end"): {Role.ADMIN},
    ("GET", "/login/oidc"): None,
    ("GET", "/login/oidc/callback"): None,
    ("GET", "/account/totp"): set(Role),
    ("POST", "/account/totp"): set(Role),
    ("POST", "/account/totp/off"): set(Role),
    ("POST", "/account/pin"): set(Role),
    ("POST", "/account/badge"): set(Role),
    ("GET", "/users"): {Role.ADMIN},
    ("POST", "/users"): {Role.ADMIN},
    ("POST", "/users/{username}"): {Role.ADMIN},
    ("GET", "/log"): {Role.AMK},
    ("GET", "/log/{hub}"): {Role.AMK},
    ("GET", "/log/{hub}/records/{sequence}"): {Role.AMK},
    ("GET", "/log/{hub}/export.{kind}"): {Role.AMK},
    ("POST", "/log/{hub}/name"): {Role.AMK},
    ("GET", "/api/v1/log/{hub}"): {Role.AMK},
}


def test_the_table_says_what_was_meant() -> None:
    stated = {
        (route.method, route.path): None
        if route.permission is None
        else {role for role in Role if may(role, route.permission)}
        for route in ROUTES
    }
    assert stated == EXPECTED


def test_every_role_is_in_the_table_and_every_permission_in_use() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert {route.permission for route in ROUTES} - {None} == set(Permission)


def _guarded() -> list[Route]:
    return [route for route in ROUTES if route.permission is not None]


def _address(route: Route) -> str:
    return re.sub(r"\{\w+\}", "p-1", route.path)


def test_without_a_session_pages_lead_to_the_login_and_the_api_refuses(calm_hub: Hub) -> None:
    visitor = client(calm_hub)
    for route in _guarded():
        answer = visitor.request(route.method, _address(route))
        if route.path.startswith("/api/"):
            assert answer.status_code == 401, route.path
        else:
            assert answer.status_code == 303, route.path
            assert answer.headers["location"].startswith("/login"), route.path


@pytest.mark.parametrize("role", list(Role))
def test_each_role_is_refused_where_it_has_no_business(calm_hub: Hub, role: Role) -> None:
    visitor = client(calm_hub, role)
    for route in _guarded():
        assert route.permission is not None
        if may(role, route.permission):
            continue
        answer = visitor.request(route.method, _address(route))
        assert answer.status_code == 403, route.path


def test_what_is_in_no_table_does_not_exist(calm_hub: Hub) -> None:
    visitor = client(calm_hub, Role.ADMIN)
    for path in ("/docs", "/openapi.json", "/redoc", "/static/../app.py", "/static/%2e%2e/app.py"):
        assert visitor.get(path).status_code == 404, path
