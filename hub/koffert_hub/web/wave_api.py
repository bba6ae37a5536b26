"""The pulse wave of one patient, live: server-sent events for as long as a page shows it."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from koffert_hub.waves import Watcher
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import Context, CurrentSession, WebContext
from koffert_hub.web.guard import Route, find_session
from koffert_hub.web.live_api import RECHECK_S, STREAM_HEADERS
from koffert_hub.web.permissions import Permission, may

# A proxy that hears nothing for a minute may close the line; between blocks there may be a night.
_BEAT_S = 10.0


def waves(request: Request, context: Context, session: CurrentSession, patient: str) -> Response:
    """Events `wave` ({at_ms, rate_hz, samples}) from now on; nothing is replayed, so none has an id."""
    services = context.services
    if services.live.row(patient) is None:
        return JSONResponse({"error": "no such patient on the ward"}, 404)
    context.access_log.record(
        session.username, Action.SAW_WAVE, at_ms=services.clock_ms(), patient=patient
    )
    frames = _frames(request, context, patient)
    return StreamingResponse(frames, media_type="text/event-stream", headers=STREAM_HEADERS)


async def _frames(request: Request, context: WebContext, patient: str) -> AsyncIterator[bytes]:
    watcher = context.services.live.waves.watch(patient)
    try:
        yield b"retry: 2000\n\n"
        async for frame in _follow(request, context, watcher):
            yield frame
    finally:
        watcher.close()


async def _follow(request: Request, context: WebContext, watcher: Watcher) -> AsyncIterator[bytes]:
    now_s = asyncio.get_running_loop().time
    next_check_s = now_s() + RECHECK_S
    while True:
        if now_s() >= next_check_s:
            if not await run_in_threadpool(_allowed, request, context):
                return
            next_check_s = now_s() + RECHECK_S
        try:
            async with asyncio.timeout(_BEAT_S):
                block = await anext(watcher)
        except TimeoutError:
            yield b": nothing\n\n"
            continue
        except StopAsyncIteration:
            return
        yield b"event: wave\ndata: %b\n\n" % msgspec.json.encode(block)


def _allowed(request: Request, context: WebContext) -> bool:
    session = find_session(request, context)
    return session is not None and may(session.role, Permission.SEE_PATIENT)


ROUTES = (Route("GET", "/api/v1/patients/{patient}/waves", waves, Permission.SEE_PATIENT),)
