"""The self-management plan on the page, and the summary that goes home with the patient's papers."""

from datetime import datetime
from typing import Annotated

from fastapi import Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from koffert_hub import patients
from koffert_hub.alerts.civil import OSLO
from koffert_hub.alerts.register import rows_of_loan
from koffert_hub.database import reading
from koffert_hub.registry import RegistryError
from koffert_hub.times import from_ms, to_ms
from koffert_hub.web import record
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route
from koffert_hub.web.people_pages import known_person
from koffert_hub.web.permissions import Permission
from koffert_hub.zones import plans, write_plan
from koffert_wire.commands import MOST_PLAN_CHARACTERS, SelfPlan

_DAY_MS = 86_400_000
# What the summary lists day by day.
_QUANTITIES = ("spo2_pct", "pulse_bpm")

Zone = Annotated[str, Form(min_length=1, max_length=MOST_PLAN_CHARACTERS, pattern=r"\S")]


def zones_page(
    request: Request, context: Context, session: CurrentSession, patient: str
) -> Response:
    """The plan that holds, to be changed, and those before it."""
    services = context.services
    with reading(services.engine) as connection:
        person = known_person(connection, patient)
        line = patients.line_of(connection, patient)
        written = plans(connection, patient)
    context.access_log.record(
        session.username, Action.SAW_PATIENT, at_ms=services.clock_ms(), patient=patient
    )
    return context.page(
        request,
        "zones.html",
        patient=patient,
        person=person,
        line=line,
        written=written,
        most=MOST_PLAN_CHARACTERS,
    )


def write_zones(
    *,
    context: Context,
    session: CurrentSession,
    patient: str,
    green: Zone,
    yellow: Zone,
    red: Zone,
) -> Response:
    """A new plan; the earlier ones stay to be read."""
    now_ms = context.services.clock_ms()
    plan = SelfPlan(green.strip(), yellow.strip(), red.strip())
    try:
        with context.services.engine.begin() as connection:
            write_plan(
                connection,
                patient,
                plan,
                session.username,
                session.display_name,
                now=from_ms(now_ms),
            )
    except RegistryError as error:
        raise HTTPException(404) from error
    context.access_log.record(session.username, Action.CHANGED_ZONES, at_ms=now_ms, patient=patient)
    return RedirectResponse(f"/patients/{patient}/zones", status_code=303)


def summary_page(
    request: Request, context: Context, session: CurrentSession, patient: str
) -> Response:
    """What was followed under the newest loan, on paper for the GP and the hospital's record."""
    services = context.services
    now_ms = services.clock_ms()
    with reading(services.engine) as connection:
        person = known_person(connection, patient)
        line = patients.line_of(connection, patient)
        if line is None or line.loan is None or line.started_ms is None:
            raise HTTPException(404)
        ended_ms = patients.ended_ms(connection, line.loan)
        alerts = rows_of_loan(connection, line.loan)
        written = plans(connection, patient)
    until_ms = ended_ms or now_ms
    start_ms = _midnight(line.started_ms)
    days = max(1, -(-(until_ms - start_ms) // _DAY_MS))
    trends = {
        name: services.time_series.trend(patient, name, start_ms, start_ms + days * _DAY_MS, days)
        for name in _QUANTITIES
    }
    notes = [
        one
        for one in record.notes(services.engine, patient)
        if line.started_ms <= one.at_ms <= until_ms
    ]
    context.access_log.record(
        session.username, Action.PRINTED_SUMMARY, at_ms=now_ms, patient=patient
    )
    return context.page(
        request,
        "summary.html",
        patient=patient,
        person=person,
        line=line,
        ended_ms=ended_ms,
        alerts=alerts,
        plan=written[0].plan if written else None,
        trends=trends,
        notes=notes,
        who=record.who(services.engine, patient),
        now_ms=now_ms,
    )


def _midnight(ms: int) -> int:
    """The beginning of the day in Oslo that a moment lies in."""
    day = from_ms(ms).astimezone(OSLO)
    return to_ms(datetime(day.year, day.month, day.day, tzinfo=OSLO))


ROUTES = (
    Route("GET", "/patients/{patient}/zones", zones_page, Permission.SEE_PATIENT),
    Route("POST", "/patients/{patient}/zones", write_zones, Permission.WRITE_RECORD),
    Route("GET", "/patients/{patient}/summary", summary_page, Permission.SEE_PATIENT),
)
