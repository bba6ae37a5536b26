"""Which signalling messages of the hub are still worth something. Pure."""

from collections import deque

from koffert_wire.call import EXPIRES_NS
from koffert_wire.downlink import Down

# Ids are kept for as long as a message lives; more than this in 10 s is no person's call.
_MOST_SEEN = 512


class CallGate:
    """Refuses what is old or was heard before, on a box that may not know the time.

    The newest message heard says what time it is at the hub. Before the first one, a trusted wall clock
    does; without either the first message is believed: all that it can do is ring.
    """

    def __init__(self) -> None:
        self._ahead_ns: int | None = None
        self._seen: deque[tuple[int, bytes]] = deque(maxlen=_MOST_SEEN)
        self._sequence = 0

    def admit(self, down: Down, *, boottime_ns: int, wall_ns: int | None) -> bool:
        """Whether to act on an authenticated message; `wall_ns` is None while the clock is not trusted."""
        now_ns = wall_ns if self._ahead_ns is None else boottime_ns + self._ahead_ns
        if now_ns is not None and down.issued_ns < now_ns - EXPIRES_NS:
            return False
        if any(down.id == known for _, known in self._seen):
            return False
        ahead_ns = down.issued_ns - boottime_ns
        self._ahead_ns = ahead_ns if self._ahead_ns is None else max(self._ahead_ns, ahead_ns)
        self._seen.append((down.issued_ns, down.id))
        return True

    def stamp(self, boottime_ns: int) -> tuple[int, int]:
        """Sequence and hub time for a message up; the sequence grows over restarts of the process."""
        self._sequence = max(self._sequence + 1, boottime_ns)
        return self._sequence, boottime_ns + (self._ahead_ns or 0)
