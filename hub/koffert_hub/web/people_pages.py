"""The patients of the centre: found, registered, corrected, and seen to be who they are."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from koffert_hub import patients
from koffert_hub.database import reading
from koffert_hub.patients import AlreadyRegistered, NotABirthNumber, Person
from koffert_hub.provisioning.fleet import home_centre
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession, WebContext
from koffert_hub.web.guard import Route
from koffert_hub.web.permissions import Permission

_PROBLEMS = frozenset({"birth-number", "known"})

Name = Annotated[str, Form(min_length=1, max_length=120, pattern=r"\S")]
BirthNumber = Annotated[str, Form(max_length=20)]
Words = Annotated[str, Form(max_length=200)]


def patients_page(
    *,
    request: Request,
    context: Context,
    session: CurrentSession,
    q: Annotated[str, Query(max_length=100)] = "",
    problem: str = "",
    known: str = "",
) -> Response:
    """Everyone registered, or who fits the search; what was searched for is not kept."""
    services = context.services
    context.access_log.record(session.username, Action.SAW_PATIENTS, at_ms=services.clock_ms())
    with reading(services.engine) as connection:
        lines = patients.listed(connection, q)
    shown = problem if problem in _PROBLEMS else ""
    return context.page(request, "patients.html", lines=lines, query=q, problem=shown, known=known)


def register_patient(
    *,
    context: Context,
    session: CurrentSession,
    display_name: Name,
    birth_number: BirthNumber = "",
    phone: Words = "",
    next_of_kin: Words = "",
    ward: Words = "",
) -> Response:
    """Register a patient; the next step is the loan."""
    person = _stated(display_name, birth_number, phone, next_of_kin, ward)
    now_ms = context.services.clock_ms()
    try:
        with context.services.engine.begin() as connection:
            centre = home_centre(connection, context.services.centre_name)
            key = patients.register(connection, centre, person, now_ms=now_ms)
    except NotABirthNumber:
        return _to("/patients?problem=birth-number")
    except AlreadyRegistered as error:
        return _to(f"/patients?problem=known&known={error.patient}")
    context.access_log.record(
        session.username, Action.REGISTERED_PATIENT, at_ms=now_ms, patient=key
    )
    return _to(f"/patients/{key}/loan")


def change_person(
    *,
    context: Context,
    session: CurrentSession,
    patient: str,
    display_name: Name,
    birth_number: BirthNumber = "",
    phone: Words = "",
    next_of_kin: Words = "",
    ward: Words = "",
) -> Response:
    """Correct name, number, telephone, next of kin; which of them is on record, not what."""
    person = _stated(display_name, birth_number, phone, next_of_kin, ward)
    page = f"/patients/{patient}/loan"
    now_ms = context.services.clock_ms()
    try:
        with context.services.engine.begin() as connection:
            known_person(connection, patient)
            changed = patients.change_person(
                connection, patient, person, session.username, now_ms=now_ms
            )
    except NotABirthNumber:
        return _to(f"{page}?problem=birth-number")
    except AlreadyRegistered:
        return _to(f"{page}?problem=known")
    _note(context, session.username, Action.CHANGED_PERSON, patient, ", ".join(changed))
    return _to(page)


def confirm_identity(
    context: Context, session: CurrentSession, patient: str, to: Annotated[str, Form()] = ""
) -> Response:
    """Name, birth number and suitcase were read out and fit: from now on the readings are the patient's."""
    now_ms = context.services.clock_ms()
    with context.services.engine.begin() as connection:
        line = patients.line_of(connection, patient)
        if line is None or line.loan is None or not line.goes_on:
            raise HTTPException(404)
        patients.confirm_identity(
            connection, line.loan, session.username, session.display_name, now_ms=now_ms
        )
    _note(context, session.username, Action.CONFIRMED_IDENTITY, patient, line.device)
    return _to(f"/patients/{patient}/loan" if to == "loan" else f"/patients/{patient}")


def known_person(connection: sa.Connection, patient: str) -> Person:
    """Who a key stands for; 404 when there is none."""
    person = patients.person_of(connection, patient)
    if person is None:
        raise HTTPException(404)
    return person


def _stated(
    display_name: str, birth_number: str, phone: str, next_of_kin: str, ward: str
) -> Person:
    return Person(
        display_name=" ".join(display_name.split()),
        birth_number=birth_number.strip() or None,
        phone=phone.strip(),
        next_of_kin=next_of_kin.strip(),
        ward=ward.strip(),
    )


def _note(
    context: WebContext, username: str, action: Action, patient: str, detail: str | None
) -> None:
    at_ms = context.services.clock_ms()
    context.access_log.record(username, action, at_ms=at_ms, patient=patient, detail=detail)


def _to(address: str) -> Response:
    return RedirectResponse(address, status_code=303)


ROUTES = (
    Route("GET", "/patients", patients_page, Permission.LEND),
    Route("POST", "/patients", register_patient, Permission.LEND),
    Route("POST", "/patients/{patient}/person", change_person, Permission.LEND),
    Route("POST", "/patients/{patient}/identity", confirm_identity, Permission.SEE_PATIENT),
)
