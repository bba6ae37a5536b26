"""What is on its way to the hub and what may follow: few rows, bounded bytes, back-off. Pure.

The order of STREAMS is the order of sending. What was queued while the link is up is live and overtakes
the backlog of its own lane; backlog and bulk share a bound on unreceipted bytes, so that live vitals
never wait behind more than about a second of the link.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from koffert_agent.outbox.records import Row
from koffert_wire.reconnect import Backoff
from koffert_wire.topics import Lane


class Stream(NamedTuple):
    """One of the queues that the sender serves."""

    lane: Lane
    live: bool


STREAMS = (
    Stream(Lane.ALARM, live=True),
    Stream(Lane.ALARM, live=False),
    Stream(Lane.VITALS, live=True),
    Stream(Lane.VITALS, live=False),
    Stream(Lane.BULK, live=True),
    Stream(Lane.BULK, live=False),
)

# Live rows in flight per lane; one a second and 16 s of silence are a dead link, not a full window.
_LIVE_ROWS = 16
# The least that may be unreceipted of what is paced (docs/explanation/box.md): one second at 64 kbit/s.
_PACED_FLOOR_BYTES = 8 * 1024
# The most: a link that turns from fast into 64 kbit/s has this before it, for 4 s.
_PACED_CEILING_BYTES = 32 * 1024
# What a row weighs on the link beside itself: stamp and MAC 111, topic 26, framing 36 bytes.
_ON_LINK_BYTES = 173
# Rows of any kind in flight, for the memory's sake.
_MOST_ROWS = 512
# When this many wait for a later try the hub has a problem that more rows do not solve.
_MOST_DEFERRED = 1024
# The broker has it and no receipt came: sent again. What the broker does not have is TCP's to deliver.
# Longer than a poor link takes to bring a lost packet the third time.
_RECEIPT_TIMEOUT = Backoff(first_s=30.0, cap_s=600.0)
# The hub said `retry-later`.
_RETRY_LATER = Backoff(first_s=60.0, cap_s=3600.0)
_HALF = 0.5
# The hub takes something again: what it did not want before may be welcome now. Not more often than this,
# for it may be some rows alone that it does not want.
_RELIEF_INTERVAL_S = 60.0
_RELIEF_WITHIN_S = 5.0


class _Flight(Struct):
    """A row that was sent; `due_s` is when it is sent again."""

    source: int
    number: int
    stream: Stream
    weight_bytes: int
    due_s: float = float("inf")
    attempts: int = 1
    deferred: bool = False


class SendWindow:
    """The rows in flight on one link, `deferred` of them put off. Times are the loop's."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._flights: dict[bytes, _Flight] = {}
        self._numbers: set[tuple[int, int]] = set()
        self._receipted: deque[tuple[float, int]] = deque()
        self._receipted_bytes = 0
        self._paced_bytes = 0
        self._relief_at_s = 0.0
        self._pace_bytes_s: int | None = None
        self._credit_bytes = 0.0
        self._advanced_s = 0.0
        self.deferred = 0
        self._live: dict[Stream, int] = dict.fromkeys(STREAMS, 0)

    def __len__(self) -> int:
        return len(self._flights)

    def holds(self, source: int, number: int) -> bool:
        """Whether this row is in flight or put off."""
        return (source, number) in self._numbers

    def pace(self, bytes_s: int | None) -> None:
        """How fast the hub wants what is no longer live; None is as fast as the link bears."""
        self._pace_bytes_s = bytes_s

    def advance(self, now_s: float) -> None:
        """Forget what was receipted more than a second ago: the pace follows the link, and the hub."""
        if self._pace_bytes_s is not None:
            earned_bytes = (now_s - self._advanced_s) * self._pace_bytes_s
            self._credit_bytes = min(self._credit_bytes + earned_bytes, self._pace_bytes_s)
        self._advanced_s = now_s
        while self._receipted and self._receipted[0][0] < now_s - 1.0:
            self._receipted_bytes -= self._receipted.popleft()[1]

    def room_rows(self, stream: Stream) -> int:
        """How many rows of `stream` may be read now."""
        if self.deferred >= _MOST_DEFERRED and stream.lane is not Lane.ALARM:
            return 0
        free = _MOST_ROWS - (len(self._flights) - self.deferred)
        if _is_paced(stream):
            drains = self._may_drain(stream) and self._paced_bytes < self._paced_limit_bytes()
            return free if drains else 0
        return min(free, _LIVE_ROWS - self._live[stream])

    def fits(self, stream: Stream, size_bytes: int) -> bool:
        """Whether a row of this size may go now; an empty window takes any."""
        if not _is_paced(stream):
            return self._live[stream] < _LIVE_ROWS
        under_way_bytes = self._paced_bytes + size_bytes + _ON_LINK_BYTES
        within = not self._paced_bytes or under_way_bytes <= self._paced_limit_bytes()
        return within and self._may_drain(stream)

    def sent(self, source: int, row: Row, stream: Stream) -> None:
        """Note a row that has just gone out for the first time on this link."""
        flight = _Flight(source, row.number, stream, row.size_bytes + _ON_LINK_BYTES)
        self._flights[row.id] = flight
        self._numbers.add((source, row.number))
        self._weigh(flight, 1)
        if _is_paced(stream) and not stream.live and self._pace_bytes_s is not None:
            self._credit_bytes -= flight.weight_bytes

    def taken(self, transmission: bytes, now_s: float) -> None:
        """The broker has it: from now on a receipt may be missed."""
        flight = self._flights.get(transmission)
        if flight is not None and not flight.deferred:
            flight.due_s = now_s + self._timeout_s(flight.attempts)

    def receipted(self, transmission: bytes, now_s: float) -> None:
        """The hub has it."""
        flight = self._flights.pop(transmission, None)
        if flight is None:
            return
        self._numbers.discard((flight.source, flight.number))
        self._receipted.append((now_s, flight.weight_bytes))
        self._receipted_bytes += flight.weight_bytes
        self._weigh(flight, -1)
        if self.deferred and now_s >= self._relief_at_s:
            self._relief_at_s = now_s + _RELIEF_INTERVAL_S
            self.hurry(now_s, _RELIEF_WITHIN_S)

    def put_off(self, transmission: bytes, now_s: float) -> None:
        """The hub or the broker does not want it now: later, at last once an hour."""
        flight = self._flights.get(transmission)
        if flight is None or flight.deferred:
            return
        self._weigh(flight, -1)
        flight.deferred = True
        self._weigh(flight, 1)
        jitter = _HALF + _HALF * self._random()
        flight.due_s = now_s + _RETRY_LATER.delay_s(flight.attempts, 1.0) * jitter

    def overdue(self, now_s: float, most: int) -> list[tuple[int, int]]:
        """The (source, number) of rows to send again now; they count as sent again."""
        due: list[_Flight] = []
        for flight in self._flights.values():
            if flight.due_s <= now_s and len(due) < most and self._may_go_again(flight):
                self._weigh(flight, -1)
                flight.deferred = False
                self._weigh(flight, 1)
                flight.attempts += 1
                flight.due_s = float("inf")
                due.append(flight)
        return [(flight.source, flight.number) for flight in due]

    def vanished(self, source: int, number: int) -> None:
        """The row is no longer queued (dropped, or receipted another way)."""
        for transmission, flight in self._flights.items():
            if (flight.source, flight.number) == (source, number):
                del self._flights[transmission]
                self._numbers.discard((source, number))
                self._weigh(flight, -1)
                return

    def hurry(self, now_s: float, within_s: float) -> None:
        """A hub has come (back): everything in flight is due again, spread over `within_s`."""
        for flight in self._flights.values():
            flight.due_s = min(flight.due_s, now_s + within_s * self._random())

    def next_due_s(self, now_s: float) -> float:
        """When `overdue` will next have something; infinity when only a receipt can change that."""
        flights = self._flights.values()
        return min(
            (each.due_s for each in flights if each.due_s > now_s or self._may_go_again(each)),
            default=float("inf"),
        )

    def _may_go_again(self, flight: _Flight) -> bool:
        """What was put off has given up its place on the link, and needs one like any other."""
        return not flight.deferred or self.fits(flight.stream, flight.weight_bytes - _ON_LINK_BYTES)

    def _may_drain(self, stream: Stream) -> bool:
        """Whether the hub's pace lets another old row go; it may overdraw, and later ones wait for that."""
        return stream.live or self._pace_bytes_s is None or self._credit_bytes > 0

    def _timeout_s(self, attempts: int) -> float:
        return _RECEIPT_TIMEOUT.delay_s(attempts, 1.0)

    def _paced_limit_bytes(self) -> int:
        return min(max(_PACED_FLOOR_BYTES, self._receipted_bytes), _PACED_CEILING_BYTES)

    def _weigh(self, flight: _Flight, sign: int) -> None:
        """Count a flight in (1) or out (-1), where it belongs."""
        if flight.deferred:
            self.deferred += sign
        elif _is_paced(flight.stream):
            self._paced_bytes += sign * flight.weight_bytes
        else:
            self._live[flight.stream] += sign


def _is_paced(stream: Stream) -> bool:
    """Alarms and live vitals are few and go at once; the rest is paced."""
    return stream.lane is Lane.BULK or (stream.lane is Lane.VITALS and not stream.live)
