"""The uplink: one link to the hub after another, with back-off between them."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from enum import StrEnum

from msgspec import Struct

from koffert_agent.accounting import Account, Traffic
from koffert_agent.outbox.outbox import Outbox
from koffert_agent.session import Session
from koffert_agent.supervisor import Pulse
from koffert_wire.mqtt import MqttError, MqttReason
from koffert_wire.reconnect import Backoff, Link, keep_connected

_LOG = logging.getLogger(__name__)

# The network or the broker is away: soon again, and never all boxes at once.
_AWAY = Backoff(first_s=1.0, cap_s=60.0)
# The broker does not want us: a person has to mend that.
_UNWANTED = Backoff(first_s=10.0, cap_s=600.0)
_UNWANTED_REASONS = {MqttReason.REFUSED, MqttReason.TLS, MqttReason.TAKEN_OVER, MqttReason.DENIED}
# Only used while the box is about to stop.
_DRAIN_LOOK_S = 0.05


class LinkState(StrEnum):
    """The uplink as `status` shows it."""

    DOWN = "down"
    UP = "up"


class UplinkStatus(Struct, frozen=True):
    """What is known of the link to the hub."""

    link: LinkState
    since_s: float
    in_flight: int
    put_off: int
    last_receipt_s_ago: float | None
    last_error: str | None
    budget_spent: bool


class Uplink:
    """Keeps a session going; `wake` cuts the wait between two short."""

    def __init__(
        self,
        make_session: Callable[[], Session],
        outboxes: Sequence[Outbox],
        account: Account,
        random: Callable[[], float],
    ) -> None:
        self.wake = asyncio.Event()
        self._make_session = make_session
        self._outboxes = outboxes
        self._account = account
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._session: Session | None = None
        self._changed_s = self._loop.time()
        self._receipt_at_s: float | None = None
        self._last_error: str | None = None

    async def run(self, pulse: Pulse) -> None:
        """Keep the link up and the outbox moving, for ever."""

        async def session(link: Link) -> None:
            pulse.rest()  # opening ends by its own timeouts
            await self._hold_session(link, pulse)

        def policy(error: Exception) -> Backoff:
            pulse.rest()
            self._last_error = str(error)
            unwanted = isinstance(error, MqttError) and error.reason in _UNWANTED_REASONS
            return _UNWANTED if unwanted else _AWAY

        await keep_connected(
            "uplink",
            session,
            policy=policy,
            retry_on=(MqttError,),
            wake=self.wake,
            random=self._random,
            log=_LOG,
        )

    async def drained(self) -> None:
        """Wait until the hub has everything, or the link is down."""
        while self._session is not None:
            counts = [await outbox.count() for outbox in self._outboxes]
            if not any(lane.queued for count in counts for lane in count.values()):
                return
            await asyncio.sleep(_DRAIN_LOOK_S)

    def signal_call(self, payload: bytes) -> bool:
        """Send call signalling if there is a link; returns whether there was one."""
        if self._session is None:
            return False
        self._session.signal_call(payload)
        return True

    @property
    def unwritten(self) -> Traffic:
        """What was handed to the link since the account was last written down."""
        return self._account.unwritten

    @property
    def status(self) -> UplinkStatus:
        """What is known of the link now."""
        session = self._session
        receipt_s = (session and session.receipt_at_s) or self._receipt_at_s
        now_s = self._loop.time()
        return UplinkStatus(
            link=LinkState.DOWN if session is None else LinkState.UP,
            since_s=now_s - self._changed_s,
            in_flight=0 if session is None else session.in_flight,
            put_off=0 if session is None else session.put_off,
            last_receipt_s_ago=None if receipt_s is None else now_s - receipt_s,
            last_error=self._last_error,
            budget_spent=self._account.spent,
        )

    async def _hold_session(self, link: Link, pulse: Pulse) -> None:
        session = self._make_session()
        try:
            await session.open()
            link.established()
            self._become(session)
            await session.run(pulse)
        finally:
            self._receipt_at_s = session.receipt_at_s or self._receipt_at_s
            self._become(None)
            await session.close()

    def _become(self, session: Session | None) -> None:
        if session is not self._session:
            self._session = session
            self._changed_s = self._loop.time()
