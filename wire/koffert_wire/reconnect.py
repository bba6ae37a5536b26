"""The one reconnect loop: back-off per error class, full jitter, cap, early wake, quiet log.

Full jitter after A. Wooldridge's measurements ("Exponential Backoff And Jitter", AWS 2015): with it a
thousand boxes that lost the same broker do not come back in the same second.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct


class Backoff(Struct, frozen=True):
    """Delays of one error class: the bound doubles from `first_s` to `cap_s`; the delay is random below it."""

    first_s: float
    cap_s: float

    def delay_s(self, failures: int, random: float) -> float:
        """The wait after `failures` failures in a row (1, 2 …); `random` is in [0, 1)."""
        bound_s = min(self.first_s * 2.0 ** min(failures - 1, 32), self.cap_s)
        return bound_s * random


class ReconnectPolicy(Protocol):
    """Chooses the back-off for the error that ended a session."""

    def __call__(self, error: Exception) -> Backoff:
        """The back-off of this error's class; raise the error to give up."""


# A link must have held this long before the next failure counts as a first one: a broker that accepts
# and then kicks must not be met with a storm (espressif/esp-rainmaker-neo-firmware issue 1).
HELD_S = 60.0


class Link:
    """What a session tells its reconnect loop: `established()` once it truly works."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._established_at_s: float | None = None

    def established(self) -> None:
        """The session is up (not merely connected)."""
        self._established_at_s = self._monotonic_s()

    @property
    def was_established(self) -> bool:
        """Whether the session ever worked."""
        return self._established_at_s is not None

    @property
    def held(self) -> bool:
        """Whether it worked long enough to forgive what was before."""
        start_s = self._established_at_s
        return start_s is not None and self._monotonic_s() - start_s >= HELD_S


async def keep_connected(
    name: str,
    session: Callable[[Link], Awaitable[None]],
    *,
    policy: ReconnectPolicy,
    retry_on: tuple[type[Exception], ...],
    wake: asyncio.Event,
    random: Callable[[], float],
    log: logging.Logger,
) -> None:
    """Run `session` again and again until it returns; only errors of `retry_on` are retried.

    `wake` cuts a wait short (an advertisement, a link that came up) and is cleared by that, so it is
    this loop's own and never an event that others look at. The first failure is logged as a
    warning, the following ones as debug, the recovery once.
    """
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        link = _AnnouncingLink(name, failures, loop.time, log)
        try:
            await session(link)
        except retry_on as error:
            failures = 1 if link.held or (link.was_established and failures == 0) else failures + 1
            log.log(logging.WARNING if failures == 1 else logging.DEBUG, "%s: %s", name, error)
            await _wait(policy(error).delay_s(failures, random()), wake)
        else:
            return


class _AnnouncingLink(Link):
    def __init__(
        self, name: str, failures: int, monotonic_s: Callable[[], float], log: logging.Logger
    ) -> None:
        super().__init__(monotonic_s)
        self._name, self._failures, self._log = name, failures, log

    def established(self) -> None:
        if self._failures and not self.was_established:
            self._log.info("%s: recovered after %d failed attempts", self._name, self._failures)
        super().established()


async def _wait(delay_s: float, wake: asyncio.Event) -> None:
    """Wait out the delay or be woken, also by a wake that came just before; it is used up by this."""
    try:
        async with asyncio.timeout(delay_s):
            await wake.wait()
    except TimeoutError:
        return
    wake.clear()
