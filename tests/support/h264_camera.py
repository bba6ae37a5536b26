"""A camera that encodes by itself, as `rpicam-vid -o -` does: H.264 into a pipe, which FFmpeg reads like a device."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Self

from av.codec.context import CodecContext

from koffert_agent.video.camera import HEIGHT, RATE_HZ, WIDTH, EncodedCamera, TestCamera

# Read as it comes: a live stream must not be probed for seconds.
OPTIONS = {
    "framerate": str(RATE_HZ),
    "probesize": "32",
    "analyzeduration": "0",
    "fflags": "nobuffer",
}


class H264Camera:
    """Writes the test camera's picture, encoded, until closed. `group` is how many pictures apart key frames are."""

    def __init__(self, folder: Path, *, bitrate_bps: int = 500_000, group: int = RATE_HZ) -> None:
        self._path = folder / "camera.h264"
        os.mkfifo(self._path)
        self._bitrate_bps, self._group = bitrate_bps, group
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="h264 camera", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        # A writer that waits for a reader wakes up for one.
        with contextlib.suppress(OSError):
            os.close(os.open(self._path, os.O_RDONLY | os.O_NONBLOCK))
        self._thread.join()

    def open(self) -> EncodedCamera:
        """As the box opens a device."""
        return EncodedCamera("h264", str(self._path), OPTIONS)

    def _run(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(BrokenPipeError), self._path.open("wb", buffering=0) as pipe:
                asyncio.run(film(pipe.fileno(), self._bitrate_bps, self._group, self._stop))


async def film(
    pipe: int,
    bitrate_bps: int,
    group: int,
    stop: threading.Event,
    picture: tuple[int, int, int] = (WIDTH, HEIGHT, RATE_HZ),
) -> None:
    """Write pictures until nobody reads any more, or nobody wants them."""
    width, height, rate_hz = picture
    camera = TestCamera(width, height, rate_hz)
    codec = CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.bit_rate, codec.gop_size, codec.thread_count = bitrate_bps, group, 1
    codec.framerate, codec.time_base = Fraction(rate_hz), Fraction(1, rate_hz)
    rate = str(bitrate_bps)
    codec.options = {"tune": "zerolatency", "preset": "ultrafast", "maxrate": rate}
    codec.options |= {"bufsize": rate, "x264-params": "scenecut=0:repeat-headers=1"}
    codec.profile = "Baseline"
    number = 0
    while not stop.is_set():
        frame = (await camera.read()).frame
        assert frame is not None
        frame.pts, frame.time_base = number, codec.time_base
        number += 1
        for packet in codec.encode(frame):
            data = bytes(packet)
            while data:
                data = data[os.write(pipe, data) :]


def _main() -> None:
    """`python -m tests.support.h264_camera PIPE BITS_PER_SECOND WIDTH HEIGHT RATE`: until nobody reads the pipe."""
    # Nobody opens it, or the end is missed: no process is left.
    signal.alarm(300)
    with contextlib.suppress(BrokenPipeError), Path(sys.argv[1]).open("wb", buffering=0) as pipe:
        bits_per_second, width, height, rate_hz = map(int, sys.argv[2:])
        picture = width, height, rate_hz
        asyncio.run(film(pipe.fileno(), bits_per_second, rate_hz, threading.Event(), picture))


if __name__ == "__main__":
    _main()
