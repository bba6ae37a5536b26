"""Cameras: the box's own through V4L2, and a picture with a time code for tests and rehearsals."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Mapping
from fractions import Fraction
from typing import Protocol

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from av.error import FFmpegError
from numpy.typing import NDArray

from koffert_agent.video.ladder import RUNGS, Rung
from koffert_agent.video.settings import VideoSettings

WIDTH, HEIGHT, RATE_HZ = 640, 480, 15
TEST_CAMERA = "test:"

_CLOCK_HZ = 90_000
# RTP's clock for video (RFC 3551).
TIME_BASE = Fraction(1, _CLOCK_HZ)
# A camera that has been pulled out gives no frame for this long.
_SILENT_S = 3.0
# The time code: 24 bits of milliseconds and 8 of check, 16 x 2 fields.
CODE_COLUMNS, CODE_ROWS = 16, 2
_BLACK, _WHITE = 16, 235

Luma = NDArray[np.uint8]


class CameraGone(Exception):
    """The camera cannot be opened, or gives no pictures any more."""


class Camera(Protocol):
    """Something that gives pictures until it is stopped."""

    async def read(self) -> VideoFrame:
        """The next picture, never an old one; raises CameraGone."""
        ...

    def stop(self) -> None:
        """Let go of the device; safe to call twice."""


def open_camera(settings: VideoSettings) -> Camera:
    """The camera named in the settings: `test:` or a V4L2 device, best by its `/dev/v4l/by-id` name."""
    if settings.camera == TEST_CAMERA:
        return TestCamera()
    options = {"video_size": f"{WIDTH}x{HEIGHT}", "framerate": str(RATE_HZ)}
    if settings.camera_format:
        options["input_format"] = settings.camera_format
    return CaptureCamera("v4l2", settings.camera, options)


class CaptureCamera:
    """A source of FFmpeg read in a thread of its own, because FFmpeg blocks; the newest frame wins."""

    def __init__(self, device_format: str, path: str, options: Mapping[str, str]) -> None:
        self._loop = asyncio.get_running_loop()
        self._device_format = device_format
        self._path = path
        self._options = dict(options)
        self._newest: VideoFrame | None = None
        self._fresh = asyncio.Event()
        self._failure: CameraGone | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    @property
    def holds_device(self) -> bool:
        """Whether the thread that has the device still runs."""
        return self._thread.is_alive()

    async def read(self) -> VideoFrame:
        """See `Camera`."""
        try:
            async with asyncio.timeout(_SILENT_S):
                await self._fresh.wait()
        except TimeoutError as error:
            raise CameraGone(f"{self._path}: no picture for {_SILENT_S:g} s") from error
        self._fresh.clear()
        if self._failure is not None or self._newest is None:
            raise self._failure or CameraGone(self._path)
        return self._newest

    def stop(self) -> None:
        """See `Camera`."""
        self._stop.set()

    def _run(self) -> None:
        failure = CameraGone(f"{self._path}: it ended")
        try:
            with av.open(
                self._path, format=self._device_format, options=self._options
            ) as container:
                for frame in container.decode(video=0):
                    if self._stop.is_set():
                        return
                    self._tell(frame, None)
        except (FFmpegError, OSError) as error:
            failure = CameraGone(f"{self._path}: {error}")
        self._tell(None, failure)

    def _tell(self, frame: VideoFrame | None, failure: CameraGone | None) -> None:
        def show() -> None:
            self._newest, self._failure = frame, failure
            self._fresh.set()

        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody looks any more
            self._loop.call_soon_threadsafe(show)


class TestCamera:
    """A moving, textured picture whose top left corner holds the time, so that the delay can be read."""

    __test__ = False

    def __init__(self) -> None:
        self._pictures = _moving_pictures()
        self._index = 0
        self._due_s = time.monotonic()
        self._stopped = False

    async def read(self) -> VideoFrame:
        """See `Camera`."""
        self._due_s = max(self._due_s + 1 / RATE_HZ, time.monotonic())
        await asyncio.sleep(self._due_s - time.monotonic())
        if self._stopped:
            raise CameraGone("stopped")
        self._index = (self._index + 1) % len(self._pictures)
        picture = self._pictures[self._index]
        write_time_code(picture[:HEIGHT], time.time_ns() // 1_000_000)
        return VideoFrame.from_ndarray(picture, format="yuv420p")

    def stop(self) -> None:
        """See `Camera`."""
        self._stopped = True


def write_time_code(luma: Luma, ms: int) -> None:
    """Draw the low 24 bits of `ms` and a check into the top left corner, large enough for any codec."""
    value = ms & 0xFFFFFF
    check = (value ^ (value >> 8) ^ (value >> 16)) & 0xFF
    word = value << 8 | check
    bits = [(word >> (31 - index)) & 1 for index in range(CODE_COLUMNS * CODE_ROWS)]
    height, width = luma.shape
    cell = np.ones((height // 20, width // CODE_COLUMNS), np.uint8)
    code = np.kron(np.array(bits, np.uint8).reshape(CODE_ROWS, CODE_COLUMNS), cell)
    luma[: code.shape[0], : code.shape[1]] = code * (_WHITE - _BLACK) + _BLACK


def _moving_pictures(count: int = RATE_HZ * 2) -> list[Luma]:
    """A wall with a face-sized ellipse that nods: flat pictures would make encoders look too good."""
    rng = np.random.default_rng(1)
    wall = np.kron(
        rng.integers(90, 150, (HEIGHT // 8, WIDTH // 8), np.int16), np.ones((8, 8), np.int16)
    )
    noise = rng.integers(-5, 6, (HEIGHT, WIDTH), np.int16)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    stripes = (170 + 12 * np.sin(columns / 9 + rows / 7)).astype(np.int16)
    across = ((columns - WIDTH / 2) / 100) ** 2
    pictures = []
    for index in range(count):
        middle = HEIGHT / 2 + 12 * np.sin(2 * np.pi * index / count)
        face = across + ((rows - middle) / 140) ** 2 < 1
        picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        # A camera's noise is new in each picture; moving the same is as hard to encode, and cheap.
        picture[:HEIGHT] = np.where(face, stripes, wall) + np.roll(noise, index * 997)
        pictures.append(picture)
    return pictures


class CameraTrack(MediaStreamTrack):
    """A camera's pictures for one connection, at the size and rate that its link bears."""

    kind = "video"

    def __init__(self, shutter: "Shutter") -> None:
        super().__init__()
        self._shutter = shutter
        self._due_s = 0.0
        self._seen = 0
        self._rung = RUNGS[-1]

    def show(self, rung: Rung) -> None:
        """Send pictures of this size and rate from the next one on."""
        self._rung = rung

    async def recv(self) -> VideoFrame:
        """The next picture to send, for aiortc."""
        while True:
            if self.readyState != "live":
                raise MediaStreamError
            self._seen, frame = await self._shutter.after(self._seen)
            now_s = time.monotonic()
            # Half a camera period early counts as due, or every other frame would be missed.
            if now_s < self._due_s - 0.5 / RATE_HZ:
                continue
            period_s = 1 / self._rung.rate_hz
            self._due_s = max(self._due_s + period_s, now_s - period_s)
            # The frame itself where it fits: shared with the other connections, so nobody may write to it.
            return frame.reformat(
                width=self._rung.width, height=self._rung.height, format="yuv420p"
            )


