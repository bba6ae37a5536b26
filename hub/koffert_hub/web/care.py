"""Who may be looked at without saying why: those who have a suitcase of this centre, or gave it back a while ago."""

import sqlalchemy as sa

from koffert_hub import tables
from koffert_hub.loans import LoanState
from koffert_hub.web.access_log import Action
from koffert_hub.web.tables import access_log

_DAY_MS = 86_400_000
# After the loan its summary is written, and the GP or the ward rings back.
FOLLOWED_MS = 30 * _DAY_MS
# A reason holds for one piece of work, for the one who gave it.
REASON_HOLDS_MS = 3_600_000
MOST_REASON = 200


def cared_for(connection: sa.Connection, patient: str, *, now_ms: int) -> bool:
    """Whether the patient is followed here: lent to, until lately lent to, or registered to be."""
    loan = tables.loan
    rows = connection.execute(
        sa.select(loan.c.state, loan.c.ended_ms).where(loan.c.patient == patient)
    ).all()
    return not rows or any(
        LoanState(row.state) is not LoanState.ENDED or now_ms - row.ended_ms <= FOLLOWED_MS
        for row in rows
    )


def has_given_reason(
    connection: sa.Connection, patient: str, username: str, *, now_ms: int
) -> bool:
    """Whether this person has said lately why the record must be opened; the access log holds the words."""
    log = access_log
    found = connection.execute(
        sa.select(log.c.id)
        .where(
            log.c.patient == patient,
            log.c.username == username,
            log.c.action == Action.OPENED_RECORD,
            log.c.at_ms > now_ms - REASON_HOLDS_MS,
        )
        .limit(1)
    ).first()
    return found is not None
