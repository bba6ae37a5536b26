"""How often someone may try a password."""

from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

from msgspec import Struct

WINDOW_MS = 15 * 60_000
# Keys remembered at once: an attacker who varies names cannot fill the memory.
_MAX_KEYS = 10_000


class Limit(Struct, frozen=True):
    """At most `attempts` in `WINDOW_MS` for whatever `key` makes of a try."""

    attempts: int
    key: Callable[[str, str], str]


# A person who mistypes; one machine that tries many names; many machines that try one name. The last
# is high so that nobody outside can lock a nurse out with five requests.
LIMITS = (
    Limit(5, lambda username, address: f"pair\n{username}\n{address}"),
    Limit(30, lambda _username, address: f"address\n{address}"),
    Limit(50, lambda username, _address: f"username\n{username}"),
)


# At a shared screen: who mistypes a PIN there, and who tries one person's PIN at many screens. What was
# right is forgotten, so that a busy screen is never shut.
STATION_LIMITS = (
    Limit(5, lambda username, station: f"pair\n{username}\n{station}"),
    Limit(20, lambda username, _station: f"username\n{username}"),
)


class LoginThrottle:
    """Counts tries before the password is looked at; safe to call from any thread."""

    def __init__(self, clock_ms: Callable[[], int], limits: tuple[Limit, ...] = LIMITS) -> None:
        self._clock_ms = clock_ms
        self._limits = limits
        self._tries: OrderedDict[str, deque[int]] = OrderedDict()
        self._lock = Lock()

    def attempt(self, username: str, address: str) -> int | None:
        """Count one try; return None when it may go on, else the seconds to wait."""
        now_ms = self._clock_ms()
        with self._lock:
            waits_ms = [self._wait_ms(limit, username, address, now_ms) for limit in self._limits]
            if max(waits_ms) > 0:
                return -(-max(waits_ms) // 1000)
            for limit in self._limits:
                self._tries[limit.key(username, address)].append(now_ms)
            return None

    def succeeded(self, username: str, address: str) -> None:
        """Forget the mistakes of someone who got it right; the machine's own count stays."""
        with self._lock:
            self._tries.pop(self._limits[0].key(username, address), None)

    def _wait_ms(self, limit: Limit, username: str, address: str, now_ms: int) -> int:
        tries = self._recent(limit.key(username, address), now_ms)
        if len(tries) < limit.attempts:
            return 0
        return tries[0] + WINDOW_MS - now_ms

    def _recent(self, key: str, now_ms: int) -> deque[int]:
        tries = self._tries.setdefault(key, deque())
        self._tries.move_to_end(key)
        while tries and tries[0] <= now_ms - WINDOW_MS:
            tries.popleft()
        while len(self._tries) > _MAX_KEYS:
            self._tries.popitem(last=False)
        return tries
