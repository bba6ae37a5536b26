"""The enrolment listener: a few JSON requests over HTTPS, from boxes that have no certificate (any more)."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from koffert_hub.provisioning.office import Office
from koffert_wire.enrolment import (
    AUTHORITY_PATH,
    ENROL_PATH,
    RENEW_PATH,
    EnrolRequest,
    Refusal,
    Refused,
    RenewRequest,
)
from koffert_wire.errors import DECODE_ERRORS

# The largest request, with both of its fields full, is 11 kB in base64.
MAX_REQUEST_BYTES = 16 * 1024

_T = TypeVar("_T")


def create_enrolment_app(office: Office) -> Starlette:
    """The application; its decisions run in threads, for they wait for the database."""

    async def show_authority(_request: Request) -> Response:
        return _answer(await run_in_threadpool(office.show_authority))

    async def enrol(request: Request) -> Response:
        return await _decide(request, EnrolRequest, office.enrol)

    async def renew(request: Request) -> Response:
        return await _decide(request, RenewRequest, office.renew)

    return Starlette(
        routes=[
            Route(AUTHORITY_PATH, show_authority, methods=["GET"]),
            Route(ENROL_PATH, enrol, methods=["POST"]),
            Route(RENEW_PATH, renew, methods=["POST"]),
        ]
    )


async def _decide(request: Request, kind: type[_T], decide: Callable[[_T], Struct]) -> Response:
    body = await _read(request)
    if body is None:
        return _answer(Refused(Refusal.BAD_REQUEST), 413)
    try:
        asked = msgspec.json.decode(body, type=kind)
    except DECODE_ERRORS:
        return _answer(Refused(Refusal.BAD_REQUEST), 400)
    answer = await run_in_threadpool(decide, asked)
    return _answer(answer, 403 if isinstance(answer, Refused) else 200)


async def _read(request: Request) -> bytes | None:
    """The body; None when it is larger than any honest one."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_REQUEST_BYTES:
            return None
    return body


def _answer(record: Struct, status: int = 200) -> Response:
    return Response(msgspec.json.encode(record), status, media_type="application/json")
