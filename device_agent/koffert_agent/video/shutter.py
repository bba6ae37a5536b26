"""One camera for all who look: each gets its newest picture at a size of its own, or the camera's packets as they are."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import NamedTuple

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from koffert_agent.video.camera import (
    CLOCK_HZ,
    RATE_HZ,
    TIME_BASE,
    Camera,
    CameraGone,
    EncodedCamera,
    Shot,
    VideoPacket,
    open_camera,
)
from koffert_agent.video.ladder import RUNGS, Rung
from koffert_agent.video.settings import VideoSettings

# Chromium shows nothing before a key frame, and a camera makes none on request: rarer ones than these are not passed on.
LONGEST_GROUP_S = 3.0
# Who is further behind than this many packets goes on with the next key frame: the picture must be of now.
_MOST_BEHIND = 6
_MOST_PACKETS = 120
_RATE_OVER_S = 3.0


class Numbered(NamedTuple):
    """A packet of the camera; numbers begin with 1."""

    number: int
    at_s: float
    packet: VideoPacket


class CameraTrack(MediaStreamTrack):
    """A camera's pictures for one connection, at the size and rate that its link bears; or its packets."""

    kind = "video"

    def __init__(self, shutter: Shutter) -> None:
        super().__init__()
        self._shutter = shutter
        self._due_s = 0.0
        self._seen = 0
        self._rung = RUNGS[-1]
        self._wish = False
        # The newest packet that was sent, while packets are; `_broken`: only a key frame can follow.
        self._sent: int | None = None
        self._broken = False
        # The pictures that were fetched so far.
        self.fetched = 0
        shutter.add(self)

    @property
    def needs_pictures(self) -> bool:
        """Whether it cannot do with the camera's packets alone."""
        return not self._wish or self._sent is None

    @property
    def passes(self) -> bool:
        """Whether the camera's packets go out as they are now."""
        return self._sent is not None

    @property
    def shutter(self) -> Shutter:
        """Where the pictures come from."""
        return self._shutter

    def show(self, rung: Rung) -> None:
        """Send pictures of this size and rate from the next one on."""
        self._rung = rung

    def pass_on(self, *, wish: bool) -> None:
        """Send the camera's own packets from its next key frame on, or pictures again from the next one on."""
        self._wish = wish
        self._shutter.look()

    def stop(self) -> None:
        """Nobody looks any more."""
        super().stop()
        self._shutter.remove(self)

    async def recv(self) -> VideoFrame | VideoPacket:
        """The next picture or packet to send, for aiortc."""
        while True:
            if self.readyState != "live":
                raise MediaStreamError
            found = self._next_packet() or self._next_frame()
            if found is not None:
                self.fetched += 1
                return found
            await self._shutter.changed()

    def _next_packet(self) -> VideoPacket | None:
        key = self._shutter.newest_key
        if self._sent is None:
            if not self._wish or key is None or self._shutter.packets - key.number > _MOST_BEHIND:
                return None
            self._sent, self._broken = key.number - 1, False
            self._shutter.look()
        elif not self._wish and self._shutter.frame_after(self._seen) is not None:
            self._sent = None
            return None
        self._seen = self._shutter.count
        one = self._shutter.packet_after(self._sent)
        if one is not None and self._shutter.packets - one.number > _MOST_BEHIND:
            self._broken = True
        if self._broken:
            one = key if key is not None and key.number > self._sent else None
        if one is None:
            return None
        self._sent, self._broken = one.number, False
        return one.packet

    def _next_frame(self) -> VideoFrame | None:
        if self._sent is not None:
            return None
        frame = self._shutter.frame_after(self._seen)
        if frame is None:
            return None
        self._seen = self._shutter.count
        now_s = time.monotonic()
        # Half a camera period early counts as due, or every other frame would be missed.
        if now_s < self._due_s - 0.5 / RATE_HZ:
            return None
        period_s = 1 / self._rung.rate_hz
        self._due_s = max(self._due_s + period_s, now_s - period_s)
        # The frame itself where it fits: shared with the other connections, so nobody may write to it.
        return frame.reformat(width=self._rung.width, height=self._rung.height, format="yuv420p")


