"""The live stream: server-sent events with ids, replay after a break, and a heartbeat each second."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from koffert_hub.live import LiveEvent, LiveFeed, Resync, Subscription
from koffert_hub.web.context import Context
from koffert_hub.web.guard import Route, find_session
from koffert_hub.web.permissions import Permission

HEARTBEAT_S = 1.0
# How often a stream looks whether alerts changed; a nurse elsewhere sees an acknowledgement this much later.
LOOK_S = 0.25
# How soon a stream ends after its session did; each check also keeps the session of an open screen alive.
RECHECK_S = 30.0
# What a browser waits before it reconnects by itself.
_RETRY_MS = 1000

STREAM_HEADERS = {
    "Cache-Control": "no-store",
    # nginx must not gather events into a buffer.
    "X-Accel-Buffering": "no",
}


def live(request: Request, context: Context, after: str = "") -> StreamingResponse:
    """Events `snapshot`, `reading`, `alerts`, `heartbeat` and `resync`; ids are log sequences.

    A browser that reconnects says in `Last-Event-ID` (or `after`) what it has, and gets what came since.
    `alerts` always holds every open alert, so it needs no id and no replay.
    """
    last = _event_id(request.headers.get("last-event-id", after))
    stream = LiveStream(request, context, last)
    return StreamingResponse(
        stream.frames(), media_type="text/event-stream", headers=STREAM_HEADERS
    )


class LiveStream:
    """One browser's stream, used once."""

    def __init__(self, request: Request, context: Context, after: int | None) -> None:
        self._request = request
        self._context = context
        self._after = after
        self._clock_ms = context.services.clock_ms
        self._feed: LiveFeed = context.services.live
        self._alerts = context.services.alerts
        self._alerts_version = self._alerts.version

    async def frames(self) -> AsyncIterator[bytes]:
        """The bytes of the stream, until the browser goes or the session ends."""
        subscription = self._feed.subscribe(self._after)
        try:
            yield f"retry: {_RETRY_MS}\n\n".encode()
            yield self._heartbeat()
            yield self._open_alerts()
            if self._after is None:
                yield self._snapshot()
            async for frame in self._follow(subscription):
                yield frame
        finally:
            await subscription.aclose()

    async def _follow(self, subscription: Subscription) -> AsyncIterator[bytes]:
        now_s = asyncio.get_running_loop().time
        next_beat_s, next_check_s = now_s() + HEARTBEAT_S, now_s() + RECHECK_S
        while True:
            if now_s() >= next_check_s:
                if not await run_in_threadpool(self._allowed):
                    return
                next_check_s = now_s() + RECHECK_S
            if now_s() >= next_beat_s:
                yield self._heartbeat()
                next_beat_s = now_s() + HEARTBEAT_S
            if self._alerts.version != self._alerts_version:
                yield self._open_alerts()
            try:
                async with asyncio.timeout_at(min(next_beat_s, now_s() + LOOK_S)):
                    event = await anext(subscription)
            except TimeoutError:
                continue
            except StopAsyncIteration:
                return
            for frame in self._told(event):
                yield frame

    def _told(self, event: LiveEvent | Resync) -> tuple[bytes, ...]:
        if isinstance(event, Resync):
            return _frame("resync", b"{}"), self._snapshot()
        return (_frame(event.kind, msgspec.json.encode(event.row), event.id),)

    def _snapshot(self) -> bytes:
        snapshot = self._feed.snapshot()
        content = {"server_ms": self._clock_ms(), "rows": snapshot.rows}
        return _frame("snapshot", msgspec.json.encode(content), snapshot.id)

    def _heartbeat(self) -> bytes:
        # A comment would keep proxies awake too, but scripts never see comments.
        return _frame("heartbeat", msgspec.json.encode({"server_ms": self._clock_ms()}))

    def _open_alerts(self) -> bytes:
        self._alerts_version = self._alerts.version
        return _frame("alerts", msgspec.json.encode(self._alerts.open_alerts()))

    def _allowed(self) -> bool:
        session = find_session(self._request, self._context)
        return session is not None and session.may(Permission.SEE_WARD)


def _frame(event: str, data: bytes, event_id: int | None = None) -> bytes:
    identity = b"" if event_id is None else f"id: {event_id}\n".encode()
    return b"%bevent: %b\ndata: %b\n\n" % (identity, event.encode(), data)


def _event_id(text: str) -> int | None:
    # What is no number came from nobody we know: begin with a snapshot. 18 digits fit 64 bits.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


ROUTES = (Route("GET", "/api/v1/live", live, Permission.SEE_WARD),)
