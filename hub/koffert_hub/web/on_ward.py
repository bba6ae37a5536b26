"""Which patients the pages may show: those on the ward."""

from fastapi import HTTPException

from koffert_hub.live import LiveRow
from koffert_hub.web.context import WebContext


def on_ward(context: WebContext, patient: str) -> LiveRow:
    """The patient's row; 404 for one who has no suitcase."""
    row = context.services.live.row(patient)
    if row is None:
        raise HTTPException(404)
    return row
