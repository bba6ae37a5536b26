"""Microphone and loudspeaker: alsa-utils' `arecord` and `aplay` where they are, a tone and silence in tests.

Programs of their own, because the ALSA inside PyAV's wheel finds neither the system's configuration nor its plug-ins,
and with PipeWire the default device is a plug-in; and because a killed process holds no device. Nothing here cancels
echo: the speakerphone or PipeWire does (docs/explanation/video.md).
"""

import asyncio
import contextlib
import fcntl
import logging
import mmap
import os
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from fractions import Fraction
from typing import Protocol

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

TEST_SOUND = "test:"
NO_SOUND = ""
RATE_HZ = 48_000
TONE_HZ = 440
# 20 ms, as WebRTC sends by default.
SAMPLES = RATE_HZ // 50
_SYLLABLES_HZ = 4
TIME_BASE = Fraction(1, RATE_HZ)

_FRAME_BYTES = SAMPLES * 2
# asyncio stops to read at twice this.
_MOST_UNREAD_BYTES = 2 * _FRAME_BYTES
# 200 ms: what is older than that is no longer a conversation.
_MOST_UNPLAYED_BYTES = 10 * _FRAME_BYTES
_FORMAT = ("-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(RATE_HZ))
_PERIODS = ("--period-time=20000", "--buffer-time=100000")
_LOG = logging.getLogger(__name__)


class Microphone(MediaStreamTrack):
    """Gives mono frames of 20 ms until it is released."""

    kind = "audio"

    async def recv(self) -> AudioFrame:
        """The next 20 ms, for aiortc; raises MediaStreamError when there are no more."""
        raise NotImplementedError

    async def release(self) -> None:
        """Let go of the device; it is free afterwards."""
        self.stop()


def open_microphone(source: str) -> Microphone:
    """The microphone named in the settings: `test:` is a tone, empty is silence, else an ALSA name."""
    if source in {TEST_SOUND, NO_SOUND}:
        return ToneTrack(TONE_HZ if source == TEST_SOUND else None)
    return AlsaMicrophone(source)


def frame_of(samples: "np.typing.NDArray[np.int16]") -> AudioFrame:
    """A mono frame."""
    frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate, frame.time_base = RATE_HZ, TIME_BASE
    return frame


class ToneTrack(Microphone):
    """A tone that swells as syllables do, because Opus takes a steady one for noise; or silence."""

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
        turns = 2 * np.pi * (self._sent + np.arange(SAMPLES)) / RATE_HZ
        swell = 0.55 - 0.45 * np.cos(_SYLLABLES_HZ * turns)
        frame = frame_of((6_000 * swell * np.sin((self._tone_hz or 0) * turns)).astype(np.int16))
        frame.pts = self._sent
        self._sent += SAMPLES
        return frame


class AlsaMicrophone(Microphone):
    """An ALSA capture device, read by `arecord`; it ends when the device is pulled out."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self._device = device
        self._process: Process | None = None
        self._pipe: asyncio.ReadTransport | None = None
        self._reader = asyncio.StreamReader(limit=_MOST_UNREAD_BYTES)
        self._sent = 0

    @property
    def pid(self) -> int | None:
        """The process that holds the device, or held it last."""
        return self._process.pid if self._process else None

    async def recv(self) -> AudioFrame:
        """The next 20 ms, for aiortc."""
        if self.readyState != "live":
            raise MediaStreamError
        try:
            data = await (await self._samples()).readexactly(_FRAME_BYTES)
        except (OSError, asyncio.IncompleteReadError) as error:
            _LOG.error("microphone %s: %s", self._device, error)
            raise MediaStreamError from error
        frame = frame_of(np.frombuffer(data, np.int16))
        frame.pts = self._sent
        self._sent += SAMPLES
        return frame

    async def release(self) -> None:
        """See `Microphone`."""
        self.stop()
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            await _end(self._process)

    async def _samples(self) -> asyncio.StreamReader:
        if self._process is None:
            ours, theirs = os.pipe()
            # What a busy moment leaves in pipe and reader would be late for the rest of the call.
            fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, mmap.PAGESIZE)
            self._pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(self._reader), os.fdopen(ours, "rb", 0)
            )
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *("arecord", "-q", "-D", self._device, *_FORMAT, *_PERIODS), stdout=theirs
                )
            finally:
                os.close(theirs)
        return self._reader


class Loudspeaker(Protocol):
    """Something that plays what the watchers say."""

    def play(self, frame: AudioFrame) -> None:
        """Play 20 ms of mono; returns at once."""

    async def release(self) -> None:
        """Let go of the device; it is free afterwards."""


def open_loudspeaker(source: str) -> Loudspeaker:
    """The loudspeaker named in the settings; `test:` and empty play nothing."""
    return DeafSpeaker() if source in {TEST_SOUND, NO_SOUND} else AlsaLoudspeaker(source)


class DeafSpeaker:
    """Where there is no loudspeaker."""

    def play(self, frame: AudioFrame) -> None:
        """See `Loudspeaker`."""

    async def release(self) -> None:
        """See `Loudspeaker`."""


class AlsaLoudspeaker:
    """An ALSA playback device, fed through `aplay`; what it cannot keep up with is dropped."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._process: Process | None = None
        self._starting = asyncio.create_task(self._start(), name="loudspeaker")

    @property
    def pid(self) -> int | None:
        """The process that holds the device, or held it last."""
        return self._process.pid if self._process else None

    def play(self, frame: AudioFrame) -> None:
        """See `Loudspeaker`."""
        pipe = self._process.stdin if self._process else None
        if pipe is None or pipe.is_closing():
            return
        if pipe.transport.get_write_buffer_size() < _MOST_UNPLAYED_BYTES:
            pipe.write(frame.to_ndarray().tobytes())

    async def release(self) -> None:
        """See `Loudspeaker`."""
        await self._starting
        if self._process is not None:
            await _end(self._process)

    async def _start(self) -> None:
        try:
            self._process = await asyncio.create_subprocess_exec(
                *("aplay", "-q", "-D", self._device, *_FORMAT, *_PERIODS),
                stdin=PIPE,
                stdout=DEVNULL,
            )
        except OSError as error:
            _LOG.error("loudspeaker %s: %s", self._device, error)


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
    if process.stdin is not None:
        # The loop would warn of a pipe that was only left.
        process.stdin.close()
        with contextlib.suppress(OSError):
            await process.stdin.wait_closed()
