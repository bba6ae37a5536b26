"""The calendar of video visits: one day, with a call button; planned, moved and cancelled there."""

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated

import sqlalchemy as sa
from fastapi import Form, HTTPException, Path, Request
from starlette.responses import RedirectResponse, Response

from koffert_hub import patients
from koffert_hub.alerts.civil import OSLO, civil_day, local_ms
from koffert_hub.database import reading
from koffert_hub.registry import ward
from koffert_hub.times import from_ms, to_ms
from koffert_hub.visits.calendar import (
    AfterLoansEnd,
    NoSuchVisit,
    TooManyVisits,
    Visit,
    cancel_visit,
    move_visit,
    plan_visit,
    visits_between,
    visits_of,
)
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route
from koffert_hub.web.permissions import Permission
from koffert_wire.commands import VisitWith

# Nobody plans further ahead than the longest loan.
_MOST_AHEAD = timedelta(days=400)
# What a database can count to.
_LAST_NUMBER = 2**31 - 1
_ONE_DAY = timedelta(days=1)
# What is wrong, as the page says it; anything else is not shown.
PROBLEMS = frozenset({"after-end", "full"})


class Step(StrEnum):
    """What is done to a planned visit."""

    MOVE = "move"
    CANCEL = "cancel"


def day_page(
    request: Request,
    context: Context,
    session: CurrentSession,
    day: date | None = None,
    problem: str = "",
) -> Response:
    """All visits of one day in Oslo, today's where none is named."""
    services = context.services
    now_ms = services.clock_ms()
    today = from_ms(now_ms).astimezone(OSLO).date()
    shown = day if day is not None and abs(day - today) <= _MOST_AHEAD else today
    bounds = civil_day(local_ms(shown, time(12)))
    with reading(services.engine) as connection:
        visits = visits_between(connection, bounds.start_ms, bounds.end_ms)
        places = ward(connection)
    context.access_log.record(session.username, Action.SAW_VISITS, at_ms=now_ms)
    return context.page(
        request,
        "visits.html",
        visits=visits,
        names={place.patient: place.display_name for place in places},
        day=shown,
        today=today,
        before=shown - _ONE_DAY,
        after=shown + _ONE_DAY,
        now_ms=now_ms,
        with_whom=tuple(VisitWith),
        field=field,
        problem=problem if problem in PROBLEMS else "",
    )


def patient_page(
    request: Request, context: Context, session: CurrentSession, patient: str
) -> Response:
    """The visits of one patient's loan."""
    services = context.services
    now_ms = services.clock_ms()
    with reading(services.engine) as connection:
        person = patients.person_of(connection, patient)
        visits = visits_of(connection, patient)
    if person is None:
        raise HTTPException(404)
    context.access_log.record(session.username, Action.SAW_VISITS, at_ms=now_ms, patient=patient)
    return context.page(
        request,
        "patient_visits.html",
        patient=patient,
        person=person,
        visits=visits,
        now_ms=now_ms,
        with_whom=tuple(VisitWith),
        field=field,
    )


def plan(
    context: Context,
    session: CurrentSession,
    patient: Annotated[str, Form(max_length=64)],
    when: Annotated[datetime, Form()],
    visit_with: Annotated[VisitWith, Form()],
) -> Response:
    """One more visit of a patient who has a suitcase, while it is lent."""
    now_ms = context.services.clock_ms()
    starts_ms = _to_come(when, now_ms)
    try:
        with context.services.engine.begin() as connection:
            line = patients.line_of(connection, patient)
            if line is None or line.loan is None or not line.goes_on:
                raise HTTPException(404)
            plan_visit(connection, line.loan, starts_ms, visit_with, now=from_ms(now_ms))
    except TooManyVisits:
        return _day(now_ms, "full")
    except AfterLoansEnd as refused:
        return _day(refused.ends_ms, "after-end")
    context.access_log.record(session.username, Action.PLANNED_VISIT, at_ms=now_ms, patient=patient)
    return _day(starts_ms)


def change(
    context: Context,
    session: CurrentSession,
    visit: Annotated[int, Path(ge=1, le=_LAST_NUMBER)],
    step: Annotated[Step, Form()],
    when: Annotated[datetime | None, Form()] = None,
) -> Response:
    """Move a visit to another time, or cancel it; the box is told."""
    now_ms = context.services.clock_ms()
    if step is Step.MOVE and when is None:
        raise HTTPException(422)
    starts_ms = None if step is Step.CANCEL or when is None else _to_come(when, now_ms)
    try:
        with context.services.engine.begin() as connection:
            before = _changed(connection, visit, starts_ms, session.display_name, now_ms)
    except AfterLoansEnd as refused:
        return _day(refused.ends_ms, "after-end")
    action = Action.CANCELLED_VISIT if starts_ms is None else Action.MOVED_VISIT
    context.access_log.record(session.username, action, at_ms=now_ms, patient=before.patient)
    return _day(before.starts_ms if starts_ms is None else starts_ms)


def field(at_ms: int) -> str:
    """A moment as a browser's field for date and time wants it."""
    return f"{from_ms(at_ms).astimezone(OSLO):%Y-%m-%dT%H:%M}"


def _changed(
    connection: sa.Connection, number: int, starts_ms: int | None, by: str, now_ms: int
) -> Visit:
    now = from_ms(now_ms)
    try:
        if starts_ms is None:
            return cancel_visit(connection, number, by, now=now)
        return move_visit(connection, number, starts_ms, by, now=now)
    except NoSuchVisit as error:
        raise HTTPException(404) from error


def _to_come(when: datetime, now_ms: int) -> int:
    """The moment of a field; a visit in the past, or past any loan, is a mistake."""
    starts_ms = to_ms(when.replace(tzinfo=OSLO))
    if not now_ms <= starts_ms <= to_ms(from_ms(now_ms) + _MOST_AHEAD):
        raise HTTPException(422)
    return starts_ms


def _day(at_ms: int, problem: str = "") -> Response:
    said = f"&problem={problem}" if problem else ""
    return RedirectResponse(f"/visits?day={field(at_ms)[:10]}{said}", status_code=303)


ROUTES = (
    Route("GET", "/visits", day_page, Permission.CALL),
    Route("POST", "/visits", plan, Permission.CALL),
    Route("POST", "/visits/{visit}", change, Permission.CALL),
    Route("GET", "/patients/{patient}/visits", patient_page, Permission.CALL),
)
