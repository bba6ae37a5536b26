"""Users and roles: who may log in, added, changed and removed by an administrator."""

from enum import StrEnum
from typing import Annotated

from fastapi import Form, HTTPException, Request
from sqlalchemy.exc import IntegrityError
from starlette.responses import RedirectResponse, Response

from koffert_hub.database import reading
from koffert_hub.registry import Role, create_user
from koffert_hub.web import users
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession, WebContext
from koffert_hub.web.guard import Route
from koffert_hub.web.permissions import Permission

# Long enough that the throttle's fifty tries in a quarter of an hour find nothing.
MIN_PASSWORD = 12
_MAX_FIELD = 200

Username = Annotated[str, Form(pattern=r"^[a-z0-9][a-z0-9._@-]{0,63}$")]
Unit = Annotated[str, Form(max_length=_MAX_FIELD)]
Password = Annotated[str, Form(max_length=_MAX_FIELD)]


class Change(StrEnum):
    """What an administrator does to an account."""

    ROLE = "role"
    PASSWORD = "password"  # noqa: S105 - what is changed, not a secret
    REMOVE = "remove"


def users_page(request: Request, context: Context, problem: str = "") -> Response:
    """Everyone who may log in."""
    with reading(context.services.engine) as connection:
        known = users.users(connection)
    shown = problem if problem in ("taken", "short", "self", "unit") else ""
    return context.page(
        request,
        "users.html",
        users=known,
        roles=tuple(Role),
        units=context.services.receiving_units,
        problem=shown,
        stations=context.sessions.stations(),
    )


def add_user(
    *,
    context: Context,
    session: CurrentSession,
    username: Username,
    display_name: Annotated[str, Form(min_length=1, max_length=_MAX_FIELD)],
    role: Annotated[Role, Form()],
    password: Password,
    unit: Unit = "",
) -> Response:
    """Let a person log in."""
    if not _fits(context, role, unit):
        return _back("unit")
    if len(password) < MIN_PASSWORD:
        return _back("short")
    try:
        with context.services.engine.begin() as connection:
            create_user(
                connection, username, password, role, display_name.strip(), unit=unit or None
            )
    except IntegrityError:
        return _back("taken")
    _note(context, session.username, f"{username}: {role}")
    return _back()


def change_user(
    *,
    context: Context,
    session: CurrentSession,
    username: str,
    change: Annotated[Change, Form()],
    role: Annotated[Role, Form()] = Role.NURSE,
    password: Password = "",
    unit: Unit = "",
) -> Response:
    """Change a role or a password, or take the access away; the person's sessions end at once."""
    if username == session.username and change is not Change.PASSWORD:
        # The last administrator must not lock everyone out by a slip.
        return _back("self")
    if change is Change.PASSWORD and len(password) < MIN_PASSWORD:
        return _back("short")
    if change is Change.ROLE and not _fits(context, role, unit):
        return _back("unit")
    try:
        with context.services.engine.begin() as connection:
            if change is Change.ROLE:
                users.change_role(connection, username, role, unit or None)
            elif change is Change.PASSWORD:
                users.change_password(connection, username, password)
            else:
                users.remove(connection, username)
    except users.NoSuchUser as error:
        raise HTTPException(404) from error
    context.sessions.end_all(username)
    _note(context, session.username, f"{username}: {role if change is Change.ROLE else change}")
    return _back()


def _fits(context: WebContext, role: Role, unit: str) -> bool:
    """A receiver works at one of the units, nobody else at any."""
    return unit in context.services.receiving_units if role is Role.RECEIVER else not unit


def _note(context: WebContext, username: str, detail: str) -> None:
    at_ms = context.services.clock_ms()
    context.access_log.record(username, Action.CHANGED_USER, at_ms=at_ms, detail=detail)


def _back(problem: str = "") -> Response:
    return RedirectResponse(f"/users?problem={problem}" if problem else "/users", status_code=303)


ROUTES = (
    Route("GET", "/users", users_page, Permission.MANAGE_USERS),
    Route("POST", "/users", add_user, Permission.MANAGE_USERS),
    Route("POST", "/users/{username}", change_user, Permission.MANAGE_USERS),
)
