"""Which time series store a hub uses."""

import sqlalchemy as sa

from koffert_hub.settings import Settings
from koffert_hub.setup import wall_ms
from koffert_hub.time_series.records import TimeSeries
from koffert_hub.time_series.sqlite import SqliteTimeSeries


def open_time_series(settings: Settings, engine: sa.Engine) -> TimeSeries:
    """The store that the settings name; the embedded one by default."""
    influx = settings.time_series
    if influx is None:
        return SqliteTimeSeries(settings.time_series_path)
    # Its client takes a quarter of a second to import, which only those who use it should wait for.
    from koffert_hub.time_series.influx import InfluxAccess, InfluxTimeSeries  # noqa: PLC0415

    token = influx.token_file.read_text().strip()
    access = InfluxAccess(influx.url, influx.organisation, influx.bucket, token)
    return InfluxTimeSeries(engine, access, clock_ms=wall_ms)
