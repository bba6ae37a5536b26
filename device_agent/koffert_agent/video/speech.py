"""Opus for speech, with packets as long and as forgiving as the link asks for."""

from typing import TYPE_CHECKING

from aiortc.codecs.opus import OpusEncoder
from av import AudioFrame, AudioResampler
from av.codec.context import CodecContext
from msgspec import Struct

from koffert_agent.video.sound import RATE_HZ, TIME_BASE

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.frame import Frame

# Below this for the picture the headers of short packets (50 packets a second of 50 bytes: 20 kbit/s) are what the
# words cannot afford. 60 ms is Opus's longest packet of one frame; the conversation gets 40 ms slower.
NARROW_BPS = 100_000
# From this on each packet also carries the one before it, coarsely (Opus's in-band correction).
LOSSY = 0.02


class Speech(Struct, frozen=True):
    """How to pack sound."""

    packet_ms: int
    bitrate_bps: int
    corrects: bool

    @property
    def link_bps(self) -> int:
        """What it takes of the link: with RTP, its extensions, SRTP, UDP and IP some 55 bytes a packet."""
        return self.bitrate_bps + 55 * 8 * 1000 // self.packet_ms


GOOD = Speech(20, 16_000, corrects=False)


def speech_for(picture_bps: float, loss: float, now: Speech) -> Speech:
    """What fits a link that bears `picture_bps` beside the sound and loses this share of it."""
    # Half as much again to go back: each change is a new encoder.
    narrow = picture_bps < NARROW_BPS * (1.0 if now.packet_ms == GOOD.packet_ms else 1.5)
    corrects = loss >= (LOSSY / 2 if now.corrects else LOSSY)
    # The coarse copy takes its bits from the words themselves: there are more of them where it is used.
    bitrate_bps = 24_000 if corrects and not narrow else 16_000
    return Speech(60 if narrow else 20, bitrate_bps, corrects)


class SpeechEncoder(OpusEncoder):
    """aiortc's place for Opus, in mono; `speech` may be set at any time."""

    def __init__(self) -> None:
        super().__init__()
        self._speech = self._made_for = GOOD
        self._sent = 0
        self.resampler = _cutter(GOOD)
        self.codec = _opus(GOOD)

    @property
    def speech(self) -> Speech:
        """How sound is packed."""
        return self._speech

    @speech.setter
    def speech(self, speech: Speech) -> None:
        # Taken up by `encode`, which runs in a thread.
        self._speech = speech

    def encode(self, frame: "Frame", force_keyframe: bool = False) -> tuple[list[bytes], int]:  # noqa: ARG002, FBT001, FBT002 - aiortc's own
        """One packet, or none while it fills."""
        assert isinstance(frame, AudioFrame)  # noqa: S101 - the base class says Frame
        if self._made_for != self._speech:
            self._made_for = self._speech
            self.resampler, self.codec = _cutter(self._made_for), _opus(self._made_for)
        frame.pts = None
        payloads = [
            bytes(packet)
            for part in self.resampler.resample(frame)
            for packet in self.codec.encode(part)
        ]
        timestamp = self._sent
        self._sent += len(payloads) * self._made_for.packet_ms * RATE_HZ // 1000
        return payloads, timestamp


def _cutter(speech: Speech) -> AudioResampler:
    samples = speech.packet_ms * RATE_HZ // 1000
    return AudioResampler(format="s16", layout="mono", rate=RATE_HZ, frame_size=samples)


def _opus(speech: Speech) -> "AudioCodecContext":
    codec = CodecContext.create("libopus", "w")
    codec.bit_rate, codec.sample_rate, codec.time_base = speech.bitrate_bps, RATE_HZ, TIME_BASE
    codec.format, codec.layout = "s16", "mono"
    codec.options = {
        "application": "voip",
        "frame_duration": str(speech.packet_ms),
        "fec": str(int(speech.corrects)),
        "packet_loss": "15" if speech.corrects else "0",
    }
    return codec
