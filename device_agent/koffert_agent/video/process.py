"""`koffert agent video`: the video process, with one socket for gateway and screens."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

from koffert_agent.local_socket import listen, socket_address, write
from koffert_agent.video.bitrates import limit_bitrates
from koffert_agent.video.consent import wait_for_slow_links
from koffert_agent.video.records import (
    MOST_LINE_BYTES,
    SOCKET_NAME,
    AnswerCall,
    CallView,
    EndCall,
    FromHub,
    IsGateway,
    ToHub,
    WatchPictures,
    encode_line,
    framed,
    read_to_video,
)
from koffert_agent.video.settings import VideoSettings
from koffert_agent.video.visit import Visit
from koffert_wire.call import CallUp
from koffert_wire.errors import WireError
from koffert_wire.notify import Notifier, watchdog_period_s

_LOG = logging.getLogger(__name__)
_TICK_S = 1.0


class VideoProcess:
    """Serves until cancelled; a call that goes on then is ended and its devices released."""

    def __init__(self, folder: Path, settings: VideoSettings) -> None:
        self._folder = folder
        self._gateway: asyncio.StreamWriter | None = None
        self._screens: set[asyncio.StreamWriter] = set()
        self._pictures: dict[asyncio.StreamWriter, Callable[[bytes], None]] = {}
        self._notifier = Notifier()
        self.visit = Visit(
            settings,
            say=self._say,
            show=self._show,
            monotonic_s=asyncio.get_running_loop().time,
        )

    async def run(self) -> None:
        """Serve gateway and screens, for ever."""
        limit_bitrates()
        wait_for_slow_links()
        async with self._listening():
            self._notifier.tell("READY=1")
            try:
                while True:
                    await asyncio.sleep(_TICK_S)
                    await self.visit.tick()
                    if watchdog_period_s() is not None:
                        self._notifier.tell("WATCHDOG=1")
            finally:
                await self.visit.close()

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        async with (
            socket_address(self._folder, SOCKET_NAME) as address,
            await asyncio.start_unix_server(
                self._serve, sock=listen(address), limit=MOST_LINE_BYTES
            ) as server,
        ):
            await server.start_serving()
            try:
                yield
            finally:
                gateway = [self._gateway] if self._gateway else []
                for writer in [*self._screens, *self._pictures, *gateway]:
                    writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._screens.add(writer)
        try:
            writer.write(encode_line(self.visit.view))
            while line := await reader.readline():
                await self._take(line, writer)
        except (OSError, ValueError, WireError) as error:
            _LOG.warning("a local link ended: %s", error)
        finally:
            self._screens.discard(writer)
            if (sink := self._pictures.pop(writer, None)) is not None:
                self.visit.faces.remove(sink)
            if self._gateway is writer:
                self._gateway = None
            writer.close()

    async def _take(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        match read_to_video(line):
            case IsGateway():
                self._screens.discard(writer)
                self._gateway = writer
            case FromHub(message):
                await self.visit.hear(message)
            case WatchPictures():
                self._screens.discard(writer)
                self._pictures[writer] = partial(_show_picture, writer)
                self.visit.faces.add(self._pictures[writer])
            case AnswerCall(picture):
                await self.visit.answer(picture=picture)
            case EndCall():
                await self.visit.hang_up()

    def _say(self, message: CallUp) -> None:
        if self._gateway is not None:
            write(self._gateway, encode_line(ToHub(message)))

    def _show(self, view: CallView) -> None:
        for writer in list(self._screens):
            write(writer, encode_line(view))


def _show_picture(writer: asyncio.StreamWriter, jpeg: bytes) -> None:
    # Whoever has not taken the last one gets none: an old face is worse than a jump.
    if writer.transport.get_write_buffer_size() == 0:
        writer.write(framed(jpeg))
