"""Microphone and loudspeaker: ALSA through PyAV where they are, a tone and a listening ear in tests.

aiortc does not cancel echo. The box has a conference speakerphone that does it itself, or PipeWire's canceller
as the ALSA default; this module only plays and records (docs/explanation/video.md).
"""

import asyncio
import contextlib
import logging
import threading
import time
from fractions import Fraction
from queue import Empty, Full, Queue
from typing import Protocol

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler
from av.error import FFmpegError

TEST_SOUND = "test:"
NO_SOUND = ""
RATE_HZ = 48_000
TONE_HZ = 440

_SAMPLES = RATE_HZ // 50
_TIME_BASE = Fraction(1, RATE_HZ)
# 200 ms: what is older than that is no longer a conversation.
_MOST_WAITING = 10
_LOG = logging.getLogger(__name__)


def open_microphone(source: str) -> MediaStreamTrack:
    """The microphone named in the settings: `test:` is a tone, empty is silence, else an ALSA name."""
    if source in {TEST_SOUND, NO_SOUND}:
        return ToneTrack(TONE_HZ if source == TEST_SOUND else None)
    return AlsaMicrophone(source)


class ToneTrack(MediaStreamTrack):
    """A tone in 20 ms frames, or silence."""

    kind = "audio"

    def __init__(self, tone_hz: float | None) -> None:
        super().__init__()
        self._tone_hz = tone_hz
        self._sent = 0
        self._began_s: float | None = None

    async def recv(self) -> AudioFrame:
        """The next 20 ms, for aiortc."""
        if self.readyState != "live":
            raise MediaStreamError
        self._began_s = time.monotonic() if self._began_s is None else self._began_s
        await asyncio.sleep(max(self._began_s + self._sent / RATE_HZ - time.monotonic(), 0))
        phase = 2 * np.pi * (self._tone_hz or 0) * (self._sent + np.arange(_SAMPLES)) / RATE_HZ
        samples = (np.sin(phase) * 6_000).astype(np.int16).reshape(1, -1)
        frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE_HZ, _TIME_BASE, self._sent
        self._sent += _SAMPLES
        return frame


class AlsaMicrophone(MediaStreamTrack):
    """An ALSA capture device read in a thread; a full queue drops the oldest, so the delay never grows."""

    kind = "audio"

    def __init__(self, device: str) -> None:
        super().__init__()
        self._device = device
        self._home = asyncio.get_running_loop()
        self._frames: asyncio.Queue[AudioFrame | None] = asyncio.Queue(_MOST_WAITING)
        self._stop = threading.Event()
        self._sent = 0
        threading.Thread(target=self._run, name="microphone", daemon=True).start()

    async def recv(self) -> AudioFrame:
        """The next 20 ms, for aiortc."""
        frame = await self._frames.get()
        if self.readyState != "live" or frame is None:
            raise MediaStreamError
        frame.pts, frame.time_base = self._sent, _TIME_BASE
        self._sent += frame.samples
        return frame

    def stop(self) -> None:
        """Let go of the device."""
        super().stop()
        self._stop.set()

    def _run(self) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE_HZ, frame_size=_SAMPLES)
        try:
            with av.open(self._device, format="alsa") as container:
                for decoded in container.decode(audio=0):
                    if self._stop.is_set():
                        return
                    for frame in resampler.resample(decoded):
                        self._tell(frame)
        except (FFmpegError, OSError) as error:
            _LOG.error("microphone %s: %s", self._device, error)
        self._tell(None)

    def _tell(self, frame: AudioFrame | None) -> None:
        def put() -> None:
            if self._frames.full():
                self._frames.get_nowait()
            self._frames.put_nowait(frame)

        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody listens any more
            self._home.call_soon_threadsafe(put)


class Loudspeaker(Protocol):
    """Something that plays what the nurse says."""

    def play(self, frame: AudioFrame) -> None:
        """Play 20 ms; returns at once."""

    def stop(self) -> None:
        """Let go of the device."""


def open_loudspeaker(source: str) -> Loudspeaker:
    """The loudspeaker named in the settings; `test:` and empty play nothing."""
    return DeafSpeaker() if source in {TEST_SOUND, NO_SOUND} else AlsaLoudspeaker(source)


class DeafSpeaker:
    """Where there is no loudspeaker."""

    def play(self, frame: AudioFrame) -> None:
        """See `Loudspeaker`."""

    def stop(self) -> None:
        """See `Loudspeaker`."""


class AlsaLoudspeaker:
    """An ALSA playback device written to in a thread; what it cannot keep up with is dropped."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._frames: Queue[AudioFrame | None] = Queue(_MOST_WAITING)
        threading.Thread(target=self._run, name="loudspeaker", daemon=True).start()

    def play(self, frame: AudioFrame) -> None:
        """See `Loudspeaker`."""
        with contextlib.suppress(Full):
            self._frames.put_nowait(frame)

    def stop(self) -> None:
        """See `Loudspeaker`."""
        with contextlib.suppress(Empty):
            self._frames.get_nowait()
        self._frames.put_nowait(None)

    def _run(self) -> None:
        resampler = AudioResampler(format="s16", layout="stereo", rate=RATE_HZ)
        try:
            with av.open(self._device, "w", format="alsa") as container:
                stream = container.add_stream("pcm_s16le", rate=RATE_HZ)
                stream.layout = "stereo"
                while (frame := self._frames.get()) is not None:
                    for ready in resampler.resample(frame):
                        container.mux(stream.encode(ready))
        except (FFmpegError, OSError) as error:
            _LOG.error("loudspeaker %s: %s", self._device, error)
            while self._frames.get() is not None:
                pass
