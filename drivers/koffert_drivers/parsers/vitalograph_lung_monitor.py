"""Vitalograph Lung Monitor and COPD-6 bt on the classic serial port profile: one frame per blow.

Source: an open client for the device, with its tests. STX, 56 ASCII characters, ETX, and the exclusive or of all
three. The device repeats a frame until it is acknowledged.
"""

from datetime import datetime

from koffert_drivers.measurement import (
    Damaged,
    ErrorReason,
    Event,
    Flag,
    Measurement,
    judged,
)
from koffert_drivers.parser import Cut, Skip, StreamFormat, Take
from koffert_drivers.parsers.checksums import exclusive_or
from koffert_drivers.parsers.fields import device_time

ACKNOWLEDGE = b"\x06"
REFUSE = b"\x15"

_STX, _ETX = 0x02, 0x03
_TEXT_CHARACTERS = 56
_FRAME_BYTES = 1 + _TEXT_CHARACTERS + 2
_GOOD_BLOW = "0"
# FEV1 and FEV6, FEF25-75, the verdict. A meter that nobody set up may leave best values, zones or its clock blank.
_BLOW = (slice(13, 19), slice(22, 25), slice(52, 53))


class VitalographLungMonitor(StreamFormat):
    """The frames as a stream."""

    longest_bytes = _FRAME_BYTES

    def cut(self, buffer: bytearray, start: int, *, final: bool) -> Cut:  # noqa: ARG002
        """See StreamFormat."""
        frame = bytes(buffer[start : start + _FRAME_BYTES])
        if frame[0] != _STX:
            return Skip(1, ErrorReason.GARBAGE)
        text_end = frame.find(_ETX)
        if 0 <= text_end < _FRAME_BYTES - 2 or _STX in frame[1 : _TEXT_CHARACTERS + 1]:
            return Skip(1, ErrorReason.TRUNCATED)
        if len(frame) < _FRAME_BYTES:
            return None
        if frame[-2] != _ETX or exclusive_or(frame[:-1]) != frame[-1]:
            return Skip(1, ErrorReason.CHECKSUM)
        return Take(_FRAME_BYTES)

    def decode(self, frame: bytes) -> list[Event]:
        """See StreamFormat."""
        text = frame[1:-2].decode("ascii", errors="replace")
        if not text.startswith("FTD") or not all(text[part].isdecimal() for part in _BLOW):
            raise Damaged(ErrorReason.CONTENT, "not the text of a blow")
        return [_blow(text)]

    def interrupted(self) -> list[Event]:
        """See StreamFormat."""
        return []


def _blow(text: str) -> Measurement:
    time = _time(text[40:52])
    flags = [] if text[52] == _GOOD_BLOW else [Flag.POOR_EFFORT]
    if time is None:
        flags.append(Flag.CLOCK_NOT_SET)
    return judged(
        Measurement(
            fev1_l=_hundredths(text[13:16]),
            fev6_l=_hundredths(text[16:19]),
            fef25_75_l_s=_hundredths(text[22:25]),
            measured_at=time,
            flags=tuple(flags),
        )
    )


def _time(digits: str) -> datetime | None:
    if not digits.isdecimal():
        return None
    year, *clock = (int(digits[at : at + 2]) for at in range(0, 12, 2))
    return device_time(2000 + year, clock)


def _hundredths(digits: str) -> float | None:
    return int(digits) / 100 or None
