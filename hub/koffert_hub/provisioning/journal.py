"""What provisioning writes into the transmission log."""

from datetime import datetime

import sqlalchemy as sa

from koffert_hub.log_record import Event, Result
from koffert_hub.times import to_ms
from koffert_hub.transmission_log import LogWriter, draft


def note(
    connection: sa.Connection,
    event: Event,
    result: Result,
    *,
    device: str,
    detail: str,
    now: datetime,
    loan: str | None = None,
) -> None:
    """Append one record about a box; `detail` is a reason code."""
    writer = LogWriter(connection)
    writer.add(draft(event, result, at_ms=to_ms(now), device=device, loan=loan, detail=detail))
    writer.flush()
