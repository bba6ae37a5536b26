"""Vaktskifte: what is open, snoozed, awaited and paused, taken over by name."""

from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from koffert_hub.database import reading
from koffert_hub.shifts import standing, take_over
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route
from koffert_hub.web.permissions import Permission

_MOST_NOTE = 2000


def hand_over_page(request: Request, context: Context, session: CurrentSession) -> Response:
    """What the one who comes must know."""
    services = context.services
    context.access_log.record(session.username, Action.SAW_HAND_OVER, at_ms=services.clock_ms())
    with reading(services.engine) as connection:
        found = standing(connection)
    return context.page(request, "hand_over.html", standing=found)


def take_shift(
    context: Context,
    session: CurrentSession,
    note: Annotated[str, Form(max_length=_MOST_NOTE)] = "",
) -> Response:
    """From now on the shift is this person's."""
    now_ms = context.services.clock_ms()
    with context.services.engine.begin() as connection:
        count = take_over(
            connection, session.username, session.display_name, note.strip(), now_ms=now_ms
        )
    context.access_log.record(session.username, Action.TOOK_SHIFT, at_ms=now_ms, detail=str(count))
    return RedirectResponse("/hand-over", status_code=303)


ROUTES = (
    Route("GET", "/hand-over", hand_over_page, Permission.SEE_PATIENT),
    Route("POST", "/hand-over", take_shift, Permission.ACKNOWLEDGE),
)
