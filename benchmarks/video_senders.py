"""What the video benchmarks measure, each in a process of its own: a visit, bare aiortc with the same pictures, a hub that relays.

`python -m benchmarks.video_senders KIND WIDTH HEIGHT RATE BITS_PER_SECOND` answers each offer that it reads, one JSON string a
line, and sends until stdin ends.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import vpx
from aiortc.contrib.media import MediaRelay
from av import VideoFrame

from koffert_agent.video import ladder, shutter
from koffert_agent.video.bitrates import limit_bitrates
from koffert_agent.video.camera import HEIGHT, RATE_HZ, TIME_BASE, WIDTH, EncodedCamera, TestCamera
from koffert_agent.video.connection import Connection
from koffert_agent.video.ladder import Passage, Rung
from koffert_agent.video.records import CallView
from koffert_agent.video.settings import VideoSettings
from koffert_agent.video.sound import TONE_HZ, ToneTrack
from koffert_agent.video.visit import Visit
from koffert_wire.call import Answer, CallUp, Offer, Present, Ring, Watcher
from tests.support.h264_camera import OPTIONS

Answerer = Callable[[str], Awaitable[str]]
# What must live as long as the process does.
_KEPT: list[object] = []
_CALL = bytes(16)


class Picture(NamedTuple):
    """What is sent, at which bits: encoding costs by bit and pixel, whatever each link's estimate says."""

    width: int
    height: int
    rate_hz: int
    bps: int

    @property
    def camera(self) -> TestCamera:
        """The test camera at the box's usual size and rate, or larger and faster where the picture is."""
        width, height = max((WIDTH, HEIGHT), self[:2])
        return TestCamera(width, height, max(RATE_HZ, self.rate_hz))

    def pin(self) -> None:
        """No other size, rate or bits in this process."""
        limit_bitrates()
        rung = Rung(self.width, self.height, self.rate_hz, 0, self.bps)
        # The ladder's own arithmetic, once a second, is a few comparisons; what it is asked with is still gathered.
        vars(ladder)["RUNGS"] = (rung,) * len(ladder.RUNGS)
        for name in ("MIN_BITRATE", "DEFAULT_BITRATE", "MAX_BITRATE"):
            vars(vpx)[name] = self.bps


class BareTrack(MediaStreamTrack):
    """The test camera, as a tutorial would send it."""

    kind = "video"

    def __init__(self, picture: Picture) -> None:
        super().__init__()
        self._camera, self._picture = picture.camera, picture
        self._began_s = self._due_s = time.monotonic()

    async def recv(self) -> VideoFrame:
        while True:
            frame = (await self._camera.read()).frame
            now_s = time.monotonic()
            if now_s >= self._due_s - 0.5 / RATE_HZ:
                break
        assert frame is not None
        self._due_s = max(self._due_s + 1 / self._picture.rate_hz, now_s - 1 / RATE_HZ)
        frame = frame.reformat(self._picture.width, self._picture.height, format="yuv420p")
        frame.pts = int((now_s - self._began_s) * TIME_BASE.denominator)
        frame.time_base = TIME_BASE
        return frame


async def _answer(connection: RTCPeerConnection, sdp: str) -> str:
    await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    _KEPT.append(connection)
    return str(connection.localDescription.sdp)


def _new_connection() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def bare(picture: Picture) -> Answerer:
    """A peer connection and two tracks."""

    async def answer(sdp: str) -> str:
        connection = _new_connection()
        connection.addTransceiver(BareTrack(picture), direction="sendonly")
        connection.addTransceiver(ToneTrack(TONE_HZ), direction="sendonly")
        return await _answer(connection, sdp)

    return answer


async def visit(picture: Picture) -> Answerer:
    """A whole visit: rung, answered, offered, with its tick; one more watcher for each offer."""
    vars(shutter)["open_camera"] = lambda _settings: picture.camera
    return await _visit(picture)


async def _visit(picture: Picture) -> Answerer:
    devices = VideoSettings(
        camera="test:",
        microphone="test:",
        loudspeaker="test:",
        camera_size="640x480" if picture.width <= WIDTH else "1280x720",
    )
    answers: list[str] = []
    watchers: list[Watcher] = []

    def say(message: CallUp) -> None:
        if isinstance(message, Answer):
            answers.append(message.sdp)

    def show(_view: CallView) -> None:
        """Nobody looks."""

    call = Visit(devices, say=say, show=show, monotonic_s=time.monotonic)
    await call.hear(Ring(_CALL, "Test"))
    await call.answer(picture=True)

    async def answer(sdp: str) -> str:
        watchers.append(Watcher(len(watchers) + 1, "Test"))
        await call.hear(Offer(_CALL, len(watchers), 1, sdp))
        return answers[-1]

    async def tick() -> None:
        while True:
            await asyncio.sleep(1)
            await call.hear(Present(_CALL, tuple(watchers)))
            await call.tick()

    _KEPT.append(asyncio.create_task(tick(), name="tick"))
    return answer


async def passed(picture: Picture) -> Answerer:
    """A visit whose camera, a process of its own, gives H.264; the link bears it."""
    folder = tempfile.TemporaryDirectory()
    pipe = Path(folder.name) / "camera.h264"
    os.mkfifo(pipe)
    words = [pipe, picture.bps, picture.width, picture.height, picture.rate_hz]
    film = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.h264_camera", *map(str, words))
    )
    _KEPT.extend((folder, film))
    camera = EncodedCamera("h264", str(pipe), OPTIONS | {"framerate": str(picture.rate_hz)})
    vars(shutter)["open_camera"] = lambda _settings: camera
    # A class has no other way. The estimate grows for half a minute, and pictures leave no faster than it says.
    setattr(Passage, "report", lambda *_: True)  # noqa: B010
    setattr(Connection, "_borne_bps", lambda _: picture.bps)  # noqa: B010
    return await _visit(picture)


async def relay(_picture: Picture) -> Answerer:
    """A hub in between: it watches the box, and encodes what it decoded for each watcher anew. First it offers."""
    relaying, source = MediaRelay(), _new_connection()
    tracks: list[MediaStreamTrack] = []
    source.on("track", tracks.append)
    source.addTransceiver("video", direction="recvonly")
    source.addTransceiver("audio", direction="recvonly")
    await source.setLocalDescription(await source.createOffer())
    _say(str(source.localDescription.sdp))
    _KEPT.append(source)

    async def answer(sdp: str) -> str:
        if not tracks:
            await source.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
            return ""
        connection = _new_connection()
        for track in tracks:
            copy = relaying.subscribe(track, buffered=track.kind == "audio")
            connection.addTransceiver(copy, direction="sendonly")
        return await _answer(connection, sdp)

    return answer


KINDS: dict[str, Callable[[Picture], Awaitable[Answerer]]] = {
    one.__name__: one for one in (bare, visit, passed, relay)
}


def _say(sdp: str) -> None:
    print(msgspec.json.encode(sdp).decode(), flush=True)


async def main(kind: str, *picture: str) -> None:
    """Answer offers until stdin ends."""
    reader = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    wanted = Picture(*map(int, picture))
    wanted.pin()
    answer = await KINDS[kind](wanted)
    while line := await reader.readline():
        _say(await answer(msgspec.json.decode(line, type=str)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
