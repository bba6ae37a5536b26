"""The caller's picture for the box's own screen: decoded by aiortc, handed on as JPEG while somebody looks."""

import time
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from av import VideoFrame
from av.codec.context import CodecContext

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

# Past this a picture is no longer of now; the next watcher's is shown instead, or none.
STALE_S = 2.0
# What a screen of 1024x600 shows beside the words, and what a Pi encodes in a few milliseconds.
_MOST_WIDTH = 640
_QUALITY = 5


class Faces:
    """Shows one watcher at a time: the one who came first, of those whose pictures come."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = monotonic_s
        self._seen_s: dict[int, float] = {}
        self._sinks: set[Callable[[bytes], None]] = set()
        self._encoder: VideoCodecContext | None = None
        self.count = 0

    def take(self, number: int, frame: VideoFrame) -> None:
        """A picture of watcher `number`."""
        self.count += 1
        self._seen_s[number] = self._now_s()
        if self.is_watched and number == min(self._live()):
            jpeg = self._encode(frame)
            for sink in list(self._sinks):
                sink(jpeg)

    def forget(self, number: int) -> None:
        """The watcher has gone."""
        self._seen_s.pop(number, None)

    @property
    def any_live(self) -> bool:
        """Whether there is a picture to show."""
        return bool(self._live())

    @property
    def is_watched(self) -> bool:
        """Whether anybody wants pictures."""
        return bool(self._sinks)

    def add(self, sink: Callable[[bytes], None]) -> None:
        """Give each picture that is shown to `sink`."""
        self._sinks.add(sink)

    def remove(self, sink: Callable[[bytes], None]) -> None:
        """No more of it."""
        self._sinks.discard(sink)

    def _live(self) -> list[int]:
        now_s = self._now_s()
        return [number for number, seen_s in self._seen_s.items() if now_s - seen_s <= STALE_S]

    def _encode(self, frame: VideoFrame) -> bytes:
        width = min(frame.width, _MOST_WIDTH)
        height = frame.height * width // frame.width // 2 * 2
        small = frame.reformat(width=width, height=height, format="yuvj420p")
        if self._encoder is None or (self._encoder.width, self._encoder.height) != (width, height):
            self._encoder = _jpeg_encoder(width, height)
        # The frame's own time is of another clock; the encoder refuses what does not rise on its own.
        small.pts, small.time_base = self.count, self._encoder.time_base
        return b"".join(bytes(packet) for packet in self._encoder.encode(small))


def _jpeg_encoder(width: int, height: int) -> "VideoCodecContext":
    encoder = CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 1000)
    encoder.qmin = encoder.qmax = _QUALITY
    return encoder
