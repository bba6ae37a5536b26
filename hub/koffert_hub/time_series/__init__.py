"""Time series: one interface, an embedded store (SQLite) and a larger one (InfluxDB)."""

from koffert_hub.time_series.records import (
    StoredReading,
    TimeQuality,
    TimeSeries,
    TimeSeriesUnavailable,
    Trend,
)

__all__ = ["StoredReading", "TimeQuality", "TimeSeries", "TimeSeriesUnavailable", "Trend"]
