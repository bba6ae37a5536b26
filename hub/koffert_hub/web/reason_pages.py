"""Opening the record of somebody who is no longer followed here: a reason is asked for, and is on record."""

from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from koffert_hub.database import reading
from koffert_hub.web.access_log import Action
from koffert_hub.web.care import MOST_REASON
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route
from koffert_hub.web.login import own_path
from koffert_hub.web.people_pages import known_person
from koffert_hub.web.permissions import Permission


def reason_page(request: Request, context: Context, patient: str, to: str = "") -> Response:
    """Ask why; the name is shown, so that nobody opens the wrong one."""
    with reading(context.services.engine) as connection:
        person = known_person(connection, patient)
    return context.page(
        request, "reason.html", patient=patient, person=person, to=to, most=MOST_REASON
    )


def give_reason(
    context: Context,
    session: CurrentSession,
    patient: str,
    reason: Annotated[str, Form(min_length=5, max_length=MOST_REASON, pattern=r"\S")],
    to: Annotated[str, Form()] = "",
) -> Response:
    """The record is open to this person for an hour."""
    with reading(context.services.engine) as connection:
        known_person(connection, patient)
    context.access_log.record(
        session.username,
        Action.OPENED_RECORD,
        at_ms=context.services.clock_ms(),
        patient=patient,
        detail=reason.strip(),
    )
    return RedirectResponse(own_path(to) or f"/patients/{patient}", status_code=303)


ROUTES = (
    Route("GET", "/patients/{patient}/reason", reason_page, Permission.OPEN_RECORD),
    Route("POST", "/patients/{patient}/reason", give_reason, Permission.OPEN_RECORD),
)