class Shutter:
    """Opens the camera while anybody looks."""

    def __init__(self, settings: VideoSettings) -> None:
        self._settings = settings
        self._camera: Camera | None = None
        self._task: asyncio.Task[None] | None = None
        self._newest: VideoFrame | None = None
        self._packets: deque[Numbered] = deque(maxlen=_MOST_PACKETS)
        self._tracks: set[CameraTrack] = set()
        self._began_s = time.monotonic()
        self._waiting: set[asyncio.Future[None]] = set()
        self.count = 0
        self.packets = 0
        self.failure: CameraGone | None = None

    @property
    def is_open(self) -> bool:
        """Whether the camera is held, and its light on."""
        return self._camera is not None

    @property
    def encodes(self) -> bool:
        """Whether the camera gives H.264 by itself."""
        return isinstance(self._camera, EncodedCamera)

    @property
    def width(self) -> int:
        """How wide the camera's picture is."""
        return int(self._settings.camera_size.partition("x")[0])

    @property
    def newest_key(self) -> Numbered | None:
        """The newest packet that a browser can begin with."""
        return next((one for one in reversed(self._packets) if one.packet.is_keyframe), None)

    @property
    def own_bps(self) -> int | None:
        """What the camera's own stream takes; None where there is none that can be passed on."""
        keys = [one.at_s for one in self._packets if one.packet.is_keyframe]
        now_s = time.monotonic()
        if (
            len(keys) < 2
            or keys[-1] - keys[-2] > LONGEST_GROUP_S
            or now_s - keys[-1] > LONGEST_GROUP_S
        ):
            return None
        recent = [one for one in self._packets if now_s - one.at_s <= _RATE_OVER_S]
        return int(sum(one.packet.size for one in recent) * 8 / _RATE_OVER_S)

    def add(self, track: CameraTrack) -> None:
        """Somebody looks."""
        self._tracks.add(track)
        self.look()

    def remove(self, track: CameraTrack) -> None:
        """Somebody looks no more."""
        self._tracks.discard(track)
        self.look()

    def look(self) -> None:
        """Decode a camera's packets only while somebody needs pictures."""
        if self._camera is not None:
            self._camera.decode(any(track.needs_pictures for track in self._tracks))

    def open(self) -> None:
        """Take the camera; nothing when it is open."""
        if self._camera is None:
            self.failure = None
            self._camera = open_camera(self._settings)
            self.look()
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
        self._packets.clear()

    def frame_after(self, seen: int) -> VideoFrame | None:
        """The newest picture if it came after number `seen`."""
        return self._newest if self.count > seen else None

    def packet_after(self, sent: int) -> Numbered | None:
        """The oldest packet that came after number `sent`."""
        return next((one for one in self._packets if one.number > sent), None)

    async def changed(self) -> None:
        """Wait for the next picture or packet; raises MediaStreamError when there is no camera."""
        if self._camera is None or self.failure is not None:
            raise MediaStreamError
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)

    def _tell(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    async def _run(self, camera: Camera) -> None:
        try:
            while True:
                self._take(await camera.read())
                self._tell()
        except CameraGone as error:
            self.failure = error
        finally:
            camera.stop()
            self._tell()

    def _take(self, shot: Shot) -> None:
        # One clock for all who look and for both kinds, set before anybody does.
        for at_s, packet in shot.packets:
            self.packets += 1
            packet.pts, packet.time_base = self._ticks(at_s), TIME_BASE
            self._packets.append(Numbered(self.packets, at_s, packet))
        if shot.frame is not None:
            shot.frame.pts, shot.frame.time_base = self._ticks(time.monotonic()), TIME_BASE
            self._newest, self.count = shot.frame, self.count + 1

    def _ticks(self, at_s: float) -> int:
        return int((at_s - self._began_s) * CLOCK_HZ)
