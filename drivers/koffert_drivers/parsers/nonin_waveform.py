"""Nonin serial data formats 2 and 7: 75 frames a second, 25 of which make one packet of numbers.

Source: Nonin 6470-000-01, "9560 Bluetooth specification". Display values (frames 9, 17, 20-23) are held for 10 s
after the finger has left; only the recording values (frames 1-3) are used here, and none under a sensor alarm.
"""

from koffert_drivers.measurement import (
    ErrorReason,
    Event,
    Flag,
    Measurement,
    flags_set,
    judged_oximetry,
    rate,
    saturation,
)
from koffert_drivers.parser import Cut, Skip, StreamFormat, Take
from koffert_drivers.parsers.nonin_commands import ANSWERS

FRAME_BYTES = 5
PACKET_FRAMES = 25
FRAMES_PER_S = 75.0
SYNC = 0x01
SPO2_MISSING = 127
PULSE_MISSING = 511

# A checksum of one byte passes on one foreign place in 256; two frames in a row are needed to lock on.
_FRAMES_TO_LOCK = 2

_STATUS_FLAGS = {
    6: Flag.SENSOR_DISCONNECTED,  # Xpod and 3150; clear on others
    5: Flag.ARTEFACT,
    4: Flag.OUT_OF_TRACK,
    3: Flag.SENSOR_ALARM,
}
_FINGER_IS_AWAY = 0x48
_STAT2_FLAGS = {0: Flag.LOW_BATTERY}
# The perfusion of the beat that just was, told by its two bits (red, green); held for 12 frames.
_PERFUSION_FLAGS = {0b10: Flag.LOW_PERFUSION, 0b11: Flag.MARGINAL_PERFUSION}


def seven_bit_rate(high: int, low: int) -> float | None:
    """A pulse of two bits and seven; None when missing."""
    return rate((high & 0x03) << 7 | low & 0x7F, missing=PULSE_MISSING)


class NoninFrame:
    """Where the fields of one frame are; `wide` for format 7, whose samples have 16 bits."""

    def __init__(self, *, wide: bool) -> None:
        self._wide = wide

    def valid(self, frame: bytes | bytearray) -> bool:
        """Tells whether these five bytes are a frame."""
        begins = frame[0] >= 0x80 if self._wide else self.begins(frame)
        return begins and sum(frame[:4]) & 0xFF == frame[4]

    def begins(self, frame: bytes | bytearray) -> bool:
        """Tells whether these bytes are plainly meant as a frame; in format 7 nothing tells it."""
        return not self._wide and frame[0] == 0x01 and frame[1] >= 0x80

    def status(self, frame: bytes) -> int:
        """The status byte."""
        return frame[0 if self._wide else 1]

    def sample(self, frame: bytes) -> int:
        """The plethysmogram, in counts."""
        return frame[1] << 8 | frame[2] if self._wide else frame[2]


class NoninWaveform(StreamFormat):
    """Data format 2 or 7 as a stream: one measurement per packet, each sample in exactly one of them."""

    longest_bytes = PACKET_FRAMES * FRAME_BYTES

    def __init__(self, frame: NoninFrame) -> None:
        self._frame = frame
        self._locked = False
        self._synchronised = False
        self._frames: list[bytes] = []

    def cut(self, buffer: bytearray, start: int, *, final: bool) -> Cut:
        """See StreamFormat."""
        if not self._locked and buffer[start] in ANSWERS:
            return Take(1)
        wanted = 1 if self._locked or final else _FRAMES_TO_LOCK
        for at in range(start, start + wanted * FRAME_BYTES, FRAME_BYTES):
            candidate = buffer[at : at + FRAME_BYTES]
            if len(candidate) < FRAME_BYTES:
                return None
            if not self._frame.valid(candidate):
                meant = self._locked or (at == start and self._frame.begins(candidate))
                self._locked = False
                return Skip(1, ErrorReason.CHECKSUM if meant else ErrorReason.GARBAGE)
        self._locked = True
        return Take(FRAME_BYTES)

    def decode(self, frame: bytes) -> list[Event]:
        """See StreamFormat."""
        events: list[Event] = []
        if len(frame) == 1:  # an answer, not a frame
            return events
        if self._frame.status(frame) & SYNC:
            events += self._partial()
            self._synchronised = True
        self._frames.append(frame)
        if len(self._frames) == PACKET_FRAMES:
            events += [self._packet()] if self._synchronised else self._partial()
            self._frames.clear()
            self._synchronised = False  # until the next frame says so
        return events

    def interrupted(self) -> list[Event]:
        """See StreamFormat: the samples of a packet that stays incomplete."""
        events = self._partial()
        self._locked = self._synchronised = False
        return events

    def _partial(self) -> list[Event]:
        if not self._frames:
            return []
        samples = self._samples()
        self._frames.clear()
        return [Measurement(waveform=samples, flags=(Flag.UNSYNCHRONISED,))]

    def _samples(self) -> tuple[int, ...]:
        return tuple(self._frame.sample(frame) for frame in self._frames)

    def _packet(self) -> Measurement:
        values = [frame[3] for frame in self._frames]  # frame n of the text is values[n - 1]
        statuses = [self._frame.status(frame) for frame in self._frames]
        anywhere = 0
        for status in statuses:
            anywhere |= status
        perfusion = {_PERFUSION_FLAGS.get(status >> 1 & 0b11) for status in statuses} - {None}
        return judged_oximetry(
            Measurement(
                spo2_pct=saturation(values[2] & 0x7F),
                pulse_bpm=seven_bit_rate(values[0], values[1]),
                waveform=self._samples(),
                finger=not anywhere & _FINGER_IS_AWAY,
                flags=(
                    *flags_set(anywhere, _STATUS_FLAGS),
                    *sorted(flag for flag in perfusion if flag is not None),
                    *flags_set(values[7], _STAT2_FLAGS),
                ),
            )
        )
