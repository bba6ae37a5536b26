"""Kiosk and video process on their real socket: it rings, the patient answers, her picture comes, it ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
from av import VideoFrame

from koffert_agent.kiosk.link import Link
from koffert_agent.kiosk.nurse import part_of, pictures
from koffert_agent.local_socket import listen, socket_address
from koffert_agent.video.process import VideoProcess
from koffert_agent.video.records import (
    SOCKET_NAME,
    AnswerCall,
    CallState,
    CallView,
    EndCall,
    FromVideo,
    encode_line,
    framed,
    read_from_video,
)
from koffert_wire.call import Present, Ring, Watcher
from tests.device_agent.support import eventually
from tests.support.visit import TEST_DEVICES

CALL = bytes(16)


class Heard:
    """A kiosk's link to the video process, and what came over it."""

    def __init__(self, folder: Path) -> None:
        self.views: list[FromVideo] = []
        self.lost = 0
        self.link = Link(
            folder,
            SOCKET_NAME,
            read=read_from_video,
            on_record=self.views.append,
            on_lost=self._lose,
        )

    def _lose(self) -> None:
        self.lost += 1

    async def shows(self, state: CallState) -> CallView:
        await eventually(lambda: self._last().state is state, f"{state}", 30)
        return self._last()

    def _last(self) -> CallView:
        views = [view for view in self.views if isinstance(view, CallView)]
        return views[-1] if views else CallView(caption="nothing yet")


@contextlib.asynccontextmanager
async def running(*tasks: asyncio.Task[None]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_it_rings_is_answered_seen_and_hung_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        process, heard = VideoProcess(tmp_path, TEST_DEVICES), Heard(tmp_path)
        video = asyncio.create_task(process.run(), name="video")
        link = asyncio.create_task(heard.link.run(), name="link")
        async with running(video, link):
            await heard.shows(CallState.IDLE)
            await process.visit.hear(Ring(CALL, "Sykepleier Test"))
            assert (await heard.shows(CallState.RINGING)).caller == "Sykepleier Test"
            assert not process.visit.devices_open
            heard.link.send(encode_line(AnswerCall(picture=True)))
            assert (await heard.shows(CallState.TALKING)).picture
            await process.visit.hear(Present(CALL, (Watcher(1, "Sykepleier Test"),)))
            await see(process, tmp_path)
            heard.link.send(encode_line(EndCall()))
            await heard.shows(CallState.IDLE)
            assert not process.visit.devices_open
            video.cancel()
            await eventually(lambda: heard.lost > 0, "the link's end", 30)

    asyncio.run(scenario())


async def see(process: VideoProcess, folder: Path) -> None:
    """Two pictures come through, and nobody looks any more once the page has gone."""
    coming = pictures(folder)
    first = asyncio.ensure_future(anext(coming))
    await eventually(lambda: process.visit.faces.is_watched, "the wish", 30)
    face = VideoFrame.from_ndarray(np.full((360, 320), 120, np.uint8), format="yuv420p")
    for number in range(2):
        process.visit.faces.take(1, face)
        part = await first
        assert part.startswith(b"--picture\r\nContent-Type: image/jpeg")
        assert b"\r\n\r\n\xff\xd8\xff" in part
        if number == 0:
            first = asyncio.ensure_future(anext(coming))
    await coming.aclose()
    await eventually(lambda: not process.visit.faces.is_watched, "the end of looking", 30)


def test_views_before_the_pictures_are_passed_over_and_nonsense_ends_them(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode_line(CallView()) + encode_line(CallView(caption="{")))
        await reader.readline()
        writer.write(framed(b"jpeg") + b"\xff\xff\xff\xff")
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    async def scenario() -> list[bytes]:
        async with socket_address(tmp_path, SOCKET_NAME) as address:
            server = await asyncio.start_unix_server(serve, sock=listen(address))
        async with server:
            parts = [part async for part in pictures(tmp_path)]
            await ended.wait()
        return parts

    assert asyncio.run(scenario()) == [part_of(b"jpeg")]


def test_without_a_video_process_there_is_no_picture(tmp_path: Path) -> None:
    async def scenario() -> list[bytes]:
        return [part async for part in pictures(tmp_path)]

    assert asyncio.run(scenario()) == []
