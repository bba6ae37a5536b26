"""A patient's limits, which a doctor sets; days at home and VIP card, which any of the staff writes."""

from typing import Annotated

from fastapi import Form, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from koffert_hub.alerts.card import MOST_CHARACTERS, Card, write_card
from koffert_hub.alerts.prescription import ImpossibleSettings, prescribe
from koffert_hub.at_home import ImpossibleSchedule, agree, written
from koffert_hub.live import LiveRow
from koffert_hub.registry import RegistryError
from koffert_hub.web import home_form
from koffert_hub.web import plan as plans
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession, WebContext
from koffert_hub.web.guard import Route
from koffert_hub.web.on_ward import on_record, on_ward
from koffert_hub.web.permissions import Permission

# The part of the page that a problem is in, beside the fields of the limits.
_HOME = "home"
Words = Annotated[str, Form(max_length=MOST_CHARACTERS)]


def plan_page(
    request: Request, context: Context, session: CurrentSession, patient: str
) -> Response:
    """Limits, card, and who changed what."""
    row = on_record(context, patient)
    _note(context, session, patient, Action.SAW_PLAN)
    return _page(request, context, row)


async def set_limits(
    request: Request, context: Context, session: CurrentSession, patient: str
) -> Response:
    """A doctor's limits hold from now on; impossible ones come back as they were written."""
    form = await _fields(request)
    return await run_in_threadpool(
        _set_limits, request, context, session, patient=patient, form=form
    )


def write_the_card(
    *,
    context: Context,
    session: CurrentSession,
    patient: str,
    fast_track: Annotated[bool, Form()] = False,
    preferred_ward: Words = "",
    plan_contact: Words = "",
) -> Response:
    """This card holds from now on."""
    on_ward(context, patient)
    card = Card(fast_track=fast_track, preferred_ward=preferred_ward, plan_contact=plan_contact)
    now_ms = context.services.clock_ms()
    with context.services.engine.begin() as connection:
        write_card(connection, patient, card, session.display_name, now_ms=now_ms)
    _note(context, session, patient, Action.WROTE_CARD)
    return _back(patient)


async def set_home(
    request: Request, context: Context, session: CurrentSession, patient: str
) -> Response:
    """The patient measures then, and the suitcase speaks so, from now on."""
    form = await _fields(request)
    return await run_in_threadpool(_set_home, request, context, session, patient=patient, form=form)


def _set_home(
    request: Request,
    context: WebContext,
    session: CurrentSession,
    *,
    patient: str,
    form: dict[str, str],
) -> Response:
    row = on_ward(context, patient)
    now_ms = context.services.clock_ms()
    try:
        home = home_form.agreed(form)
        with context.services.engine.begin() as connection:
            agree(connection, patient, home, session.display_name, now_ms=now_ms)
    except ImpossibleSchedule:
        return _page(request, context, row, problem=_HOME)
    except RegistryError as error:
        raise HTTPException(404) from error
    _note(context, session, patient, Action.CHANGED_HOME)
    return _back(patient)


def _set_limits(
    request: Request,
    context: WebContext,
    session: CurrentSession,
    *,
    patient: str,
    form: dict[str, str],
) -> Response:
    row = on_ward(context, patient)
    now_ms = context.services.clock_ms()
    try:
        change = plans.change_of(form)
        with context.services.engine.begin() as connection:
            prescribe(connection, patient, change, session.display_name, now_ms=now_ms)
    except ImpossibleSettings as error:
        return _page(request, context, row, values=plans.filled_in(form), problem=error.key)
    except RegistryError as error:
        raise HTTPException(404) from error
    _note(context, session, patient, Action.SET_LIMITS)
    return _back(patient)


async def _fields(request: Request) -> dict[str, str]:
    return {key: text for key, text in (await request.form()).items() if isinstance(text, str)}


def _page(
    request: Request,
    context: WebContext,
    row: LiveRow,
    *,
    values: dict[str, str] | None = None,
    problem: str = "",
) -> Response:
    try:
        standing = plans.plan(context.services.engine, row.patient)
    except RegistryError as error:
        raise HTTPException(404) from error
    return context.patient_page(
        request,
        "plan.html",
        row,
        status_code=422 if problem else 200,
        plan=standing,
        values=values or standing.values,
        problem=problem,
        groups=plans.GROUPS,
        unit=plans.unit,
        rounds=home_form.rows(standing.home.schedule),
        usual_days=home_form.USUAL_DAYS,
        in_words=written,
        written=plans.written,
    )


def _note(context: WebContext, session: CurrentSession, patient: str, action: Action) -> None:
    at_ms = context.services.clock_ms()
    context.access_log.record(session.username, action, at_ms=at_ms, patient=patient)


def _back(patient: str) -> Response:
    return RedirectResponse(f"/patients/{patient}/plan", status_code=303)


ROUTES = (
    Route("GET", "/patients/{patient}/plan", plan_page, Permission.SEE_PATIENT),
    Route("POST", "/patients/{patient}/plan", set_limits, Permission.PRESCRIBE),
    Route("POST", "/patients/{patient}/home", set_home, Permission.WRITE_RECORD),
    Route("POST", "/patients/{patient}/card", write_the_card, Permission.WRITE_RECORD),
)
