"""What a time series store takes and gives."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class TimeQuality(StrEnum):
    """How the time of a reading is known."""

    WALL = "wall"
    CORRECTED = "corrected"
    BOUNDED = "bounded"


class TimeSeriesUnavailable(Exception):
    """The store cannot take or give data now (down, overloaded, or refuses us): keep it, try later."""


class StoredReading(Struct, frozen=True, gc=False):
    """One reading as the projections see it; `values` holds only what counts as a value."""

    id: bytes
    patient: str
    device: str
    sensor: str
    measured_at_ms: int
    time_quality: TimeQuality
    quality: float
    values: dict[str, float]


class Trend(Struct, frozen=True):
    """One quantity over equal buckets: `t_ms[i]` is the start of bucket i; None where it is empty."""

    t_ms: tuple[int, ...]
    minimum: tuple[float | None, ...]
    mean: tuple[float | None, ...]
    maximum: tuple[float | None, ...]
    count: tuple[int, ...]


class TimeSeries(Protocol):
    """A store of readings that can be dropped and rebuilt from the log; safe to call from any thread."""

    def cursor(self) -> int:
        """The last log sequence whose readings are all here; 0 when empty."""
        ...

    def write(self, readings: Sequence[StoredReading], cursor: int) -> None:
        """Add readings (a known id is ignored) and move the cursor, both or neither."""
        ...

    def remove(self, readings: Sequence[StoredReading]) -> None:
        """Take out readings that do not count, wherever they show; one that is not here is no error."""
        ...

    def trend(self, patient: str, quantity: str, start_ms: int, end_ms: int, buckets: int) -> Trend:
        """Minimum, mean and maximum of `quantity` in `buckets` equal parts of [start_ms, end_ms)."""
        ...

    def count(self) -> int:
        """How many readings are here."""
        ...

    def forget(self, patient: str) -> None:
        """Remove every reading of a patient."""
        ...

    def clear(self) -> None:
        """Forget everything; the cursor is 0 again."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...
