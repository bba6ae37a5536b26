"""The reading of a camera: FFmpeg's own picture source in the place of a V4L2 device, which no test machine has."""

import asyncio

import pytest
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from av.container import InputContainer

from koffert_agent.video import camera as camera_module
from koffert_agent.video.camera import (
    HEIGHT,
    RATE_HZ,
    WIDTH,
    CameraGone,
    CaptureCamera,
    open_camera,
)
from koffert_agent.video.ladder import RUNGS
from koffert_agent.video.settings import VideoSettings
from koffert_agent.video.shutter import CameraTrack, Shutter
from tests.support.visit import TEST_DEVICES, until

VGA = RUNGS[-2]
# `realtime` holds the source to its rate, as a camera does.
ENDLESS = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={RATE_HZ},realtime"
SHORT = f"{ENDLESS},trim=end_frame=3"


def test_pictures_come_and_the_device_is_let_go_of() -> None:
    async def scenario() -> None:
        camera = CaptureCamera("lavfi", ENDLESS, {})
        first, second = (await camera.read()).frame, (await camera.read()).frame
        assert first is not None
        assert second is not None
        assert (first.width, first.height) == (WIDTH, HEIGHT)
        assert first.pts != second.pts
        camera.stop()
        await until(lambda: not camera.holds_device, "the device is free")

    asyncio.run(scenario())


def test_a_camera_that_is_pulled_out_says_so() -> None:
    async def scenario() -> None:
        camera = CaptureCamera("lavfi", SHORT, {})
        with pytest.raises(CameraGone, match="it ended"):
            await _drain(camera)
        await until(lambda: not camera.holds_device, "the device is free")

    asyncio.run(scenario())


class FallsSilent(CaptureCamera):
    """Gives one picture, and then nothing, but does not end."""

    def _follow(self, container: InputContainer) -> None:
        self._tell(next(container.decode(video=0)))
        self._stop.wait()


def test_a_camera_that_falls_silent_is_gone_sooner_than_one_that_opens_slowly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera_module, "_SILENT_S", 0.05)

    async def scenario() -> None:
        camera = FallsSilent("lavfi", ENDLESS, {})
        assert (await camera.read()).frame is not None
        with pytest.raises(CameraGone, match=r"no picture for 0\.05 s"):
            await camera.read()
        camera.stop()

    asyncio.run(scenario())


async def _size(track: CameraTrack) -> tuple[int, int]:
    frame = await track.recv()
    assert isinstance(frame, VideoFrame)
    return frame.width, frame.height


async def _drain(camera: CaptureCamera) -> None:
    while True:
        await camera.read()


def test_a_camera_that_is_not_there_ends_the_picture_and_not_the_visit() -> None:
    async def scenario() -> None:
        shutter = Shutter(VideoSettings(camera="/dev/no-such-camera", camera_format="mjpeg"))
        shutter.open()
        with pytest.raises(MediaStreamError):
            await CameraTrack(shutter).recv()
        assert isinstance(shutter.failure, CameraGone)
        assert "No such file" in str(shutter.failure)
        await shutter.close()

    asyncio.run(scenario())


def test_each_watcher_gets_the_size_that_its_link_bears() -> None:
    async def scenario() -> None:
        shutter = Shutter(TEST_DEVICES)
        shutter.open()
        wide, narrow = CameraTrack(shutter), CameraTrack(shutter)
        narrow.show(RUNGS[0])
        wide.show(VGA)
        sizes = [await _size(wide), await _size(narrow)]
        assert sizes == [(WIDTH, HEIGHT), (RUNGS[0].width, RUNGS[0].height)]
        waiting = asyncio.create_task(wide.recv(), name="waits")
        await shutter.close()
        with pytest.raises(MediaStreamError):
            await waiting

    asyncio.run(scenario())


def test_the_settings_choose_the_source() -> None:
    async def scenario() -> None:
        camera = open_camera(VideoSettings(camera="/dev/no-such-camera"))
        assert isinstance(camera, CaptureCamera)
        with pytest.raises(CameraGone):
            await camera.read()

    asyncio.run(scenario())
