"""Little-endian fields of a byte string, every access checked."""

from __future__ import annotations

import struct

from koffert_drivers.stills.errors import DamagedStill


class Cursor:
    """Reads forward through `data`; raises DamagedStill where it ends too early."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._what = what
        self.at = 0

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self._data) - self.at

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        if count < 0 or count > self.left:
            raise DamagedStill(f"{self._what} ends too early")
        self.at += count
        return self._data[self.at - count : self.at]

    def numbers(self, layout: str) -> tuple[int, ...]:
        """Return the next numbers of a `struct` layout, little endian and unpadded."""
        packed = struct.Struct("<" + layout)
        return packed.unpack(self.take(packed.size))

    def u8(self) -> int:
        """Return the next unsigned byte."""
        return self.take(1)[0]

    def u16(self) -> int:
        """Return the next unsigned 16-bit number."""
        return int.from_bytes(self.take(2), "little")

    def u32(self) -> int:
        """Return the next unsigned 32-bit number."""
        return int.from_bytes(self.take(4), "little")
