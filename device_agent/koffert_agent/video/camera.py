"""Cameras: the box's own through V4L2, and a picture with a time code for tests and rehearsals."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, cast

import av
import numpy as np
from av import Packet, VideoFrame
from av.codec.context import CodecContext
from av.error import FFmpegError, InvalidDataError
from numpy.typing import NDArray

from koffert_agent.video.settings import VideoSettings

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

WIDTH, HEIGHT, RATE_HZ = 640, 480, 15
TEST_CAMERA = "test:"

CLOCK_HZ = 90_000
# Packets that are kept for whoever begins to decode; a camera with rarer key frames is not passed on anyway.
_MOST_GROUP = 150
_START = b"\0\0\0\1"
# Types of NAL units (H.264, table 7-1).
_SEQUENCE_PARAMETERS, _DELIMITER = 7, 9
# RTP's clock for video (RFC 3551).
TIME_BASE = Fraction(1, CLOCK_HZ)
# A camera that has been pulled out gives no frame for this long; one that is opened may take its time on a small board.
_SILENT_S, _OPENS_WITHIN_S = 3.0, 20.0
# The time code: 24 bits of milliseconds and 8 of check, 16 x 2 fields.
CODE_COLUMNS, CODE_ROWS = 16, 2
_BLACK, _WHITE = 16, 235

Luma = NDArray[np.uint8]
VideoPacket: TypeAlias = "Packet[VideoStream]"


class CameraGone(Exception):
    """The camera cannot be opened, or gives no pictures any more."""


class Shot(NamedTuple):
    """What came from a camera: the newest picture, and, from one that encodes by itself, all packets since the last time.

    `packets` are each with the moment of their coming, by the monotonic clock.
    """

    frame: VideoFrame | None
    packets: tuple[tuple[float, VideoPacket], ...] = ()


class Camera(Protocol):
    """Something that gives pictures until it is stopped."""

    async def read(self) -> Shot:
        """What is new, never an old picture; raises CameraGone."""
        ...

    def decode(self, wanted: bool) -> None:  # noqa: FBT001 - it is a switch
        """Whether anybody wants pictures, where the camera gives packets."""

    def stop(self) -> None:
        """Let go of the device; safe to call twice."""


def open_camera(settings: VideoSettings) -> Camera:
    """The camera named in the settings: `test:` or a V4L2 device, best by its `/dev/v4l/by-id` name."""
    width, height = map(int, settings.camera_size.split("x"))
    if settings.camera == TEST_CAMERA:
        return TestCamera(width, height)
    options = {"video_size": settings.camera_size, "framerate": str(RATE_HZ)}
    if settings.camera_format:
        options["input_format"] = settings.camera_format
    kind = EncodedCamera if settings.camera_format == "h264" else CaptureCamera
    return kind("v4l2", settings.camera, options)


class CaptureCamera:
    """A source of FFmpeg read in a thread of its own, because FFmpeg blocks; the newest frame wins."""

    def __init__(self, device_format: str, path: str, options: Mapping[str, str]) -> None:
        self._loop = asyncio.get_running_loop()
        self._device_format = device_format
        self._path = path
        self._options = dict(options)
        self._newest: VideoFrame | None = None
        self._patience_s = _OPENS_WITHIN_S
        self._packets: list[tuple[float, VideoPacket]] = []
        self._fresh = asyncio.Event()
        self._failure: CameraGone | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    @property
    def holds_device(self) -> bool:
        """Whether the thread that has the device still runs."""
        return self._thread.is_alive()

    async def read(self) -> Shot:
        """See `Camera`."""
        try:
            async with asyncio.timeout(self._patience_s):
                await self._fresh.wait()
        except TimeoutError as error:
            raise CameraGone(f"{self._path}: no picture for {self._patience_s:g} s") from error
        self._fresh.clear()
        if self._failure is not None:
            raise self._failure
        self._patience_s = _SILENT_S
        frame, self._newest = self._newest, None
        packets, self._packets = tuple(self._packets), []
        return Shot(frame, packets)

    def decode(self, wanted: bool) -> None:  # noqa: FBT001
        """See `Camera`: all pictures are decoded here."""

    def stop(self) -> None:
        """See `Camera`."""
        self._stop.set()

    def _run(self) -> None:
        failure = CameraGone(f"{self._path}: it ended")
        try:
            with av.open(
                self._path, format=self._device_format, options=self._options
            ) as container:
                self._follow(container)
            if self._stop.is_set():
                return
        except (FFmpegError, OSError) as error:
            failure = CameraGone(f"{self._path}: {error}")
        self._tell(failure=failure)

    def _follow(self, container: InputContainer) -> None:
        for frame in container.decode(video=0):
            if self._stop.is_set():
                return
            self._tell(frame)

    def _tell(
        self,
        frame: VideoFrame | None = None,
        packet: tuple[float, VideoPacket] | None = None,
        failure: CameraGone | None = None,
    ) -> None:
        def show() -> None:
            self._newest, self._failure = frame or self._newest, failure
            if packet is not None:
                self._packets.append(packet)
            self._fresh.set()

        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody looks any more
            self._loop.call_soon_threadsafe(show)


class EncodedCamera(CaptureCamera):
    """A camera that gives H.264: its packets as they are, and pictures only while somebody wants them."""

    def __init__(self, device_format: str, path: str, options: Mapping[str, str]) -> None:
        self._decoding = threading.Event()
        super().__init__(device_format, path, options)

    def decode(self, wanted: bool) -> None:  # noqa: FBT001
        """See `Camera`."""
        if wanted:
            self._decoding.set()
        else:
            self._decoding.clear()

    def _follow(self, container: InputContainer) -> None:
        stream = container.streams.video[0]
        header = stream.codec_context.extradata or b""
        decoder: VideoCodecContext | None = None
        # Since the last key frame: with these somebody may begin to decode at any moment.
        group: list[VideoPacket] = []
        for packet in container.demux(stream):
            if self._stop.is_set():
                return
            if packet.size == 0:
                continue
            plain = _with_header(packet, header)
            at_s = time.monotonic()
            if plain.is_keyframe:
                group.clear()
            if len(group) < _MOST_GROUP:
                group.append(plain)
            frame = None
            if not self._decoding.is_set():
                decoder = None
            elif decoder is None and group[0].is_keyframe:
                decoder = _decoder()
                frame = _newest(decoder, group)
            elif decoder is not None:
                frame = _newest(decoder, [plain])
            self._tell(frame, (at_s, plain))


def _with_header(packet: VideoPacket, header: bytes) -> VideoPacket:
    """A copy that a browser can begin with: parameters stand before each key frame (RFC 6184, 8.2.2)."""
    data = bytes(packet)
    if packet.is_keyframe and header[:3] in {_START[1:], _START[:3]} and not _has_parameters(data):
        data = header + data
    copy: VideoPacket = cast("VideoPacket", Packet(data))
    copy.is_keyframe = packet.is_keyframe
    return copy


def _has_parameters(data: bytes) -> bool:
    place = data.find(_START[1:])
    return place >= 0 and data[place + 3] & 0x1F in {_SEQUENCE_PARAMETERS, _DELIMITER}


def _decoder() -> VideoCodecContext:
    decoder = CodecContext.create("h264", "r")
    decoder.thread_count = 1
    return decoder


def _newest(decoder: VideoCodecContext, packets: Sequence[VideoPacket]) -> VideoFrame | None:
    newest = None
    for packet in packets:
        try:
            newest = next(reversed(decoder.decode(packet)), newest)
        except InvalidDataError:
            continue  # a damaged packet: the next key frame mends it
    return newest


class TestCamera:
    """A moving, textured picture whose top left corner holds the time, so that the delay can be read."""

    __test__ = False

    def __init__(self, width: int = WIDTH, height: int = HEIGHT, rate_hz: int = RATE_HZ) -> None:
        self._height, self._rate_hz = height, rate_hz
        self._pictures = _moving_pictures(width, height)
        self._index = 0
        self._due_s = time.monotonic()
        self._stopped = False

    async def read(self) -> Shot:
        """See `Camera`."""
        self._due_s = max(self._due_s + 1 / self._rate_hz, time.monotonic())
        await asyncio.sleep(self._due_s - time.monotonic())
        if self._stopped:
            raise CameraGone("stopped")
        self._index = (self._index + 1) % len(self._pictures)
        picture = self._pictures[self._index]
        write_time_code(picture[: self._height], time.time_ns() // 1_000_000)
        return Shot(VideoFrame.from_ndarray(picture, format="yuv420p"))

    def decode(self, wanted: bool) -> None:  # noqa: FBT001
        """See `Camera`."""

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


def _moving_pictures(width: int, height: int, count: int = RATE_HZ * 2) -> list[Luma]:
    """A wall with a face-sized ellipse that nods: flat pictures would make encoders look too good."""
    rng = np.random.default_rng(1)
    wall = np.kron(
        rng.integers(90, 150, (height // 8, width // 8), np.int16), np.ones((8, 8), np.int16)
    )
    noise = rng.integers(-5, 6, (height, width), np.int16)
    rows, columns = np.mgrid[0:height, 0:width]
    stripes = (170 + 12 * np.sin(columns / 9 + rows / 7)).astype(np.int16)
    across = ((columns - width / 2) / 100) ** 2
    pictures = []
    for index in range(count):
        middle = height / 2 + 12 * np.sin(2 * np.pi * index / count)
        face = across + ((rows - middle) / 140) ** 2 < 1
        picture = np.full((height * 3 // 2, width), 128, np.uint8)
        # A camera's noise is new in each picture; moving the same is as hard to encode, and cheap.
        picture[:height] = np.where(face, stripes, wall) + np.roll(noise, index * 997)
        pictures.append(picture)
    return pictures
