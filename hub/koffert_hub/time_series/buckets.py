"""Aggregates per bucket into a trend: shared by the stores."""

from collections.abc import Mapping
from typing import NamedTuple

from koffert_hub.time_series.records import Trend

# More points than any screen has columns; keeps a request from asking for millions.
MAX_BUCKETS = 5_000


class Aggregate(NamedTuple):
    """What is known of one bucket that is not empty."""

    minimum: float
    total: float
    maximum: float
    samples: int


def bucket_width_ms(start_ms: int, end_ms: int, buckets: int) -> int:
    """The width of each bucket, at least 1 ms; ValueError when the request makes no sense."""
    if not 1 <= buckets <= MAX_BUCKETS or end_ms <= start_ms:
        raise ValueError(f"{buckets} buckets from {start_ms} to {end_ms}")
    return -(-(end_ms - start_ms) // buckets)


def into_trend(found: Mapping[int, Aggregate], start_ms: int, width_ms: int, buckets: int) -> Trend:
    """The trend with every bucket, the empty ones as None."""
    rows = [found.get(index) for index in range(buckets)]
    return Trend(
        t_ms=tuple(start_ms + index * width_ms for index in range(buckets)),
        minimum=tuple(row and row.minimum for row in rows),
        mean=tuple(row and row.total / row.samples for row in rows),
        maximum=tuple(row and row.maximum for row in rows),
        count=tuple(row.samples if row else 0 for row in rows),
    )
