"""The one Bluetooth radio: it listens for meters that are missing, and connects one at a time.

A radio does one thing well: while it connects it does not listen, and it never makes two connections at once. It
listens in short turns, because a controller tells of each meter once in a turn only; and not at all while every
meter is connected.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from koffert_agent.supervisor import Pulse
from koffert_drivers.ble.bluez import Bluez, open_bluez
from koffert_drivers.ble.errors import WORDS, BleError, BleReason
from koffert_drivers.ble.link import BleLink, open_ble
from koffert_drivers.ble.scan import Advertisement, linked, scanning
from koffert_drivers.device import DeviceRecord
from koffert_wire.reconnect import Backoff, Link, keep_connected

_LOG = logging.getLogger(__name__)

# A meter that comes back during a turn in which it was heard before is heard in the next one; the first value is
# promised within 3 s of an advertisement, so a turn is shorter than what is left of that after connecting.
TURN_S = 1.5
# Between two turns those who have heard their meter connect, and others in the room get the air.
PAUSE_S = 0.2
_BACKOFF = Backoff(first_s=0.5, cap_s=5.0)

Heard = Callable[[Advertisement], None]


class Radio:
    """Who is missing, and the task that looks for them; `trouble` says why nothing can be heard.

    Of several adapters one is used: `preferred` while it is on, else the first.
    """

    name = "radio"

    def __init__(self, random: Callable[[], float], preferred: str | None = None) -> None:
        self._preferred = preferred
        self.trouble: str | None = None
        self._random = random
        self._missing: dict[str, Heard] = {}
        self._needed = asyncio.Event()
        self._found = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._links: dict[BleLink, str] = {}

    def listen_for(self, address: str, heard: Heard) -> None:
        """Call `heard` with each advertisement of `address`, from now on."""
        self._missing[address] = heard
        self._needed.set()

    def stop_listening_for(self, address: str) -> None:
        """It is connected, or nobody wants it for now."""
        self._missing.pop(address, None)
        if not self._missing:
            self._needed.clear()
            self._found.set()

    @asynccontextmanager
    async def connect(self, record: DeviceRecord, heard: Advertisement) -> AsyncIterator[BleLink]:
        """A link to a meter that was just heard, when it is its turn; raises BleError."""
        async with contextlib.AsyncExitStack() as stack:
            async with self._one_at_a_time:
                link = await stack.enter_async_context(open_ble(record, heard.handle))
            self._links[link] = heard.handle.details["path"]
            stack.callback(self._links.pop, link)
            yield link

    async def run(self, pulse: Pulse) -> None:
        """Look for whoever is missing, for ever; a radio that is away is waited for."""

        async def session(link: Link) -> None:
            async with open_bluez(self._gone) as bluez:
                while True:
                    await self._turn(bluez, link, pulse)

        def policy(error: Exception) -> Backoff:
            pulse.beat()
            self.trouble = WORDS[error.reason] if isinstance(error, BleError) else str(error)
            return _BACKOFF

        await keep_connected(
            self.name,
            session,
            policy=policy,
            retry_on=(BleError,),
            wake=asyncio.Event(),
            random=self._random,
            log=_LOG,
        )

    async def _turn(self, bluez: Bluez, link: Link, pulse: Pulse) -> None:
        pulse.rest()
        await self._needed.wait()
        adapter = bluez.adapter(self._preferred)
        if adapter is None:
            self.trouble = WORDS[BleReason.RADIO]
            await bluez.wait_for_change()
            return
        async with self._one_at_a_time:
            pulse.beat()
            self._found.clear()
            await self._take_over(bluez)
            async with scanning(self._hear, adapter):
                self.trouble = None
                if not link.was_established:
                    link.established()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TURN_S):
                        await self._found.wait()
        await asyncio.sleep(PAUSE_S)

    async def _take_over(self, bluez: Bluez) -> None:
        """A meter whose link an agent before us left open does not advertise."""
        if any(bluez.is_connected(address) for address in self._missing):
            for it in await linked():
                if bluez.is_connected(
                    it.address
                ):  # bleak may remember a link of a bluetoothd that died
                    self._hear(it)

    def _hear(self, heard: Advertisement) -> None:
        tell = self._missing.get(heard.address)
        if tell is not None:
            tell(heard)
            self._found.set()

    def _gone(self, path: str) -> None:
        """BlueZ has lost everything below `path`, or itself."""
        self._found.set()
        for link, device_path in self._links.items():
            if device_path.startswith(path):
                link.fail(f"{path} is gone")
