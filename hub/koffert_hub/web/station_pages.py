"""The shared screen: the ward for everyone to see, and a person by name for whatever is done there."""

from typing import Annotated

from fastapi import Form, HTTPException, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from koffert_hub.database import reading
from koffert_hub.registry import User
from koffert_hub.web import credentials
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession, WebContext
from koffert_hub.web.guard import NotAllowed, Route
from koffert_hub.web.login import own_path
from koffert_hub.web.permissions import Permission, may
from koffert_hub.web.session import Session

Secret = Annotated[str, Form(max_length=100)]
_HASH_LENGTH = 64


def start_station(
    context: Context,
    session: CurrentSession,
    name: Annotated[str, Form(min_length=1, max_length=60)],
) -> Response:
    """Make a shared screen of this browser; whoever did it is logged out of it."""
    _refuse_station(session)
    context.sessions.make_station(session, name.strip())
    _note(context, session.username, Action.STARTED_STATION, name.strip())
    return _to("/")


def end_station(
    context: Context,
    session: CurrentSession,
    station: str,
) -> Response:
    """Turn a shared screen off from afar."""
    try:
        ended = len(station) == _HASH_LENGTH and context.sessions.end_station(station)
    except ValueError:
        ended = False
    if not ended:
        raise HTTPException(404)
    _note(context, session.username, Action.ENDED_STATION, station[:8])
    return _to("/users")


def identify_page(request: Request, context: Context, to: str = "", problem: str = "") -> Response:
    """Ask who wants to do something at the shared screen."""
    with reading(context.services.engine) as connection:
        people = credentials.with_pin(connection)
    shown = problem if problem in ("wrong", "throttled") else ""
    return context.page(request, "identify.html", people=people, to=own_path(to), problem=shown)


def identify(
    *,
    context: Context,
    session: CurrentSession,
    badge: Secret = "",
    username: Secret = "",
    pin: Secret = "",
    to: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Say who acts, on the page of its own."""
    problem = _identify(context, session, badge.strip(), username, pin)
    if problem:
        return _to(f"/identify?problem={problem}&to={own_path(to)}")
    return _to(own_path(to) or "/")


def identify_here(
    *,
    context: Context,
    session: CurrentSession,
    badge: Secret = "",
    username: Secret = "",
    pin: Secret = "",
) -> Response:
    """Say who acts, without leaving the ward."""
    problem = _identify(context, session, badge.strip(), username, pin)
    status = {"": 200, "wrong": 401, "throttled": 429}[problem]
    return JSONResponse({"problem": problem}, status)


def leave(context: Context, session: CurrentSession) -> Response:
    """Whoever acted at the shared screen is done."""
    if session.station:
        context.sessions.stop_acting(session)
    return _to("/")


def set_pin(context: Context, session: CurrentSession, pin: Secret) -> Response:
    """Choose the own PIN for shared screens."""
    return _change_credential(context, session, "pin", pin)


def set_badge(context: Context, session: CurrentSession, badge: Secret) -> Response:
    """Take the own badge into use at shared screens: read it into the field."""
    return _change_credential(context, session, "badge", badge.strip())


def _change_credential(context: WebContext, session: Session, kind: str, secret: str) -> Response:
    _refuse_station(session)
    change = credentials.set_pin if kind == "pin" else credentials.set_badge
    try:
        with context.services.engine.begin() as connection:
            change(connection, session.username, secret)
    except credentials.NotUsable:
        return _to(f"/account?problem={kind}")
    _note(context, session.username, Action.CHANGED_CREDENTIAL, kind)
    return _to("/account?changed=true")


def _identify(context: WebContext, session: Session, badge: str, username: str, pin: str) -> str:
    """Let the person act; returns what is wrong, empty when nothing is."""
    services, station = context.services, session.token_hash.hex()
    named = username if not badge else "badge"
    if context.station_throttle.attempt(named, station) is not None:
        return "throttled"
    with reading(services.engine) as connection:
        user = (
            credentials.by_badge(connection, badge)
            if badge
            else credentials.by_pin(connection, username, pin)
        )
    if user is None or not may(user.role, Permission.SEE_WARD):
        _note(context, "", Action.NOT_IDENTIFIED, None)
        return "wrong"
    context.station_throttle.succeeded(named, station)
    _begin(context, session, user)
    return ""


def _begin(context: WebContext, session: Session, user: User) -> None:
    context.sessions.act(session, user, context.services.clock_ms())
    _note(context, user.username, Action.IDENTIFIED, None)


def _refuse_station(session: Session) -> None:
    """What belongs to one person is not changed at a screen that is everybody's."""
    if session.station:
        raise NotAllowed


def _note(context: WebContext, username: str, action: Action, detail: str | None) -> None:
    at_ms = context.services.clock_ms()
    context.access_log.record(username, action, at_ms=at_ms, detail=detail)


def _to(address: str) -> Response:
    return RedirectResponse(address, status_code=303)


ROUTES = (
    Route("POST", "/station", start_station, Permission.START_STATION),
    Route("POST", "/station/leave", leave, Permission.IDENTIFY),
    Route("POST", "/stations/{station}/end", end_station, Permission.MANAGE_USERS),
    Route("GET", "/identify", identify_page, Permission.IDENTIFY),
    Route("POST", "/identify", identify, Permission.IDENTIFY),
    Route("POST", "/api/v1/identify", identify_here, Permission.IDENTIFY),
    Route("POST", "/account/pin", set_pin, Permission.OWN_SESSION),
    Route("POST", "/account/badge", set_badge, Permission.OWN_SESSION),
)
