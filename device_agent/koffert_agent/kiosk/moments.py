"""What time it is for the kiosk, and ids for what is said."""

import os
from collections.abc import Callable

from koffert_agent.clock import NS_PER_S, Clock
from koffert_wire.identifiers import uuid7
from koffert_wire.messages import Instant

_RANDOM_BYTES = 10


class Moments:
    """The clock. `trusted` is the gateway's word on the wall clock: this process may not ask."""

    def __init__(self, clock: Clock, trusted: Callable[[], bool]) -> None:
        self._clock = clock
        self._trusted = trusted

    def now(self) -> Instant:
        """This moment, for a message."""
        return Instant(self._clock.boottime_ns(), self._clock.wall_ns(), self._trusted())

    def now_s(self) -> float:
        """Time since the boot, for waiting."""
        return self._clock.boottime_ns() / NS_PER_S

    def wall_ms(self) -> int:
        """The wall's."""
        return self._clock.wall_ns() // 1_000_000

    def new_id(self) -> bytes:
        """For a message."""
        return uuid7(self._clock.wall_ns(), os.urandom(_RANDOM_BYTES))

    def stamp(self) -> tuple[bytes, Instant]:
        """Both, for a message that begins with them."""
        return self.new_id(), self.now()
