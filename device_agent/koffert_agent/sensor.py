"""One meter on a serial line: kept connected, kept talking, and reported when it comes and goes."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from math import inf

from koffert_agent.ble.memory import is_live
from koffert_agent.clock import now
from koffert_agent.intake import Intake, SensorStatus
from koffert_agent.supervisor import Pulse
from koffert_drivers.device import Conversation, DeviceRecord
from koffert_drivers.measurement import Event, Measurement
from koffert_drivers.serial_transport import (
    SerialLink,
    TransportError,
    TransportReason,
    open_serial,
)
from koffert_wire.messages import SensorLink
from koffert_wire.reconnect import Backoff, Link, keep_connected

_LOG = logging.getLogger(__name__)

# A meter that sends 60 times a second and has been silent for this long has stopped.
SILENT_S = 3.0
# A meter that is plugged in or wakes is to be read within 3 s.
_SOON = Backoff(first_s=0.5, cap_s=2.0)
# Rights and locks are mended by a person, not in seconds.
_LATER = Backoff(first_s=2.0, cap_s=30.0)
_GOODBYE_S = 0.2
_NO_CONVERSATION = Conversation()


class SensorSilentError(Exception):
    """The line is open and no measurement comes."""


class Sensor:
    """The task of one meter; what it brings goes to its intake."""

    def __init__(
        self, record: DeviceRecord, port: str, intake: Intake, *, random: Callable[[], float]
    ) -> None:
        self.name = intake.name
        self._record = record
        self._port = port
        self._intake = intake
        self._random = random

    async def run(self, pulse: Pulse) -> None:
        """Read the meter whenever it is there, for ever."""

        async def session(link: Link) -> None:
            pulse.beat()
            await self._session(link, pulse)

        def policy(error: Exception) -> Backoff:
            pulse.rest()
            self._intake.trouble = str(error)
            return _backoff(error)

        await keep_connected(
            self.name,
            session,
            policy=policy,
            retry_on=(TransportError, SensorSilentError),
            wake=asyncio.Event(),
            random=self._random,
            log=_LOG,
        )

    @property
    def status(self) -> SensorStatus:
        """What is known of the meter now."""
        return self._intake.status

    async def _session(self, link: Link, pulse: Pulse) -> None:
        if self._record.serial is None:
            raise TransportError(TransportReason.NOT_FOUND, f"{self._record.id} has no serial line")
        talk = self._record.conversation or _NO_CONVERSATION
        async with open_serial(self._port, self._record.serial) as line:
            for command in talk.on_connect:
                await line.write(command)
            try:
                await self._listen(line, talk, link, pulse)
            finally:
                self._intake.change(SensorLink.LOST)
                with contextlib.suppress(TransportError, TimeoutError):
                    async with asyncio.timeout(_GOODBYE_S):
                        for command in talk.on_disconnect:
                            await line.write(command)

    async def _listen(self, line: SerialLink, talk: Conversation, link: Link, pulse: Pulse) -> None:
        loop = asyncio.get_running_loop()
        parser = self._record.make_parser()
        # Nobody measures all day with a meter of single measurements: its silence tells nothing.
        patience_s = inf if self._record.spot else SILENT_S
        silent_at_s = loop.time() + patience_s
        keep_alive_at_s = loop.time() + talk.keep_alive_s if talk.keep_alive else inf
        while True:
            if self._record.spot:
                pulse.rest()
            data = await _read(line, until_s=min(silent_at_s, keep_alive_at_s))
            pulse.beat()
            if await self._take(line, talk, parser.feed(data)):
                silent_at_s = loop.time() + patience_s
                if not link.was_established:
                    link.established()
                    self._intake.trouble = None
            if loop.time() >= silent_at_s:
                await self._take(line, talk, parser.close())
                raise SensorSilentError(f"no measurement for {SILENT_S:g} s")
            if loop.time() >= keep_alive_at_s:
                await line.write(talk.keep_alive)
                keep_alive_at_s = loop.time() + talk.keep_alive_s

    async def _take(self, line: SerialLink, talk: Conversation, events: Iterable[Event]) -> bool:
        """Hand on what the parser found; whether there was a measurement among it.

        A meter that waits for an answer gets it once what it sent is safe on the disk, and repeats it else.
        """
        stream, at = self._record.streams[0], now(self._intake.clock)
        fresh, stored = list[Event](), list[Measurement]()
        for event in events:
            # No serial meter shows its clock: what it stored, nobody can say whose it is.
            if isinstance(event, Measurement) and not is_live(event, at, ()):
                stored.append(event)
            else:
                fresh.append(event)
        taken = self._intake.take(stream, fresh)
        messages = taken.messages + [self._intake.doubt(stream, each) for each in stored]
        measured = taken.measured or bool(stored)
        if not talk.acknowledge:
            self._intake.submit(messages)
        elif measured and await self._intake.keep(messages):
            await line.write(talk.acknowledge)
        if taken.damaged and talk.refuse:
            await line.write(talk.refuse)
        return measured


async def _read(line: SerialLink, *, until_s: float) -> bytes:
    """What arrives before `until_s` (loop time), for ever when that is infinite; nothing when nothing does."""
    try:
        async with asyncio.timeout_at(None if until_s == inf else until_s):
            return await line.read()
    except TimeoutError:
        return b""


def _backoff(error: Exception) -> Backoff:
    if isinstance(error, TransportError) and error.reason is TransportReason.PERMISSION:
        return _LATER
    return _SOON
