"""The way out to the organisation's log-in, and back."""

import hashlib
import hmac
import logging
import secrets

from argon2 import PasswordHasher
from fastapi import HTTPException, Request
from starlette.responses import RedirectResponse, Response

from koffert_hub import tables
from koffert_hub.registry import User
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, WebContext
from koffert_hub.web.guard import Route
from koffert_hub.web.login import enter, own_path
from koffert_hub.web.oidc import (
    CALLBACK_PATH,
    Attempt,
    Identity,
    OidcRefused,
    Provider,
    ProviderUnreachable,
)
from koffert_hub.web.tables import login_attempt

# How long somebody may take at the provider.
ATTEMPT_MS = 10 * 60_000
ATTEMPT_COOKIE = "koffert_login"

_LOG = logging.getLogger(__name__)


def go_to_provider(context: Context, to: str = "") -> Response:
    """Send the browser to the provider with what must come back."""
    try:
        address, attempt = _provider(context).begin()
    except ProviderUnreachable as error:
        _LOG.warning("log-in provider: %s", error)
        return _to_login("unreachable")
    now_ms = context.services.clock_ms()
    with context.services.engine.begin() as connection:
        connection.execute(
            login_attempt.delete().where(login_attempt.c.started_ms <= now_ms - ATTEMPT_MS)
        )
        connection.execute(
            login_attempt.insert().values(
                state_hash=_hash(attempt.state),
                nonce=attempt.nonce,
                verifier=attempt.verifier,
                to=own_path(to),
                started_ms=now_ms,
            )
        )
    response = RedirectResponse(address, status_code=303)
    # The answer counts only in the browser that asked: nobody is logged in by a link from somebody else.
    response.set_cookie(
        ATTEMPT_COOKIE,
        attempt.state,
        max_age=ATTEMPT_MS // 1000,
        secure=context.services.https,
        httponly=True,
        samesite="lax",
        path="/login",
    )
    return response


def come_back(request: Request, context: Context, code: str = "", state: str = "") -> Response:
    """Log the person in whom the provider names; each answer counts once."""
    provider = _provider(context)
    kept = _take_attempt(request, context, state)
    if kept is None:
        return _refuse(context, "the answer is not of this browser, too late, or seen before")
    attempt, to = kept
    try:
        identity = provider.finish(code, attempt)
    except ProviderUnreachable as error:
        _LOG.warning("log-in provider: %s", error)
        return _to_login("unreachable")
    except OidcRefused as error:
        return _refuse(context, str(error))
    response = enter(request, context, _known(context, identity), to)
    response.delete_cookie(ATTEMPT_COOKIE, path="/login")
    return response


def _take_attempt(request: Request, context: WebContext, state: str) -> tuple[Attempt, str] | None:
    if not hmac.compare_digest(request.cookies.get(ATTEMPT_COOKIE, "").encode(), state.encode()):
        return None
    table = login_attempt
    since_ms = context.services.clock_ms() - ATTEMPT_MS
    with context.services.engine.begin() as connection:
        row = connection.execute(
            table.delete()
            .where(table.c.state_hash == _hash(state), table.c.started_ms > since_ms)
            .returning(table.c.nonce, table.c.verifier, table.c.to)
        ).first()
    return None if row is None else (Attempt(state, row.nonce, row.verifier), row.to)


def _known(context: WebContext, identity: Identity) -> User:
    """The person as a user; name, role and unit are what the provider says now."""
    table = tables.user
    values = {
        "display_name": identity.display_name,
        "role": identity.role,
        "unit": identity.unit,
    }
    with context.services.engine.begin() as connection:
        changed = connection.execute(
            table.update().where(table.c.username == identity.username).values(**values)
        )
        if changed.rowcount == 0:
            # A password that nobody knows: the way in is the provider's.
            unknown = PasswordHasher().hash(secrets.token_urlsafe())
            connection.execute(
                table.insert().values(username=identity.username, password_hash=unknown, **values)
            )
    return User(identity.username, identity.role, identity.display_name)


def _provider(context: WebContext) -> Provider:
    provider = context.services.provider
    if provider is None:
        raise HTTPException(404)
    return provider


def _refuse(context: WebContext, why: str) -> Response:
    _LOG.warning("log-in through the provider was refused: %s", why)
    context.access_log.record("", Action.LOGIN_REFUSED, at_ms=context.services.clock_ms())
    return _to_login("refused")


def _to_login(problem: str) -> Response:
    return RedirectResponse(f"/login?problem={problem}", status_code=303)


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()


ROUTES = (
    Route("GET", "/login/oidc", go_to_provider, None),
    Route("GET", CALLBACK_PATH, come_back, None),
)
