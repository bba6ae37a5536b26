"""One paired meter: connected whenever it advertises, asked what it stored, and read until it goes."""

import asyncio
import logging
from collections.abc import Callable

from msgspec.structs import replace

from koffert_agent.ble.book import PairedMeter
from koffert_agent.ble.memory import MemoryBook
from koffert_agent.ble.radio import Radio
from koffert_agent.ble.visit import Visit
from koffert_agent.intake import Intake, SensorStatus
from koffert_agent.supervisor import Pulse
from koffert_drivers.ble.errors import WORDS, BleError, BleReason
from koffert_drivers.ble.scan import Advertisement
from koffert_drivers.table import device
from koffert_wire.messages import SensorLink
from koffert_wire.reconnect import Backoff, Link, keep_connected

_LOG = logging.getLogger(__name__)

# A meter that was lost comes back when it is heard; one that does not take us is left in peace for a while.
_SOON = Backoff(first_s=0.5, cap_s=2.0)
_LATER = Backoff(first_s=2.0, cap_s=30.0)
_BACKOFF = {
    BleReason.LOST: _SOON,
    BleReason.NOT_FOUND: _SOON,
    BleReason.RADIO: _SOON,
    BleReason.BOND: _LATER,
    BleReason.REFUSED: _LATER,
    BleReason.PERMISSION: _LATER,
    BleReason.OTHER_DEVICE: _LATER,
}


class Meter:
    """The task of one meter on Bluetooth; what it brings goes to its intake."""

    def __init__(
        self,
        paired: PairedMeter,
        radio: Radio,
        intake: Intake,
        memory: MemoryBook,
        *,
        random: Callable[[], float],
    ) -> None:
        self.name = intake.name
        self.address = paired.address
        self._record = device(paired.driver)
        self._radio = radio
        self._intake = intake
        self._memory = memory
        self._random = random
        self._heard: Advertisement | None = None
        self._wake = asyncio.Event()

    async def run(self, pulse: Pulse) -> None:
        """Read the meter whenever it is there, for ever."""

        async def session(link: Link) -> None:
            pulse.rest()  # connecting and greeting have limits of their own
            heard = await self._advertisement()
            await self._session(heard, link, pulse)

        def policy(error: Exception) -> Backoff:
            pulse.rest()
            assert isinstance(error, BleError)  # noqa: S101 - it is all that is retried
            self._intake.trouble = WORDS[error.reason]
            backoff = _BACKOFF[error.reason]
            if backoff is _SOON:  # it may come back at once, and then nobody waits for the delay
                self._radio.listen_for(self.address, self._hear)
            return backoff

        try:
            await keep_connected(
                self.name,
                session,
                policy=policy,
                retry_on=(BleError,),
                wake=self._wake,
                random=self._random,
                log=_LOG,
            )
        finally:
            self._radio.stop_listening_for(self.address)

    @property
    def status(self) -> SensorStatus:
        """What is known of the meter now; while the radio is away, that is its trouble."""
        status = self._intake.status
        away = self._radio.trouble if status.link is not SensorLink.CONNECTED else None
        return replace(status, trouble=away or status.trouble)

    def _hear(self, heard: Advertisement) -> None:
        self._heard = heard
        self._wake.set()

    async def _advertisement(self) -> Advertisement:
        """Wait until the meter is heard."""
        self._radio.listen_for(self.address, self._hear)
        while (heard := self._heard) is None:
            self._wake.clear()
            await self._wake.wait()
        self._heard = None
        self._radio.stop_listening_for(self.address)
        return heard

    async def _session(self, heard: Advertisement, link: Link, pulse: Pulse) -> None:
        async with self._radio.connect(self._record, heard) as ble:
            visit = Visit(ble, self._record, self.address, self._intake, self._memory)
            self._intake.trouble = None
            self._intake.change(SensorLink.CONNECTED)
            try:
                await visit.greet()
                link.established()
                await visit.listen(pulse)
            finally:
                self._intake.change(SensorLink.LOST)
                await visit.farewell()
