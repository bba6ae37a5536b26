"""What aiortc's encoders may use of the link: its own floors would kill a call on a rural uplink.

Measured with aiortc 1.16 and Chromium: with the shipped floors (video 250 kbit/s, Opus 96 kbit/s stereo) a link of
400 kbit/s shows 0.7 frames a second and half of the sound is made up; with those below it shows 15.
"""

from aiortc import codecs
from aiortc.codecs import h264, vpx
from aiortc.codecs.vpx import Vp8Encoder

from koffert_agent.video.speech import SpeechEncoder

# Below this VP8 has nothing left to save at 160x120 and 5 frames a second.
VIDEO_FLOOR_BPS = 12_000
# The design's daily visit on a satellite: more is not seen at 640x480 and 15 frames a second.
VIDEO_CEILING_BPS = 800_000
# The first second of a call, before the link is known, must fit a bad one.
VIDEO_START_BPS = 150_000
# Each change of the target rebuilds VP8's encoder and costs a key frame: smaller steps than these are not taken.
_STEP_DOWN, _STEP_UP = 0.9, 1.25


_set_target = vars(Vp8Encoder)["target_bitrate"].fset


class SteadyVp8Encoder(Vp8Encoder):
    """VP8 that follows the far end's estimate in few steps; `reported_bps` is the newest estimate."""

    reported_bps = VIDEO_START_BPS

    @property
    def target_bitrate(self) -> int:
        """The rate that is encoded at, in bits per second."""
        return super().target_bitrate

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self.reported_bps = bitrate
        if not _STEP_DOWN < bitrate / self.target_bitrate < _STEP_UP:
            _set_target(self, bitrate)


def limit_bitrates() -> None:
    """Set the limits for every connection of this process; aiortc keeps them as module constants."""
    for codec in (vpx, h264):
        constants = vars(codec)
        constants["MIN_BITRATE"] = VIDEO_FLOOR_BPS
        constants["MAX_BITRATE"] = VIDEO_CEILING_BPS
        constants["DEFAULT_BITRATE"] = VIDEO_START_BPS
    vars(codecs)["OpusEncoder"] = SpeechEncoder
    vars(codecs)["Vp8Encoder"] = SteadyVp8Encoder
