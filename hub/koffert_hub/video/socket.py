"""The call's WebSocket: `/api/v1/patients/{patient}/call`, for who may call, from our own pages alone."""

import asyncio
from urllib.parse import urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from koffert_hub.video.call import CallIsFull, CallIsOver, Calls, NoSuitcase, Seat, Visitor
from koffert_hub.video.records import ToPage, read_page
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import WebContext
from koffert_hub.web.guard import find_session
from koffert_hub.web.permissions import Permission, may
from koffert_hub.web.session import Session

CALL_PATH = "/api/v1/patients/{patient}/call"

# Close codes above 4000 are ours (RFC 6455, 7.4.2); the page has a sentence for each.
CLOSE_NOT_ALLOWED = 4403
CLOSE_NO_SUITCASE = 4404
CLOSE_OVER = 4410
CLOSE_FULL = 4429
CLOSE_MALFORMED = 4400
# How soon a call ends for somebody whose session ended.
RECHECK_S = 30.0
_MOST_WAITING = 64

_ENCODER = msgspec.json.Encoder()


async def call_socket(socket: WebSocket, patient: str) -> None:
    """Let a page into a call, after the same questions that every route asks."""
    context: WebContext = socket.app.state.context
    session = await _allowed(socket, context)
    calls = context.services.calls
    await socket.accept()
    if session is None or calls is None:
        await socket.close(CLOSE_NOT_ALLOWED)
        return
    await run_in_threadpool(_record, context, session, patient)
    await _Conversation(socket, context, session).hold(calls, patient)


class _Conversation:
    """One page's socket, used once."""

    def __init__(self, socket: WebSocket, context: WebContext, session: Session) -> None:
        self._socket = socket
        self._context = context
        self._session = session
        self._out: asyncio.Queue[ToPage] = asyncio.Queue(_MOST_WAITING)

    async def hold(self, calls: Calls, patient: str) -> None:
        visitor = Visitor(
            username=self._session.username, name=self._session.display_name, send=self._send
        )
        try:
            seat = await calls.join(
                patient, visitor, back_to=self._socket.query_params.get("call", "")
            )
        except NoSuitcase:
            await self._socket.close(CLOSE_NO_SUITCASE)
        except CallIsOver:
            await self._socket.close(CLOSE_OVER)
        except CallIsFull:
            await self._socket.close(CLOSE_FULL)
        else:
            await self._converse(seat)

    async def _converse(self, seat: Seat) -> None:
        tasks = {
            asyncio.create_task(self._listen(seat), name="call page in"),
            asyncio.create_task(self._speak(), name="call page out"),
            asyncio.create_task(self._watch_session(), name="call page session"),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            code = next(iter(done)).result()
            if code is not None:
                await self._socket.close(code)
        except (WebSocketDisconnect, RuntimeError):
            pass  # the page has gone
        finally:
            seat.lost()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, seat: Seat) -> int:
        while True:
            try:
                seat.take(read_page(await self._socket.receive_text()))
            except (msgspec.DecodeError, KeyError):
                return CLOSE_MALFORMED

    async def _speak(self) -> None:
        while True:
            message = await self._out.get()
            await self._socket.send_text(_ENCODER.encode(message).decode())

    async def _watch_session(self) -> int:
        while True:
            await asyncio.sleep(RECHECK_S)
            if await _allowed(self._socket, self._context) is None:
                return CLOSE_NOT_ALLOWED

    def _send(self, message: ToPage) -> None:
        if not self._out.full():  # a page that reads nothing is soon found silent
            self._out.put_nowait(message)


async def _allowed(socket: WebSocket, context: WebContext) -> Session | None:
    """The session, if it may call and the page is ours: browsers send no token with a WebSocket."""
    if urlsplit(socket.headers.get("origin", "")).netloc != socket.headers.get("host"):
        return None
    session = await run_in_threadpool(find_session, socket, context)
    if session is None or not may(session.role, Permission.CALL):
        return None
    return session


def _record(context: WebContext, session: Session, patient: str) -> None:
    context.access_log.record(
        session.username, Action.CALLED, at_ms=context.services.clock_ms(), patient=patient
    )
