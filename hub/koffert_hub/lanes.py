"""The lanes of the outboxes in one batch: loaded once, changed by the pure rules of `gaps`, saved once."""

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from koffert_hub import gaps, tables
from koffert_hub.database import upserts
from koffert_hub.gaps import Progress
from koffert_wire.envelope import Header, SendStamp
from koffert_wire.messages import Dropped
from koffert_wire.topics import Lane

_KNOWN_LANES = sa.select(tables.lane_progress).where(
    tables.lane_progress.c.outbox.in_(sa.bindparam("outboxes", expanding=True))
)
_SAVE_LANES = upserts(tables.lane_progress, ("next_sequence", "latest_measured_ms", "gaps", "loan"))


class _LaneState(NamedTuple):
    device: str
    loan: str | None
    progress: Progress
    latest_measured_ms: int


class LaneBook:
    """What has arrived, per outbox and lane, within the caller's transaction."""

    def __init__(self, connection: sa.Connection, now_ms: int) -> None:
        self._connection = connection
        self._now_ms = now_ms
        self._lanes: dict[tuple[bytes, Lane], _LaneState] = {}
        self._changed: set[tuple[bytes, Lane]] = set()

    def load(self, outboxes: Iterable[bytes]) -> None:
        """Read what is known of these outboxes."""
        rows = self._connection.execute(_KNOWN_LANES, {"outboxes": list(outboxes)})
        for row in rows:
            progress = Progress(row.next_sequence, gaps.decode_gaps(row.gaps))
            state = _LaneState(row.device, row.loan, progress, row.latest_measured_ms)
            self._lanes[row.outbox, Lane(row.lane)] = state

    def arrived(self, header: Header) -> bool:
        """Fill the transmission's place; False when another one had filled it before."""
        state = self._state(header, header.lane)
        if state.progress.has(header.sequence):
            return False
        progress = gaps.arrived(state.progress, header.sequence, self._now_ms)
        self._set(header, header.lane, state._replace(progress=progress))
        return True

    def dropped(self, header: Header, message: Dropped) -> None:
        """The box gave these places up."""
        state = self._state(header, message.lane)
        progress = gaps.dropped(
            state.progress, message.first_sequence, message.last_sequence, self._now_ms
        )
        self._set(header, message.lane, state._replace(progress=progress))

    def stamped(self, header: Header, stamp: SendStamp) -> int:
        """What the box no longer holds is lost if it never came; returns how many newly are."""
        newly_lost = 0
        for lane, lowest in stamp.lowest_queued.items():
            state = self._state(header, lane)
            progress = gaps.released_below(state.progress, lowest, self._now_ms)
            if progress != state.progress:
                newly_lost += gaps.lost_places(progress) - gaps.lost_places(state.progress)
                self._set(header, lane, state._replace(progress=progress))
        return newly_lost

    def measured(self, header: Header, at_ms: int) -> None:
        """Remember the newest time that is known well: the lower bound for what has no clock."""
        state = self._state(header, header.lane)
        if at_ms > state.latest_measured_ms:
            self._set(header, header.lane, state._replace(latest_measured_ms=at_ms))

    def latest_measured_ms(self, header: Header) -> int:
        """The newest well-known time of this outbox's lane so far; 0 when there is none."""
        state = self._lanes.get((header.outbox, header.lane))
        return state.latest_measured_ms if state else 0

    def save(self) -> None:
        """Write what changed."""
        if not self._changed:
            return
        rows = [
            {
                "outbox": outbox,
                "lane": lane.value,
                "device": state.device,
                "loan": state.loan,
                "next_sequence": state.progress.next_sequence,
                "latest_measured_ms": state.latest_measured_ms,
                "gaps": gaps.encode_gaps(state.progress.gaps),
            }
            for outbox, lane in sorted(self._changed)
            for state in (self._lanes[outbox, lane],)
        ]
        self._connection.execute(_SAVE_LANES[self._connection.dialect.name], rows)

    def _state(self, header: Header, lane: Lane) -> _LaneState:
        known = self._lanes.get((header.outbox, lane)) or _LaneState(
            header.device, header.loan, Progress(), 0
        )
        return known._replace(loan=header.loan)

    def _set(self, header: Header, lane: Lane, state: _LaneState) -> None:
        self._lanes[header.outbox, lane] = state
        self._changed.add((header.outbox, lane))