class Shutter:
    """Opens the camera while anybody looks, and hands each of them the newest picture."""

    def __init__(self, settings: VideoSettings) -> None:
        self._settings = settings
        self._camera: Camera | None = None
        self._task: asyncio.Task[None] | None = None
        self._newest: VideoFrame | None = None
        self._count = 0
        self._began_s = time.monotonic()
        self._waiting: set[asyncio.Future[None]] = set()
        self.failure: CameraGone | None = None

    @property
    def is_open(self) -> bool:
        """Whether the camera is held, and its light on."""
        return self._camera is not None

    def open(self) -> None:
        """Take the camera; nothing when it is open."""
        if self._camera is None:
            self.failure = None
            self._camera = open_camera(self._settings)
            self._task = asyncio.create_task(self._run(self._camera), name="camera")

    async def close(self) -> None:
        """Let go of the camera."""
        task, self._task = self._task, None
        if self._camera is not None:
            self._camera.stop()
            self._camera = None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def after(self, seen: int) -> tuple[int, VideoFrame]:
        """The newest picture that came after number `seen`; raises MediaStreamError when there is no camera."""
        while self._count <= seen and self._camera is not None and self.failure is None:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.add(waiting)
            try:
                await waiting
            finally:
                self._waiting.discard(waiting)
        if self._newest is None or self._count <= seen:
            raise MediaStreamError
        return self._count, self._newest

    def _tell(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    async def _run(self, camera: Camera) -> None:
        try:
            while True:
                frame = await camera.read()
                # One clock for all who look, set before anybody does.
                frame.pts = int((time.monotonic() - self._began_s) * _CLOCK_HZ)
                frame.time_base = TIME_BASE
                self._newest, self._count = frame, self._count + 1
                self._tell()
        except CameraGone as error:
            self.failure = error
        finally:
            camera.stop()
            self._tell()
