"""The caller's picture on the box's screen: over the real socket, as JPEG, of one watcher at a time."""

import asyncio
import contextlib
from fractions import Fraction
from pathlib import Path

import numpy as np
from av import Packet, VideoFrame
from av.video.codeccontext import VideoCodecContext

from koffert_agent.local_socket import socket_address
from koffert_agent.video.faces import STALE_S, Faces
from koffert_agent.video.process import VideoProcess
from koffert_agent.video.records import (
    SOCKET_NAME,
    CallView,
    WatchPictures,
    encode_line,
    read_from_video,
)
from tests.support.visit import TEST_DEVICES, until


def picture(grey: int, width: int = 320, height: int = 240) -> VideoFrame:
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = grey
    return VideoFrame.from_ndarray(planes, format="yuv420p")


def look_at(jpeg: bytes) -> tuple[int, int, int]:
    """Width, height and brightness of a JPEG."""
    [frame] = VideoCodecContext.create("mjpeg", "r").decode(Packet(jpeg))
    return frame.width, frame.height, int(np.median(frame.to_ndarray(format="gray")))


def test_the_first_who_came_is_shown_and_the_next_when_that_one_stops() -> None:
    now_s = 0.0
    faces, shown = Faces(lambda: now_s), list[bytes]()
    faces.take(1, picture(60))
    assert faces.any_live
    faces.add(shown.append)
    faces.take(2, picture(200))
    faces.take(1, picture(100))
    assert [abs(look_at(jpeg)[2] - 100) < 3 for jpeg in shown] == [True]
    now_s = STALE_S + 1
    assert not faces.any_live
    faces.take(2, picture(200, 1280, 720))
    width, height, grey = look_at(shown[-1])
    assert (width, height) == (640, 360)
    # JPEG has the full range, video from 16 to 235.
    assert abs(grey - (200 - 16) * 255 / 219) < 3
    faces.remove(shown.append)
    faces.take(2, picture(200))
    assert len(shown) == 2


def test_pictures_with_the_times_of_a_connection_are_shown_one_after_another() -> None:
    faces, shown = Faces(), list[bytes]()
    faces.add(shown.append)
    for number in range(4):
        frame = picture(100)
        frame.pts, frame.time_base = 72_000 + 3_000 * number, Fraction(1, 90_000)
        faces.take(1, frame)
    assert [look_at(jpeg)[:2] for jpeg in shown] == [(320, 240)] * 4


def test_a_screen_that_asks_gets_pictures_and_no_views(tmp_path: Path) -> None:
    async def scenario() -> None:
        process = VideoProcess(tmp_path, TEST_DEVICES)
        running = asyncio.create_task(process.run(), name="video")
        address = tmp_path / SOCKET_NAME
        await until(address.exists, "the socket", 30)
        async with socket_address(tmp_path, SOCKET_NAME) as path:
            reader, writer = await asyncio.open_unix_connection(path)
        assert read_from_video(await reader.readline()) == CallView()
        writer.write(encode_line(WatchPictures()))
        await until(lambda: process.visit.faces.is_watched, "the wish", 30)
        process.visit.faces.take(1, picture(90))
        size = int.from_bytes(await reader.readexactly(4), "big")
        assert look_at(await reader.readexactly(size))[:2] == (320, 240)
        writer.close()
        await until(lambda: not process.visit.faces.is_watched, "the end of it", 30)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(scenario())
