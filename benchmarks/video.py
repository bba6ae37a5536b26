"""What a visit costs the box's processor at 640x480 and 15 pictures a second, against bare aiortc in the same run.

Beside them, in the detail: the same with a camera that encodes by itself, passed on, and at 1280x720.

Both ends speak over loopback; only the sending process is measured. The bare one has the same pictures, sound, codec
and bit-rate limits, and nothing else: no signalling, no ladder, no shared camera, no statistics.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec
import psutil
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import vpx
from aiortc.mediastreams import MediaStreamError
from aiortc.stats import RTCTransportStats
from av import VideoFrame

from benchmarks.report import Baseline, Result, publish
from koffert_agent.video import ladder, shutter
from koffert_agent.video.bitrates import limit_bitrates
from koffert_agent.video.camera import RATE_HZ, TIME_BASE, WIDTH, EncodedCamera, TestCamera
from koffert_agent.video.ladder import Passage
from koffert_agent.video.records import CallView
from koffert_agent.video.settings import VideoSettings
from koffert_agent.video.sound import TONE_HZ, ToneTrack
from koffert_agent.video.visit import Visit
from koffert_wire.call import Answer, CallUp, Offer, Present, Ring, Watcher
from tests.support.h264_camera import OPTIONS

# A busy machine takes long to connect.
FULL_WITHIN_S = 60.0
SETTLED_PICTURES = 5 * RATE_HZ
MEASURED_S = 15.0
ROUNDS = 3
# A round in which a busy machine lost pictures compares nothing.
FULL_HZ = RATE_HZ - 1
MOST_ROUNDS = 8
PINNED_BPS = 400_000
_CALL = bytes(16)
_DEVICES = VideoSettings(camera="test:", microphone="test:", loudspeaker="test:")


class BareTrack(MediaStreamTrack):
    """The test camera, as a tutorial would send it."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._camera = TestCamera()
        self._began_s = time.monotonic()

    async def recv(self) -> VideoFrame:
        frame = (await self._camera.read()).frame
        assert frame is not None
        frame.pts = int((time.monotonic() - self._began_s) * TIME_BASE.denominator)
        frame.time_base = TIME_BASE
        return frame


def pin_bitrate(width: int = WIDTH) -> None:
    """The same bits and size for both, whatever each link's estimate says: encoding costs by bit and pixel."""
    limit_bitrates()
    [rung] = (one for one in ladder.RUNGS if (one.width, one.rate_hz) == (width, RATE_HZ))
    # Its own arithmetic, once a second, is a few comparisons; what it is asked with is still gathered.
    vars(ladder)["RUNGS"] = (rung,) * len(ladder.RUNGS)
    for name in ("MIN_BITRATE", "DEFAULT_BITRATE", "MAX_BITRATE"):
        vars(vpx)[name] = PINNED_BPS


async def answer_bare(sdp: str) -> str:
    """A peer connection and two tracks."""
    pin_bitrate()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver(BareTrack(), direction="sendonly")
    connection.addTransceiver(ToneTrack(TONE_HZ), direction="sendonly")
    await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    _KEPT.append(connection)
    return str(connection.localDescription.sdp)


async def answer_visit(sdp: str, devices: VideoSettings = _DEVICES) -> str:
    """A whole visit: rung, answered, offered, with its tick."""
    pin_bitrate(int(devices.camera_size.partition("x")[0]))
    answers: list[str] = []

    def say(message: CallUp) -> None:
        if isinstance(message, Answer):
            answers.append(message.sdp)

    def show(_view: CallView) -> None:
        """Nobody looks."""

    visit = Visit(devices, say=say, show=show, monotonic_s=time.monotonic)
    await visit.hear(Ring(_CALL, "Test"))
    await visit.answer(picture=True)
    await visit.hear(Offer(_CALL, 1, 1, sdp))

    async def tick() -> None:
        while True:
            await asyncio.sleep(1)
            await visit.hear(Present(_CALL, (Watcher(1, "Test"),)))
            await visit.tick()

    _KEPT.append(asyncio.create_task(tick(), name="tick"))
    return answers[0]


async def answer_large(sdp: str) -> str:
    """A visit at 1280x720."""
    return await answer_visit(sdp, msgspec.structs.replace(_DEVICES, camera_size="1280x720"))


