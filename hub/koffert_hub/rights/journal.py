"""Each thing done to a record is a log record of its own: a code, never a person's words."""

import sqlalchemy as sa

from koffert_hub.log_record import Event, Result
from koffert_hub.transmission_log import LogWriter, draft


def note(
    connection: sa.Connection,
    event: Event,
    patient: str,
    detail: str,
    *,
    now_ms: int,
    content: str | None = None,
) -> int:
    """Append one record; returns its number."""
    writer = LogWriter(connection)
    sequence = writer.add(
        draft(event, Result.DONE, at_ms=now_ms, patient=patient, content=content, detail=detail)
    )
    writer.flush()
    return sequence
