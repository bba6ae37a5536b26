"""The five-byte frame that many low-cost oximeters share: only the first byte has bit 7 set.

The meaning of the flag bits differs from maker to maker; where the numbers are does not.
"""

from typing import NamedTuple

from koffert_drivers.measurement import ErrorReason
from koffert_drivers.parser import Skip, Take, broken_off

FRAME_BYTES = 5


class FiveBytes(NamedTuple):
    """The fields of one frame; `pulse_bpm` and `spo2_pct` may still be the maker's "missing"."""

    status: int
    wave: int
    bar: int
    pulse_bpm: int
    spo2_pct: int


def cut_five_bytes(buffer: bytearray, start: int) -> Take | Skip | None:
    """What `buffer` holds at `start`, when it is a line of such frames alone."""
    if buffer[start] < 0x80:
        return Skip(1, ErrorReason.GARBAGE)
    end = min(start + FRAME_BYTES, len(buffer))
    for index in range(start + 1, end):
        if buffer[index] >= 0x80:  # the next frame starts before this one is whole
            return broken_off(index - start)
    return Take(FRAME_BYTES) if end - start == FRAME_BYTES else None


def five_bytes(frame: bytes) -> FiveBytes:
    """The fields of a whole frame."""
    status, wave, bar, pulse, spo2 = frame
    return FiveBytes(status, wave, bar, (bar & 0x40) << 1 | pulse, spo2)
