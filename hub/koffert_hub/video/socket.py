"""The calls' WebSockets, from our own pages alone: one for who may call, one for who was invited."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from koffert_hub.video.call import CallIsFull, CallIsOver, NoSuitcase, Seat, SeatLost, Visitor
from koffert_hub.video.guests import BadInvitation
from koffert_hub.video.records import FromPage, ToPage, read_guest, read_hello, read_page
from koffert_hub.web.access_log import Action
from koffert_hub.web.context import WebContext
from koffert_hub.web.guard import find_session
from koffert_hub.web.permissions import Permission
from koffert_hub.web.session import Session

CALL_PATH = "/api/v1/patients/{patient}/call"
GUEST_PATH = "/api/v1/visit"

# Close codes above 4000 are ours (RFC 6455, 7.4.2); the page has a sentence for each.
CLOSE_NOT_ALLOWED = 4403
CLOSE_NO_SUITCASE = 4404
CLOSE_NOT_INVITED = 4401
CLOSE_OVER = 4410
CLOSE_FULL = 4429
CLOSE_MALFORMED = 4400
# The one after which the page comes back by itself.
CLOSE_SEAT_LOST = 4408
# How soon a call ends for somebody whose session ended.
RECHECK_S = 30.0
# A page says it at once.
HELLO_WITHIN_S = 10.0
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

    async def still_allowed() -> bool:
        return await _allowed(socket, context) is not None

    conversation = _Conversation(socket, read_page, still_allowed)
    visitor = Visitor(username=session.username, name=session.display_name, send=conversation.send)
    back_to = socket.query_params.get("call", "")
    await conversation.hold(calls.join(patient, visitor, back_to=back_to))


async def guest_socket(socket: WebSocket) -> None:
    """Let a guest into the visit that the first message's token is good for; there is no session."""
    context: WebContext = socket.app.state.context
    calls = context.services.calls
    await socket.accept()
    if not _is_ours(socket) or calls is None:
        await socket.close(CLOSE_NOT_ALLOWED)
        return
    try:
        async with asyncio.timeout(HELLO_WITHIN_S):
            hello = read_hello(await socket.receive_text())
    except (msgspec.DecodeError, KeyError, TimeoutError):
        await socket.close(CLOSE_MALFORMED)
        return
    except WebSocketDisconnect:
        return
    conversation = _Conversation(socket, read_guest, _always)
    await conversation.hold(calls.join_as_guest(hello.token, conversation.send))


class _Conversation:
    """One page's socket, used once."""

    def __init__(
        self,
        socket: WebSocket,
        read: Callable[[str], FromPage],
        still_allowed: Callable[[], Awaitable[bool]],
    ) -> None:
        self._socket = socket
        self._read = read
        self._still_allowed = still_allowed
        self._out: asyncio.Queue[ToPage] = asyncio.Queue(_MOST_WAITING)

    async def hold(self, joining: Awaitable[Seat]) -> None:
        """Take the seat and talk until the page, the call or the permission is gone."""
        try:
            seat = await joining
        except NoSuitcase:
            await self._socket.close(CLOSE_NO_SUITCASE)
        except CallIsOver:
            await self._socket.close(CLOSE_OVER)
        except BadInvitation:
            await self._socket.close(CLOSE_NOT_INVITED)
        except CallIsFull:
            await self._socket.close(CLOSE_FULL)
        else:
            await self._converse(seat)

    def send(self, message: ToPage) -> None:
        """Say something to the page."""
        if not self._out.full():  # a page that reads nothing is soon found silent
            self._out.put_nowait(message)

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
                seat.take(self._read(await self._socket.receive_text()))
            except (msgspec.DecodeError, KeyError):
                return CLOSE_MALFORMED
            except SeatLost:
                return CLOSE_SEAT_LOST

    async def _speak(self) -> None:
        while True:
            message = await self._out.get()
            await self._socket.send_text(_ENCODER.encode(message).decode())

    async def _watch_session(self) -> int:
        while True:
            await asyncio.sleep(RECHECK_S)
            if not await self._still_allowed():
                return CLOSE_NOT_ALLOWED


async def _allowed(socket: WebSocket, context: WebContext) -> Session | None:
    """The session, if it may call and the page is ours: browsers send no token with a WebSocket."""
    if not _is_ours(socket):
        return None
    session = await run_in_threadpool(find_session, socket, context)
    if session is None or not session.may(Permission.CALL):
        return None
    return session


async def _always() -> bool:
    # A guest's leave ends with the visit, and the visit tells.
    return True


def _is_ours(socket: WebSocket) -> bool:
    return urlsplit(socket.headers.get("origin", "")).netloc == socket.headers.get("host")


def _record(context: WebContext, session: Session, patient: str) -> None:
    context.access_log.record(
        session.username, Action.CALLED, at_ms=context.services.clock_ms(), patient=patient
    )
