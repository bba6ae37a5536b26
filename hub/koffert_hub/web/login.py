"""Logging in and out, and choosing a language."""

from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from koffert_hub.database import reading
from koffert_hub.registry import Role, User
from koffert_hub.web import credentials, second_factor
from koffert_hub.web.access_log import Action
from koffert_hub.web.catalogue import LANGUAGES
from koffert_hub.web.context import LANGUAGE_COOKIE, Context, CurrentSession, WebContext
from koffert_hub.web.guard import Route
from koffert_hub.web.permissions import Permission

# Where each role starts.
HOME = {
    Role.NURSE: "/",
    Role.DOCTOR: "/",
    Role.AMK: "/log",
    Role.ENGINEER: "/account",
    Role.ADMIN: "/access-log",
    Role.RECEIVER: "/received",
}
_YEAR_S = 365 * 24 * 3600
# Longer ones are nobody's; argon2 need not chew on a megabyte.
_MAX_FIELD = 200

Field = Annotated[str, Form(max_length=_MAX_FIELD)]


def login_page(request: Request, context: Context, to: str = "", problem: str = "") -> Response:
    """Show the form, and the way to the organisation's own log-in where there is one."""
    shown = problem if problem in ("refused", "unreachable") else ""
    return _form(request, context, shown, to)


def log_in(
    *,
    request: Request,
    context: Context,
    username: Field,
    password: Field,
    code: Field = "",
    to: Field = "",
) -> Response:
    """Check the password and start a new session; the cookie that came with the request ends."""
    address = request.client.host if request.client else ""
    wait_s = context.throttle.attempt(username, address)
    if wait_s is not None:
        response = _form(request, context, "throttled", to, status=429, wait_s=wait_s)
        response.headers["Retry-After"] = str(wait_s)
        return response
    now_ms = context.services.clock_ms()
    user = context.services.accounts.verify(username, password)
    if user is None or not _second_factor(context, user, code):
        # Which of them was wrong is not said.
        # Without the name that was typed: people type their password into the wrong field.
        context.access_log.record("", Action.LOGIN_REFUSED, at_ms=now_ms)
        return _form(request, context, "wrong", to, status=401)
    context.throttle.succeeded(username, address)
    return enter(request, context, user, to)


def _second_factor(context: WebContext, user: User, code: str) -> bool:
    now_ms = context.services.clock_ms()
    with context.services.engine.begin() as connection:
        return second_factor.fits(connection, user.username, code, now_ms)


def enter(request: Request, context: WebContext, user: User, to: str) -> Response:
    """Begin a session of its own for somebody who has shown who it is."""
    now_ms = context.services.clock_ms()
    old = request.cookies.get(context.session_cookie)
    if old is not None:
        context.sessions.end(old)
    context.access_log.record(user.username, Action.LOGGED_IN, at_ms=now_ms)
    response = RedirectResponse(own_path(to) or HOME[user.role], status_code=303)
    response.set_cookie(
        context.session_cookie,
        context.sessions.start(user, now_ms),
        secure=context.services.https,
        httponly=True,
        samesite="lax",
        path="/",
    )
    return response


def log_out(request: Request, context: Context, session: CurrentSession) -> Response:
    """End the session at the server, not only in the browser."""
    context.sessions.end(request.cookies[context.session_cookie])
    context.access_log.record(
        session.username, Action.LOGGED_OUT, at_ms=context.services.clock_ms()
    )
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(
        context.session_cookie, secure=context.services.https, httponly=True, samesite="lax"
    )
    return response


def choose_language(context: Context, language: Field, to: Field = "/login") -> Response:
    """Remember the language in the browser; an unknown one changes nothing."""
    response = RedirectResponse(own_path(to) or "/login", status_code=303)
    if language in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE,
            language,
            max_age=_YEAR_S,
            secure=context.services.https,
            httponly=True,
            samesite="lax",
        )
    return response


def account_page(
    request: Request,
    context: Context,
    session: CurrentSession,
    problem: str = "",
    changed: str = "",
) -> Response:
    """Who is logged in, and what they are known by."""
    with reading(context.services.engine) as connection:
        known = credentials.known(connection, session.username)
    shown = problem if problem in ("pin", "badge", "code") else ""
    return context.page(
        request, "account.html", known=known, problem=shown, changed=changed == "true"
    )


def session_state(session: CurrentSession) -> dict[str, str]:
    """Whether the session still holds; a script asks when its stream is refused."""
    return {"username": session.username, "role": session.role}


def _form(
    request: Request,
    context: WebContext,
    problem: str,
    to: str,
    *,
    status: int = 200,
    wait_s: int = 0,
) -> Response:
    return context.page(
        request,
        "login.html",
        status_code=status,
        problem=problem,
        wait_s=wait_s,
        to=own_path(to),
        provider=context.services.provider is not None,
    )


def own_path(to: str) -> str:
    """`to` when it is a page of ours, else empty."""
    # "//host" and "/\host" are other sites to a browser.
    own = to.startswith("/") and not to.startswith(("//", "/\\"))
    return to if own and to.isprintable() else ""


ROUTES = (
    Route("GET", "/login", login_page, None),
    Route("POST", "/login", log_in, None),
    Route("POST", "/logout", log_out, Permission.OWN_SESSION),
    Route("POST", "/language", choose_language, None),
    Route("GET", "/account", account_page, Permission.OWN_SESSION),
    Route("GET", "/api/v1/session", session_state, Permission.OWN_SESSION),
)
