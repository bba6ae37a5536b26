"""Which patients the pages may show: those on the ward, and to read what was, those who had a suitcase."""

from fastapi import HTTPException

from koffert_hub import patients
from koffert_hub.database import reading
from koffert_hub.live import LiveRow
from koffert_hub.web.context import WebContext


def on_ward(context: WebContext, patient: str) -> LiveRow:
    """The patient's row; 404 for one who has no suitcase."""
    row = context.services.live.row(patient)
    if row is None:
        raise HTTPException(404)
    return row


def on_record(context: WebContext, patient: str) -> LiveRow:
    """The patient's row; one without numbers when the loan is over, 404 for one who never had a suitcase.

    Whether the record may be read at all, the guard has asked.
    """
    row = context.services.live.row(patient)
    if row is not None:
        return row
    with reading(context.services.engine) as connection:
        line = patients.line_of(connection, patient)
    if line is None or line.device is None:
        raise HTTPException(404)
    return LiveRow(patient=patient, display_name=line.person.display_name, suitcase=line.device)
