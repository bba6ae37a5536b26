"""What aiortc's encoders may use of the link: its own floors would kill a call on a rural uplink.

Measured with aiortc 1.16 and Chromium: with the shipped floors (video 250 kbit/s, Opus 96 kbit/s stereo) a link of
400 kbit/s shows 0.7 frames a second and half of the sound is made up; with those below it shows 15.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from aiortc import codecs
from aiortc.codecs import h264, vpx
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from av import Packet, VideoFrame
from av.codec.context import CodecContext
from av.frame import Frame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from koffert_agent.video.ladder import RUNGS
from koffert_agent.video.speech import SpeechEncoder

# Below this VP8 has nothing left to save at 160x120 and 5 frames a second.
VIDEO_FLOOR_BPS = 12_000
# What the largest picture is worth; smaller ones have a limit of their own (`Rung.most_bps`).
VIDEO_CEILING_BPS = RUNGS[-1].most_bps
# The first second of a call, before the link is known, must fit a bad one.
VIDEO_START_BPS = 150_000
_RATE_HZ = 15
# Each change of the target rebuilds VP8's encoder and costs a key frame: smaller steps than these are not taken.
_STEP_DOWN, _STEP_UP = 0.9, 1.25


class Steady:
    """Follows the far end's estimate in few steps; `reported_bps` is the newest, `most_bps` the size's limit."""

    reported_bps = VIDEO_START_BPS
    most_bps = VIDEO_CEILING_BPS

    @property
    def target_bitrate(self) -> int:
        """The rate that is encoded at, in bits per second."""
        library: Any = super()
        return int(library.target_bitrate)

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self.reported_bps = bitrate
        wanted = min(bitrate, self.most_bps)
        if not _STEP_DOWN < wanted / self.target_bitrate < _STEP_UP:
            library: Any = super(Steady, type(self))
            library.target_bitrate.fset(self, wanted)


class SteadyVp8Encoder(Steady, Vp8Encoder):
    """VP8 that changes its rate seldom."""


class SteadyH264Encoder(Steady, H264Encoder):
    """H.264 for a camera whose own stream is passed on while the link bears it, and else encoded again.

    aiortc's own encoder takes twice the processor and half of the bits that it may (measured at 640x480 and 15 a second).
    """

    def pack(self, packet: Packet[Any]) -> tuple[list[bytes], int]:
        """Pass one on; what is encoded after it begins anew, with a key frame."""
        self.codec = None
        return super().pack(packet)

    def _encode_frame(self, frame: VideoFrame, force_keyframe: bool) -> Iterator[bytes]:  # noqa: FBT001 - aiortc's own
        codec = self.codec
        known = None if codec is None else (codec.width, codec.height, codec.bit_rate)
        if codec is None or known != (frame.width, frame.height, self.target_bitrate):
            codec = self.codec = _x264(frame, self.target_bitrate)
        frame.pict_type = PictureType.I if force_keyframe else PictureType.NONE
        data = b"".join(map(bytes, codec.encode(frame)))
        yield from self._split_bitstream(data)


def _x264(frame: Frame, bitrate_bps: int) -> VideoCodecContext:
    assert isinstance(frame, VideoFrame)  # noqa: S101 - the base class says Frame
    codec = CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "yuv420p"
    codec.bit_rate, codec.thread_count = bitrate_bps, 1
    codec.framerate, codec.time_base = Fraction(_RATE_HZ), Fraction(1, 90_000)
    # Key frames come on request.
    codec.gop_size = 3_000
    codec.options = {
        "level": "31",
        "tune": "zerolatency",
        "preset": "ultrafast",
        "maxrate": str(bitrate_bps),
        "bufsize": str(bitrate_bps // 2),
    }
    codec.profile = "Baseline"
    return codec


def limit_bitrates() -> None:
    """Set the limits for every connection of this process; aiortc keeps them as module constants."""
    for codec in (vpx, h264):
        constants = vars(codec)
        constants["MIN_BITRATE"] = VIDEO_FLOOR_BPS
        constants["MAX_BITRATE"] = VIDEO_CEILING_BPS
        constants["DEFAULT_BITRATE"] = VIDEO_START_BPS
    vars(codecs)["OpusEncoder"] = SpeechEncoder
    vars(codecs)["Vp8Encoder"] = SteadyVp8Encoder
    vars(codecs)["H264Encoder"] = SteadyH264Encoder
