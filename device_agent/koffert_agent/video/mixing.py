"""Who hears whom: the patient hears all watchers, each watcher hears the patient and the other watchers."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

from koffert_agent.video.sound import RATE_HZ, SAMPLES, Microphone, ToneTrack, frame_of

_LOG = logging.getLogger(__name__)
# 100 ms of a watcher's sound: what waits longer than that makes the conversation slow, and is dropped.
_MOST_WAITING = 5

Samples = NDArray[np.int16]


class MixedTrack(MediaStreamTrack):
    """What one watcher hears, in 20 ms frames."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: asyncio.Queue[AudioFrame] = asyncio.Queue(_MOST_WAITING)

    async def recv(self) -> AudioFrame:
        """The next 20 ms, for aiortc."""
        if self.readyState != "live":
            raise MediaStreamError
        return await self._frames.get()

    def put(self, frame: AudioFrame) -> None:
        """Add 20 ms; what nobody fetches is dropped, oldest first."""
        if self._frames.full():
            self._frames.get_nowait()
        self._frames.put_nowait(frame)


class _Watcher:
    """One watcher's sound, cut into 20 ms, and the way back."""

    def __init__(self) -> None:
        self.track = MixedTrack()
        self.waiting: deque[Samples] = deque(maxlen=_MOST_WAITING)
        self._resampler = AudioResampler(
            format="s16", layout="mono", rate=RATE_HZ, frame_size=SAMPLES
        )

    def hear(self, frame: AudioFrame) -> None:
        """Take in what came from the watcher."""
        frame.pts = None
        self.waiting.extend(part.to_ndarray()[0] for part in self._resampler.resample(frame))

    def next(self) -> Samples | None:
        """The next 20 ms, None while nothing has come."""
        return self.waiting.popleft() if self.waiting else None


class Mixer:
    """Goes by the microphone's clock; `play` gets what the patient shall hear."""

    def __init__(self, microphone: Microphone, play: Callable[[AudioFrame], None]) -> None:
        self._microphone = microphone
        self._play = play
        self._watchers: dict[int, _Watcher] = {}
        self._task = asyncio.create_task(self._run(), name="mixer")

    def join(self, number: int) -> MixedTrack:
        """What watcher `number` hears from now on; an earlier track of the same number ends."""
        watcher = self._watchers[number] = _Watcher()
        return watcher.track

    def leave(self, number: int) -> None:
        """The watcher neither speaks nor hears any more."""
        self._watchers.pop(number, None)

    def hear(self, number: int, frame: AudioFrame) -> None:
        """Take in what came from watcher `number`."""
        if number in self._watchers:
            self._watchers[number].hear(frame)

    async def stop(self) -> None:
        """Let go of the microphone."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._microphone.release()

    async def _run(self) -> None:
        while True:
            try:
                frame = await self._microphone.recv()
            except MediaStreamError:
                # Pulled out: the call goes on, and the silence keeps the clock that the others are heard by.
                _LOG.error("the microphone is gone")
                await self._microphone.release()
                self._microphone = ToneTrack(None)
                continue
            self._mix(frame)

    def _mix(self, frame: AudioFrame) -> None:
        spoken = {number: watcher.next() for number, watcher in self._watchers.items()}
        for number, watcher in self._watchers.items():
            others = [
                said for other, said in spoken.items() if other != number and said is not None
            ]
            # The microphone's own frame where nobody else speaks: the usual visit costs no mixing.
            watcher.track.put(_add(frame, others) if others else frame)
        heard = [said for said in spoken.values() if said is not None]
        if heard:
            self._play(frame_of(_sum(heard)))


def _add(frame: AudioFrame, others: list[Samples]) -> AudioFrame:
    return frame_of(_sum([frame.to_ndarray()[0], *others]))


def _sum(parts: list[Samples]) -> Samples:
    if len(parts) == 1:
        return parts[0]
    total = np.sum(parts, axis=0, dtype=np.int32)
    return np.clip(total, -32768, 32767).astype(np.int16)
