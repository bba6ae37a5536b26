"""What one meter brings: measurements of all its streams become messages, are counted, and safely kept."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable

from msgspec import Struct

from koffert_agent.ble.memory import Doubt
from koffert_agent.channel import Channel
from koffert_agent.clock import NS_PER_S, Clock, now
from koffert_agent.pipeline import Sink
from koffert_drivers.device import DeviceRecord, Stream
from koffert_drivers.measurement import Event, FrameError, Measurement
from koffert_wire.messages import Message, Quarantined, Reading, SensorLink

_LOG = logging.getLogger(__name__)

# A meter that waits for an answer gives up or repeats itself after a few seconds.
_KEEP_WITHIN_S = 2.0
# Records that a meter may send again; more than any of them stores.
_REMEMBERED = 256


class SensorStatus(Struct, frozen=True):
    """A meter as `status` shows it. `port` is a serial port's path or a Bluetooth address.

    `trouble` says in words why there is no link; None while there is nothing to say.
    """

    driver: str
    port: str
    link: SensorLink
    measurements: int
    frame_errors: int
    last_measured_s_ago: float | None
    battery_pct: float | None = None
    trouble: str | None = None


class Taken(Struct, frozen=True):
    """What a piece of the stream held: whether there was a measurement, whether a frame was damaged."""

    messages: list[Message]
    measured: bool
    damaged: bool


class Intake:
    """The way of one meter's measurements to `sink`; the one writer of the meter's link state."""

    def __init__(
        self,
        record: DeviceRecord,
        port: str,
        *,
        serial: str | None = None,
        clock: Clock,
        sink: Sink,
        new_id: Callable[[], bytes],
    ) -> None:
        self.name = f"sensor {record.id} {port}"
        self.link = SensorLink.SEARCHING
        self.trouble: str | None = None
        self.clock = clock
        self._record = record
        self._port = port
        self._sink = sink
        self._channels = {
            stream.name: Channel(record, new_id, stream=stream, serial=serial)
            for stream in record.streams
        }
        self._kept: OrderedDict[bytes, None] = OrderedDict()
        self._measurements = 0
        self._frame_errors = 0
        self._battery_pct: float | None = None
        self._measured_ns: int | None = None

    def channel(self, stream: Stream) -> Channel:
        """The channel of that stream."""
        return self._channels[stream.name]

    def take(self, stream: Stream, events: Iterable[Event]) -> Taken:
        """Count and translate what a parser found; nothing is handed over yet."""
        at = now(self.clock)
        messages: list[Message] = []
        measured = damaged = False
        for event in events:
            if isinstance(event, FrameError):
                self._frame_errors += 1
                damaged = True
                _LOG.debug("%s: %s, %d bytes", self.name, event.reason, event.size)
            else:
                self.note(event)
                messages += self.channel(stream).take(event, at)
                measured = True
        return Taken(messages, measured, damaged)

    def doubt(self, stream: Stream, measurement: Measurement) -> Message:
        """The message of a stored record of a meter whose clock nobody can read; counted as any."""
        self.note(measurement)
        reason = Doubt.NO_TIME if measurement.measured_at is None else Doubt.CLOCK_UNKNOWN
        return self.channel(stream).quarantine(measurement, now(self.clock), reason.value)

    def note(self, measurement: Measurement) -> None:
        """Count a measurement: the meter is there and speaks."""
        self.change(SensorLink.CONNECTED)
        self._measurements += 1
        self._measured_ns = self.clock.boottime_ns()
        if measurement.battery_pct is not None:
            self._battery_pct = measurement.battery_pct

    def submit(self, messages: Iterable[Message]) -> None:
        """Hand over what needs no answer."""
        self._sink.submit(messages)

    async def keep(self, messages: Iterable[Message]) -> bool:
        """Hand over and wait until it is safe; what was safe before is not kept twice."""
        fresh = [message for message in messages if not self._has_kept(message)]
        try:
            async with asyncio.timeout(_KEEP_WITHIN_S):
                safe = await self._sink.keep(fresh)
        except TimeoutError:
            return False
        if safe:
            self._kept |= {m.id: None for m in fresh if isinstance(m, Reading | Quarantined)}
            while len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        return safe

    def change(self, link: SensorLink) -> None:
        """Report a link that came or went; a meter that never came cannot be lost."""
        if link is self.link or (link is SensorLink.LOST and self.link is SensorLink.SEARCHING):
            return
        self.link = link
        first, *others = self._channels.values()
        for channel in others:
            self._sink.submit(channel.flush())
        self._sink.submit(first.link_changed(link, now(self.clock)))

    def _has_kept(self, message: Message) -> bool:
        return isinstance(message, Reading | Quarantined) and message.id in self._kept

    @property
    def status(self) -> SensorStatus:
        """What is known of the meter now."""
        measured_ns = self._measured_ns
        ago_ns = None if measured_ns is None else self.clock.boottime_ns() - measured_ns
        return SensorStatus(
            driver=self._record.id,
            port=self._port,
            link=self.link,
            measurements=self._measurements,
            frame_errors=self._frame_errors,
            last_measured_s_ago=None if ago_ns is None else ago_ns / NS_PER_S,
            battery_pct=self._battery_pct,
            trouble=self.trouble,
        )
