"""The page's web app, on loopback only: one page, one stream of screens, one way to press a button."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import msgspec
from msgspec import Struct
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from koffert_agent.kiosk.assets import Asset
from koffert_agent.kiosk.attendant import Shown
from koffert_agent.kiosk.effort import Effort
from koffert_agent.kiosk.nurse import BOUNDARY
from koffert_agent.kiosk.records import PulseWave
from koffert_agent.kiosk.screen import Screen
from koffert_agent.kiosk.speech import Speaker

# The page calls itself cut off after three of these.
HEARTBEAT_S = 1.0
# More than this unread by the page: it hangs, and gets a fresh start when it comes back.
_MOST_UNREAD = 64
_MOST_PRESS_BYTES = 256
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " connect-src 'self'; media-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Press(Struct, frozen=True, forbid_unknown_fields=True):
    """A finger on a button of the screen with this number."""

    serial: int
    button: str


class OnPage(Struct, frozen=True):
    """A screen as the page gets it; `clips` are the addresses of what to say."""

    serial: int
    screen: Screen
    clips: tuple[str, ...]


class Stage:
    """Everything that pages see: the screen as it changes, and the pulse wave as it comes."""

    def __init__(self, shown: Callable[[], Shown], speaker: Speaker) -> None:
        self._shown = shown
        self.speaker = speaker
        self._audience: set[asyncio.Queue[bytes]] = set()
        self._last: Shown | None = None

    def look(self) -> None:
        """Send the screen out if it has changed."""
        shown = self._shown()
        if shown != self._last:
            self._last = shown
            self._send(self._screen_event())

    def wave(self, wave: PulseWave) -> None:
        """Send a second of pulse wave out."""
        self._send(_event("wave", wave))

    def blow(self, effort: Effort) -> None:
        """Send a tenth of a second of a blow out."""
        self._send(_event("blow", effort))

    async def watch(self) -> AsyncIterator[bytes]:
        """The events of one page, from the present screen on."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(_MOST_UNREAD)
        queue.put_nowait(self._screen_event())
        self._audience.add(queue)
        try:
            while queue in self._audience:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        yield await queue.get()
                except TimeoutError:
                    yield b"event: alive\ndata:\n\n"
        finally:
            self._audience.discard(queue)

    def _send(self, event: bytes) -> None:
        for queue in list(self._audience):
            if queue.full():
                self._audience.discard(queue)
            else:
                queue.put_nowait(event)

    def _screen_event(self) -> bytes:
        shown = self._shown()
        names = self.speaker.clips(shown.screen.voice, shown.screen.language)
        clips = tuple(f"/speech/{name}" for name in names)
        return _event("screen", OnPage(shown.serial, shown.screen, clips))


def create_app(
    *,
    page: Callable[[], str],
    assets: Mapping[str, Asset],
    stage: Stage,
    press: Callable[[int, str], None],
    nurse: Callable[[], AsyncIterator[bytes]],
) -> Starlette:
    """The ASGI app. `press` gets the screen's number and the button, `nurse` gives her pictures as they come."""

    async def the_page(_: Request) -> Response:
        return HTMLResponse(page())

    async def built_file(request: Request) -> Response:
        asset = assets.get(request.path_params["name"])
        if asset is None:
            return Response(status_code=404)
        return Response(asset.content, media_type=asset.media_type)

    async def spoken(request: Request) -> Response:
        content = await asyncio.to_thread(stage.speaker.sound_of, request.path_params["name"])
        if content is None:
            return Response(status_code=404)
        return Response(content, media_type="audio/wav")

    async def events(_: Request) -> Response:
        return StreamingResponse(stage.watch(), media_type="text/event-stream")

    async def pressed(request: Request) -> Response:
        # A form of another page cannot send this type; only our own page can.
        if request.headers.get("content-type") != "application/json":
            return Response(status_code=415)
        try:
            body = msgspec.json.decode(await _read_little(request), type=Press)
        except msgspec.DecodeError:
            return Response(status_code=400)
        press(body.serial, body.button)
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/", the_page),
            Route("/static/{name}", built_file),
            Route("/speech/{name}", spoken),
            Route("/events", events),
            Route("/nurse", _pictures_of(nurse)),
            Route("/press", pressed, methods=["POST"]),
        ],
        middleware=[
            Middleware(_Headers),
            # Another site's name that resolves to us is not us.
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
        ],
    )


def _pictures_of(
    nurse: Callable[[], AsyncIterator[bytes]],
) -> Callable[[Request], Awaitable[Response]]:
    async def pictures(_: Request) -> Response:
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return StreamingResponse(nurse(), media_type=kind)

    return pictures


class _Headers:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def _read_little(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_PRESS_BYTES:
            return b""
    return body


def _event(name: str, data: Struct) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))
