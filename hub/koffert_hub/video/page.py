"""The page of a call: the patient's picture beside the patient's numbers."""

from fastapi import HTTPException, Request
from starlette.responses import Response

from koffert_hub.video.guests import GuestKind
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route
from koffert_hub.web.permissions import Permission


def call_page(
    request: Request, context: Context, session: CurrentSession, patient: str
) -> Response:
    """One patient's numbers, and a button that rings; nothing rings by opening it."""
    services = context.services
    row = services.live.row(patient)
    if row is None:
        raise HTTPException(404)
    context.access_log.record(
        session.username, Action.SAW_PATIENT, at_ms=services.clock_ms(), patient=patient
    )
    return context.patient_page(request, "call.html", row, guest_kinds=tuple(GuestKind))


def guest_page(request: Request, context: Context) -> Response:
    """The page that a guest's link opens. The token stands behind the `#` and never reaches a log of addresses."""
    return context.page(request, "visit.html")


ROUTES = (
    Route("GET", "/patients/{patient}/call", call_page, Permission.CALL),
    Route("GET", "/visit", guest_page, None),
)
