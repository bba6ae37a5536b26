"""Which time series store a hub uses."""

from koffert_hub.settings import Settings
from koffert_hub.time_series.records import TimeSeries
from koffert_hub.time_series.sqlite import SqliteTimeSeries


def open_time_series(settings: Settings) -> TimeSeries:
    """The store that the settings name; the embedded one by default."""
    return SqliteTimeSeries(settings.time_series_path)
