"""Who may call a route: checked before its handler runs, for every route in the table."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from koffert_hub.database import reading
from koffert_hub.rights.states import RecordState, state_of
from koffert_hub.web.care import cared_for, has_given_reason
from koffert_hub.web.context import Context, WebContext
from koffert_hub.web.permissions import Permission
from koffert_hub.web.session import Session, csrf_matches

CSRF_FIELD = "csrf"
CSRF_HEADER = "X-Koffert-CSRF"
_SAFE_METHODS = frozenset({"GET", "HEAD"})
# What lending needs of a patient (name, suitcase, loans) is not the record.
READS_RECORD = frozenset(
    {Permission.SEE_PATIENT, Permission.WRITE_RECORD, Permission.PRESCRIBE, Permission.CALL}
)


class Route(NamedTuple):
    """One line of the route table; `permission` None means that anyone may call it."""

    method: str
    path: str
    endpoint: Callable[..., object]
    permission: Permission | None


class Refused(Exception):
    """The request is not let through; what the person sees depends on the kind."""


class NotLoggedIn(Refused):
    """No session, or it has ended: ask for the log-in."""


class NotAllowed(Refused):
    """The person's role does not hold the permission."""


class WhoActs(NotAllowed):
    """A shared screen: whoever asks for this must say first who it is."""


class ReasonNeeded(NotAllowed):
    """The patient is not followed here any more: the record opens for who says why."""


class RecordPutAway(NotAllowed):
    """The patient's record is restricted or closed: a copy of it needs a reason (`hub patient export`)."""


class ForeignRequest(Refused):
    """The request was not made by a page of ours."""


def guard(permission: Permission | None) -> Callable[..., Awaitable[None]]:
    """The dependency that lets through who holds `permission`."""

    async def check(request: Request, context: Context) -> None:
        changes = request.method not in _SAFE_METHODS
        if changes:
            _refuse_foreign(request)
        session = await run_in_threadpool(find_session, request, context)
        request.state.session = session
        await _refuse_nul(request)
        if permission is None:
            return
        if session is None:
            raise NotLoggedIn
        if not session.may(permission):
            raise WhoActs if session.station else NotAllowed
        if changes and not csrf_matches(session, await _sent_csrf(request)):
            raise ForeignRequest
        if permission in READS_RECORD and "patient" in request.path_params:
            patient = request.path_params["patient"]
            await run_in_threadpool(refuse_record, context, session, patient)

    return check


def find_session(request: HTTPConnection, context: Context) -> Session | None:
    """The session of the request's cookie; asks the database."""
    token = request.cookies.get(context.session_cookie)
    if token is None:
        return None
    return context.sessions.find(token, context.services.clock_ms())


def refuse_record(context: WebContext, session: Session, patient: str) -> None:
    """Let through who may look at this record now; raises RecordPutAway and ReasonNeeded."""
    now_ms = context.services.clock_ms()
    with reading(context.services.engine) as connection:
        if state_of(connection, patient) is not RecordState.OPEN:
            raise RecordPutAway
        if not cared_for(connection, patient, now_ms=now_ms) and not has_given_reason(
            connection, patient, session.username, now_ms=now_ms
        ):
            raise ReasonNeeded


def _refuse_foreign(request: Request) -> None:
    # Browsers say where a request comes from; SameSite and the form's token stand behind this.
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise ForeignRequest
        return
    if urlsplit(request.headers.get("origin", "")).netloc != request.headers.get("host"):
        raise ForeignRequest


async def _refuse_nul(request: Request) -> None:
    # PostgreSQL holds no NUL in a text, and no person writes one.
    texts = [request.url.path, *request.query_params.keys(), *request.query_params.values()]
    if request.method not in _SAFE_METHODS:
        form = await request.form()
        texts += [*form.keys(), *(one for one in form.values() if isinstance(one, str))]
    if any("\0" in unquote(text) for text in texts):
        raise HTTPException(400)


async def _sent_csrf(request: Request) -> str:
    header = request.headers.get(CSRF_HEADER)
    if header is not None:
        return header
    value = (await request.form()).get(CSRF_FIELD)
    return value if isinstance(value, str) else ""