async def answer_passed(sdp: str) -> str:
    """A visit whose camera, a process of its own, gives H.264; the link bears it."""
    folder = tempfile.TemporaryDirectory()
    pipe = Path(folder.name) / "camera.h264"
    os.mkfifo(pipe)
    film = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.h264_camera", str(pipe), str(PINNED_BPS))
    )
    _KEPT.extend((folder, film))
    camera = EncodedCamera("h264", str(pipe), OPTIONS)
    vars(shutter)["open_camera"] = lambda _settings: camera
    setattr(Passage, "report", lambda *_: True)  # noqa: B010 - a class has no other way
    return await answer_visit(sdp)


ANSWERS: dict[str, Callable[[str], Awaitable[str]]] = {
    "bare": answer_bare,
    "visit": answer_visit,
    "passed": answer_passed,
    "large": answer_large,
}
# What must live as long as the child does.
_KEPT: list[object] = []


async def child(kind: str) -> None:
    """Answer the offer on stdin, then send until stdin ends."""
    reader = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    offer = msgspec.json.decode(await reader.readline(), type=str)
    print(msgspec.json.encode(await ANSWERS[kind](offer)).decode(), flush=True)
    await reader.read()


class Sink:
    """Takes what comes and counts the pictures of full size."""

    def __init__(self) -> None:
        self.full_pictures = 0
        self._readers: list[asyncio.Task[None]] = []

    def take(self, track: MediaStreamTrack) -> None:
        """Read a track until it ends."""
        self._readers.append(asyncio.create_task(self._read(track), name=track.kind))

    async def _read(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, VideoFrame) and frame.width >= WIDTH:
                    self.full_pictures += 1


class Cost(NamedTuple):
    """What a sender took of one core, and what came of it."""

    cpu_pct: float
    full_pictures_hz: float
    kbps: float


async def cost(kind: str) -> Cost:
    """Run a sender of this kind until it sends full size, then measure it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.video", kind),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    assert process.stdin
    assert process.stdout
    connection, sink = RTCPeerConnection(RTCConfiguration(iceServers=[])), Sink()
    connection.on("track", sink.take)
    connection.addTransceiver("video", direction="recvonly")
    connection.addTransceiver("audio", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    process.stdin.write(msgspec.json.encode(connection.localDescription.sdp) + b"\n")
    answer = msgspec.json.decode(await process.stdout.readline(), type=str)
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(FULL_WITHIN_S):
        while sink.full_pictures < SETTLED_PICTURES:
            await asyncio.sleep(0.2)
    sender = psutil.Process(process.pid)
    before_s, before, before_bytes = _cpu_s(sender), sink.full_pictures, await _received(connection)
    await asyncio.sleep(MEASURED_S)
    measured = Cost(
        (_cpu_s(sender) - before_s) / MEASURED_S * 100,
        (sink.full_pictures - before) / MEASURED_S,
        (await _received(connection) - before_bytes) * 8 / MEASURED_S / 1000,
    )
    await connection.close()
    process.kill()
    await process.wait()
    return measured


def _cpu_s(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


async def _received(connection: RTCPeerConnection) -> int:
    report = await connection.getStats()
    return sum(one.bytesReceived for one in report.values() if isinstance(one, RTCTransportStats))


async def main() -> None:
    """One after the other, so that neither is measured while the other runs; in turns, for a machine that is shared."""
    rounds = list[tuple[Cost, Cost]]()
    for _ in range(MOST_ROUNDS):
        pair = await cost("bare"), await cost("visit")
        if min(one.full_pictures_hz for one in pair) >= FULL_HZ:
            rounds.append(pair)
        if len(rounds) == ROUNDS:
            break
    else:
        raise SystemExit("the machine is too busy: full size never lasted for a whole round")
    others = {kind: await cost(kind) for kind in ("passed", "large")}
    bare, visit = zip(*rounds, strict=True)
    bare_pct = median(one.cpu_pct for one in bare)
    visit_pct = median(one.cpu_pct for one in visit)
    publish(
        Result(
            name="video",
            value=visit_pct,
            unit="% of a core",
            baseline=Baseline("bare aiortc", bare_pct),
            ratio=visit_pct / bare_pct,
            detail={
                f"{name}_{field}": median(getattr(one, field) for one in costs)
                for name, costs in (("bare", bare), ("visit", visit))
                for field in ("full_pictures_hz", "kbps")
            }
            | {
                f"{kind}_{field}": getattr(one, field)
                for kind, one in others.items()
                for field in Cost._fields
            },
        )
    )


if __name__ == "__main__":
    asyncio.run(child(sys.argv[1]) if len(sys.argv) > 1 else main())
