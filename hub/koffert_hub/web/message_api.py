"""A nurse's message on the patient's screen: sent, and whether it has been read."""

from typing import Annotated

import msgspec
from fastapi import Form
from starlette.responses import JSONResponse, Response

from koffert_hub.database import reading
from koffert_hub.provisioning.nurse_messages import write, written
from koffert_hub.registry import RegistryError
from koffert_hub.times import from_ms
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route
from koffert_hub.web.permissions import Permission
from koffert_wire.commands import MOST_NURSE_CHARACTERS

Text = Annotated[str, Form(min_length=1, max_length=MOST_NURSE_CHARACTERS, pattern=r"\S")]


def send_message(
    *, context: Context, session: CurrentSession, patient: str, text: Text
) -> Response:
    """201 with the message's id; 409 where the patient has no box, or too many messages unread."""
    services = context.services
    now_ms = services.clock_ms()
    try:
        with services.engine.begin() as connection:
            identifier = write(
                connection,
                patient,
                text.strip(),
                username=session.username,
                display_name=session.display_name,
                now=from_ms(now_ms),
            )
    except RegistryError as error:
        return JSONResponse({"error": str(error)}, 409)
    context.access_log.record(
        session.username, Action.WROTE_TO_PATIENT, at_ms=now_ms, patient=patient
    )
    return JSONResponse({"id": identifier.hex()}, 201)


def messages(context: Context, patient: str) -> Response:
    """Every message of the patient, the newest first; `read_ms` is null until the patient has read it."""
    with reading(context.services.engine) as connection:
        found = written(connection, patient)
    rows = [{**msgspec.structs.asdict(one), "id": one.id.hex()} for one in found]
    return JSONResponse(rows)


ROUTES = (
    Route("POST", "/api/v1/patients/{patient}/messages", send_message, Permission.WRITE_RECORD),
    Route("GET", "/api/v1/patients/{patient}/messages", messages, Permission.SEE_PATIENT),
)
