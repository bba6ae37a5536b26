"""The box's clocks: one that only counts on, one that people read, and how far to trust the latter."""

import ctypes
import time
from pathlib import Path
from typing import Protocol
from uuid import UUID

from koffert_wire.messages import Instant

NS_PER_S = 1_000_000_000

_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
# adjtimex(2): what it returns while the kernel's clock is not disciplined by any time service.
_TIME_ERROR = 5
# struct timex is 208 bytes on every 64-bit Linux; all zero means "only tell me".
_TIMEX_BYTES = 256


class Clock(Protocol):
    """Where every part of the box gets its time from, so that tests can bring their own."""

    @property
    def boot_id(self) -> bytes:
        """16 bytes, new at each boot of the machine."""

    def boottime_ns(self) -> int:
        """Nanoseconds since boot; never jumps, counts on through suspend."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970 (UTC) as the system clock has it; may be wrong and may jump."""

    def wall_trusted(self) -> bool:
        """Whether a time service has set the wall clock since boot."""


class SystemClock:
    """The machine's own clocks."""

    def __init__(self) -> None:
        self._boot_id = UUID(_BOOT_ID_FILE.read_text().strip()).bytes
        self._libc = ctypes.CDLL(None)

    @property
    def boot_id(self) -> bytes:
        return self._boot_id

    def boottime_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def wall_ns(self) -> int:
        return time.time_ns()

    def wall_trusted(self) -> bool:
        state: int = self._libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
        return 0 <= state != _TIME_ERROR


def now(clock: Clock) -> Instant:
    """This moment, as it goes on the wire."""
    return Instant(clock.boottime_ns(), clock.wall_ns(), clock.wall_trusted())
