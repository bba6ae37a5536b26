"""The shape of all parsers: bytes in, measurements and typed errors out. No clock, no port, no log.

A serial line gives bytes in any slices: `StreamParser` finds the frames and is done with garbage within one
frame. A GATT characteristic gives whole values: `PacketParser` decodes each by itself.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from koffert_drivers.measurement import (
    Damaged,
    ErrorReason,
    Event,
    Measurement,
    frame_error,
)

# An attribute value is at most this long (Bluetooth Core 5.4, Vol 3 Part F, 3.2.9).
LONGEST_ATTRIBUTE = 512

# What transports hand over; bleak gives bytearrays.
Chunk = bytes | bytearray | memoryview

# So many lost bytes are reported at once, for a line that never becomes good is an error by itself.
LOST_LIMIT = 1024


class Parser(Protocol):
    """One stream of one device. Feeding never raises, whatever the bytes are."""

    def feed(self, data: Chunk) -> list[Event]:
        """What `data` completes, in the order of the bytes; the same however the stream is sliced."""

    def close(self) -> list[Event]:
        """The stream ended: what is left is reported, then the parser is as new."""


class Take(NamedTuple):
    """The next `size` bytes are a frame."""

    size: int


class Skip(NamedTuple):
    """The next `size` bytes are not a frame, nor the start of one.

    Any reason but GARBAGE means that a frame was meant to be here: it is an error of its own.
    """

    size: int
    reason: ErrorReason


def broken_off(size: int) -> Skip:
    """A frame that the next one's first byte ends; a first byte alone is noise, of which lines have much."""
    return Skip(size, ErrorReason.TRUNCATED if size > 1 else ErrorReason.GARBAGE)


Cut = Take | Skip | None  # None: only more bytes can tell


class StreamFormat(Protocol):
    """The frames of one protocol. It may remember earlier frames; it belongs to one parser.

    `longest_bytes` is the most that one measurement takes on the line.
    """

    longest_bytes: int

    def cut(self, buffer: bytearray, start: int, *, final: bool) -> Cut:
        """What `buffer` holds at `start`; `final` when no more bytes will come."""

    def decode(self, frame: bytes) -> list[Event]:
        """The meaning of a whole frame; raises Damaged when it has none."""

    def interrupted(self) -> list[Event]:
        """Bytes were lost or the stream ended: give out what is half collected."""


class StreamParser:
    """A parser for a line of bytes. It holds at most one measurement's bytes and LOST_LIMIT more."""

    def __init__(self, stream_format: StreamFormat) -> None:
        self._format = stream_format
        self._buffer = bytearray()
        self._lost = bytearray()
        self._lost_reason = ErrorReason.GARBAGE

    @property
    def longest_bytes(self) -> int:
        """The most bytes that one measurement takes; twice that after garbage, values come again."""
        return self._format.longest_bytes

    @property
    def held_bytes(self) -> int:
        """How many bytes wait for more."""
        return len(self._buffer) + len(self._lost)

    def feed(self, data: Chunk) -> list[Event]:
        """See Parser."""
        self._buffer += data
        return self._advance(final=False)

    def close(self) -> list[Event]:
        """See Parser."""
        events = self._advance(final=True)
        events += self._report_lost()
        events += self._format.interrupted()
        return events

    def _advance(self, *, final: bool) -> list[Event]:
        buffer, events, start = self._buffer, list[Event](), 0
        while start < len(buffer):
            cut = self._format.cut(buffer, start, final=final)
            if cut is None:
                if not final:
                    break
                cut = Skip(1, self._reason_at_end())
            piece = bytes(buffer[start : start + cut.size])
            events += self._frame(piece) if isinstance(cut, Take) else self._lose(piece, cut.reason)
            start += cut.size
        del buffer[:start]
        return events

    def _frame(self, frame: bytes) -> list[Event]:
        events = self._report_lost()
        try:
            return events + self._format.decode(frame)
        except Damaged as error:
            return [*events, frame_error(error.reason, error.detail, frame)]

    def _lose(self, piece: bytes, reason: ErrorReason) -> list[Event]:
        events = list[Event]()
        if not self._lost or reason is not ErrorReason.GARBAGE:
            events += self._report_lost()
            events += self._format.interrupted()
            self._lost_reason = reason
        self._lost += piece
        if len(self._lost) >= LOST_LIMIT:
            events += self._report_lost()
        return events

    def _reason_at_end(self) -> ErrorReason:
        """What waits at the end is one truncated frame, though its bytes may look like several."""
        known = self._lost and self._lost_reason is ErrorReason.TRUNCATED
        return ErrorReason.GARBAGE if known else ErrorReason.TRUNCATED

    def _report_lost(self) -> list[Event]:
        if not self._lost:
            return []
        lost = bytes(self._lost)
        self._lost.clear()
        return [frame_error(self._lost_reason, f"{len(lost)} bytes are no frame", lost)]


class PacketParser:
    """A parser for a characteristic, each of whose values is whole."""

    def __init__(self, decode: Callable[[bytes], Measurement | None]) -> None:
        self._decode = decode

    def feed(self, data: Chunk) -> list[Event]:
        """See Parser; `data` is one notification."""
        value = bytes(data)
        try:
            measurement = self._decode(_checked(value))
        except Damaged as error:
            return [frame_error(error.reason, error.detail, value)]
        return [] if measurement is None else [measurement]

    def close(self) -> list[Event]:
        """See Parser; nothing is ever left."""
        return []


def _checked(value: bytes) -> bytes:
    if len(value) > LONGEST_ATTRIBUTE:
        raise Damaged(ErrorReason.OVERSIZED, f"{len(value)} bytes in one value")
    return value
