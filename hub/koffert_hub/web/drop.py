"""Stills from a machine: `PUT /drop/<suitcase>` with a sender's name and key, for carts and export programs.

The route answers for its own guard: a machine has no session, no form token and no origin.
"""

import base64
import binascii
import hashlib

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from koffert_drivers.stills.reader import LARGEST_FILE_BYTES
from koffert_hub.database import reading
from koffert_hub.documents.importing import import_document
from koffert_hub.documents.upload import NotTaken, inspect
from koffert_hub.rights.states import RecordState, state_of
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import WebContext

DROP_PATH = "/drop/{suitcase}"
_DIGEST = "sha-256=:"  # RFC 9530
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Koffert", charset="UTF-8"'}


class Turned(Exception):
    """The file is not taken; `status` and `word` tell the sender why."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status = status
        self.word = word


async def drop(request: Request) -> Response:
    """Take in a still for whoever has the suitcase; all of it or nothing."""
    context: WebContext = request.app.state.context
    try:
        sender = await run_in_threadpool(_sender, request, context)
        patient = await run_in_threadpool(_patient, request.path_params["suitcase"], context)
        content = await _body(request)
        document = await run_in_threadpool(_file, context, sender, patient, content)
    except Turned as turned:
        headers = _CHALLENGE if turned.status == 401 else None
        return JSONResponse({"error": turned.word}, turned.status, headers)
    digest = hashlib.sha256(content).hexdigest()
    return JSONResponse({"document": document, "sha256": digest}, 201)


def _sender(request: Request, context: WebContext) -> str:
    senders = context.services.senders
    assert senders is not None  # noqa: S101 - without senders there is no such route
    name, key = _credentials(request.headers.get("authorization", ""))
    if senders.know(name, key):
        return name
    # Keys are too long to be guessed; the limit keeps the access log from being filled.
    address = request.client.host if request.client else ""
    if context.throttle.attempt(f"drop {name}", address) is not None:
        raise Turned(429, "throttled")
    # Without the name, as at the log-in: it may be the key, typed into the wrong field.
    context.access_log.record("", Action.LOGIN_REFUSED, at_ms=context.services.clock_ms())
    raise Turned(401, "unknown-sender")


def _credentials(header: str) -> tuple[str, bytes]:
    """Name and key of RFC 7617's Basic; empty ones, which open nothing, where there are none."""
    scheme, _, sent = header.partition(" ")
    try:
        name, _, key = base64.b64decode(sent, validate=True).partition(b":")
        return (name.decode(), key) if scheme.lower() == "basic" else ("", b"")
    except (binascii.Error, ValueError):
        return "", b""


def _patient(suitcase: str, context: WebContext) -> str:
    rows = context.services.live.snapshot().rows
    patient = next((row.patient for row in rows if row.suitcase == suitcase), None)
    if patient is None:
        raise Turned(404, "not-lent")
    with reading(context.services.engine) as connection:
        if state_of(connection, patient) is not RecordState.OPEN:
            raise Turned(403, "record-put-away")
    return patient


async def _body(request: Request) -> bytes:
    """All of the file; a sender that breaks off has sent nothing."""
    parts, size = [], 0
    try:
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > LARGEST_FILE_BYTES:
                raise Turned(413, "too-large")
    except ClientDisconnect as error:
        raise Turned(400, "broken-off") from error
    content = b"".join(parts)
    stated = request.headers.get("content-digest", "").strip()
    if stated and stated != _stated_digest(content):
        raise Turned(400, "wrong-digest")
    return content


def _stated_digest(content: bytes) -> str:
    return f"{_DIGEST}{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def _file(context: WebContext, sender: str, patient: str, content: bytes) -> str:
    try:
        brought = inspect(content)
    except NotTaken as error:
        raise Turned(422, error.reason) from error
    now_ms = context.services.clock_ms()
    with context.services.engine.begin() as connection:
        document = import_document(
            connection,
            patient,
            content,
            kind=brought.kind,
            media_type=brought.media_type,
            now_ms=now_ms,
        )
    who = f"drop:{sender}"
    context.access_log.record(
        who, Action.BROUGHT_DOCUMENT, at_ms=now_ms, patient=patient, detail=document
    )
    return document
