"""The other end of the video benchmarks: starts senders, watches them, and reads what they took of the processor."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Sequence
from statistics import median
from typing import NamedTuple, Self

import msgspec
import psutil
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.stats import RTCTransportStats
from av import VideoFrame

from benchmarks.video_senders import Picture
from koffert_agent.video.camera import CODE_COLUMNS, CODE_ROWS

# A busy machine takes long to connect.
_FULL_WITHIN_S = 60.0
_SETTLED_S = 4.0
# The time code needs fields of some pixels, and reading it costs the receiver.
_CODE_FROM_WIDTH, _CODE_EACH = 640, 5


class Sender:
    """A process of `video_senders`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._measured = psutil.Process(process.pid)

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, kind: str, picture: Picture) -> AsyncIterator[Self]:
        """Run it as long as the context lasts."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.video_senders", kind, *map(str, picture)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**20,
        )
        try:
            yield cls(process)
        finally:
            process.kill()
            await process.wait()

    async def hear(self) -> str:
        """The next description that it says."""
        assert self._process.stdout
        return msgspec.json.decode(await self._process.stdout.readline(), type=str)

    async def ask(self, sdp: str) -> str:
        """Give it a description; returns its own."""
        assert self._process.stdin
        self._process.stdin.write(msgspec.json.encode(sdp) + b"\n")
        return await self.hear()

    @property
    def cpu_s(self) -> float:
        """What it has taken so far."""
        return float(sum(self._measured.cpu_times()[:2]))


class Watcher:
    """Takes what comes, counts the pictures of full size and reads how old they are."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._readers: list[asyncio.Task[None]] = []
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.pictures = 0
        self.ages_ms: list[int] = []

    async def join(self, sender: Sender) -> None:
        """Connect."""
        self._connection.on("track", self._take)
        self._connection.addTransceiver("video", direction="recvonly")
        self._connection.addTransceiver("audio", direction="recvonly")
        await self._connection.setLocalDescription(await self._connection.createOffer())
        answer = await sender.ask(self._connection.localDescription.sdp)
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def received(self) -> int:
        """Bytes so far."""
        report = await self._connection.getStats()
        transports = [one for one in report.values() if isinstance(one, RTCTransportStats)]
        return sum(one.bytesReceived for one in transports)

    async def leave(self) -> None:
        """Disconnect."""
        await self._connection.close()
        await asyncio.gather(*self._readers)

    def _take(self, track: MediaStreamTrack) -> None:
        self._readers.append(asyncio.create_task(self._read(track), name=track.kind))

    async def _read(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, VideoFrame) and frame.width == self._picture.width:
                    self.pictures += 1
                    if frame.width >= _CODE_FROM_WIDTH and self.pictures % _CODE_EACH == 0:
                        self._look_at(frame)

    def _look_at(self, frame: VideoFrame) -> None:
        value = time_code(frame)
        if value is not None:
            self.ages_ms.append((time.time_ns() // 1_000_000 - value) % 2**24)


def time_code(frame: VideoFrame) -> int | None:
    """What `write_time_code` wrote, None where the codec has damaged it."""
    luma = frame.to_ndarray()[: frame.height]
    down, across = frame.height // 20, frame.width // CODE_COLUMNS
    fields = luma[down // 2 : down * CODE_ROWS : down, across // 2 :: across]
    word = int("".join("1" if one > 128 else "0" for one in fields.flatten()), 2)
    value = word >> 8
    return value if (value ^ (value >> 8) ^ (value >> 16)) & 0xFF == word & 0xFF else None


class Cost(NamedTuple):
    """What each process took of one core, and what came of it, for the watcher that got least."""

    cpu_pct: tuple[float, ...]
    pictures_hz: float
    kbps: float
    age_ms: float


async def cost(
    senders: Sequence[Sender], watchers: Sequence[Watcher], for_s: float, picture: Picture
) -> Cost:
    """Wait until all get full size, then measure."""
    settled = int(_SETTLED_S * picture.rate_hz)
    async with asyncio.timeout(_FULL_WITHIN_S):
        while min(one.pictures for one in watchers) < settled:
            await asyncio.sleep(0.1)
    began_s = time.monotonic()
    cpu_s = [one.cpu_s for one in senders]
    pictures = [one.pictures for one in watchers]
    received = [await one.received() for one in watchers]
    for one in watchers:
        one.ages_ms.clear()
    await asyncio.sleep(for_s)
    lasted_s = time.monotonic() - began_s
    ages = [median(one.ages_ms) for one in watchers if one.ages_ms]
    measured = Cost(
        tuple(
            100 * (one.cpu_s - before) / lasted_s
            for one, before in zip(senders, cpu_s, strict=True)
        ),
        min(one.pictures - before for one, before in zip(watchers, pictures, strict=True))
        / lasted_s,
        min(
            [
                (await one.received() - before) * 8 / lasted_s / 1000
                for one, before in zip(watchers, received, strict=True)
            ]
        ),
        max(ages, default=0.0),
    )
    for one in watchers:
        await one.leave()
    return measured
