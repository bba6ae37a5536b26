"""What has not come of a patient's suitcase, and since when: for the nurse, who must not take a hole for calm."""

from collections import defaultdict
from enum import StrEnum

import sqlalchemy as sa
from msgspec import Struct

from koffert_hub import tables
from koffert_hub.gaps import Gap, GapState, decode_gaps
from koffert_wire.topics import Lane


class Content(StrEnum):
    """What a nurse would have seen of it."""

    READINGS = "readings"
    WAVEFORMS = "waveforms"


class Missing(Struct, frozen=True):
    """Transmissions that are not here; the first of them was missed at `since_ms`."""

    content: Content
    state: GapState
    count: int
    since_ms: int


def missing(connection: sa.Connection, patient: str) -> list[Missing]:
    """By content and state, what the outboxes of the patient's loan have not brought."""
    lane, loan = tables.lane_progress.c, tables.loan.c
    rows = connection.execute(
        sa.select(lane.lane, lane.gaps)
        .join(tables.loan, loan.id == lane.loan)
        .where(loan.patient == patient, loan.ended_ms.is_(None), lane.gaps != "[]")
    )
    found: defaultdict[tuple[Content, GapState], list[Gap]] = defaultdict(list)
    for row in rows:
        content = Content.WAVEFORMS if row.lane == Lane.BULK else Content.READINGS
        for gap in decode_gaps(row.gaps):
            found[content, gap.state].append(gap)
    return [
        Missing(
            *which,
            count=sum(gap.last - gap.first + 1 for gap in gaps),
            since_ms=min(gap.since_ms for gap in gaps),
        )
        for which, gaps in sorted(found.items())
    ]
