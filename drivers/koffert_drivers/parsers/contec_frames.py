"""Contec's newer framing: a first byte with bit 7 set, a length that follows from it, a sum of seven bits."""

from collections.abc import Mapping

from koffert_drivers.measurement import ErrorReason
from koffert_drivers.parser import Cut, Skip, Take
from koffert_drivers.parsers.checksums import sum7


def command(*content: int) -> bytes:
    """The host's command with its checksum."""
    return bytes((*content, sum7(bytes(content))))


def cut_contec(buffer: bytearray, start: int, lengths: Mapping[bytes, int]) -> Cut:
    """What `buffer` holds at `start`; `lengths` maps how a frame begins to its whole length."""
    for head, length in lengths.items():
        piece = bytes(buffer[start : start + length])
        if not (piece.startswith(head) or head.startswith(piece)):
            continue
        if len(piece) < length:
            return None
        return Take(length) if sum7(piece[:-1]) == piece[-1] else Skip(1, ErrorReason.CHECKSUM)
    return Skip(1, ErrorReason.GARBAGE)
