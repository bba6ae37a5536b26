"""One meter on a serial line: kept connected, kept talking, and reported when it comes and goes."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

from msgspec import Struct

from koffert_agent.channel import Channel
from koffert_agent.clock import NS_PER_S, Clock, now
from koffert_agent.supervisor import Pulse
from koffert_drivers.device import Conversation, DeviceRecord
from koffert_drivers.measurement import FrameError, Measurement
from koffert_drivers.serial_transport import (
    SerialLink,
    TransportError,
    TransportReason,
    open_serial,
)
from koffert_wire.messages import Message, SensorLink
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


class SensorStatus(Struct, frozen=True):
    """A meter as `status` shows it."""

    driver: str
    port: str
    link: SensorLink
    measurements: int
    frame_errors: int
    last_measured_s_ago: float | None


class Sensor:
    """The task of one meter. `submit` gets every message that it brings."""

    def __init__(
        self,
        record: DeviceRecord,
        port: str,
        channel: Channel,
        *,
        clock: Clock,
        submit: Callable[[Iterable[Message]], None],
        random: Callable[[], float],
    ) -> None:
        self.name = f"sensor {record.id} {port}"
        self._record = record
        self._port = port
        self._channel = channel
        self._clock = clock
        self._submit = submit
        self._random = random
        self._link = SensorLink.SEARCHING
        self._measurements = 0
        self._frame_errors = 0
        self._measured_ns: int | None = None

    async def run(self, pulse: Pulse) -> None:
        """Read the meter whenever it is there, for ever."""

        async def session(link: Link) -> None:
            pulse.beat()
            await self._session(link, pulse)

        def policy(error: Exception) -> Backoff:
            pulse.rest()
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
        measured_ns = self._measured_ns
        ago_ns = None if measured_ns is None else self._clock.boottime_ns() - measured_ns
        return SensorStatus(
            driver=self._record.id,
            port=self._port,
            link=self._link,
            measurements=self._measurements,
            frame_errors=self._frame_errors,
            last_measured_s_ago=None if ago_ns is None else ago_ns / NS_PER_S,
        )

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
                self._change(SensorLink.LOST)
                with contextlib.suppress(TransportError, TimeoutError):
                    async with asyncio.timeout(_GOODBYE_S):
                        for command in talk.on_disconnect:
                            await line.write(command)

    async def _listen(self, line: SerialLink, talk: Conversation, link: Link, pulse: Pulse) -> None:
        loop = asyncio.get_running_loop()
        parser = self._record.make_parser()
        silent_at_s = loop.time() + SILENT_S
        keep_alive_at_s = loop.time() + talk.keep_alive_s if talk.keep_alive else float("inf")
        while True:
            data = await _read(line, until_s=min(silent_at_s, keep_alive_at_s))
            pulse.beat()
            if self._take(parser.feed(data)):
                silent_at_s = loop.time() + SILENT_S
                if not link.was_established:
                    link.established()
            if loop.time() >= silent_at_s:
                self._take(parser.close())
                raise SensorSilentError(f"no measurement for {SILENT_S:g} s")
            if loop.time() >= keep_alive_at_s:
                await line.write(talk.keep_alive)
                keep_alive_at_s = loop.time() + talk.keep_alive_s

    def _take(self, events: Iterable[Measurement | FrameError]) -> bool:
        """Hand on what the parser found; whether there was a measurement among it."""
        at = now(self._clock)
        measured = False
        for event in events:
            if isinstance(event, FrameError):
                self._frame_errors += 1
                _LOG.debug("%s: %s, %d bytes", self.name, event.reason, event.size)
                continue
            self._change(SensorLink.CONNECTED)
            self._submit(self._channel.take(event, at))
            self._measurements += 1
            self._measured_ns = at.boottime_ns
            measured = True
        return measured

    def _change(self, link: SensorLink) -> None:
        """The one writer of the link's state; a meter that never came cannot be lost."""
        if link is self._link or (link is SensorLink.LOST and self._link is SensorLink.SEARCHING):
            return
        self._link = link
        self._submit(self._channel.link_changed(link, now(self._clock)))


async def _read(line: SerialLink, *, until_s: float) -> bytes:
    """What arrives before `until_s` (loop time); nothing when nothing does."""
    try:
        async with asyncio.timeout_at(until_s):
            return await line.read()
    except TimeoutError:
        return b""


def _backoff(error: Exception) -> Backoff:
    if isinstance(error, TransportError) and error.reason is TransportReason.PERMISSION:
        return _LATER
    return _SOON
