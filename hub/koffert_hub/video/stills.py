"""A still picture out of a visit, kept among the patient's documents; only with the patient's consent."""

from typing import Literal

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from koffert_hub.documents.importing import import_document
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession
from koffert_hub.web.guard import Route
from koffert_hub.web.on_ward import on_ward
from koffert_hub.web.permissions import Permission

KIND = "still-picture"
MEDIA_TYPE = "image/jpeg"
# 1280x720 at the page's quality is about 200 kB.
MAX_BYTES = 2 * 1024 * 1024
_JPEG = b"\xff\xd8\xff"


async def keep_still(
    request: Request,
    context: Context,
    session: CurrentSession,
    patient: str,
    consent: Literal["yes"],  # noqa: ARG001 - a request that does not say it is refused
) -> Response:
    """Keep a JPEG; it enters by the log like every document."""
    on_ward(context, patient)
    content = await _body(request)
    if not content.startswith(_JPEG):
        raise HTTPException(415)
    now_ms = context.services.clock_ms()

    def keep() -> str:
        context.access_log.record(
            session.username, Action.KEPT_PICTURE, at_ms=now_ms, patient=patient
        )
        with context.services.engine.begin() as connection:
            return import_document(
                connection, patient, content, kind=KIND, media_type=MEDIA_TYPE, now_ms=now_ms
            )

    return JSONResponse({"document": await run_in_threadpool(keep)}, 201)


async def _body(request: Request) -> bytes:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MAX_BYTES:
            raise HTTPException(413)
    return content


ROUTES = (Route("POST", "/api/v1/patients/{patient}/stills", keep_still, Permission.WRITE_RECORD),)
