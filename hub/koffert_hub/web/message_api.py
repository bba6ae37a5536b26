"""A nurse's message on the patient's screen: sent, and whether it has been read."""

from typing import Annotated

import msgspec
from fastapi import Form
from starlette.responses import JSONResponse, RedirectResponse, Response

from koffert_hub.at_home import standing
from koffert_hub.database import reading
from koffert_hub.provisioning.nurse_messages import write, written
from koffert_hub.registry import RegistryError
from koffert_hub.times import from_ms
from koffert_hub.web.access_log import Action
from koffert_hub.web.catalogue import LANGUAGES
from koffert_hub.web.context import Context, CurrentSession, WebContext
from koffert_hub.web.guard import Route
from koffert_hub.web.permissions import Permission
from koffert_hub.web.session import Session
from koffert_wire.commands import MOST_NURSE_CHARACTERS

Text = Annotated[str, Form(min_length=1, max_length=MOST_NURSE_CHARACTERS, pattern=r"\S")]


def send_message(
    *, context: Context, session: CurrentSession, patient: str, text: Text
) -> Response:
    """201 with the message's id; 409 where the patient has no box, or too many messages unread."""
    try:
        identifier = _send(context, session, patient, text)
    except RegistryError as error:
        return JSONResponse({"error": str(error)}, 409)
    return JSONResponse({"id": identifier.hex()}, 201)


def send_reminder(context: Context, session: CurrentSession, patient: str) -> Response:
    """As `send_message`, with the words that ask for a measurement, in the patient's language."""
    with reading(context.services.engine) as connection:
        language = standing(connection, patient).language
    text = reminder(context, language)
    return send_message(context=context, session=session, patient=patient, text=text)


def send_from_page(
    *,
    context: Context,
    session: CurrentSession,
    patient: str,
    text: Text,
) -> Response:
    """The form on the patient's page; back to it with what came of it."""
    try:
        _send(context, session, patient, text)
    except RegistryError:
        return RedirectResponse(f"/patients/{patient}?message=refused", status_code=303)
    return RedirectResponse(f"/patients/{patient}", status_code=303)


def reminder(context: WebContext, language: str | None) -> str:
    """What asks a patient of this language for a measurement."""
    return context.catalogues[language or LANGUAGES[0]].text("message.reminder")


def _send(context: WebContext, session: Session, patient: str, text: str) -> bytes:
    services = context.services
    now_ms = services.clock_ms()
    with services.engine.begin() as connection:
        identifier = write(
            connection,
            patient,
            text.strip(),
            username=session.username,
            display_name=session.display_name,
            now=from_ms(now_ms),
        )
    context.access_log.record(
        session.username, Action.WROTE_TO_PATIENT, at_ms=now_ms, patient=patient
    )
    return identifier


def messages(context: Context, patient: str) -> Response:
    """Every message of the patient, the newest first; `read_ms` is null until the patient has read it."""
    with reading(context.services.engine) as connection:
        found = written(connection, patient)
    rows = [{**msgspec.structs.asdict(one), "id": one.id.hex()} for one in found]
    return JSONResponse(rows)


ROUTES = (
    Route("POST", "/api/v1/patients/{patient}/messages", send_message, Permission.WRITE_RECORD),
    Route("POST", "/api/v1/patients/{patient}/reminder", send_reminder, Permission.WRITE_RECORD),
    Route("POST", "/patients/{patient}/messages", send_from_page, Permission.WRITE_RECORD),
    Route("GET", "/api/v1/patients/{patient}/messages", messages, Permission.SEE_PATIENT),
)
