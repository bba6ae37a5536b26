"""Turning the second factor of the own account on and off."""

from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from koffert_hub.web import second_factor
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession, WebContext
from koffert_hub.web.guard import NotAllowed, Route
from koffert_hub.web.permissions import Permission
from koffert_hub.web.session import Session

_CODE = Annotated[str, Form(max_length=20)]


def totp_page(request: Request, context: Context, session: CurrentSession) -> Response:
    """Show a new secret; it is kept nowhere until a code of it comes back."""
    _own_alone(session)
    return _page(request, context, session, second_factor.new_secret(), wrong=False)


def keep_totp(
    *,
    request: Request,
    context: Context,
    session: CurrentSession,
    secret: Annotated[str, Form(pattern="^[A-Z2-7]{32}$")],
    code: _CODE,
) -> Response:
    """Ask for codes from now on, if the first one fits."""
    _own_alone(session)
    now_ms = context.services.clock_ms()
    with context.services.engine.begin() as connection:
        kept = second_factor.keep(connection, session.username, secret, code, now_ms)
    if not kept:
        return _page(request, context, session, secret, wrong=True)
    return _changed(context, session, "totp on")


def drop_totp(context: Context, session: CurrentSession, code: _CODE) -> Response:
    """Ask for no code any more; a code says that it is the person who wants that."""
    _own_alone(session)
    now_ms = context.services.clock_ms()
    with context.services.engine.begin() as connection:
        if not second_factor.fits(connection, session.username, code, now_ms):
            return RedirectResponse("/account?problem=code", status_code=303)
        second_factor.drop(connection, session.username)
    return _changed(context, session, "totp off")


def _page(
    request: Request, context: WebContext, session: Session, secret: str, *, wrong: bool
) -> Response:
    picture = second_factor.picture(secret, session.username)
    return context.page(request, "totp.html", secret=secret, picture=picture, wrong=wrong)


def _changed(context: WebContext, session: Session, detail: str) -> Response:
    at_ms = context.services.clock_ms()
    context.access_log.record(
        session.username, Action.CHANGED_CREDENTIAL, at_ms=at_ms, detail=detail
    )
    return RedirectResponse("/account?changed=true", status_code=303)


def _own_alone(session: Session) -> None:
    if session.station:
        raise NotAllowed


ROUTES = (
    Route("GET", "/account/totp", totp_page, Permission.OWN_SESSION),
    Route("POST", "/account/totp", keep_totp, Permission.OWN_SESSION),
    Route("POST", "/account/totp/off", drop_totp, Permission.OWN_SESSION),
)
