"""A cursor over the fields of one value, little endian, as the Bluetooth SIG lays them out."""

from collections.abc import Iterable
from datetime import datetime

from koffert_drivers.measurement import Damaged, ErrorReason
from koffert_drivers.parsers.ieee11073 import float32, sfloat


class Fields:
    """Reads one field after another; raises Damaged when the value ends before a field does.

    What comes after the last field that is read is ignored: reserved flag bits may announce it.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        start, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise Damaged(
                ErrorReason.TRUNCATED, f"{len(self._data)} bytes, at least {self._at} announced"
            )
        return self._data[start : self._at]

    def unsigned(self, size: int) -> int:
        """An unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def sfloat(self) -> float | None:
        """An SFLOAT; None for the specials."""
        return sfloat(self.take(2))

    def float32(self) -> float | None:
        """A FLOAT; None for the specials."""
        return float32(self.take(4))

    def time(self) -> datetime | None:
        """A date time of seven bytes, in the device's own zone; None when unknown or impossible."""
        return device_time(self.unsigned(2), self.take(5))

    def rest(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._at


def device_time(year: int, rest: Iterable[int]) -> datetime | None:
    """A device's clock: month, day, hour, minute and second after the year, in no zone that it knows.

    None for a date that does not exist; 0 is how devices say that they do not know.
    """
    month, day, hour, minute, second = rest
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - no zone to give
    except ValueError:
        return None
