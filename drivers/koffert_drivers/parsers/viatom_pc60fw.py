"""Viatom PC-60FW: frames over the Nordic UART service.

Source: two independent clients; for the status byte and the pulse's high byte the vendor's kit for app makers.
Functions other than numbers and waveform are not settled and left alone.
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
from koffert_drivers.parsers.checksums import crc8_maxim

_HEAD = b"\xaa\x55"
_HEAD_BYTES = 4
# The length counts what follows it: the function, at least one byte, the CRC.
_SHORTEST = 2
_OXIMETRY_TOKEN = 0x0F
_NUMBERS = 0x01
_NUMBERS_BYTES = 10
_WAVE = 0x02
# Shorter frames end before it.
_STATUS_AT = 9
_STATUS_FLAGS = {1: Flag.NO_FINGER, 2: Flag.SEARCHING}
_HIGHEST_PULSE_BPM = 511


class ViatomPc60fw(StreamFormat):
    """The frames, over however many notifications."""

    longest_bytes = _HEAD_BYTES + 0xFF

    def cut(self, buffer: bytearray, start: int, *, final: bool) -> Cut:  # noqa: ARG002
        """See StreamFormat."""
        head = bytes(buffer[start : start + _HEAD_BYTES])
        if not (head.startswith(_HEAD) or _HEAD.startswith(head)):
            return Skip(1, ErrorReason.GARBAGE)
        if len(head) < _HEAD_BYTES:
            return None
        if head[3] < _SHORTEST:
            return Skip(1, ErrorReason.CONTENT)
        frame = bytes(buffer[start : start + _HEAD_BYTES + head[3]])
        if len(frame) < _HEAD_BYTES + head[3]:
            return None
        return Skip(1, ErrorReason.CHECKSUM) if crc8_maxim(frame) else Take(len(frame))

    def decode(self, frame: bytes) -> list[Event]:
        """See StreamFormat."""
        token, function = frame[2], frame[4]
        if token != _OXIMETRY_TOKEN:
            return []
        if function == _NUMBERS and len(frame) >= _NUMBERS_BYTES:
            return [_numbers(frame)]
        if function == _WAVE:
            return [Measurement(waveform=tuple(byte & 0x7F for byte in frame[5:-1]))]
        return []

    def interrupted(self) -> list[Event]:
        """See StreamFormat."""
        return []


def _numbers(frame: bytes) -> Measurement:
    status = frame[_STATUS_AT] if len(frame) > _NUMBERS_BYTES else 0
    pulse = int.from_bytes(frame[6:8], "little")
    flags = flags_set(status, _STATUS_FLAGS)
    return judged_oximetry(
        Measurement(
            spo2_pct=saturation(frame[5]),
            pulse_bpm=rate(pulse) if pulse <= _HIGHEST_PULSE_BPM else None,
            pai_pct=frame[8] / 10 or None,
            finger=False if Flag.NO_FINGER in flags else None,
            flags=flags,
        )
    )
