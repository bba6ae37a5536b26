"""One connection to one meter, from the greeting to the last byte: used once."""

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from math import inf

from koffert_agent.ble.memory import DeviceClock, MemoryBook, date_stored, is_live
from koffert_agent.clock import NS_PER_S, now
from koffert_agent.intake import Intake
from koffert_agent.supervisor import Pulse
from koffert_drivers.ble.errors import BleError, BleReason
from koffert_drivers.ble.link import BleLink, Chunk
from koffert_drivers.ble.stored import SPOT_CHECK, open_records, read_clock, set_clock
from koffert_drivers.device import Conversation, Stream
from koffert_drivers.measurement import Event, Measurement
from koffert_drivers.parser import Parser
from koffert_wire.messages import Instant, Message

_LOG = logging.getLogger(__name__)

# BlueZ tells when a link is lost. A meter whose link is up and that has stopped to stream wants to be asked anew.
SILENT_S = 10.0
_GOODBYE_S = 0.5
# Hundreds of records take half a minute; a bluetoothd that hangs must not hold the meter for ever.
_GREET_S = 90.0
_BATTERY = "2a19"


class Visit:
    """What is said and heard on `ble`; measurements go to `intake`."""

    def __init__(self, ble: BleLink, address: str, intake: Intake, memory: MemoryBook) -> None:
        self._ble = ble
        self._address = address
        self._intake = intake
        self._memory = memory
        self._talks = [stream.conversation for stream in ble.streams if stream.conversation]
        self._parsers: dict[str, Parser] = {s.name: s.make_parser() for s in ble.streams}
        # As it was on arrival, which is what records bear; and since, for the box may have set it.
        self._found_clock: DeviceClock | None = None
        self._clocks: list[DeviceClock] = []
        self._streamed = False

    async def greet(self) -> None:
        """Start what must be started, take what the meter has stored, set its clock. Raises BleError."""
        try:
            async with asyncio.timeout(_GREET_S):
                await self._greet()
        except TimeoutError as error:
            raise BleError(BleReason.LOST, f"not greeted within {_GREET_S:g} s") from error

    async def _greet(self) -> None:
        for command in (word for talk in self._talks for word in talk.on_connect):
            await self._ble.write(command)
        await self._read_battery()
        shown = await read_clock(self._ble)
        if shown is not None:
            self._found_clock = DeviceClock(shown, self._intake.clock.boottime_ns())
            self._clocks.append(self._found_clock)
        emptied = await self._fetch()
        await self._set_clock(emptied=emptied)

    async def listen(self, pulse: Pulse) -> None:
        """Take what comes until the meter goes or falls silent: then BleError."""
        loop = asyncio.get_running_loop()
        alive = next((talk for talk in self._talks if talk.keep_alive), Conversation())
        keep_alive_at_s = loop.time() + alive.keep_alive_s if alive.keep_alive else inf
        silent_at_s = loop.time() + SILENT_S if self._talks else inf
        while True:
            if silent_at_s == keep_alive_at_s == inf:
                pulse.rest()
            chunk = await self._read(until_s=min(silent_at_s, keep_alive_at_s))
            pulse.beat()
            if chunk is not None:
                self.take(chunk)
            if self._streamed:
                self._streamed = False
                silent_at_s = loop.time() + SILENT_S
            if loop.time() >= silent_at_s:
                raise BleError(BleReason.LOST, f"no measurement for {SILENT_S:g} s")
            if loop.time() >= keep_alive_at_s:
                await self._ble.write(alive.keep_alive)
                keep_alive_at_s = loop.time() + alive.keep_alive_s

    async def farewell(self) -> None:
        """Tell the meter that nobody listens any more, if it is still there."""
        with contextlib.suppress(BleError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                for command in (word for talk in self._talks for word in talk.on_disconnect):
                    await self._ble.write(command)

    def take(self, chunk: Chunk) -> None:
        """Hand on what a chunk completes."""
        stream = chunk.stream
        parser = self._parsers.get(stream.name)
        if parser is None:
            return
        events: list[Event] = []
        for event in parser.feed(chunk.data):
            if isinstance(event, Measurement) and stream.spot and not self._is_live(event):
                self._intake.submit(self._remembered(stream, event))
            else:
                events.append(event)
        taken = self._intake.take(stream, events)
        self._streamed = self._streamed or (taken.measured and not stream.spot)
        self._intake.submit(taken.messages)

    def _is_live(self, measurement: Measurement) -> bool:
        return is_live(measurement, now(self._intake.clock), self._clocks)

    def _remembered(self, stream: Stream, measurement: Measurement) -> list[Message]:
        """The messages of a record from the meter's memory."""
        at = now(self._intake.clock)
        proved_after = self._memory.proved_after(self._address)
        when = date_stored(measurement, at, self._found_clock, proved_after)
        self._intake.note(measurement)
        channel = self._intake.channel(stream)
        if isinstance(when, Instant):
            return channel.recall(measurement, when)
        return [channel.quarantine(measurement, at, when.value)]

    async def _fetch(self) -> bool:
        """Take all records and let the meter forget them; whether its memory is known to be empty now."""
        access = await open_records(self._ble, self.take)
        if access is None:
            return False
        stored = await access.report_all()
        if not stored.empty:
            stream = next(s for s in self._ble.streams if s.name == SPOT_CHECK)
            events = [
                event for value in stored.values for event in stream.make_parser().feed(value)
            ]
            records = [event for event in events if isinstance(event, Measurement)]
            messages = [m for record in records for m in self._remembered(stream, record)]
            if not await self._intake.keep(messages):
                _LOG.warning(
                    "%s: its records stay where they are, the disk takes none", self._address
                )
                return False
            await access.delete_all()
        return True

    async def _set_clock(self, *, emptied: bool) -> None:
        """Set the meter's clock to UTC, for it knows no zone; write down what that proves."""
        before = self._found_clock
        if before is None:
            return
        at = now(self._intake.clock)
        latest = before.at(at.boottime_ns)
        if at.wall_trusted:
            wall = datetime.fromtimestamp(at.wall_ns / NS_PER_S, UTC).replace(tzinfo=None)
            with contextlib.suppress(BleError):  # some show their clock and let nobody set it
                await set_clock(self._ble, wall)
                self._clocks.append(DeviceClock(wall, at.boottime_ns))
                latest = wall if emptied else max(latest, wall)
        self._memory.prove(self._address, latest, anew=emptied)

    async def _read_battery(self) -> None:
        for stream in self._ble.streams:
            if stream.characteristic == _BATTERY:
                level = await self._ble.read_value(_BATTERY)
                if level is not None:
                    self.take(Chunk(stream, level))

    async def _read(self, *, until_s: float) -> Chunk | None:
        try:
            async with asyncio.timeout_at(None if until_s == inf else until_s):
                return await self._ble.read()
        except TimeoutError:
            return None
