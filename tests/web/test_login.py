"""Logging in: sessions, cookies, foreign requests, brute force."""

import re

import httpx
import pytest
import sqlalchemy as sa

from koffert_hub.registry import Role
from koffert_hub.web.session import ABSOLUTE_LIMIT_MS, IDLE_LIMIT_MS
from koffert_hub.web.tables import access_log, web_session
from koffert_hub.web.throttle import LIMITS, WINDOW_MS, LoginThrottle
from tests.web.hub import PASSWORD, Hub, client


def _log_in(visitor: httpx.Client, password: str = PASSWORD, **more: str) -> httpx.Response:
    return visitor.post("/login", data={"username": "nurse", "password": password, **more})


def _csrf(visitor: httpx.Client) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', visitor.get("/account").text)
    assert found
    return found[1]


def test_the_right_password_leads_to_the_ward(hub: Hub) -> None:
    visitor = client(hub)
    answer = _log_in(visitor)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert visitor.get("/").status_code == 200


def test_a_wrong_password_and_an_unknown_name_look_the_same(hub: Hub) -> None:
    visitor = client(hub)
    wrong = _log_in(visitor, "feil")
    unknown = visitor.post("/login", data={"username": "ingen", "password": "feil"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text == unknown.text


def test_a_session_is_kept_as_a_hash_and_survives_a_restart(hub: Hub) -> None:
    visitor = client(hub, Role.NURSE)
    token = visitor.cookies["koffert"]
    with hub.engine.connect() as connection:
        rows = connection.execute(sa.select(web_session)).all()
    assert token not in repr(rows)
    with hub.serve():
        again = hub.visitor(token=token)
        assert again.get("/account").status_code == 200


def test_logging_in_replaces_a_session_that_someone_planted(hub: Hub) -> None:
    visitor = client(hub, Role.NURSE)
    planted = visitor.cookies["koffert"]
    _log_in(visitor)
    assert visitor.cookies["koffert"] != planted
    thief = hub.visitor(token=planted)
    assert thief.get("/api/v1/session").status_code == 401


def test_logging_out_ends_the_session_at_the_server(hub: Hub) -> None:
    visitor = client(hub, Role.NURSE)
    token = visitor.cookies["koffert"]
    assert visitor.post("/logout", data={"csrf": _csrf(visitor)}).status_code == 303
    stale = hub.visitor(token=token)
    assert stale.get("/api/v1/session").status_code == 401


@pytest.mark.parametrize("limit_ms", [IDLE_LIMIT_MS, ABSOLUTE_LIMIT_MS])
def test_a_session_ends_by_itself(hub: Hub, limit_ms: int) -> None:
    visitor = client(hub, Role.NURSE)
    hub.offset_ms += limit_ms
    assert visitor.get("/api/v1/session").status_code == 401


def test_use_keeps_a_session_alive_until_the_shift_is_over(hub: Hub) -> None:
    visitor = client(hub, Role.NURSE)
    step_ms = IDLE_LIMIT_MS - 60_000
    for _ in range(ABSOLUTE_LIMIT_MS // step_ms):
        hub.offset_ms += step_ms
        assert visitor.get("/api/v1/session").status_code == 200
    hub.offset_ms += step_ms
    assert visitor.get("/api/v1/session").status_code == 401


def test_a_form_without_its_token_is_refused(hub: Hub) -> None:
    visitor = client(hub, Role.NURSE)
    for sent in ({}, {"csrf": ""}, {"csrf": "0" * 64}):
        assert visitor.post("/logout", data=sent).status_code == 403
    assert visitor.get("/api/v1/session").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://ond.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_request_from_another_site_is_refused(hub: Hub, headers: dict[str, str]) -> None:
    visitor = client(hub)
    sent = {"username": "nurse", "password": PASSWORD}
    assert visitor.post("/login", data=sent, headers=headers).status_code == 403
    del visitor.headers["Origin"]
    assert visitor.post("/login", data=sent).status_code == 403


@pytest.mark.parametrize(
    ("to", "lands"),
    [
        ("/account", "/account"),
        ("//ond.example", "/"),
        ("/\\ond.example", "/"),
        ("https://ond.example", "/"),
        ("/\r\nSet-Cookie: x=1", "/"),
    ],
)
def test_the_login_sends_nobody_to_another_site(hub: Hub, to: str, lands: str) -> None:
    assert _log_in(client(hub), to=to).headers["location"] == lands


def test_guessing_is_stopped_also_for_the_right_password(hub: Hub) -> None:
    visitor = client(hub)
    for _ in range(LIMITS[0].attempts):
        assert _log_in(visitor, "feil").status_code == 401
    answer = _log_in(visitor)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= WINDOW_MS // 1000
    hub.offset_ms += WINDOW_MS
    assert _log_in(visitor).status_code == 303


def test_one_machine_cannot_try_many_names_nor_many_machines_one_name() -> None:
    throttle = LoginThrottle(lambda: 0)
    names = [throttle.attempt(f"user{n}", "203.0.113.1") for n in range(LIMITS[1].attempts + 1)]
    assert names[-2:] == [None, WINDOW_MS // 1000]
    machines = [throttle.attempt("nurse", f"203.0.113.{n}") for n in range(LIMITS[2].attempts + 2)]
    assert machines[-1] == WINDOW_MS // 1000


def test_five_mistakes_elsewhere_do_not_lock_the_nurse_out() -> None:
    throttle = LoginThrottle(lambda: 0)
    while throttle.attempt("nurse", "203.0.113.1") is None:
        pass
    assert throttle.attempt("nurse", "203.0.113.2") is None


def test_who_came_and_went_is_on_record_without_what_was_typed(hub: Hub) -> None:
    visitor = client(hub)
    visitor.post("/login", data={"username": "passordet mitt", "password": "feil"})
    _log_in(visitor)
    visitor.post("/logout", data={"csrf": _csrf(visitor)})
    with hub.engine.connect() as connection:
        rows = connection.execute(sa.select(access_log.c.username, access_log.c.action)).all()
    assert [tuple(row) for row in rows] == [
        ("", "login-refused"),
        ("nurse", "logged-in"),
        ("nurse", "logged-out"),
    ]
