"""Whatever a request holds, the hub answers it or refuses it; it never breaks.

Schemathesis makes the requests from the description of the whole app, pages and forms too: what it allows, and what it
does not. Each goes out in a session that may call the route.
"""

import re
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from koffert_hub.live import LiveRow
from koffert_hub.registry import Role
from koffert_hub.web.app import ROUTES, create_app
from koffert_hub.web.guard import CSRF_HEADER, Route
from koffert_hub.web.permissions import may
from tests.web.hub import Hub, client
from tests.web.office import BOX, Office

# The streams do not end by themselves.
_STREAMS = frozenset({"/api/v1/live", "/api/v1/patients/{patient}/waves"})
_TRIED = [route for route in ROUTES if route.path not in _STREAMS]


@pytest.fixture(scope="module", name="described")
def fixture_described(calm_hub: Hub) -> Any:
    """The description of everything, not of the JSON API alone."""
    app = create_app(calm_hub.services())
    for route in app.routes:
        if isinstance(route, APIRoute):
            route.include_in_schema = True
    return schemathesis.openapi.from_dict(app.openapi())


@pytest.fixture(scope="module", name="patient")
def fixture_patient(calm_hub: Hub) -> str:
    """A patient with a suitcase, as the office lends it."""
    office = Office(calm_hub)
    key = office.register()
    office.lend(key)
    row = LiveRow(patient=key, display_name="Testpasient 1", suitcase=BOX)
    calm_hub.on_loop(lambda: calm_hub.feed.set_patients([row], 0))
    return key


@pytest.mark.parametrize("route", _TRIED, ids=lambda route: f"{route.method} {route.path}")
def test_no_request_breaks_the_hub(
    calm_hub: Hub, described: Any, patient: str, route: Route
) -> None:
    _try(calm_hub, described, patient, route, examples=3)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("route", _TRIED, ids=lambda route: f"{route.method} {route.path}")
def test_no_request_of_many_breaks_the_hub(
    calm_hub: Hub, described: Any, patient: str, route: Route
) -> None:
    _try(calm_hub, described, patient, route, examples=150)


def _try(hub: Hub, described: Any, patient: str, route: Route, *, examples: int) -> None:
    visitor = client(hub, _who_may(route))
    csrf = ""
    if route.permission is not None:
        found = re.search(r'name="csrf" value="(\w+)"', visitor.get("/account").text)
        assert found
        csrf = found[1]
    operation = described[route.path][route.method]
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def answered(case: Case[Any]) -> None:
        answer = visitor.request(
            route.method,
            re.sub(r"\{(\w+)\}", lambda name: _place(case, name[1], patient), route.path),
            params=_texts(case.query),
            headers={CSRF_HEADER: csrf},
            data=_texts(case.body),
        )
        assert answer.status_code < 500, case

    answered()


def _who_may(route: Route) -> Role | None:
    if route.permission is None:
        return None
    # What only a shared screen may do is refused to everybody here; refusing must not break either.
    return next((role for role in Role if may(role, route.permission)), Role.NURSE)


def _place(case: Case[Any], name: str, patient: str) -> str:
    made = str(case.path_parameters.get(name, ""))
    # Half of the requests are about a patient who is there.
    return patient if name == "patient" and len(made) % 2 else quote(made, safe="") or "%00"


def _texts(made: Any) -> dict[str, Any]:
    """What a form can carry of what was made: texts, and lists of them."""
    if not isinstance(made, dict):
        return {}
    return {str(name): _text(value) for name, value in made.items()}


def _text(value: Any) -> str | list[str]:
    return [str(one) for one in value] if isinstance(value, list) else str(value)


def test_a_text_that_no_database_can_hold_is_refused(calm_hub: Hub, patient: str) -> None:
    visitor = client(calm_hub, Role.NURSE)
    found = re.search(r'name="csrf" value="(\w+)"', visitor.get("/account").text)
    assert found
    for data in ({"csrf": found[1], "text": "a\0b"}, {"csrf": found[1], "text": "a", "\0": "b"}):
        assert visitor.post(f"/patients/{patient}/notes", data=data).status_code == 400
    for path in ("/staff?q=%00", "/patients?q=a%00", "/patients/%00"):
        assert visitor.get(path).status_code == 400, path
