r"""Flow as lines of text, one sample each: what a flow sensor on a port, or a maker's closed library, can tell.

No spirometer with an open protocol streams its curve, so this format is our own. A line is 18 bytes:

    F,<number>,<flow>,<check>\n        F,00042,+01234,43\n

`number` is five digits that count the samples from 00000 to 65535 and begin anew, `flow` is the sign and five digits
of mL/s BTPS (expiration positive), `check` is the exclusive or of the 15 bytes before it in two hexadecimal digits.
"""

import re

from koffert_drivers.measurement import Damaged, ErrorReason, Event, Measurement
from koffert_drivers.parser import Cut, Skip, StreamFormat, Take, broken_off
from koffert_drivers.parsers.checksums import exclusive_or

RATE_HZ = 100.0
# Stands for a sample that was lost on the line; no lung gives 32 L/s.
MISSING = -32768

_FRAME_BYTES = 18
_NUMBERS = 65536
_CHECKED_BYTES = 15
# More than half a second missing is a new start, not a gap in what was before.
_LONGEST_GAP = 50
_LINE = re.compile(rb"F,(\d{5}),([+-]\d{5}),([0-9A-F]{2})\n")


class FlowLines(StreamFormat):
    """The lines as a stream; a sample that is missing between two others is handed on as `MISSING`."""

    longest_bytes = _FRAME_BYTES

    def __init__(self) -> None:
        self._next: int | None = None

    def cut(self, buffer: bytearray, start: int, *, final: bool) -> Cut:  # noqa: ARG002
        """See StreamFormat."""
        if buffer[start] != ord("F"):
            return Skip(1, ErrorReason.GARBAGE)
        other = buffer.find(b"F,", start + 1, start + _FRAME_BYTES)
        if other >= 0:
            return broken_off(other - start)
        if len(buffer) - start < _FRAME_BYTES:
            return None
        if _LINE.fullmatch(buffer, start, start + _FRAME_BYTES) is None:
            return Skip(1, ErrorReason.GARBAGE)
        return Take(_FRAME_BYTES)

    def decode(self, frame: bytes) -> list[Event]:
        """See StreamFormat."""
        line = _LINE.fullmatch(frame)
        if line is None:
            raise Damaged(ErrorReason.CONTENT, "not a line of flow")
        if exclusive_or(frame[:_CHECKED_BYTES]) != int(line[3], 16):
            raise Damaged(ErrorReason.CHECKSUM, "the line's check does not fit")
        number = int(line[1]) % _NUMBERS
        missing = 0 if self._next is None else (number - self._next) % _NUMBERS
        self._next = (number + 1) % _NUMBERS
        lost = (MISSING,) * missing if missing <= _LONGEST_GAP else ()
        return [Measurement(waveform=(*lost, int(line[2])))]

    def interrupted(self) -> list[Event]:
        """See StreamFormat."""
        return []


def flow_line(number: int, flow_ml_s: int) -> bytes:
    """The line of one sample."""
    text = b"F,%05d,%+06d," % (number % _NUMBERS, flow_ml_s)
    return b"%b%02X\n" % (text, exclusive_or(text))
