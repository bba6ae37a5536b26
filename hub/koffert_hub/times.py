"""Between the database's milliseconds and the standard library's times, always UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """A time from milliseconds since 1970."""
    return _EPOCH + ms * _MS


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970, exact, of a time that knows its zone."""
    return (at - _EPOCH) // _MS
