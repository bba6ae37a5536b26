"""Bytes handed to the link, by day and lane, and the budget of a link that is paid by the byte."""

from koffert_agent.clock import NS_PER_S, Clock
from koffert_wire.topics import Lane

NS_PER_DAY = 24 * 3600 * NS_PER_S
# MQTT's fixed header, topic length, packet id and property length, and a TLS record around it.
_FRAMING_BYTES = 7 + 29

Traffic = dict[Lane, tuple[int, int]]


class Account:
    """Today's traffic; what is not yet in the outbox is kept apart until `collect`."""

    def __init__(self, clock: Clock, today: Traffic, budget_bytes: int | None) -> None:
        self._clock = clock
        self._day = clock.wall_ns() // NS_PER_DAY
        self._today_bytes = sum(sent for _, sent in today.values())
        self._new: Traffic = {}
        self._budget_bytes = budget_bytes

    def add(self, lane: Lane, topic: str, payload: bytes) -> None:
        """Note one publish."""
        sent_bytes = len(topic) + len(payload) + _FRAMING_BYTES
        count, total = self._new.get(lane, (0, 0))
        self._new[lane] = (count + 1, total + sent_bytes)
        self._today_bytes += sent_bytes

    @property
    def unwritten(self) -> Traffic:
        """What `collect` would return."""
        return self._new

    def collect(self) -> Traffic:
        """What was added since the last call, to be written down."""
        new, self._new = self._new, {}
        return new

    @property
    def spent(self) -> bool:
        """Whether today's budget is used up; waveforms then wait for the next day (UTC)."""
        day = self._clock.wall_ns() // NS_PER_DAY
        if day != self._day:
            self._day, self._today_bytes = day, 0
        return self._budget_bytes is not None and self._today_bytes >= self._budget_bytes
